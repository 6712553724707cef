package matcher

import (
	"testing"
	"time"

	"github.com/cachebench/cachebench/workload"
)

// TestReplayNamed: apps web and api name cache m, whose first images are a:1 and b:1; app
// other, of the image of web, names none, and app lost a cache that there is not.
func TestReplayNamed(t *testing.T) {
	apps := []workload.App{
		{Name: "web", Images: []string{"r.example/a:1"}},
		{Name: "api", Images: []string{"r.example/b:1", "r.example/a:1"}},
		{Name: "other", Images: []string{"r.example/a:1"}},
		{Name: "lost", Images: []string{"r.example/a:1"}},
	}
	at := func(h float64, app int) workload.Event {
		return workload.Event{At: time.Duration(h * float64(time.Hour)), App: app}
	}
	release := at(10, 0)
	release.Release = true
	names := []string{"m", "m", "", "gone"}
	opt := ReplayOptions{
		Named:     func(app int) string { return names[app] },
		NamedOnly: func(id string) bool { return id == "m" },
		Rebuild:   func(string) bool { return true },
	}
	for _, test := range []struct {
		name   string
		events []workload.Event
		want   string
	}{
		// By ECI's order the automatic cache of other would be web's, being newer, and m
		// the first of other.
		{"starts that name none have an automatic cache made", []workload.Event{at(0, 2), at(0, 0), at(3, 0), at(3, 2)}, "-mma"},
		{"a cache that is not there leaves the start with nothing, and none is made", []workload.Event{at(0, 3), at(3, 3), at(4, 2)}, "---"},
		// a:1 of m is stale until its rebuild of 2 h is done; web's starts make no automatic
		// cache meanwhile. api goes on with the old b:1.
		{"a release", []workload.Event{at(9, 0), release, at(11, 0), at(11, 1), at(11.5, 2), at(12, 0), at(12, 1)}, "m-m-mm"},
	} {
		if got := replayed(t, DefaultPolicy(), apps, []Cache{cache("m", 20, day, "a:1", "b:1")}, test.events, opt); got != test.want {
			t.Errorf("%s: found %s, want %s", test.name, got, test.want)
		}
	}
	// One that is passed over and one that is not are not of one shape.
	open := []Cache{cache("m", 20, day, "a:1"), cache("open", 20, day, "a:1")}
	if got := replayed(t, DefaultPolicy(), apps, open, []workload.Event{at(0, 0), at(0, 2)}, opt); got != "mopen" {
		t.Errorf("beside one that is alike: found %s", got)
	}
}
