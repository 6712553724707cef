package ecigroup

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/eci/ecitest"
	"github.com/cachebench/cachebench/simulate"
)

// TestResumeComesToNothing: a run that is gone on with is not touched by who fails before it is
// known that nobody else goes on with it, whether its journal is here or not. Who goes on
// then starts from its cache.
func TestResumeComesToNothing(t *testing.T) {
	for name, here := range map[string]bool{"here": true, "on another machine": false} {
		for _, how := range []string{"a list fails", "saving fails", "interrupted"} {
			w := lost(t)
			before := w.server.Leftovers()
			first := w.opt.JournalDir
			if !here {
				w.opt.JournalDir = journalDir(t)
			}
			w.opt.Resume = w.saved
			ctx, stop := context.WithCancel(t.Context())
			switch how {
			case "a list fails":
				w.server.AddFaults(faults(ecitest.Fault{Action: "DescribeImageCaches", Kind: ecitest.FaultGarbage, Nth: 1}))
			case "saving fails":
				w.opt.Save = func(*simulate.Timeline) error { return errors.New("no space left on device") }
			case "interrupted":
				w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
					if action == "DescribeContainerGroups" {
						stop()
					}
					return send()
				})
			}
			exp := web(ArmCold, ArmExplicit)
			_, err := Run(ctx, w.client(), exp, w.opt)
			stop()
			if err == nil || !strings.Contains(err.Error(), "may have left is not touched: go on with it again") {
				t.Errorf("%s, %s: %v", name, how, err)
			}
			w.leaves(before...)
			if left := w.journals(); (len(left) == 1) != here {
				t.Errorf("%s, %s: journals %q", name, how, left)
			}
			w.server.ClearFaults()
			w.transport, w.opt.Save, w.opt.JournalDir = nil, w.save, first
			made := w.server.Created("CreateImageCache")
			timeline, err := w.run(exp)
			if err != nil {
				t.Fatal(err)
			}
			complete(t, exp, timeline)
			if n := w.server.Created("CreateImageCache") - made; n > 0 {
				t.Errorf("%s, %s: %d caches were made again", name, how, n)
			}
			w.leaves()
		}
	}
}

// halfMade leaves a cache whose creation got no answer, of a machine that died meanwhile: no
// journal knows its ID, nor the group that makes it, and it stays that way.
func halfMade(t *testing.T) *world {
	w := newWorld(t, ecitest.Options{Faults: faults(ecitest.Fault{Action: "CreateImageCache", Kind: ecitest.FaultStuck})})
	ctx, die := context.WithCancel(t.Context())
	dead := false
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		if dead {
			return nil, errDead
		}
		answer, err := send()
		if action == "CreateImageCache" {
			dead = true
			die()
			return nil, errDead
		}
		return answer, err
	})
	w.opt.hook = func() error {
		if dead {
			return errDead
		}
		return nil
	}
	if _, err := Run(ctx, w.client(), web(ArmExplicit), w.opt); err == nil || len(w.server.Caches()) != 1 {
		t.Fatalf("%v, %d caches", err, len(w.server.Caches()))
	}
	w.transport, w.opt.hook = nil, nil
	return w
}

// TestHelperIsNotForgotten: the group that makes a cache is told to be left, and the journal
// knows it, until its deletion is answered, also where only a list told of the cache.
func TestHelperIsNotForgotten(t *testing.T) {
	for name, age := range map[string]time.Duration{"here": 10 * time.Minute, "on another machine": 48 * time.Hour} {
		w := halfMade(t)
		w.server.Advance(age)
		if name != "here" {
			w.opt.JournalDir = journalDir(t)
		}
		helpers, refused := map[string]int{}, true
		w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
			answer, err := send()
			if err != nil || action != "DeleteContainerGroup" {
				return answer, err
			}
			// Here the endpoint lets it go with its cache.
			helpers[r.URL.Query().Get("ContainerGroupId")]++
			if refused {
				answer.StatusCode = http.StatusForbidden
				return answered(answer, `{"RequestId": "A", "Code": "NoPermission", "Message": "No."}`), nil
			}
			answer.StatusCode = http.StatusOK
			return answered(answer, `{"RequestId": "A"}`), nil
		})
		removed, err := w.cleanUpWith(w.client(), "")
		var left *LeftError
		if !errors.As(err, &left) || len(left.Left) != 1 || left.Left[0].Kind != Group || helpers[left.Left[0].ID] < 2 || len(removed) > 0 || len(w.journals()) != 1 {
			t.Fatalf("%s: removed %q, %v, journals %q, asked to delete %v", name, removed, err, w.journals(), helpers)
		}
		refused = false
		tries := helpers[left.Left[0].ID]
		id := left.Left[0].ID
		removed, err = w.cleanUpWith(w.client(), "")
		if err != nil || helpers[id] != tries+1 || len(w.journals()) > 0 || len(removed) != 1 || !strings.Contains(removed[0], id) {
			t.Errorf("%s: again: removed %q, %v, journals %q, asked to delete %v", name, removed, err, w.journals(), helpers)
		}
		w.leaves()
	}
}
