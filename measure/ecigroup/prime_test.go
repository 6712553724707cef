package ecigroup

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// rewritten changes the answers to an action.
func rewritten(action string, change func(body string) string) http.RoundTripper {
	return through(func(_ *http.Request, asked string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if err != nil || asked != action || answer.StatusCode != http.StatusOK {
			return answer, err
		}
		body, err := io.ReadAll(answer.Body)
		return answered(answer, change(string(body))), err
	})
}

// TestVoidPriming: the automatic cache of a start that went wrong is awaited, and what is
// started next is from it; how long its making took nobody saw, which is told.
func TestVoidPriming(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	first := ""
	w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if action == "DescribeContainerGroupStatus" {
			if ids := r.URL.Query().Get("ContainerGroupIds"); first == "" || ids == first {
				first = ids
				return answered(answer, `{"RequestId": "A", "Data": [], "TotalCount": 0}`), nil
			}
		}
		return answer, err
	})
	exp := web(ArmCold, ArmAutomatic)
	exp.Repeats = 5
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	fromItsOwn(t, w.server, timeline)
	for _, r := range timeline.Measurement.Runs {
		if r.Void != "" {
			t.Errorf("%s %d is void: %s", r.Arm, r.Repeat, r.Void)
		}
	}
	if len(makingsOf(t, timeline)) > 0 || !hasDoubt(timeline, "took is not told: the start that caused it did not go well") {
		t.Errorf("makings %v, doubts %q", makingsOf(t, timeline), timeline.Doubts)
	}
	w.leaves()
}

var createdAt = regexp.MustCompile(`"CreationTime":"([^"]*)"`)

// TestMakingBeginsLater: the making of an automatic cache is timed from the cache's own
// creation, and so are its stages, also where the service begins it after the group.
func TestMakingBeginsLater(t *testing.T) {
	stages := map[time.Duration][2]time.Duration{}
	for _, later := range []time.Duration{0, 5 * time.Second} {
		w := newWorld(t, ecitest.Options{})
		w.transport = rewritten("DescribeImageCaches", func(body string) string {
			return createdAt.ReplaceAllStringFunc(body, func(said string) string {
				at, err := time.Parse(time.RFC3339, createdAt.FindStringSubmatch(said)[1])
				if err != nil {
					t.Error(err)
				}
				return strings.Replace(said, at.Format(time.RFC3339), at.Add(later).Format(time.RFC3339), 1)
			})
		})
		timeline, err := w.run(web(ArmAutomatic))
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range makingsOf(t, timeline)[ArmAutomatic] {
			if u.Phases.Pull == nil || u.Phases.Create == nil || *u.Phases.Pull+*u.Phases.Create != u.Ready {
				t.Fatalf("ready after %v, of %v and %v", u.Ready, u.Phases.Pull, u.Phases.Create)
			}
			stages[later] = [2]time.Duration{*u.Phases.Pull, *u.Phases.Create}
		}
	}
	if was, is := stages[0], stages[5*time.Second]; is[1] != was[1] || is[0] != was[0]-5*time.Second {
		t.Errorf("pull and snapshot took %v, of one that is made 5 s later %v", was, is)
	}
}

// TestPrimingUnread: a row of a list that cannot be read keeps no automatic cache from being
// found, nor an arm from being started.
func TestPrimingUnread(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	if _, err := w.client().CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "theirs", Images: []string{"mysql:8"}}); err != nil {
		t.Fatal(err)
	}
	w.transport = rewritten("DescribeImageCaches", func(body string) string {
		return strings.Replace(body, `"ImageCaches":[{`, `"ImageCaches":[null,{`, 1)
	})
	exp := web(ArmAutomatic)
	timeline, err := w.run(exp)
	if n := len(makingsOf(t, timeline)[ArmAutomatic]); n != 1 || !hasDoubt(timeline, "not all could be read") {
		t.Errorf("%d makings are timed, doubts %q; %v", n, timeline.Doubts, err)
	}
	complete(t, exp, timeline)
	fromItsOwn(t, w.server, timeline)
}

// TestMakingsNotMade: that fewer makings were timed than was asked for is told.
func TestMakingsNotMade(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Status: 400, Code: "ImageCache.IncorrectStatus", Nth: 1})})
	exp := web(ArmCold, ArmAutomatic)
	exp.MakeRepeats = 3
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(makingsOf(t, timeline)[ArmAutomatic]); n != 1 || !hasDoubt(timeline, "its making is timed no more, for it could not be deleted") {
		t.Errorf("%d makings are timed, doubts %q", n, timeline.Doubts)
	}
	w.leaves()
	// So it is where somebody's cache fits, and the service makes none.
	w = newWorld(t, ecitest.Options{})
	if _, err := w.client().CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "theirs", Images: exp.Apps[0].Images}); err != nil {
		t.Fatal(err)
	}
	w.server.Advance(time.Hour)
	if timeline, err = w.run(exp); err != nil || !hasDoubt(timeline, "no automatic cache of registry.example.com/team/web:1.4 was made") {
		t.Errorf("doubts %q; %v", timeline.Doubts, err)
	}
}

// TestUnseenMaking: when a cache came to be ready that no look was answered of is told, if it
// was soon after, and its making is void, if it was not.
func TestUnseenMaking(t *testing.T) {
	for _, unseen := range []int{0, 4, 60} {
		w := newWorld(t, ecitest.Options{})
		looks := 0 // since it is ready
		w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
			answer, err := send()
			if caches := w.server.Caches(); action == "DescribeImageCaches" && len(caches) > 0 && caches[0].Status == "Ready" {
				if looks++; looks <= unseen {
					return nil, errDead
				}
			}
			return answer, err
		})
		w.retry = eci.Retry{Attempts: 1}
		exp := web(ArmExplicit)
		timeline, err := w.run(exp)
		if err != nil {
			t.Fatal(err)
		}
		complete(t, exp, timeline)
		timed := len(makingsOf(t, timeline)[ArmExplicit])
		void := 0
		for _, r := range timeline.Measurement.Runs {
			if strings.Contains(r.Void, "how much sooner is not known") {
				void++
			}
		}
		told := hasDoubt(timeline, "looks at it were not answered")
		if want := map[int][3]any{0: {1, 0, false}, 4: {1, 0, true}, 60: {0, 1, false}}[unseen]; [3]any{timed, void, told} != want {
			t.Errorf("%d looks without an answer: %d timed, %d void, told %v; want %v, of %q", unseen, timed, void, told, want, timeline.Doubts)
		}
		w.leaves()
	}
}

// TestThrottledStart: what it takes until a group can be made at all is not of the time that
// it has to be ready.
func TestThrottledStart(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(
		ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultThrottle, Nth: 2, Count: 8},
		ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultThrottle, Nth: 11, Count: 8},
	)})
	exp := web(ArmCold)
	exp.Concurrency, exp.Timeout = 1, 50*time.Second
	before := w.server.Now()
	timeline, err := w.run(exp)
	if err != nil || w.server.Now().Sub(before) < 2*time.Minute {
		t.Fatalf("%v, after %v", err, w.server.Now().Sub(before))
	}
	for _, r := range timeline.Measurement.Runs {
		if r.Void != "" {
			t.Errorf("repeat %d is void: %s", r.Repeat, r.Void)
		}
	}
	w.leaves()
}

// TestSameImage: a large cache of somebody else's is held under the limit however its images
// are written, and once one was started from whatever its list says.
func TestSameImage(t *testing.T) {
	for _, c := range []struct{ theirs, ours, told string }{
		{"nginx:latest", "nginx", ""},
		{"docker.io/library/nginx:1.27", "nginx:1.27", ""},
		{"nginx:1.27", "nginx:1.27", "mysql:8"}, // its list tells another
	} {
		w := newWorld(t, ecitest.Options{})
		if _, err := w.client().CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "big", Images: []string{c.theirs}, SizeGiB: 32768}); err != nil {
			t.Fatal(err)
		}
		w.server.Advance(3 * time.Hour)
		if c.told != "" {
			w.transport = rewritten("DescribeImageCaches", func(body string) string { return strings.ReplaceAll(body, c.theirs, c.told) })
		}
		exp := &Experiment{Apps: []App{{Images: []string{c.ours}}}, Arms: []string{ArmAutomatic}, Repeats: 40, MakeRepeats: 1, Concurrency: 20}
		limit, spent := cost.International().Money(0.5), cost.Money{}
		w.opt.MaxCost, w.opt.Spent = &limit, func(m cost.Money) { spent = m }
		_, err := w.run(exp)
		if made := w.server.Created("CreateContainerGroup"); err == nil || spent.Amount > limit.Amount || c.told == "" && made > 0 || made > 1 {
			t.Errorf("%+v: %d starts, %v are spent of %v; %v", c, made, spent, limit, err)
		}
	}
}
