package distribution

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strings"
)

// Bounds of a repository's list of tags.
const (
	// pageTags is asked for; registries give fewer. Amazon's refuses more.
	pageTags     = 1000
	maxPages     = 10_000
	maxTags      = 1_000_000
	maxPageBytes = 8 << 20
	// maxQueryBytes is more than a tag and some state of the registry's.
	maxQueryBytes = 4 << 10
)

// Tags yields a repository's tags page by page, in the registry's order (the
// specification says lexical), asking the registry itself and not its mirrors. It
// stops after an error, after a million tags, and at a next page that it has seen
// or that is another host's.
func (c *Client) Tags(ctx context.Context, repo Repository) iter.Seq2[[]string, error] {
	return func(yield func([]string, error) bool) {
		r := request{verb: "list tags of", repo: repo, kind: lists, tail: "tags/list", query: fmt.Sprintf("n=%d", pageTags)}
		seen := map[string]bool{r.query: true}
		for pages, tags := 1, 0; ; pages++ {
			page, next, err := c.tags(ctx, r)
			if err != nil {
				yield(nil, err)
				return
			}
			tags += len(page)
			// What is no tag cannot be asked for, and may be of any length.
			page = slices.DeleteFunc(page, func(tag string) bool { return !validTag(tag) })
			if !yield(page, nil) || next == "" {
				return
			}
			if problem := endless(seen, next, pages, tags); problem != "" {
				yield(nil, &Error{Op: r.op(), Host: repo.Host, Problem: problem})
				return
			}
			seen[next] = true
			r.query = next
		}
	}
}

func endless(seen map[string]bool, next string, pages, tags int) string {
	switch {
	case seen[next]:
		return fmt.Sprintf("the registry's list of tags goes in a circle: page %d leads back to an earlier one", pages)
	case tags >= maxTags:
		return fmt.Sprintf("the registry's list of tags does not end: it has more than %d", maxTags)
	case pages >= maxPages:
		return fmt.Sprintf("the registry's list of tags does not end: it has more than %d pages", maxPages)
	}
	return ""
}

// tags fetches one page and the query of the next, empty at the end.
func (c *Client) tags(ctx context.Context, r request) (page []string, next string, err error) {
	err = c.ask(ctx, r, func(resp *response) error {
		defer resp.close()
		body, err := resp.read(nil, maxPageBytes)
		if err != nil {
			return err
		}
		resp.close()
		var doc struct {
			Tags []string `json:"tags"`
		}
		if json.Unmarshal(body, &doc) != nil {
			return resp.nonsense("a list of tags")
		}
		page = doc.Tags
		next, err = resp.nextPage()
		return err
	})
	return page, next, err
}

// nextPage is the query of the next page. Registries behind a proxy may give a
// link with a scheme that is not theirs, or with a path before /v2; only another
// host or something that is no list of tags is refused.
func (r *response) nextPage() (query string, err error) {
	link, ok := nextLink(r.Header["Link"])
	if !ok {
		return "", nil
	}
	to, err := url.Parse(link)
	if err != nil {
		return "", &Error{Host: r.host.host, Problem: "the registry's link to the next page of tags is not a URL"}
	}
	if to.Host != "" && newOrigin(r.host.scheme, to.Host) != r.host.origin {
		return "", &Error{Host: r.host.host, Problem: fmt.Sprintf("the registry's list of tags goes on at another host, %q, which is refused", to.Host)}
	}
	if to.Path != "" && !strings.HasSuffix(to.Path, "/tags/list") || to.RawQuery == "" || len(to.RawQuery) > maxQueryBytes {
		return "", &Error{Host: r.host.host, Problem: "the registry's link to the next page of tags leads to something else"}
	}
	return to.RawQuery, nil
}
