package reports

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// started is a startup of app web with the arm's time in seconds.
func started(arm, cacheID string, seconds float64) simulate.Startup {
	s := simulate.Startup{Source: simulate.Simulated, Arm: arm, App: "web", CacheID: cacheID, Hit: matcher.Miss, Ready: time.Duration(seconds * float64(time.Second))}
	if cacheID != "" {
		s.Hit = matcher.FullHit
	}
	s.Spans = []simulate.Span{span(simulate.Create, "", "", 0, s.Ready, 0)}
	return s
}

func TestStartupsVerdict(t *testing.T) {
	for _, c := range []struct {
		name      string
		startups  []simulate.Startup
		headline  string
		sentences string // that stands among them
		falls     int
	}{
		{"no cache", []simulate.Startup{started("cold", "", 5), started("automatic", "", 5)},
			"Half of the cold starts are ready within 5.00 s, 99 % within 5.00 s (simulated), in arm automatic as in arm cold.",
			"No start finds an image cache, so arms cold and automatic are the same.", 1},
		{"a manual cache", []simulate.Startup{started("cold", "", 5), started("automatic", "imc-mine", 4)},
			"Median start: cold 5.00 s, with cache imc-mine 4.00 s: ready 1.00 s sooner (20 %).",
			"Image caches found in arm automatic, of 1 start: imc-mine by 1.", 2},
		{"caches of both kinds", []simulate.Startup{started("cold", "", 5), started("cold", "", 5), started("cold", "", 5),
			started("automatic", "automatic-1", 4), started("automatic", "imc-mine", 4), started("automatic", "imc-mine", 4)},
			"Median start: cold 5.00 s, automatic 4.00 s: ready 1.00 s sooner (20 %).",
			"Image caches found in arm automatic, of 3 starts: imc-mine by 2 and automatic-1 by 1.", 2},
		{"an automatic cache", []simulate.Startup{started("cold", "", 5), started("automatic", "automatic-33", 4)},
			"Median start: cold 5.00 s, automatic 4.00 s: ready 1.00 s sooner (20 %).", "of 1 start: automatic-33 by 1.", 2},
		{"warm nodes", []simulate.Startup{started("cold", "", 8), started("warm", "", 2)},
			"Median start: cold 8.00 s, warm 2.00 s: ready 6.00 s sooner (75 %).", "99 % of starts are ready within 8.00 s cold and 2.00 s warm", 2},
		{"one median", []simulate.Startup{started("cold", "", 2), started("cold", "", 8), started("warm", "", 2), started("warm", "", 4)},
			"Mean start: cold 5.00 s, warm 3.00 s: ready 2.00 s sooner (40 %); the median is 2.00 s in both arms.", "", 1},
	} {
		r := New(Input{Timeline: &simulate.Timeline{Startups: c.startups}})
		if r.Verdict.Headline != c.headline {
			t.Errorf("%s: headline %q, want %q", c.name, r.Verdict.Headline, c.headline)
		}
		if got := strings.Join(r.Verdict.Sentences, "\n"); !strings.Contains(got, c.sentences) {
			t.Errorf("%s: sentences %q lack %q", c.name, got, c.sentences)
		}
		if warm := strings.Contains(c.headline, "warm"); warm == strings.Contains(strings.Join(r.Verdict.Sentences, "\n"), "cachebench plan") {
			t.Errorf("%s: sentences %q: a plan is of image caches, which nodes do not use", c.name, r.Verdict.Sentences)
		}
		if len(r.Waterfalls) != c.falls {
			t.Errorf("%s: %d waterfalls, want %d", c.name, len(r.Waterfalls), c.falls)
		}
	}
}

func TestAppsWithoutPlan(t *testing.T) {
	r := New(Input{Timeline: &simulate.Timeline{Startups: []simulate.Startup{
		started("cold", "", 5), started("cold", "", 5), started("cold", "", 5),
		started("automatic", "automatic-1", 4), started("automatic", "imc-mine", 4), started("automatic", "imc-mine", 4),
	}}})
	if a := r.Apps[0]; a.Cache != "imc-mine" || a.Saved == nil || *a.Saved != time.Second {
		t.Errorf("app %+v: want 1 s saved by imc-mine, which most starts find", a)
	}
	if text := written(t, Text, r, Options{}); !strings.Contains(text, "app    cold  automatic   saved  cache\n") {
		t.Errorf("the table of apps has other columns than what is known:\n%s", text)
	}
}

// TestOtherArms: where no arm compares with another, the headline is of all, and apps
// have their times in the arms that there are; nowhere is a table of names alone.
func TestOtherArms(t *testing.T) {
	timeline := func(arms ...string) *simulate.Timeline {
		t := &simulate.Timeline{}
		for i, arm := range arms {
			t.Startups = append(t.Startups, started(arm, "", float64(1+i)), started(arm, "", float64(1+i)))
		}
		return t
	}
	for _, c := range []struct {
		arms           []string
		headline, apps string
	}{
		{[]string{"start"}, "Half of the start starts are ready within 1.00 s, 99 % within 1.00 s (simulated).", "app start web 1.00 s"},
		{[]string{"pull", "start"}, "Median start: 1.00 s in arm pull, 2.00 s in arm start (simulated).", "app pull start web 1.00 s 2.00 s"},
		{[]string{"c", "a", "b", "e", "d"}, "10 starts of 5 arms; the median start from 1.00 s (c) to 5.00 s (d) (simulated).", ""},
	} {
		r := New(Input{Timeline: timeline(c.arms...)})
		if r.Verdict.Headline != c.headline {
			t.Errorf("%q: headline %q, want %q", c.arms, r.Verdict.Headline, c.headline)
		}
		text := strings.Join(strings.Fields(written(t, Text, r, Options{})), " ")
		if has := strings.Contains(text, "Apps:"); has != (c.apps != "") || !strings.Contains(text, c.apps) {
			t.Errorf("%q: no table of apps %q:\n%s", c.arms, c.apps, text)
		}
		page := written(t, HTML, r, Options{})
		if strings.Contains(page, "<h2>Apps") || strings.Contains(page, "chart-apps") {
			t.Errorf("%q: the page has a table or chart of apps without times", c.arms)
		}
		if !strings.Contains(page, "Startup times by app and arm") {
			t.Errorf("%q: the page tells the times of apps nowhere", c.arms)
		}
	}
}
