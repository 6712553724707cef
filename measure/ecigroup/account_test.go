package ecigroup

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// otherAccount is a client with the key of another account, in which there is nothing. Where
// lost is not nil the first answers to deletions are lost on the way.
func (w *world) otherAccount(lost *bool) *eci.Client {
	key := ecitest.AccessKey{ID: "another", Secret: "anothersecret"}
	account := ecitest.NewServer(ecitest.Options{AccessKeys: []ecitest.AccessKey{key}})
	w.t.Cleanup(account.Close)
	client, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: w.server.URL, Sleep: w.sleep, Now: w.server.Now,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(key.ID), Secret: eci.Secret(key.Secret)}},
		Transport: through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
			if lost != nil && strings.HasPrefix(action, "Delete") && !*lost {
				*lost = true
				return nil, errDead
			}
			there, err := url.Parse(account.URL)
			r.URL.Host = there.Host
			if err != nil {
				return nil, err
			}
			return send()
		}),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return client
}

// roleKey is a client with another key of the same account, as each session of a role has.
func (w *world) roleKey(id string) *eci.Client {
	c, err := eci.New(eci.Config{
		RegionID: "cn-hangzhou", Endpoint: w.server.URL, Sleep: w.sleep, Now: w.server.Now,
		Credentials: eci.Credentials{AccessKey: eci.AccessKey{ID: eci.Secret(id), Secret: "rolesecret"}},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// roles are a world whose account has keys besides.
func roles(t *testing.T, faults ecitest.Faults) *world {
	return newWorld(t, ecitest.Options{Faults: faults, AccessKeys: []ecitest.AccessKey{
		ecitest.TestKey(), {ID: "role1", Secret: "rolesecret"}, {ID: "role2", Secret: "rolesecret"},
	}})
}

// unanswered leaves a journal of nothing but creations whose answers were lost, of a machine
// that died. What was made shows only after UnlistedFor.
func unanswered(t *testing.T, w *world, action string) {
	m := &mortal{die: func() {}}
	w.retry = eci.Retry{Attempts: 1}
	w.transport = through(func(r *http.Request, name string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := m.RoundTrip(r)
		if name == action {
			m.stop()
		}
		return answer, err
	})
	exp := web(ArmExplicit)
	if action == "CreateContainerGroup" {
		exp = web(ArmCold)
	}
	ctx, die := context.WithCancel(t.Context())
	m.die = die
	if _, err := Run(ctx, w.client(), exp, w.opt); err == nil || w.server.Created(action) != 1 || len(w.journals()) != 1 {
		t.Fatalf("%v, %d were made, journals %q", err, w.server.Created(action), w.journals())
	}
	w.transport, w.retry = nil, eci.Retry{}
}

func (w *world) cleanUpWith(client *eci.Client, run string) ([]string, error) {
	return CleanUp(w.t.Context(), client, CleanUpOptions{JournalDir: w.opt.JournalDir, Run: run, Now: w.opt.Now, Sleep: w.opt.Sleep})
}

// TestUnansweredOfAnotherAccount: a journal that holds only creations without an answer is
// not forgotten by who cleans up with the key of another account; the run's own key
// finds what was made.
func TestUnansweredOfAnotherAccount(t *testing.T) {
	for _, action := range []string{"CreateContainerGroup", "CreateImageCache"} {
		w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: action, Kind: ecitest.FaultLate})})
		unanswered(t, w, action)
		if removed, err := w.cleanUpWith(w.otherAccount(nil), ""); !errors.Is(err, errUnknownHere) || len(removed) > 0 || len(w.journals()) != 1 {
			t.Errorf("%s: %v; deleted %q, journals %q", action, err, removed, w.journals())
		} else if _, err := w.cleanUpWith(w.otherAccount(nil), w.journals()[0]); !errors.Is(err, errUnknownHere) || len(w.journals()) != 1 {
			t.Errorf("%s: the command to paste takes this for the run's account: %v, journals %q", action, err, w.journals())
		}
		w.opt.Resume = w.saved
		made := w.server.Created("")
		if _, err := Run(t.Context(), w.otherAccount(nil), web(map[string]string{"CreateContainerGroup": ArmCold, "CreateImageCache": ArmExplicit}[action]), w.opt); !errors.Is(err, errUnknownHere) || len(w.journals()) != 1 || w.server.Created("") != made {
			t.Errorf("%s: gone on with in another account: %v, journals %q", action, err, w.journals())
		}
		w.cleanUp()
		w.leaves()
		if len(w.journals()) > 0 {
			t.Errorf("%s: journals %q", action, w.journals())
		}
	}
}

// TestLostDeletionOfAnotherAccount: a deletion that went without an answer, and is then
// answered by an account that knows nothing of it, forgets nothing.
func TestLostDeletionOfAnotherAccount(t *testing.T) {
	w := lost(t)
	before, gone := w.server.Leftovers(), false
	if removed, err := w.cleanUpWith(w.otherAccount(&gone), ""); !errors.Is(err, errUnknownHere) || len(removed) > 0 || len(w.journals()) != 1 {
		t.Errorf("%v; deleted %q, journals %q", err, removed, w.journals())
	}
	w.leaves(before...)
	w.cleanUp()
	w.leaves()
}

// TestRoleKeys: the keys of a role are new each time. What is in a list shows that the
// account is the run's, and then what is not is gone; where nothing shows it, somebody has to
// say so.
func TestRoleKeys(t *testing.T) {
	w := roles(t, ecitest.Faults{})
	m := &mortal{die: func() {}}
	w.transport, w.retry = m, eci.Retry{Attempts: 1}
	w.opt.Save = func(timeline *simulate.Timeline) error {
		if len(timeline.Startups) > 3 {
			m.stop()
		}
		return w.save(timeline)
	}
	exp := web(ArmCold, ArmExplicit)
	if _, err := w.run(exp); err == nil || len(w.server.Leftovers()) < 2 {
		t.Fatalf("%v, with %q left", err, w.server.Leftovers())
	}
	w.transport, w.retry, w.opt.Save = nil, eci.Retry{}, w.save
	// One of two is gone: that it is not found is of this account.
	for _, left := range w.server.Leftovers() {
		if words := strings.Fields(left); words[0] == "group" {
			if err := w.roleKey("role1").DeleteContainerGroup(t.Context(), eci.ContainerGroupDeletion{ID: words[1], Force: true}); err != nil {
				t.Fatal(err)
			}
			break
		}
	}
	w.server.Advance(time.Hour)
	w.opt.Resume = w.saved
	timeline, err := Run(t.Context(), w.roleKey("role1"), exp, w.opt)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	w.leaves()

	w = roles(t, faults(ecitest.Fault{Action: "CreateContainerGroup", Kind: ecitest.FaultUnreached}))
	ctx, stop := context.WithCancel(t.Context())
	w.opt.Sleep = func(context.Context, time.Duration) error { stop(); return context.Canceled }
	if _, err := Run(ctx, w.client(), web(ArmCold), w.opt); err == nil {
		t.Fatal("nothing is unanswered")
	}
	w.opt.Sleep = w.sleep
	if _, err := w.cleanUpWith(w.roleKey("role2"), ""); !errors.Is(err, errUnknownHere) || len(w.journals()) != 1 {
		t.Fatalf("%v, journals %q", err, w.journals())
	}
	run := w.journals()[0]
	if _, err := w.cleanUpWith(w.roleKey("role2"), run); !errors.Is(err, errUnknownHere) || len(w.journals()) != 1 {
		t.Fatalf("named: %v, journals %q", err, w.journals())
	}
	if _, err := CleanUp(t.Context(), w.roleKey("role2"), CleanUpOptions{JournalDir: w.opt.JournalDir, Run: run, ThisAccount: true, Now: w.opt.Now, Sleep: w.opt.Sleep}); err != nil || len(w.journals()) > 0 {
		t.Errorf("said to be this account: %v, journals %q", err, w.journals())
	}
}

// TestResumeElsewhere: a run that its tags say may be under way is not gone on with where
// its journal is not: nothing of it is touched.
func TestResumeElsewhere(t *testing.T) {
	w := lost(t)
	before := w.server.Leftovers()
	here, there := w.opt.JournalDir, journalDir(t)
	w.opt.JournalDir, w.opt.Resume = there, w.saved
	exp := web(ArmCold, ArmExplicit)
	if _, err := w.run(exp); err == nil || !strings.Contains(err.Error(), "may be under way on another machine until") {
		t.Errorf("gone on with elsewhere: %v", err)
	}
	w.leaves(before...)
	if left, _ := os.ReadDir(there); len(w.journals()) > 0 {
		t.Errorf("%v is left", left)
	}
	w.server.Advance(48 * time.Hour)
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	complete(t, exp, timeline)
	w.leaves()
	if _, err := os.Stat(filepath.Join(here, RunOf(w.saved)+journalSuffix)); err != nil {
		t.Error(err)
	}
}
