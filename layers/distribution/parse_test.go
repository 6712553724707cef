package distribution

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestChallenges: fields of real registries, and the corners of RFC 9110.
func TestChallenges(t *testing.T) {
	for _, test := range []struct {
		fields []string
		want   []challenge
	}{
		{[]string{`Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:library/nginx:pull"`},
			[]challenge{{"bearer", map[string]string{"realm": "https://auth.docker.io/token", "service": "registry.docker.io", "scope": "repository:library/nginx:pull"}}}},
		{[]string{`Basic realm="Registry Realm"`, `BEARER Realm = "x" , error="invalid_token"`},
			[]challenge{{"basic", map[string]string{"realm": "Registry Realm"}}, {"bearer", map[string]string{"realm": "x", "error": "invalid_token"}}}},
		{[]string{`Negotiate, NTLM TlRMTVNTUAAC==, Basic realm="a \"b\", c"`},
			[]challenge{{"negotiate", map[string]string{}}, {"ntlm", map[string]string{}}, {"basic", map[string]string{"realm": `a "b", c`}}}},
		{[]string{`Bearer scope="a:b:pull,push",realm=x,realm=y`}, []challenge{{"bearer", map[string]string{"scope": "a:b:pull,push", "realm": "x"}}}},
		{[]string{`Basic realm="open`}, []challenge{{"basic", map[string]string{}}}},
		{[]string{"", ",,", `"x"`, "="}, nil},
	} {
		got := parseChallenges(test.fields)
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(challenge{})); diff != "" {
			t.Errorf("%q: %s", test.fields, diff)
		}
	}
}

// FuzzChallenges: what was read, written out plainly, reads the same.
func FuzzChallenges(f *testing.F) {
	for _, s := range []string{`Bearer realm="https://a/b",service="c",scope="repository:x:pull,push"`, `Negotiate, Basic realm="a, \"b\""`, `NTLM abc==, Bearer realm=x`, `Basic realm="`, `a b c d`, `a =`, `a b="\`, strings.Repeat("a=b,", 40)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		all := parseChallenges([]string{s})
		var fields []string
		for _, c := range all {
			if c.scheme == "" || c.scheme != strings.ToLower(c.scheme) || len(c.parameters) > maxChallengeParameters {
				t.Fatalf("%q is read as %+v", s, c)
			}
			field := c.scheme
			for i, name := range slices.Sorted(maps.Keys(c.parameters)) {
				value := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.parameters[name])
				field += fmt.Sprintf(`%s%s="%s"`, map[bool]string{true: " ", false: ", "}[i == 0], name, value)
			}
			fields = append(fields, field)
		}
		if again := parseChallenges(fields); !cmp.Equal(all, again, cmp.AllowUnexported(challenge{})) {
			t.Fatalf("%q: %+v comes back as %+v", s, all, again)
		}
	})
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2015, time.October, 21, 7, 27, 0, 0, time.UTC)
	for _, test := range []struct {
		field string
		wait  time.Duration
		ok    bool
	}{
		// The examples of RFC 9110 section 10.2.3 and the three forms of section 5.6.7.
		{"120", 2 * time.Minute, true},
		{"Wed, 21 Oct 2015 07:28:00 GMT", time.Minute, true},
		{"Wednesday, 21-Oct-15 07:28:00 GMT", time.Minute, true},
		{"Wed Oct 21 07:28:00 2015", time.Minute, true},
		{"Fri, 31 Dec 1999 23:59:59 GMT", 0, true},
		{" 0 ", 0, true},
		{"99999999999999999999", maxRetryAfter, true},
		{"Wed, 21 Oct 9999 07:28:00 GMT", maxRetryAfter, true},
		{"-1", 0, false}, {"1.5", 0, false}, {"", 0, false}, {"soon", 0, false}, {"+5", 0, false},
	} {
		if wait, ok := parseRetryAfter(test.field, now); wait != test.wait || ok != test.ok {
			t.Errorf("%q: %v %v", test.field, wait, ok)
		}
	}
}

// FuzzRetryAfter: a wait is never negative nor absurd, and both forms of one wait
// say the same.
func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"0", "120", "Wed, 21 Oct 2015 07:28:00 GMT", "-1", "1e9", "99999999999999999999"} {
		f.Add(s, int64(1445412420))
	}
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		now := time.Unix(unix%(1<<33), 0)
		wait, ok := parseRetryAfter(s, now)
		if wait < 0 || wait > maxRetryAfter || !ok && wait != 0 {
			t.Fatalf("%q: %v %v", s, wait, ok)
		}
		until := now.Add(wait).UTC()
		if !ok || until.Year() < 1 || until.Year() > 9999 {
			return
		}
		seconds, _ := parseRetryAfter(strconv.FormatInt(int64(wait/time.Second), 10), now)
		date, _ := parseRetryAfter(until.Format(http.TimeFormat), now)
		if seconds != wait || date != wait {
			t.Fatalf("%q: %v, as seconds %v, as a date %v", s, wait, seconds, date)
		}
	})
}

// TestParseHeadroom: fields as Docker Hub, GitLab and the drafts have them.
func TestParseHeadroom(t *testing.T) {
	for _, test := range []struct {
		name   string
		fields []string
		want   Headroom
		ok     bool
	}{
		{"Docker Hub", []string{"RateLimit-Limit", "100;w=21600", "RateLimit-Remaining", "76;w=21600"}, Headroom{Limit: 100, Remaining: 76, Window: 6 * time.Hour}, true},
		{"GitLab", []string{"RateLimit-Limit", "60", "RateLimit-Remaining", "0", "RateLimit-Reset", "1"}, Headroom{Limit: 60}, true},
		{"draft 3", []string{"RateLimit-Limit", `100, 100;w=10;comment="x", 1000;w=60`, "RateLimit-Remaining", "50"}, Headroom{Limit: 100, Remaining: 50}, true},
		{"X-", []string{"X-RateLimit-Limit", "5000", "X-RateLimit-Remaining", "4999"}, Headroom{Limit: 5000, Remaining: 4999}, true},
		{"draft 8", []string{"RateLimit", `"default";r=50;t=30`, "RateLimit-Policy", `"default";q=100;w=60`}, Headroom{Limit: 100, Remaining: 50, Window: time.Minute}, true},
		{"no limit stated", []string{"RateLimit-Remaining", "9"}, Headroom{Remaining: 9}, true},
		{"negative", []string{"RateLimit-Limit", "100", "RateLimit-Remaining", "-1"}, Headroom{}, false},
		{"words", []string{"RateLimit-Limit", "100", "RateLimit-Remaining", "many"}, Headroom{}, false},
		{"absurd window", []string{"RateLimit-Limit", "100;w=99999999999", "RateLimit-Remaining", "1"}, Headroom{Limit: 100, Remaining: 1}, true},
		{"none", nil, Headroom{}, false},
	} {
		header := make(http.Header)
		for i := 0; i < len(test.fields); i += 2 {
			header.Add(test.fields[i], test.fields[i+1])
		}
		if got, ok := parseHeadroom(header); got != test.want || ok != test.ok {
			t.Errorf("%s: %+v %v", test.name, got, ok)
		}
	}
}

// TestHeadroom: what is told, of a limit of 100 that is used up and begins anew.
func TestHeadroom(t *testing.T) {
	inBubble(t, func(t *testing.T, w *wire) {
		left := 101
		w.serve(registryHost, &faulty{Always: func(w http.ResponseWriter, r *http.Request, h http.Handler) {
			if left--; left < 0 {
				left = 99
			}
			answers(200, "{}", "RateLimit-Limit", "100;w=21600", "RateLimit-Remaining", strconv.Itoa(left))(w, r, h)
		}})
		var told []int64
		c := w.client(Options{Headroom: func(r Headroom) {
			if r.Host != registryHost || r.Limit != 100 || r.Window != 6*time.Hour {
				t.Errorf("told %+v", r)
			}
			told = append(told, r.Remaining)
		}})
		for range 103 {
			if _, err := c.Manifest(t.Context(), repository("a"), "1", nil); err != nil {
				t.Fatal(err)
			}
		}
		if want := []int64{100, 50, 20, 10, 0, 99}; !slices.Equal(told, want) {
			t.Errorf("told %v, want %v", told, want)
		}
	})
}

func FuzzHeadroom(f *testing.F) {
	f.Add("100;w=21600", "76;w=21600")
	f.Add(`"default";q=100;w=60`, `"default";r=50;t=30`)
	f.Add(`;;;=,"`, "1;w")
	f.Fuzz(func(t *testing.T, limit, remaining string) {
		for _, fields := range [][2]string{{"Ratelimit-Limit", "Ratelimit-Remaining"}, {"X-Ratelimit-Limit", "X-Ratelimit-Remaining"}, {"Ratelimit-Policy", "Ratelimit"}} {
			r, ok := parseHeadroom(http.Header{fields[0]: {limit}, fields[1]: {remaining}})
			if r.Limit < 0 || r.Remaining < 0 || r.Window < 0 || r.Window > maxWindow || !ok && r != (Headroom{}) {
				t.Fatalf("%q %q: %+v %v", limit, remaining, r, ok)
			}
		}
	})
}
