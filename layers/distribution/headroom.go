package distribution

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headroom is what a registry says of its rate limit.
type Headroom struct {
	// Host has its port where one is given.
	Host string
	// Limit is how many requests a window allows; 0 when the host does not say.
	Limit int64
	// Remaining is how many of them are left.
	Remaining int64
	// Window is the length over which Limit counts; 0 when the host does not say.
	Window time.Duration
}

// observe tells of the headroom when it is news: the first, another limit, a
// window begun anew, or a half, a fifth, a tenth and the last of it gone.
func (h *host) observe(header http.Header) {
	if h.headroom.tell == nil {
		return
	}
	now, ok := parseHeadroom(header)
	if !ok {
		return
	}
	now.Host = h.host
	s := &h.headroom
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known && now.Limit == s.last.Limit && now.step() == s.last.step() {
		return
	}
	s.last, s.known = now, true
	s.tell(now)
}

// step counts the marks that Remaining has passed.
func (r Headroom) step() int {
	switch {
	case r.Remaining <= 0:
		return 4
	case r.Remaining <= r.Limit/10:
		return 3
	case r.Remaining <= r.Limit/5:
		return 2
	case r.Remaining <= r.Limit/2:
		return 1
	}
	return 0
}

// parseHeadroom reads, in this order: Docker Hub's RateLimit-Limit and
// RateLimit-Remaining ("100;w=21600"), which are also those of the early drafts
// of draft-ietf-httpapi-ratelimit-headers; X-RateLimit-Limit and
// X-RateLimit-Remaining; and RateLimit with RateLimit-Policy of the later drafts
// (`"default";r=50;t=30` and `"default";q=100;w=60`).
func parseHeadroom(header http.Header) (Headroom, bool) {
	for _, prefix := range []struct{ limit, remaining string }{
		{"Ratelimit-Limit", "Ratelimit-Remaining"},
		{"X-Ratelimit-Limit", "X-Ratelimit-Remaining"},
	} {
		if values := header[prefix.remaining]; len(values) > 0 {
			return pairHeadroom(first(header[prefix.limit]), values[0])
		}
	}
	if values := header["Ratelimit"]; len(values) > 0 {
		return policyHeadroom(first(header["Ratelimit-Policy"]), values[0])
	}
	return Headroom{}, false
}

func first(values []string) string {
	if len(values) == 0 {
		return ""
	}
	return values[0]
}

func pairHeadroom(limit, remaining string) (r Headroom, ok bool) {
	count, _ := splitParameters(remaining)
	if r.Remaining, ok = parseCount(count); !ok {
		return Headroom{}, false
	}
	count, parameters := splitParameters(limit)
	r.Limit, _ = parseCount(count)
	r.Window = parseWindow(parameters["w"])
	return r, true
}

func policyHeadroom(policy, state string) (r Headroom, ok bool) {
	_, now := splitParameters(state)
	if r.Remaining, ok = parseCount(now["r"]); !ok {
		return Headroom{}, false
	}
	_, stated := splitParameters(policy)
	r.Limit, _ = parseCount(stated["q"])
	r.Window = parseWindow(stated["w"])
	return r, true
}

// splitParameters reads the first member of a list, "value;name=value;…".
func splitParameters(s string) (value string, parameters map[string]string) {
	s, _, _ = strings.Cut(s, ",")
	value, rest, _ := strings.Cut(s, ";")
	parameters = make(map[string]string)
	for rest != "" {
		var one string
		one, rest, _ = strings.Cut(rest, ";")
		name, v, _ := strings.Cut(one, "=")
		parameters[strings.ToLower(strings.TrimSpace(name))] = strings.Trim(strings.TrimSpace(v), `"`)
	}
	return strings.TrimSpace(value), parameters
}

func parseCount(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n >= 0
}

// maxWindow keeps a window of nonsense from overflowing.
const maxWindow = 366 * 24 * time.Hour

func parseWindow(s string) time.Duration {
	n, ok := parseCount(s)
	if !ok || n > int64(maxWindow/time.Second) {
		return 0
	}
	return time.Duration(n) * time.Second
}
