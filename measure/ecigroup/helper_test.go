package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// TestHelperOfFound: the group that makes a cache goes with it also where the answer that
// named it was lost, and what cannot be deleted of the two is what is told.
func TestHelperOfFound(t *testing.T) {
	for _, refused := range []bool{false, true} {
		w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultLost, Nth: 1})})
		w.retry = eci.Retry{Attempts: 1}
		ctx, stop := context.WithCancel(t.Context())
		helper := ""
		w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
			switch action {
			case "DescribeImageCaches":
				if caches := w.server.Caches(); len(caches) > 0 {
					defer stop()
				}
			case "DeleteContainerGroup": // no start was made
				helper = r.URL.Query().Get("ContainerGroupId")
			}
			return send()
		})
		if refused {
			w.server.AddFaults(faults(ecitest.Fault{Action: "DeleteContainerGroup", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"}))
		}
		_, err := Run(ctx, w.client(), web(ArmExplicit), w.opt)
		var left *LeftError
		if n := w.server.Created("CreateContainerGroup"); n > 0 || helper == "" || errors.As(err, &left) != refused {
			t.Fatalf("%d groups were made, %q was deleted, %v", n, helper, err)
		}
		if refused && (len(left.Left) != 1 || left.Left[0].ID != helper || !strings.Contains(err.Error(), "DeleteContainerGroup --RegionId cn-hangzhou --ContainerGroupId "+helper)) {
			t.Errorf("%s is left, told is %v", helper, err)
		}
		w.leaves()
	}
}

// answered replaces the body of an answer.
func answered(answer *http.Response, body string) *http.Response {
	answer.Body.Close()
	answer.Body, answer.ContentLength = io.NopCloser(strings.NewReader(body)), -1
	return answer
}

// TestFiltersOfTags: a service that finds nothing by a tag's key alone hides nothing from a
// clean-up elsewhere, and one that takes no notice of a filter gives nobody else's away.
func TestFiltersOfTags(t *testing.T) {
	w := lost(t)
	client := w.client()
	theirs, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{Name: "theirs", Containers: []eci.Container{{Name: "c", Image: "mysql:8"}}})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(strings.Join(w.server.Leftovers(), " "), "cb-") {
		t.Fatal("no group is left")
	}
	w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if err == nil && action == "DescribeContainerGroups" && strings.Contains(r.URL.RawQuery, "Tag.1.Key") {
			if r.URL.Query().Get("Tag.1.Value") == "" {
				return answered(answer, `{"RequestId": "A", "TotalCount": 0, "ContainerGroups": []}`), nil
			}
			return answered(answer, `{"RequestId": "A", "TotalCount": 1, "ContainerGroups": [{"ContainerGroupId": "`+theirs.ID+`", "ContainerGroupName": "theirs", "Status": "Running"}]}`), nil
		}
		return answer, err
	})
	w.opt.JournalDir = journalDir(t) // another machine
	w.server.Advance(48 * time.Hour)
	for _, app := range []string{"", "again"} { // a run with a group of its own, whose journal is gone, too
		if _, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
			Name: "cb-lost-1" + app, Containers: []eci.Container{{Name: "c", Image: "postgres:17"}}, Tags: []eci.Tag{{Key: TagRun, Value: "lost-1"}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	w.cleanUp()
	if _, err := w.run(web(ArmCold)); err != nil {
		t.Fatal(err)
	}
	w.leaves("group " + theirs.ID)
}

// TestInterruptedQuestion: who interrupts the question about one run is not asked about the
// next; who says no to one is.
func TestInterruptedQuestion(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	client := w.client()
	for _, run := range []string{"lost-1", "lost-2", "lost-3"} {
		if _, err := client.CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
			Name: "cb-" + run, Containers: []eci.Container{{Name: "c", Image: "postgres:17"}}, Tags: []eci.Tag{{Key: TagRun, Value: run}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	for answer, want := range map[error]int{fmt.Errorf("nothing was done: %w", context.Canceled): 1, errors.New("the answer was not yes"): 3} {
		var asked, kept []string
		_, err := CleanUp(t.Context(), client, CleanUpOptions{
			JournalDir: w.opt.JournalDir, Now: w.opt.Now, Sleep: w.opt.Sleep,
			Confirm: func(run string, _ []string) (bool, error) { asked = append(asked, run); return true, answer },
			Kept:    func(run string) { kept = append(kept, run) },
		})
		if err == nil || len(asked) != want || len(kept) != 3 || len(w.server.Leftovers()) != 3 {
			t.Errorf("%v: asked about %q, kept %q, %v", answer, asked, kept, err)
		}
	}
}

// TestWaitingIsTold: who interrupts a run that waits for what may still show hears of what.
func TestWaitingIsTold(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	ctx, stop := context.WithCancel(t.Context())
	w.transport = w.listsLate(stop)
	var told strings.Builder
	w.opt.Warn = func(format string, args ...any) { fmt.Fprintf(&told, format+"\n", args...) }
	if _, err := Run(ctx, w.client(), web(ArmAutomatic), w.opt); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	if !strings.Contains(told.String(), "in no list yet: image cache auto-create-for-eci-") || strings.Count(told.String(), "waiting") != 1 {
		t.Errorf("told is %q", told.String())
	}
	w.leaves()
}
