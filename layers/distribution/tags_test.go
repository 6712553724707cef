package distribution

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// pages serves tags as the specification says: n and last, and a Link.
func pages(tags []string, most int, link func(next string) string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := strconv.Atoi(r.URL.Query().Get("n"))
		if err != nil {
			n = most
		}
		rest := tags
		if last := r.URL.Query().Get("last"); last != "" {
			rest = tags[slices.Index(tags, last)+1:]
		}
		page := rest[:min(len(rest), n, most)]
		if len(page) < len(rest) {
			w.Header().Set("Link", link(fmt.Sprintf("/v2/team/app/tags/list?last=%s&n=%d", url.QueryEscape(page[len(page)-1]), n)))
		}
		json.NewEncoder(w).Encode(map[string]any{"name": "team/app", "tags": page})
	})
}

// TestTags: all pages in order, by each form of link that registries send.
func TestTags(t *testing.T) {
	var all []string
	for i := range 257 {
		all = append(all, fmt.Sprintf("1.%d", i))
	}
	for name, link := range map[string]func(string) string{
		"relative":       func(next string) string { return "<" + next + `>; rel="next"` },
		"query":          func(next string) string { _, q, _ := strings.Cut(next, "?"); return "<?" + q + `>; rel="next"` },
		"absolute":       func(next string) string { return "<http://registry.test" + next + `>; rel=next` },
		"another scheme": func(next string) string { return "<https://registry.test:80" + next + `>; rel="next"` },
		"prefix":         func(next string) string { return "</internal/path" + next + `>; rel="next"` },
		"after others": func(next string) string {
			return `</x>; rel="prev"; title="a, <b>", <` + next + `>; title=x; rel="last next"`
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				w.serve(registryHost, meeting(pages(all, 100, link), nil, []fault{answers(500, "")}))
				var got []string
				n := 0
				for page, err := range w.client(Options{}).Tags(t.Context(), repository("team/app")) {
					if err != nil {
						t.Fatal(err)
					}
					got = append(got, page...)
					n++
				}
				if n != 3 || !slices.Equal(got, all) {
					t.Errorf("%d pages with %d tags", n, len(got))
				}
			})
		})
	}
}

// TestTagsFaults: lists that never end or go astray end by name.
func TestTagsFaults(t *testing.T) {
	list := func(link string, tags ...string) fault {
		body, _ := json.Marshal(map[string]any{"tags": tags})
		return answers(200, string(body), "Link", link)
	}
	serial := 0
	for _, test := range []struct {
		name   string
		always fault
		want   string
		pages  int
	}{
		{"repeated", list(`</v2/team/app/tags/list?last=a>; rel="next"`, "a"), "the registry's list of tags goes in a circle: page 2 leads back to an earlier one", 2},
		{"itself", list(`</v2/team/app/tags/list?n=1000>; rel="next"`, "a"), "the registry's list of tags goes in a circle: page 1 leads back to an earlier one", 1},
		{"foreign", list(`<http://evil.test/v2/team/app/tags/list?last=a>; rel="next"`, "a"), `the registry's list of tags goes on at another host, "evil.test", which is refused`, 0},
		{"another port", list(`<http://registry.test:81/v2/team/app/tags/list?last=a>; rel="next"`, "a"), `the registry's list of tags goes on at another host, "registry.test:81", which is refused`, 0},
		{"another path", list(`</v2/_catalog?last=a>; rel="next"`, "a"), "the registry's link to the next page of tags leads to something else", 0},
		{"no URL", list(`<%zz>; rel="next"`, "a"), "the registry's link to the next page of tags is not a URL", 0},
		{"endless", func(w http.ResponseWriter, r *http.Request, h http.Handler) {
			serial++
			list(fmt.Sprintf(`</v2/team/app/tags/list?last=%d>; rel="next"`, serial), strconv.Itoa(serial))(w, r, h)
		}, "the registry's list of tags does not end: it has more than 10000 pages", maxPages},
		{"endless and fat", func(w http.ResponseWriter, r *http.Request, h http.Handler) {
			serial++
			list(fmt.Sprintf(`</v2/team/app/tags/list?last=%d>; rel="next"`, serial), make([]string, 100_000)...)(w, r, h)
		}, "the registry's list of tags does not end: it has more than 1000000", maxTags / 100_000},
		{"HTML", answers(200, "<html>", "Content-Type", "text/html"), "the registry answers with text/html, not with a list of tags (is it a registry, and is there a proxy or a login page before it?)", 0},
		{"404", answers(404, `{"errors":[{"code":"NAME_UNKNOWN"}]}`), "the registry answers 404 Not Found, NAME_UNKNOWN (no such repository)", 0},
		{"too long", answers(200, strings.Repeat(" ", maxPageBytes+1)), "the registry sends more than 8388608 bytes (" + proxyAdvice + ")", 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *wire) {
				w.serve(registryHost, &faulty{Always: test.always})
				n := 0
				var last error
				for _, err := range w.client(Options{}).Tags(t.Context(), repository("team/app")) {
					if last != nil {
						t.Error("the list goes on after an error")
					}
					if last = err; err == nil {
						n++
					}
				}
				if last == nil || last.Error() != "list tags of registry.test/team/app: "+test.want || n != test.pages {
					t.Errorf("%d pages, want %d\ngot  %v\nwant %s", n, test.pages, last, test.want)
				}
			})
		})
	}
}

// TestTagsStop: who has seen enough asks no more.
func TestTagsStop(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		f := &faulty{Good: pages([]string{"a", "b", "c"}, 1, func(next string) string { return "<" + next + `>; rel="next"` })}
		w.serve(registryHost, f)
		for page := range w.client(Options{}).Tags(t.Context(), repository("team/app")) {
			if page[0] == "b" {
				break
			}
		}
		if n := len(f.Requests()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
	})
}

// FuzzNextLink: a target is a piece of the field, and a link written in the
// plainest form comes back.
func FuzzNextLink(f *testing.F) {
	for _, s := range []string{`</v2/a/tags/list?n=1&last=x>; rel="next"`, `<a>; rel=prev, <b>; rel="x next"`, `<a>; title="a, <b>; rel=next", <c>;rel=next`, `<`, `<>`, `<a>;;;,,<b>;rel`, `<a>; title="\"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, ok := nextLink([]string{s})
		if !ok {
			return
		}
		if !strings.Contains(s, "<"+target+">") || !strings.Contains(strings.ToLower(s), "next") {
			t.Fatalf("%q gives %q", s, target)
		}
		if again, ok := nextLink([]string{"", "<x>; rel=prev", `<` + target + `>; rel="next"`}); !ok || again != target {
			t.Fatalf("%q does not come back but %q", target, again)
		}
	})
}

// TestNoTags: what is no tag is left out, and a link that grows without end is
// refused.
func TestNoTags(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		query := "?n=1"
		w.serve(registryHost, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			query += strings.Repeat("x", 1000)
			w.Header().Set("Link", "<"+query+`>; rel="next"`)
			json.NewEncoder(w).Encode(map[string]any{"tags": []string{"1", strings.Repeat("x", 1<<20), "", "../x"}})
		}))
		pages := 0
		var err error
		for page, fault := range w.client(Options{}).Tags(t.Context(), repository("team/app")) {
			if err = fault; err != nil {
				break
			}
			if pages++; !slices.Equal(page, []string{"1"}) {
				t.Errorf("page %d has %d tags", pages, len(page))
			}
		}
		if err == nil || pages > 5 {
			t.Errorf("%d pages, %v", pages, err)
		}
	})
}
