package ecigroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func at(s int) time.Time { return noon.Add(time.Duration(s) * time.Second) }

func event(s int, reason, message string) eci.Event {
	return eci.Event{Type: "Normal", Reason: reason, Message: message, FirstAt: at(s), LastAt: at(s)}
}

// observed is a group of one container, created at 0, with events, started and ready.
func observed(started, ready int, events ...eci.Event) *observation {
	o := &observation{events: events}
	o.group = eci.ContainerGroup{CreatedAt: at(0), Containers: []eci.GroupContainer{{Name: "c1"}}}
	o.state.Status = eci.GroupRunning
	if started > 0 {
		o.state.Pod.Containers = []eci.PodContainer{{Name: "c1", State: eci.ContainerState{State: "Running", StartedAt: at(started)}}}
	}
	if ready > 0 {
		o.state.Pod.Conditions = []eci.PodCondition{{Type: "Ready", Status: "True", LastTransitionAt: at(ready)}}
	}
	return o
}

// The pull of the published trace (eci §1.12), and one that finds its image.
var (
	pulling = event(12, "Pulling", `Pulling image "apache/spark:3.5.0"`)
	pulled  = event(113, "Pulled", `Successfully pulled image "apache/spark:3.5.0" in 1m41.289s (1m41.289s including waiting)`)
	present = event(19, "Pulled", `Container image "apache/spark:3.5.0" already present on machine`)
	hit     = event(1, "SuccessfulHitImageCache", "[eci.imagecache]Successfully hit image cache imc-2zeabc, eci will be scheduled with this image cache.")
	missed  = event(1, "ImageCacheMissed", "[eci.imagecache]Missed image cache.")
)

// TestStages times starts by hand: p, l, c, r are provision, pull, create and ready in
// seconds, -1 where it is not known.
func TestStages(t *testing.T) {
	two := func(o *observation) *observation {
		o.group.Containers = append(o.group.Containers, eci.GroupContainer{Name: "c2"})
		return o
	}
	restarted := observed(114, 120, pulling, pulled)
	restarted.state.Pod.Containers[0].RestartCount = 1
	exited := observed(20, 0, present)
	exited.state.Status = eci.GroupSucceeded
	for _, c := range []struct {
		name              string
		o                 *observation
		readiness         string
		ready, p, l, c, r float64
	}{
		// The pull takes 101 s by the timestamps, 101.289 s by its message.
		{"pulled", observed(114, 120, pulling, pulled), "", 120, 11.711, 101.289, 1, 6},
		{"out of order", observed(114, 120, pulled, pulling), "", 120, 11.711, 101.289, 1, 6},
		{"present", observed(20, 22, present, hit), "", 22, 19, 0, 1, 2},
		{"started", observed(20, 22, present, hit), ReadyStarted, 20, 19, 0, 1, -1},
		{"no pulling", observed(114, 120, pulled), "", 120, -1, -1, 1, 6},
		{"no pulled", observed(114, 120, pulling), "", 120, 12, -1, -1, 6},
		{"no events", observed(114, 120), "", 120, -1, -1, -1, 6},
		{"no state", observed(0, 120, pulling, pulled, event(115, "Started", "Started container c1")), "", 120, 11.711, 101.289, 2, 5},
		{"of two, one is told", two(observed(114, 120, pulling, pulled)), "", 120, -1, -1, -1, -1},
		{"restarted", restarted, "", 120, 11.711, 101.289, -1, -1},
		{"ended", exited, "", 20, 19, 0, 1, -1},
		// A clock that goes backwards tells nothing.
		{"backwards", observed(100, 120, pulling, pulled), "", 120, 11.711, 101.289, -1, 20},
	} {
		u, ok := startupOf(c.o, c.readiness)
		if !ok || u.Ready.Seconds() != c.ready {
			t.Errorf("%s: ready in %v (%v), want %v", c.name, u.Ready, ok, c.ready)
		}
		for phase, want := range map[simulate.Phase]float64{simulate.Provision: c.p, simulate.Pull: c.l, simulate.Create: c.c, simulate.Ready: c.r, simulate.Attach: -1, simulate.Fetch: -1} {
			d, known := u.Phases.Of(phase)
			if known != (want >= 0) || known && d.Seconds() != want {
				t.Errorf("%s: %s is %v (%v), want %v", c.name, phase, d, known, want)
			}
		}
	}
	if u, ok := startupOf(observed(20, 0, present), ""); ok {
		t.Errorf("a group that is not ready is timed: %v", u)
	}
}

func TestEvidence(t *testing.T) {
	sidecar := event(113, "Pulled", `Container image "envoy:1" already present on machine`)
	two := func(o *observation) *observation {
		o.group.Containers = append(o.group.Containers, eci.GroupContainer{Name: "c2"})
		return o
	}
	annotated := func(o *observation, id string) *observation {
		o.annotations = map[string]string{eci.MatchedCacheAnnotation: id}
		return o
	}
	for _, c := range []struct {
		name  string
		o     *observation
		cache string
		hit   matcher.Hit
		// void are the arms that it contradicts, where manual ones want imc-2zeabc.
		void []string
	}{
		{"hit", observed(20, 22, hit, present), "imc-2zeabc", matcher.FullHit, []string{ArmCold}},
		// A cache that holds some of the images is a match.
		{"partial", two(observed(114, 120, hit, pulling, pulled, sidecar)), "imc-2zeabc", matcher.PartialHit, []string{ArmCold}},
		{"present, of no cache", observed(20, 22, present), "", matcher.FullHit, []string{ArmCold}},
		{"pulled, of no cache", observed(114, 120, pulling, pulled), "", "", []string{ArmAutomatic, ArmExplicit, ArmFlash, ArmReuse}},
		{"hit and missed", observed(20, 22, hit, missed, present), "imc-2zeabc", matcher.FullHit, []string{ArmCold, ArmExplicit, ArmFlash, ArmReuse}},
		{"annotation", annotated(observed(20, 22, present), "imc-2zeabc"), "imc-2zeabc", matcher.FullHit, []string{ArmCold}},
		{"another", annotated(observed(20, 22, present), "imc-other"), "imc-other", matcher.FullHit, []string{ArmCold, ArmExplicit, ArmFlash, ArmReuse}},
		{"missed", observed(114, 120, missed, pulling, pulled), "", matcher.Miss, []string{ArmAutomatic, ArmExplicit, ArmFlash, ArmReuse}},
		{"nothing", observed(114, 120), "", "", nil},
		{"two stories", annotated(observed(20, 22, hit, present), "imc-other"), "imc-2zeabc", matcher.FullHit, Arms()},
		{"not complete", observed(20, 22, event(1, "ImageCacheNotComplete", "not yet")), "", "", Arms()},
	} {
		v := evidenceOf(c.o)
		if v.cacheID != c.cache {
			t.Errorf("%s: cache %q", c.name, v.cacheID)
		}
		images := len(c.o.group.Containers)
		if got := hitOf(&v, ArmExplicit, images); got != c.hit {
			t.Errorf("%s: %q, want %q", c.name, got, c.hit)
		}
		for _, kind := range Arms() {
			if why := v.contradicts(kind, "imc-2zeabc", images, false); (why != "") != slices.Contains(c.void, kind) {
				t.Errorf("%s in arm %s: %q", c.name, kind, why)
			}
		}
	}
	v := evidenceOf(observed(114, 120, pulling, pulled))
	if got := hitOf(&v, ArmCold, 1); got != matcher.Miss {
		t.Errorf("pulled in arm cold: %q", got)
	}
	if why := v.contradicts(ArmExplicit, "imc-2zeabc", 1, true); why != "" {
		t.Errorf("pulled where the registry is asked all the same: %q", why)
	}
	for image, asks := range map[string]bool{"web:1.4": false, "web": true, "web:latest": true, "web@sha256:" + strings.Repeat("1", 64): false} {
		if asksRegistry("", []string{"db:1", image}) != asks {
			t.Errorf("%s: the registry is asked %v", image, !asks)
		}
	}
}

// TestEstimate prices an experiment by hand (eci §5.2, §5.3).
func TestEstimate(t *testing.T) {
	exp := web(ArmCold, ArmExplicit)
	exp.Group.VCPU, exp.Group.MemoryGiB, exp.Cache.SizeGiB = 4, 8, 40
	e, err := exp.Estimate(cost.International(), 24*time.Hour, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	instance := 4*0.0000077 + 8*0.00000096
	disk := 0.0005 * 40 / 3600
	keep := 0.02 / 30 * 40
	want := []float64{
		0.0074387 + keep, // the official example of 40 GiB and 300 s, printed figure corrected
		instance * 100, 2 * instance * 100, 2 * (instance + disk) * 20,
	}
	sum := 0.0
	for i, s := range e.Steps {
		if i >= len(want) || abs(s.Expected.Amount-want[i]) > 1e-6 || s.Most.Amount < s.Expected.Amount {
			t.Errorf("%+v, want %v", s, want)
		}
		sum += s.Expected.Amount
	}
	if len(e.Steps) != len(want) || abs(e.Expected.Amount-sum) > 1e-9 {
		t.Errorf("%+v", e)
	}
	// Gone on with, only the second start of arm explicit is left, and its cache.
	old := &simulate.Timeline{Measurement: &simulate.Measurement{Runs: []simulate.MeasuredRun{
		{Arm: exp.Apps[0].name() + " cold", Repeat: 0}, {Arm: exp.Apps[0].name() + " cold", Repeat: 1},
		{Arm: exp.Apps[0].name() + " explicit", Repeat: 0}, {Arm: exp.Apps[0].name() + " explicit", Repeat: 1, Void: "it missed"},
	}}}
	if e, err = exp.Estimate(cost.International(), 24*time.Hour, 0, old); err != nil || len(e.Steps) != 3 ||
		abs(e.Expected.Amount-(want[0]+(instance+disk)*100+want[3]/2)) > 1e-6 {
		t.Errorf("gone on with: %+v, %v", e, err)
	}
	var missing *cost.MissingPriceError
	if _, err := exp.Estimate(cost.China(), time.Hour, 0, nil); !errors.As(err, &missing) {
		t.Errorf("%v, want a missing price", err)
	}
}

func abs(x float64) float64 { return max(x, -x) }

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Experiment){
		"no app":            func(e *Experiment) { e.Apps = nil },
		"no arm":            func(e *Experiment) { e.Arms = nil },
		"another arm":       func(e *Experiment) { e.Arms = []string{"warm"} },
		"an arm twice":      func(e *Experiment) { e.Arms = []string{ArmCold, ArmCold} },
		"an app twice":      func(e *Experiment) { e.Apps = append(e.Apps, e.Apps[0]) },
		"an empty image":    func(e *Experiment) { e.Apps[0].Images = []string{""} },
		"repeats":           func(e *Experiment) { e.Repeats = -1 },
		"at once":           func(e *Experiment) { e.Concurrency = 1001 },
		"readiness":         func(e *Experiment) { e.Readiness = "log" },
		"a cache for cold":  func(e *Experiment) { e.CacheID = "imc-1" },
		"the run's own tag": func(e *Experiment) { e.Tags = []eci.Tag{{Key: TagRun, Value: "x"}} },
		"too many tags":     func(e *Experiment) { e.Tags = make([]eci.Tag, 19) },
		"one EIP for three": func(e *Experiment) { e.Group.EIPInstanceID = "eip-1" },
		"no name":           func(e *Experiment) { e.Apps[0].Images = []string{"Bad Image"} },
		"a local image":     func(e *Experiment) { e.Apps[0].Images = []string{"oci:build/images:web"} },
		"pull policy":       func(e *Experiment) { e.PullPolicy = "foo" },
		"acceleration":      func(e *Experiment) { e.Group.AccelerateMode = "foo" },
		"storage":           func(e *Experiment) { e.Group.EphemeralStorageGiB = -1 },
		"a small cache":     func(e *Experiment) { e.Arms, e.Cache.SizeGiB = []string{ArmFlash}, 10 },
		"an image twice":    func(e *Experiment) { e.Apps[0].Images = []string{"r.example.com/web:latest", "r.example.com/web"} },
		"instance types":    func(e *Experiment) { e.Group.InstanceTypes = []string{"ecs.c6.large"} },
	} {
		exp := web(ArmCold)
		change(exp)
		if exp.Validate() == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestJournal: what was written is read again; a line that a kill cut short is dropped,
// a damaged one in the middle is passed over, and two do not write at once.
func TestJournal(t *testing.T) {
	dir := journalDir(t)
	j, err := openJournal(dir, "run-1", noon)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openJournal(dir, "run-1", noon); !errors.Is(err, errAlive) {
		t.Errorf("%v, want that it is under way", err)
	}
	entries := []entry{
		{What: wroteBegin, Region: "cn-hangzhou", Endpoint: "https://eci"},
		{What: wroteAsk, resource: resource{Kind: Group, Token: "a", Name: "cb-a", Automatic: true}},
		{What: wroteMade, resource: resource{Kind: Group, Token: "a", Name: "cb-a", ID: "eci-a", Automatic: true}},
		{What: wroteAsk, resource: resource{Kind: Cache, Token: "b", Name: "cb-b", Making: "web make explicit"}},
		{What: wroteAsk, resource: resource{Kind: Group, Token: "c", Name: "cb-c"}},
		{What: wroteNone, resource: resource{Kind: Group, Token: "c", Name: "cb-c"}},
	}
	if err := j.write(true, entries...); err != nil {
		t.Fatal(err)
	}
	want := []resource{entries[2].resource, entries[3].resource}
	if diff := cmp.Diff(want, j.resources(), cmpopts.IgnoreUnexported(resource{})); diff != "" {
		t.Error(diff)
	}
	if err := j.close(false); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "run-1"+journalSuffix)
	whole, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(name, append(slices.Clone(whole), `{"at":"2026-03-01T12:00:00Z","what":"as`...), 0o600)
	if j, err = openJournal(dir, "run-1", noon); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, j.resources(), cmpopts.IgnoreUnexported(resource{})); diff != "" || j.region != "cn-hangzhou" || !slices.Equal(j.automatics(), []string{"eci-a"}) {
		t.Error(diff, j.region, j.automatics())
	}
	if err := j.write(true, entry{What: wroteGone, resource: entries[2].resource}); err != nil {
		t.Fatal(err)
	}
	j.close(false)
	if left, err := LeftRuns(dir); err != nil || !slices.Equal(left, []string{"run-1"}) {
		t.Errorf("%q are left, %v", left, err)
	}
	if j, err = openJournal(dir, "run-1", noon); err != nil || len(j.resources()) != 1 {
		t.Fatalf("%v, %+v", err, j)
	}
	j.close(false)
	os.WriteFile(name, append([]byte("{\n"), whole...), 0o600)
	if j, err = openJournal(dir, "run-1", noon); err != nil || j.damaged != 1 {
		t.Fatalf("a damaged journal: %v, %+v", err, j)
	}
	if diff := cmp.Diff(want, j.resources(), cmpopts.IgnoreUnexported(resource{})); diff != "" {
		t.Error(diff)
	}
	j.close(true)
}

// TestCleanUpElsewhere: a machine without the journal finds what has the tag, and the
// automatic caches of what still is there, once the run cannot be under way any more,
// and touches nothing else.
func TestCleanUpElsewhere(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	client := w.client()
	theirs, err := client.CreateImageCache(t.Context(), eci.ImageCacheSpec{Name: "theirs", Images: []string{"redis:7"}, Tags: []eci.Tag{{Key: "team", Value: "a"}}})
	if err != nil {
		t.Fatal(err)
	}
	group, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{Name: "theirs", AutoMatchImageCache: true, Containers: []eci.Container{{Name: "c", Image: "mysql:8"}}})
	if err != nil {
		t.Fatal(err)
	}
	before := w.server.Leftovers()
	// The machine is lost in the middle: nothing of it reaches the service any more.
	w.opt.Save = func(timeline *simulate.Timeline) error {
		if len(timeline.Startups) > 3 {
			w.transport.(*mortal).stop()
		}
		return nil
	}
	w.transport, w.retry = &mortal{die: func() {}}, eci.Retry{Attempts: 1}
	if _, err := w.run(web(ArmCold, ArmExplicit)); err == nil {
		t.Fatal("a dead machine ended well")
	}
	lost := w.server.Leftovers()
	if len(lost) < len(before)+2 {
		t.Fatalf("%q is there, want more", lost)
	}
	run := w.journals()[0]
	w.transport, w.retry = nil, eci.Retry{}
	w.opt.JournalDir = journalDir(t)
	refuse := func(string, []string) (bool, error) { return false, nil }
	if removed, err := CleanUp(t.Context(), client, CleanUpOptions{JournalDir: w.opt.JournalDir, Run: run, Confirm: refuse, Now: w.opt.Now, Sleep: w.opt.Sleep}); err != nil || len(removed) > 0 || len(w.journals()) > 0 {
		t.Errorf("refused: %q is deleted, %v, journals %q", removed, err, w.journals())
	}
	if removed := w.cleanUp(); len(removed) > 0 {
		t.Errorf("%q is deleted while the run may be under way", removed)
	}
	w.server.Advance(26*time.Hour + 20*time.Minute)
	// Of another run there is a group that caused an automatic cache.
	if _, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
		Name: "cb-lost", AutoMatchImageCache: true, Containers: []eci.Container{{Name: "c", Image: "postgres:17"}},
		Tags: []eci.Tag{{Key: TagRun, Value: "lost-1"}, {Key: TagUntil, Value: noon.Format(time.RFC3339)}},
	}); err != nil {
		t.Fatal(err)
	}
	if removed := w.cleanUp(); len(removed) == 0 {
		t.Error("nothing is deleted")
	}
	for _, left := range w.server.Leftovers() {
		if !strings.Contains(left, theirs.ID) && !strings.Contains(left, group.ID) {
			t.Errorf("%s of run %s is left", left, run)
		}
	}
	if got := len(w.server.Leftovers()); got != len(before) {
		t.Errorf("%d resources are there, want the %d that are not ours", got, len(before))
	}
}

// TestResumeOfAnother refuses to go on with what was measured otherwise.
func TestResumeOfAnother(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	if _, err := w.run(web(ArmCold)); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Experiment){
		"seed": func(e *Experiment) { e.Seed = 7 }, "vCPU": func(e *Experiment) { e.Group.VCPU = 8 },
		"what is started": func(e *Experiment) { e.Arms = []string{ArmCold, ArmExplicit} }, "at once": func(e *Experiment) { e.Concurrency = 9 },
	} {
		exp := web(ArmCold)
		change(exp)
		w.opt.Resume = w.saved
		if _, err := w.run(exp); err == nil || !strings.Contains(err.Error(), name+" was ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	w.leaves()
}

// TestCompare: what the service would match differently is a doubt.
func TestCompare(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	var asked [][]string
	w.opt.Compare = func(caches []eci.ImageCache, images, answer []string) []string {
		asked = append(asked, answer)
		return []string{fmt.Sprintf("of %d caches %s is matched", len(caches), answer[0])}
	}
	timeline, err := w.run(web(ArmExplicit))
	if err != nil {
		t.Fatal(err)
	}
	if len(asked) != 1 || !hasDoubt(timeline, "of 1 caches imc-") {
		t.Errorf("asked %q; doubts %q", asked, timeline.Doubts)
	}
}

// TestTrouble: a group that waits for what there is not is over, whatever its timeout.
func TestTrouble(t *testing.T) {
	s := &session{exp: web(ArmCold).withDefaults(), arms: web(ArmCold).arms(), caches: map[string]string{}}
	f := &flight{lasted: 2 * time.Minute}
	f.o.state.Status = eci.GroupScheduling
	if s.judge(f); f.over {
		t.Errorf("over: %s", f.void)
	}
	f.o.events = []eci.Event{event(30, "NoStock", "The resource is out of stock.")}
	if s.judge(f); !f.over || f.void != "NoStock: The resource is out of stock." {
		t.Errorf("%v, %q", f.over, f.void)
	}
	// Of several zones another may have it, until the service or the timeout says that none
	// has; but of money there is no more in another.
	s.exp.Group.VSwitchIDs = []string{"vsw-1", "vsw-2"}
	f.over, f.void = false, ""
	if s.judge(f); f.over {
		t.Errorf("over with another zone to try: %s", f.void)
	}
	broke := &flight{}
	broke.o = f.o
	broke.o.events = []eci.Event{event(30, "InsufficientBalance", "No money.")}
	if s.judge(broke); !broke.over {
		t.Error("not over without money")
	}
	f.lasted = s.exp.Timeout + time.Second
	if s.judge(f); !f.over || trouble(&f.o) == "" {
		t.Errorf("%v, %q", f.over, f.void)
	}
}

// TestSecrets: the password of a registry is in no journal, no timeline and no message.
func TestSecrets(t *testing.T) {
	const password = "hunter2-and-more"
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultError, Nth: 5, Count: 100, Status: 403, Code: "NoPermission"})})
	exp := web(ArmCold, ArmExplicit)
	exp.Group.RegistryCredentials = []eci.RegistryCredential{{Server: "registry.example.com", UserName: "robot", Password: password}}
	exp.Cache.RegistryCredentials = exp.Group.RegistryCredentials
	var all strings.Builder
	w.opt.Log = func(format string, args ...any) { fmt.Fprintf(&all, format+"\n", args...) }
	journaled := 0
	w.opt.Save = func(timeline *simulate.Timeline) error {
		for _, run := range w.journals() {
			data, err := os.ReadFile(filepath.Join(w.opt.JournalDir, run+journalSuffix))
			if err != nil {
				t.Error(err)
			}
			journaled = max(journaled, len(data))
			all.Write(data)
		}
		data, err := document.Marshal(simulate.TimelineKind, timeline)
		all.Write(data)
		return err
	}
	_, err := w.run(exp)
	fmt.Fprintf(&all, "%v %+v %#v", err, err, err)
	if err == nil || journaled < 1000 {
		t.Errorf("%v, with %d bytes of journal", err, journaled)
	}
	if text := all.String(); strings.Contains(text, password) || strings.Contains(text, ecitest.TestKey().Secret) {
		t.Error("a secret is told")
	}
	w.leaves()
}
