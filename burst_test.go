package cachebench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
)

func TestParseBurst(t *testing.T) {
	for text, want := range map[string]cachebench.StartBurst{
		"1000":                      {Count: 1000},
		"web=1000":                  {App: "web", Count: 1000},
		"web=10@30s":                {App: "web", Count: 10, At: 30 * time.Second},
		"web=10@30s over 10s":       {App: "web", Count: 10, At: 30 * time.Second, Within: 10 * time.Second},
		"a=b@c=7 over 1m":           {App: "a=b@c", Count: 7, Within: time.Minute},
		"turn over x=5":             {App: "turn over x", Count: 5},
		"web=5@1d over 90":          {App: "web", Count: 5, At: 24 * time.Hour, Within: 90 * time.Second},
		"the web = 3 @ 5s over  1s": {App: "the web", Count: 3, At: 5 * time.Second, Within: time.Second},
	} {
		if got, err := cachebench.ParseBurst(text); err != nil || got != want {
			t.Errorf("%q: %+v, %v; want %+v", text, got, err, want)
		}
	}
	for text, want := range map[string]string{
		"web=5 over x over 1s": "is not a time", "": "no number of starts", "web": "no number of starts", "web=": "no number of starts", "=5": "names no app", "web=0": "give 1 to",
		"web=2000000": "give 1 to", "web=5@soon": `"soon" is not a time`, "web=5 over": "no number", "web=5@-1s": "is negative", "web=5@800h": "after the month",
	} {
		if _, err := cachebench.ParseBurst(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzParseBurst(f *testing.F) {
	f.Add("web=1000@30s over 10s")
	f.Fuzz(func(t *testing.T, text string) {
		if b, err := cachebench.ParseBurst(text); err == nil && (b.Count < 1 || b.At < 0 || b.Within < 0) {
			t.Errorf("%q is read as %+v", text, b)
		}
	})
}
