package ecigroup

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
)

// TestLeftElsewhere: where a clean-up on another machine cannot delete the automatic cache of a
// group that it has deleted, its journal stays, and the clean-up after it finds the cache.
func TestLeftElsewhere(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	unanswered(t, w, "CreateContainerGroup") // of arm cold: see that it makes nothing more
	run := w.journals()[0]
	if _, err := w.client().CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
		Name: "cb-" + run + "-1", AutoMatchImageCache: true, Containers: []eci.Container{{Name: "c", Image: "postgres:17"}},
		Tags: []eci.Tag{{Key: TagRun, Value: run}, {Key: TagUntil, Value: w.server.Now().Add(24 * time.Hour).Format(time.RFC3339)}},
	}); err != nil {
		t.Fatal(err)
	}
	w.opt.JournalDir = journalDir(t)
	w.server.Advance(10 * time.Second)
	w.server.AddFaults(faults(ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"}))
	_, err := w.cleanUpWith(w.client(), run)
	var left *LeftError
	if !errors.As(err, &left) || len(w.server.Caches()) != 1 || len(w.journals()) != 1 {
		t.Fatalf("%v, journals %q", err, w.journals())
	}
	for _, g := range w.server.Groups() {
		if g.Tags[TagRun] != "" && g.Status != "Terminating" {
			t.Errorf("group %s is there: the tag would tell of the cache", g.ID)
		}
	}
	w.server.ClearFaults()
	w.server.Advance(2 * time.Hour)
	if removed, err := w.cleanUpWith(w.client(), ""); err != nil || len(removed) != 1 || len(w.journals()) > 0 {
		t.Errorf("removed %q, %v, journals %q", removed, err, w.journals())
	}
	w.leaves()
}

// TestUnreadableRow: one row that cannot be read keeps no run from being cleaned up, and is told.
func TestUnreadableRow(t *testing.T) {
	for action, list := range map[string]string{"DescribeContainerGroups": `"ContainerGroups":[`, "DescribeImageCaches": `"ImageCaches":[`} {
		w := lost(t)
		w.server.Advance(48 * time.Hour)
		w.opt.JournalDir = journalDir(t)
		for _, tags := range [][]eci.Tag{nil, {{Key: TagRun, Value: "lost-1"}}} {
			if _, err := w.client().CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{Name: "theirs", Containers: []eci.Container{{Name: "c", Image: "postgres:17"}}, Tags: tags}); err != nil {
				t.Fatal(err)
			}
		}
		w.transport = through(func(_ *http.Request, name string, send func() (*http.Response, error)) (*http.Response, error) {
			answer, err := send()
			if err != nil || name != action {
				return answer, err
			}
			body, err := io.ReadAll(answer.Body)
			return answered(answer, strings.Replace(string(body), list, list+"7,", 1)), err
		})
		if _, err := w.cleanUpWith(w.client(), ""); !errors.Is(err, eci.ErrReply) {
			t.Errorf("%s: %v", action, err)
		}
		w.leaves("group") // that has no tag
	}
}

// TestCommandToPaste: the command that an error names finds the journal from any directory,
// reaches the endpoint, and takes nobody's account for the run's.
func TestCommandToPaste(t *testing.T) {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "DeleteImageCache", Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"})})
	whole := w.opt.JournalDir
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if w.opt.JournalDir, err = filepath.Rel(here, whole); err != nil {
		t.Fatal(err)
	}
	_, err = w.run(web(ArmExplicit))
	run := w.journals()[0]
	if err == nil || !strings.Contains(err.Error(), " --run "+run+" --journal "+whole+" --endpoint "+w.server.URL+"\n") {
		t.Errorf("%v", err)
	}
	w.server.ClearFaults()
	w.server.Advance(time.Hour)
	before := w.server.Leftovers()
	if removed, err := w.cleanUpWith(w.otherAccount(nil), run); !errors.Is(err, errUnknownHere) || len(removed) > 0 || len(w.journals()) != 1 {
		t.Errorf("pasted where the account is another: removed %q, %v, journals %q", removed, err, w.journals())
	}
	w.leaves(before...)
	if removed, err := w.cleanUpWith(w.client(), run); err != nil || len(removed) != 1 {
		t.Errorf("removed %q, %v", removed, err)
	}
	w.leaves()
	for endpoint, want := range map[string]string{
		"https://eci.cn-hangzhou.aliyuncs.com": "https://eci.cn-hangzhou.aliyuncs.com",
		"http://127.0.0.1:80":                  "http://127.0.0.1:80",
		"http://192.0.2.2:80":                  "http://192.0.2.2:80 --plain-http-endpoint",
	} {
		if got := endpointFlags(endpoint); got != want {
			t.Errorf("%s: %s", endpoint, got)
		}
	}
	if _, err := CleanUp(context.Background(), w.client(), CleanUpOptions{JournalDir: whole, ThisAccount: true}); err == nil {
		t.Error("all runs are said to be of this account")
	}
}
