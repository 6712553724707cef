package layers

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers/distribution"
)

// maxDatedTags bounds the tags of a repository whose images LastTags looks up:
// registries tell no dates, only the images' configs do.
const maxDatedTags = 200

// LastTags returns references of the n newest images of a repository, the newest
// first, by the time that their configs state. An image with several tags stands
// once, under the longest: 1.27.3 rather than 1.27 or latest. Of a repository
// with more than 200 tags, only those that are highest in version order are
// looked at, and said says so, as it says which tags could not be read.
func LastTags(ctx context.Context, repository string, n int, opt Options) (references, said []string, err error) {
	if n < 1 {
		return nil, nil, fmt.Errorf("%d newest images of %s are none: ask for 1 or more", n, repository)
	}
	name, err := ParseName(repository)
	if err != nil {
		return nil, nil, err
	}
	if _, remote := RegistryOf(repository); !remote {
		return nil, nil, fmt.Errorf("%s is no repository of a registry: only those have tags to take the newest of", repository)
	}
	if name.Digest != "" || strings.HasSuffix(repository, ":"+name.Tag) {
		return nil, nil, fmt.Errorf("%s names one image: name the repository alone to take its newest", repository)
	}
	if opt.Offline {
		return nil, nil, fmt.Errorf("the tags of %s are not kept: %w", repository, errOffline)
	}
	r, err := newResolver(opt)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, r.close()) }()
	tags, err := r.tags(ctx, repository)
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(tags, func(a, b string) int { return versionOrder(b, a) })
	if len(tags) > maxDatedTags {
		said = append(said, fmt.Sprintf("%s has %d tags: the newest are those of the %d that are highest in version order", repository, len(tags), maxDatedTags))
		tags = tags[:maxDatedTags]
	}
	references, more, err := r.newest(ctx, repository, tags, n)
	return references, append(said, more...), err
}

// tags lists a repository's tags but for those that signatures and statements
// are kept under (cosign's sha256-….sig and the like).
func (r *resolver) tags(ctx context.Context, repository string) ([]string, error) {
	place, err := r.registry(repository, repository)
	if err != nil {
		return nil, err
	}
	var all []string
	for page, err := range r.client.Tags(ctx, distribution.Repository{Host: place.repo.Host, Path: place.repo.Path}) {
		if err != nil {
			return nil, err
		}
		all = append(all, page...)
	}
	return slices.DeleteFunc(all, func(tag string) bool { return strings.HasPrefix(tag, "sha256-") }), nil
}

// newest looks the tags up and keeps the n newest images.
func (r *resolver) newest(ctx context.Context, repository string, tags []string, n int) (references, said []string, err error) {
	candidates := make([]string, len(tags))
	for i, tag := range tags {
		candidates[i] = repository + ":" + tag
	}
	results := r.lookUpAll(ctx, candidates)
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	best := make(map[hash]int)
	failed, first := 0, -1
	for i := range tags {
		found := &results[i*len(r.platforms)]
		if found.err != nil {
			if failed++; first < 0 {
				first = i
			}
			continue
		}
		if other, ok := best[found.manifest]; !ok || len(tags[i]) > len(tags[other]) {
			best[found.manifest] = i
		}
	}
	var kept []int
	for _, i := range best {
		kept = append(kept, i)
	}
	created := func(i int) *content { return results[i*len(r.platforms)].content }
	slices.SortFunc(kept, func(a, b int) int {
		return cmp.Or(created(b).created.Compare(created(a).created), cmp.Compare(a, b))
	})
	for _, i := range kept[:min(n, len(kept))] {
		references = append(references, candidates[i])
	}
	if failed > 0 {
		said = append(said, fmt.Sprintf("%d tags of %s are left out as they could not be read, the first %s: %s", failed, repository, tags[first], reason(results[first*len(r.platforms)].err)))
	}
	if len(references) == 0 {
		return nil, said, fmt.Errorf("no tag of %s names an image for %s", repository, r.platforms[0])
	}
	return references, said, nil
}

// versionOrder compares tags as people read versions: runs of digits by number,
// all else by its text.
func versionOrder(a, b string) int {
	for a != "" && b != "" {
		m, n := run(a), run(b)
		if isDigit(a[0]) && isDigit(b[0]) {
			x, y := strings.TrimLeft(a[:m], "0"), strings.TrimLeft(b[:n], "0")
			if c := cmp.Or(cmp.Compare(len(x), len(y)), cmp.Compare(x, y)); c != 0 {
				return c
			}
		} else if c := cmp.Compare(a[:m], b[:n]); c != 0 {
			return c
		}
		a, b = a[m:], b[n:]
	}
	return cmp.Compare(len(a), len(b))
}

// run is the length of the digits, or of what is none, at the beginning.
func run(s string) int {
	n := 1
	for n < len(s) && isDigit(s[n]) == isDigit(s[0]) {
		n++
	}
	return n
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
