package ecitest

import (
	"encoding/base64"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// Pages of DescribeImageCaches: its example says 20, no page a maximum (eci §2.5).
const (
	cachePage    = 20
	maxCachePage = 100
)

// describeImageCaches is DescribeImageCaches (eci §2.5). With MatchImage it lists
// the caches that would be picked for an instance of those images, best first, by
// package matcher: nothing else says which rank a row has.
func (s *Server) describeImageCaches(c *call) (any, *refusal) {
	p := c.given
	wanted := matcher.Group{
		Name: "asked", Images: p.list("MatchImage", matcher.MaxMatchImages), Region: c.region,
		PerfectMatch: p.flag("ImageFullMatch"), MatchCount: p.integer("ImageMatchCountRequest", 0, matcher.MaxMatchImages, 0),
	}
	keep := cacheFilter(p)
	page := pageOf(p, cachePage, maxCachePage)
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	var listed []*cache
	if len(wanted.Images) > 0 {
		listed = s.matching(c, wanted)
	} else {
		for _, found := range slices.Backward(s.caches) {
			if found.region == c.region {
				listed = append(listed, found)
			}
		}
	}
	listed = slices.DeleteFunc(listed, func(found *cache) bool { return !keep(found) || c.now.Before(found.seen) })
	total := len(listed)
	var next string
	if len(wanted.Images) > 0 {
		listed, next = page.places(listed)
	} else {
		listed, next = pageBy(page, listed, func(found *cache) int { return found.sequence })
	}
	rows := []object{}
	for _, found := range listed {
		rows = append(rows, found.described(c.now, s.spoiled(c, plainEvents(found.id, until(c.now, found.events)))))
	}
	return object{"ImageCaches": rows, "NextToken": next, "TotalCount": total}, nil
}

// matching are the caches that could be picked for a group, in the order of the
// pick.
func (s *Server) matching(c *call, g matcher.Group) []*cache {
	for _, ref := range g.Images {
		// What is not in the registry matches by name all the same.
		s.images.pull(c.ctx, ref, s.opt.Platform, c.now)
	}
	caches := s.regional(c.region, c.now)
	var listed []*cache
	for _, i := range matcher.New(s.images.inv, s.opt.Platform, c.now, s.policy).Picker(caches).Order(g) {
		listed = append(listed, s.cacheOf(c.region, caches[i].ID))
	}
	return listed
}

// cacheFilter reads which caches are asked for.
func cacheFilter(p *parameters) func(*cache) bool {
	id, name, snapshot, image := p.text("ImageCacheId"), p.text("ImageCacheName"), p.text("SnapshotId"), p.text("Image")
	group, tags := p.text("ResourceGroupId"), tagsOf(p)
	return func(c *cache) bool {
		return (id == "" || c.id == id) && (name == "" || c.name == name) && (group == "" || c.resourceGroup == group) &&
			(snapshot == "" || c.build.snapshot == snapshot || c.build.local == snapshot) &&
			(image == "" || slices.ContainsFunc(c.images, func(ref string) bool { return isOf(ref, image) })) && c.tags.have(tags)
	}
}

// isOf says whether a reference is what a filter asks for: the same, or of that
// repository's name, as the example "nginx" is meant (eci §2.5).
func isOf(reference, filter string) bool {
	if reference == filter {
		return true
	}
	n, err := layers.ParseName(reference)
	if err != nil {
		return false
	}
	f, err := layers.ParseName(filter)
	return err == nil && n == f || n.Repository == filter || strings.HasSuffix(n.Repository, "/"+filter)
}

func plainEvents(owner string, events []event) []object {
	all := []object{}
	for i := range events {
		all = append(all, events[i].plain(owner))
	}
	return all
}

// page is which part of a list is asked for.
type page struct {
	limit int
	// after is the number in the token, 0 for the first page.
	after int
}

func pageOf(p *parameters, limit, most int) page {
	pg := page{limit: p.integer("Limit", 1, most, limit)}
	token := p.text("NextToken")
	if token == "" {
		return pg
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err == nil {
		pg.after, err = strconv.Atoi(string(text))
	}
	if err != nil || pg.after < 1 {
		p.refuse(invalid("NextToken", "it is none that this server gave"))
	}
	return pg
}

func tokenOf(n int) string { return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(n))) }

// pageBy is a page of a list whose numbers fall: the token is the last one shown,
// so that what is made or deleted meanwhile shifts nothing.
func pageBy[T any](pg page, list []T, number func(T) int) (rows []T, next string) {
	if pg.after > 0 {
		list = slices.DeleteFunc(slices.Clone(list), func(t T) bool { return number(t) >= pg.after })
	}
	if len(list) <= pg.limit {
		return list, ""
	}
	return list[:pg.limit], tokenOf(number(list[pg.limit-1]))
}

// places is a page of a ranked list: the token is how many were shown.
func (pg page) places(list []*cache) (rows []*cache, next string) {
	list = list[min(pg.after, len(list)):]
	if len(list) <= pg.limit {
		return list, ""
	}
	return list[:pg.limit], tokenOf(pg.after + pg.limit)
}
