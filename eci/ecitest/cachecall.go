package ecitest

import (
	"net/http"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// Limits of eci §2.2.
const (
	maxListed      = 100 // what a schema allows in a list of images
	maxCredentials = 10
	maxACR         = 20
	maxDomains     = 100
	maxVSwitches   = 10
	maxRetention   = 65536 // days (eci §1.5)
)

// createImageCache is CreateImageCache (eci §2.2).
func (s *Server) createImageCache(c *call) (any, *refusal) {
	p := c.given
	p.required("ImageCacheName")
	if s.opt.RequireNetwork {
		p.required("SecurityGroupId")
		p.required("VSwitchId")
	}
	if len(p.elements("Image", maxListed)) == 0 {
		p.refuse(missing("Image.1"))
	}
	made := cache{region: c.region, sizeGiB: matcher.MinCacheGiB, platform: s.opt.Platform, created: c.now, policy: &s.policy}
	made.platform = made.platformOf(p)
	made.take(p)
	reuse := p.flag("AutoMatchImageCache")
	hostsOf(p, "PlainHttpRegistry")
	hostsOf(p, "InsecureRegistry")
	p.accept("ZoneId", "Annotations")
	takeAccess(p, "ArnService", "ArnUser")
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	if !s.makeRoom(c.region) {
		return nil, overQuota("ImageCache")
	}
	r := buildRequest{region: c.region, images: made.images, sizeGiB: made.sizeGiB, platform: made.platform, flash: made.flash, reuse: reuse, fault: c.fault}
	var held []int
	made.build, held, made.events = s.newBuild(c.ctx, &r, c.now)
	made.held, made.id, made.seen = held, s.newID("imc"), c.fault.seen(c.now)
	s.keepCache(&made)
	s.log.creates(c.action)
	c.effect = made.id
	return object{"ImageCacheId": made.id, "ContainerGroupId": made.build.helper}, nil
}

// keepCache enters a cache that is being built, and its helper.
func (s *Server) keepCache(c *cache) {
	s.sequence++
	c.sequence = s.sequence
	s.caches = append(s.caches, c)
	s.help(c, c.build)
	s.changed()
}

// take reads what a cache may be created and updated with; what is not given
// stays.
func (c *cache) take(p *parameters) {
	if name := p.text("ImageCacheName"); name != "" {
		c.name = name
	}
	if images := p.list("Image", maxListed); len(images) > 0 {
		c.images = images
	}
	if len(c.images) > matcher.MaxCacheImages {
		p.refuse(invalid("Image", "%d images are named, a cache holds at most %d", len(c.images), matcher.MaxCacheImages))
	}
	for _, ref := range c.images {
		if _, err := layers.ParseName(ref); err != nil {
			p.refuse(invalid("Image", "%v", err))
		}
	}
	c.sizeGiB = p.integer("ImageCacheSize", matcher.MinCacheGiB, matcher.MaxCacheGiB, c.sizeGiB)
	c.retention = p.integer("RetentionDays", 1, maxRetention, c.retention)
	if p.text("Flash") != "" {
		c.flash = p.flag("Flash")
	}
	if strategy := p.choice("EliminationStrategy", "LRU"); strategy != "" || p.empty["EliminationStrategy"] {
		c.elimination = strategy // which empty keeps the cache (eci §1.5)
	}
	if tags := tagsOf(p); tags != nil {
		c.tags = tags
	}
	if group := p.text("ResourceGroupId"); group != "" {
		c.resourceGroup = group
	}
	c.flashCopies = p.integer("FlashCopyCount", 1, maxListed, c.flashCopies)
	c.standardCopies = p.integer("StandardCopyCount", 1, maxListed, c.standardCopies)
}

// platformOf is the platform of a cache: its OsType (eci §2.2). The API has no
// architecture.
func (c *cache) platformOf(p *parameters) string {
	if p.choice("OsType", "Linux", "Windows") == "Windows" {
		_, architecture, _ := strings.Cut(c.platform, "/")
		return "windows/" + architecture
	}
	return c.platform
}

// takeAccess reads how images and networks are reached, on which nothing depends
// here but that it is well formed. acr are fields of AcrRegistryInfo that not every
// action has (eci §2.3).
func takeAccess(p *parameters, acr ...string) {
	p.accept("SecurityGroupId", "EipInstanceId")
	if n := len(strings.Split(p.text("VSwitchId"), ",")); n > maxVSwitches {
		p.refuse(invalid("VSwitchId", "%d are named, at most %d are allowed", n, maxVSwitches))
	}
	for _, prefix := range p.objects("ImageRegistryCredential", maxCredentials) {
		if server := p.required(prefix + ".Server"); strings.Contains(server, "://") {
			p.refuse(invalid(prefix+".Server", "it is given without a scheme"))
		}
		p.required(prefix + ".UserName")
		p.required(prefix + ".Password")
	}
	for _, prefix := range p.objects("AcrRegistryInfo", maxACR) {
		p.required(prefix + ".InstanceId")
		p.list(prefix+".Domain", maxDomains)
		for _, field := range append(acr, "InstanceName", "RegionId") {
			p.accept(prefix + "." + field)
		}
	}
}

// makeRoom says whether a region may have one more manual cache; least recently
// used ones that are marked LRU go for it (eci §1.2, §1.5).
func (s *Server) makeRoom(region string) bool {
	for {
		manual, _ := s.counted(region)
		if manual < s.policy.ManualQuota {
			return true
		}
		victim := s.leastUsed(func(c *cache) bool { return c.region == region && !c.automatic && c.elimination == "LRU" })
		if victim == nil {
			return false
		}
		s.removeCache(victim)
	}
}

// leastUsed is the cache that matched longest ago, or was made where it never did
// (eci §6 #15), or nil.
func (s *Server) leastUsed(among func(*cache) bool) (least *cache) {
	used := func(c *cache) int64 {
		if s.policy.Eviction == "creation" {
			return c.created.UnixNano()
		}
		return later(c.created, c.matched).UnixNano()
	}
	for _, c := range s.caches {
		if among(c) && (least == nil || used(c) < used(least)) {
			least = c
		}
	}
	return least
}

func (s *Server) removeCache(c *cache) {
	c.gone = true
	s.caches = slices.DeleteFunc(s.caches, func(other *cache) bool { return other == c })
	s.changed()
}

func (s *Server) cacheOf(region, id string) *cache {
	i := slices.IndexFunc(s.caches, func(c *cache) bool { return c.region == region && c.id == id })
	if i < 0 {
		return nil
	}
	return s.caches[i]
}

func noCache(id string) *refusal {
	return refuse(http.StatusNotFound, codeNoCache, "The specified image cache %s does not exist.", id)
}

// deleteImageCache is DeleteImageCache (eci §2.4). Groups made from the cache live
// on (eci §1.1).
func (s *Server) deleteImageCache(c *call) (any, *refusal) {
	id := c.given.required("ImageCacheId")
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	found := s.cacheOf(c.region, id)
	if found == nil || c.now.Before(found.seen) {
		return nil, noCache(id)
	}
	s.removeCache(found)
	c.effect = id
	return object{}, nil
}

// updateImageCache is UpdateImageCache (eci §2.3): the cache is built anew beside
// what it is. Whether the service takes over a change of name or retention without
// a build is not documented: here any change is a build.
func (s *Server) updateImageCache(c *call) (any, *refusal) {
	p := c.given
	id := p.required("ImageCacheId")
	found := s.cacheOf(c.region, id)
	changed := cache{}
	if found != nil {
		changed = *found
	}
	changed.take(p)
	reuse := p.flag("AutoMatchImageCache")
	takeAccess(p)
	if refused := s.checked(c); refused != nil {
		return nil, refused
	}
	if found == nil {
		return nil, noCache(id)
	}
	status := found.status(c.now)
	if status != matcher.StatusReady && status != matcher.StatusUpdateFailed {
		return nil, refuse(http.StatusBadRequest, codeCacheStatus, "The image cache %s is %s: it must be Ready or UpdateFailed.", id, status)
	}
	if status == matcher.StatusReady && !s.differs(c, found, &changed) {
		return nil, refuse(http.StatusBadRequest, codeNoUpdate, "There is nothing to update in image cache %s.", id)
	}
	r := buildRequest{region: c.region, images: changed.images, sizeGiB: changed.sizeGiB, platform: changed.platform, flash: changed.flash, reuse: reuse, fault: c.fault}
	b, held, events := s.newBuild(c.ctx, &r, c.now)
	changed.held = held
	found.next, found.failed = &update{b, changed}, false
	if !s.opt.SilentUpdates {
		found.events = append(found.events, events...)
	}
	s.help(found, b)
	s.changed()
	c.effect = id
	return object{}, nil
}

// differs says whether an update would change anything: what the cache is asked to
// be, or what its tags mean now.
func (s *Server) differs(c *call, old, changed *cache) bool {
	if !slices.Equal(old.images, changed.images) || !slices.Equal(old.tags, changed.tags) || old.sizeGiB != changed.sizeGiB || old.name != changed.name ||
		old.standardCopies != changed.standardCopies || old.flashCopies != changed.flashCopies || old.flash != changed.flash || old.retention != changed.retention || old.elimination != changed.elimination || old.resourceGroup != changed.resourceGroup {
		return true
	}
	for i, ref := range changed.images {
		if s.opt.UpdateByParameters {
			break
		}
		at, err := s.images.pull(c.ctx, ref, changed.platform, c.now)
		if err != nil || i >= len(old.held) || at != old.held[i] {
			return true
		}
	}
	return false
}
