package ecigroup

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// through is a way to the server that a test looks at, or changes.
type through func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error)

func (f through) RoundTrip(r *http.Request) (*http.Response, error) {
	var form url.Values
	if r.Body != nil {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		form, _ = url.ParseQuery(string(body))
		r.Body = io.NopCloser(strings.NewReader(string(body)))
	}
	action := r.URL.Query().Get("Action")
	if action == "" {
		action = form.Get("Action")
	}
	if form.Get("DryRun") != "" || r.URL.Query().Get("DryRun") != "" {
		action += " to see"
	}
	return f(r, action, func() (*http.Response, error) { return http.DefaultTransport.RoundTrip(r) })
}

// TestLateEffects: what went without an answer, and shows only later, is waited for.
func TestLateEffects(t *testing.T) {
	for _, action := range []string{"CreateContainerGroup", "CreateImageCache"} {
		w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: action, Kind: ecitest.FaultLate})})
		w.retry = eci.Retry{Attempts: 1}
		began := w.server.Now()
		if _, err := w.run(web(ArmExplicit)); err == nil {
			t.Errorf("%s: without any answer all is well", action)
		}
		if w.server.Created(action) == 0 {
			t.Errorf("%s has made nothing", action)
		}
		w.leaves()
		if left := w.journals(); len(left) > 0 {
			t.Errorf("%s: journals are left: %q", action, left)
		}
		if took := w.server.Now().Sub(began); took < ecitest.UnlistedFor {
			t.Errorf("%s: it ended after %v", action, took)
		}
	}
}

// TestMayExist: what was asked for, and was not waited for long enough, is listed as what
// may be there, its journal stays, and a clean-up waits for it.
func TestMayExist(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultLate})})
	w.retry = eci.Retry{Attempts: 1}
	asked := false
	w.opt.Sleep = func(ctx context.Context, d time.Duration) error {
		if asked {
			return context.Canceled // somebody is out of patience
		}
		return w.sleep(ctx, d)
	}
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		asked = asked || action == "CreateImageCache"
		return send()
	})
	_, err := w.run(web(ArmExplicit))
	var left *LeftError
	if !errors.As(err, &left) || len(left.Left) != 1 || !errors.Is(err, errMayExist) {
		t.Fatalf("%v, want one that may exist", err)
	}
	if run := w.journals(); len(run) != 1 || !strings.Contains(err.Error(), "--run "+run[0]+" --journal "+w.opt.JournalDir+" --endpoint "+w.server.URL) {
		t.Errorf("journals %q, %v", run, err)
	}
	w.opt.Sleep, w.transport = w.sleep, nil
	if removed := w.cleanUp(); len(removed) != 1 {
		t.Errorf("%q are deleted", removed)
	}
	w.leaves()
	if left := w.journals(); len(left) > 0 {
		t.Errorf("journals are left: %q", left)
	}
}

// TestNotFoundYet: a group that is not found just after it was made is not gone.
func TestNotFoundYet(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultUnlisted})})
	ctx, stop := context.WithCancel(t.Context())
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if action == "DescribeContainerGroupStatus" {
			stop()
		}
		return answer, err
	})
	if _, err := Run(ctx, w.client(), web(ArmCold), w.opt); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if w.server.Created("CreateContainerGroup") == 0 {
		t.Error("no group was made")
	}
	w.leaves()
}

// listsLate shows no cache until half a minute after a group was made, and stops the run at
// the first look at one.
func (w *world) listsLate(stop func()) http.RoundTripper {
	var seen time.Time
	return through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		switch {
		case err != nil:
		case action == "CreateContainerGroup":
			seen = w.server.Now().Add(30 * time.Second)
		case action == "DescribeContainerGroupStatus":
			stop()
		case action == "DescribeImageCaches" && w.server.Now().Before(seen):
			return answered(answer, `{"RequestId": "A", "ImageCaches": [], "TotalCount": 0}`), nil
		}
		return answer, err
	})
}

// TestLateAutomatic: the automatic cache of a group that was deleted at once shows only
// half a minute later.
func TestLateAutomatic(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	ctx, stop := context.WithCancel(t.Context())
	w.transport = w.listsLate(stop)
	if _, err := Run(ctx, w.client(), web(ArmAutomatic), w.opt); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if w.server.Created("AutomaticImageCache") != 1 {
		t.Error("no automatic cache was made")
	}
	w.leaves()
}

// TestTerminatingAutomatic: a group that goes already still tells which cache is its own.
func TestTerminatingAutomatic(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	client := w.client()
	group, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
		Name: "cb-lost", AutoMatchImageCache: true, Containers: []eci.Container{{Name: "c", Image: "postgres:17"}},
		Tags: []eci.Tag{{Key: TagRun, Value: "lost-1"}, {Key: TagUntil, Value: noon.Add(-24 * time.Hour).Format(time.RFC3339)}},
	})
	if err == nil {
		err = client.DeleteContainerGroup(t.Context(), eci.ContainerGroupDeletion{ID: group.ID})
	}
	if err != nil || len(w.server.Leftovers()) != 1 {
		t.Fatalf("%v, %q", err, w.server.Leftovers())
	}
	// The run has another group, which brings it to light.
	if _, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
		Name: "cb-other", Containers: []eci.Container{{Name: "c", Image: "postgres:17"}}, Tags: []eci.Tag{{Key: TagRun, Value: "lost-1"}},
	}); err != nil {
		t.Fatal(err)
	}
	w.cleanUp()
	w.leaves()
}

// TestDeletionsFail: groups that cannot be deleted are tried again while the run goes on,
// and are not to become many.
func TestDeletionsFail(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "DeleteContainerGroup", Kind: ecitest.FaultError, Nth: 2, Count: 3})})
	w.retry = eci.Retry{Attempts: 1}
	exp := web(ArmCold)
	exp.Repeats, exp.Concurrency = 10, 1
	most := 0
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) { most = max(most, len(w.server.Leftovers())) }
	w.opt.Warn = func(format string, _ ...any) {
		if strings.Contains(format, "are not deleted yet") {
			t.Error("deletions are left to the end")
		}
	}
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if most > 2 {
		t.Errorf("%d groups were there at once, want one and one that could not be deleted", most)
	}
	w.leaves()
	for name, fault := range map[string]ecitest.Fault{
		"hopeless": {Action: "DeleteContainerGroup", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"},
		"again":    {Action: "DeleteContainerGroup", Kind: ecitest.FaultError},
	} {
		w := newWorld(t, ecitest.Options{Faults: faults(fault)})
		w.retry = eci.Retry{Attempts: 1}
		if _, err := w.run(exp); err == nil || !strings.Contains(err.Error(), "cannot be deleted: ") {
			t.Errorf("%s: %v", name, err)
		}
		if n := w.server.Created("CreateContainerGroup"); n > 3 {
			t.Errorf("%s: %d groups were made", name, n)
		}
	}
}

// TestMaxCostUndeleted: under a limit no more groups are made than can be paid for until
// their deadlines, where none of them can be deleted.
func TestMaxCostUndeleted(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(
		ecitest.Fault{Action: "DeleteContainerGroup", Kind: ecitest.FaultError, Status: 400, Code: "IncorrectStatus"},
	)})
	limit := cost.International().Money(0.2)
	w.opt.MaxCost = &limit
	exp := web(ArmCold)
	exp.Repeats, exp.Concurrency = 50, 1
	if _, err := w.run(exp); !errors.Is(err, ErrMaxCost) {
		t.Errorf("%v, want the limit", err)
	}
	// 2 vCPU and 4 GiB until the deadline of 11 minutes (eci §5.2): 15 of them are paid for.
	each := (2*0.0000077 + 4*0.00000096) * 660
	if n := float64(w.server.Created("CreateContainerGroup")); n*each > limit.Amount || n < 12 {
		t.Errorf("%g groups that cost %g each were made for %v", n, each, limit)
	}
}

// TestListingFails: what is known is deleted also where nothing can be listed.
func TestListingFails(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	var once sync.Once
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) {
		once.Do(func() {
			for _, action := range []string{"DescribeContainerGroups", "DescribeImageCaches", "DescribeContainerGroupStatus"} {
				w.server.AddFaults(faults(ecitest.Fault{Action: action, Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"}))
			}
		})
	}
	_, err := w.run(web(ArmCold, ArmExplicit))
	var left *LeftError
	if !errors.As(err, &left) || len(left.Left) != 1 || left.Left[0].Kind != "and" || len(w.journals()) != 1 {
		t.Errorf("%v, want that it is not known what else there is; journals %q", err, w.journals())
	}
	w.leaves()
}

// lost is a world with what a run left whose machine died.
func lost(t *testing.T) *world {
	w := newWorld(t, ecitest.Options{})
	m := &mortal{die: func() {}}
	w.transport, w.retry = m, eci.Retry{Attempts: 1}
	w.opt.Save = func(timeline *simulate.Timeline) error {
		if len(timeline.Startups) > 3 {
			m.stop()
		}
		return w.save(timeline)
	}
	if _, err := w.run(web(ArmCold, ArmExplicit)); err == nil || len(w.server.Leftovers()) < 2 {
		t.Fatalf("%v, with %q left", err, w.server.Leftovers())
	}
	w.transport, w.retry, w.opt.Save = nil, eci.Retry{}, w.save
	return w
}

// TestAnotherAccount: who cleans up with the credentials of another account is told that
// it knows nothing of the run, and the journal stays. What is gone is not said to be
// deleted.
func TestAnotherAccount(t *testing.T) {
	w := lost(t)
	removed, err := CleanUp(t.Context(), w.otherAccount(nil), CleanUpOptions{JournalDir: w.opt.JournalDir, Now: w.opt.Now, Sleep: w.opt.Sleep})
	if !errors.Is(err, errUnknownHere) || len(removed) > 0 || len(w.journals()) != 1 {
		t.Errorf("%v; deleted %q, journals %q", err, removed, w.journals())
	}
	// One is deleted by hand.
	gone := strings.Fields(w.server.Leftovers()[0])
	if err := w.client().DeleteImageCache(t.Context(), gone[1], ""); err != nil {
		t.Fatal(err)
	}
	w.server.Advance(time.Hour)
	if removed := strings.Join(w.cleanUp(), " "); removed == "" || strings.Contains(removed, gone[1]) || len(w.journals()) > 0 {
		t.Errorf("deleted %q, of which %s was gone; journals %q", removed, gone[1], w.journals())
	}
	w.leaves()
}

// TestDamagedJournal: lines that cannot be read are passed over, and what they said is
// found by the tag.
func TestDamagedJournal(t *testing.T) {
	w := lost(t)
	name := filepath.Join(w.opt.JournalDir, w.journals()[0]+journalSuffix)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(data), "\n")
	for i := 1; i < len(lines); i += 2 {
		lines[i] = "\x00\x00" + lines[i]
	}
	if err := os.WriteFile(name, []byte(strings.Join(lines, "")), 0o600); err != nil {
		t.Fatal(err)
	}
	w.cleanUp()
	w.leaves()
	if left := w.journals(); len(left) > 0 {
		t.Errorf("journals are left: %q", left)
	}
}

// TestShortWrite: a line that could not be written does not spoil the next.
func TestShortWrite(t *testing.T) {
	dir := journalDir(t)
	j, err := openJournal(dir, "run-1", noon)
	if err != nil {
		t.Fatal(err)
	}
	one := entry{What: wroteAsk, resource: resource{Kind: Group, Token: "a", Name: "cb-a"}}
	two := entry{What: wroteAsk, resource: resource{Kind: Group, Token: "b", Name: "cb-b"}}
	file := j.file
	if _, err := file.WriteString(`{"what":"as`); err != nil { // half of it, before the disk is full
		t.Fatal(err)
	}
	if j.file, err = os.Open(j.name); err != nil {
		t.Fatal(err)
	}
	if err := j.write(true, one); err == nil {
		t.Error("a file that is only to be read was written")
	}
	j.file.Close()
	j.file = file
	if err := j.write(true, two); err != nil {
		t.Fatal(err)
	}
	j.close(false)
	if j, err = openJournal(dir, "run-1", noon); err != nil || len(j.resources()) != 1 || j.resources()[0].Name != "cb-b" {
		t.Errorf("%v, %+v", err, j.resources())
	}
	j.close(true)
}

// TestHelper: the group that makes a cache is deleted, too, where the cache goes before it
// is done, and does not take it along.
func TestHelper(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	ctx, stop := context.WithCancel(t.Context())
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if action == "CreateImageCache" {
			stop()
		}
		return answer, err
	})
	deleted := 0
	next := w.transport
	w.transport = through(func(r *http.Request, action string, _ func() (*http.Response, error)) (*http.Response, error) {
		if action == "DeleteContainerGroup" { // no start was made
			deleted++
		}
		return next.RoundTrip(r)
	})
	if _, err := Run(ctx, w.client(), web(ArmExplicit), w.opt); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if n := w.server.Created("CreateContainerGroup"); n > 0 || deleted != 1 {
		t.Errorf("%d groups are deleted, %d were made; want the helper", deleted, n)
	}
	w.leaves()
}

// TestUncertainExplicit: a group whose cache is said to be gone, by the answer to a call
// that was made again, may have been made by the call before.
func TestUncertainExplicit(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultUnlisted, Nth: 3})})
	tries := 0
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		if action != "CreateContainerGroup" || w.server.Created(action) < 1 || tries > 1 {
			return send()
		}
		answer, err := send()
		if tries++; tries == 1 || err != nil {
			return nil, errDead
		}
		answer.StatusCode = http.StatusNotFound
		answer.Body = io.NopCloser(strings.NewReader(`{"RequestId": "A", "Code": "ImageSnapshot.NotFound", "Message": "It does not exist."}`))
		answer.ContentLength = -1
		return answer, nil
	})
	exp := web(ArmExplicit)
	exp.Concurrency = 1
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	if tries != 2 || !slices.ContainsFunc(timeline.Measurement.Runs, func(r simulate.MeasuredRun) bool { return strings.Contains(r.Void, "ImageSnapshot.NotFound") }) {
		t.Errorf("%d tries, runs %+v", tries, timeline.Measurement.Runs)
	}
	w.leaves()
}

// TestTerminatingIsKnown: groups that were deleted and still are in lists, as going, are
// not waited for.
func TestTerminatingIsKnown(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	gone := ""
	w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		if action == "DeleteContainerGroup" {
			gone = r.URL.Query().Get("ContainerGroupId")
		}
		answer, err := send()
		if err == nil && gone != "" && action == "DescribeContainerGroups" && r.URL.Query().Get("ContainerGroupIds") == "" {
			answer.Body = io.NopCloser(strings.NewReader(`{"RequestId": "A", "TotalCount": 1, "ContainerGroups": [{"ContainerGroupId": "` + gone + `", "ContainerGroupName": "cb-gone", "Status": "Terminating"}]}`))
			answer.ContentLength = -1
		}
		return answer, err
	})
	var ended time.Time
	w.opt.Progress = func(int, int, string, int, *simulate.MeasuredRun) { ended = w.server.Now() }
	exp := web(ArmCold)
	exp.Concurrency = 1
	if _, err := w.run(exp); err != nil {
		t.Fatal(err)
	}
	if took := w.server.Now().Sub(ended); took > 10*time.Second || gone == "" {
		t.Errorf("the end took %v, with %q", took, gone)
	}
}
