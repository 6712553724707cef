package ecigroup

import (
	"context"
	"errors"
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

// TestCutOffSpent: a group that was asked for when the run was interrupted, and of which
// nobody can say whether it is there, may cost all that it can.
func TestCutOffSpent(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	ctx, stop := context.WithCancel(t.Context())
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if action == "CreateContainerGroup" {
			stop()
			w.server.AddFaults(faults(ecitest.Fault{Kind: ecitest.FaultError, Status: 403, Code: "NoPermission"}))
			return nil, errDead
		}
		return answer, err
	})
	var spent cost.Money
	w.opt.Spent = func(m cost.Money) { spent = m }
	exp := web(ArmCold)
	exp.Concurrency = 1
	_, err := Run(ctx, w.client(), exp, w.opt)
	var left *LeftError
	if want := instanceSecond * 660; !errors.As(err, &left) || spent.Amount < want || len(w.server.Leftovers()) != 1 {
		t.Errorf("%v are told to be spent, want %f at least; %v", spent, want, err)
	}
}

// TestKeptMeanwhile: a cache that a killed run left costs money until somebody goes on.
func TestKeptMeanwhile(t *testing.T) {
	w := lost(t)
	w.server.Advance(20 * 24 * time.Hour)
	var spent cost.Money
	w.opt.Spent, w.opt.Resume = func(m cost.Money) { spent = m }, w.saved
	exp := web(ArmCold, ArmExplicit)
	exp.Repeats = 3
	if _, err := w.run(exp); err != nil {
		t.Fatal(err)
	}
	if want := keepSecond * 20 * 24 * 3600; spent.Amount < want {
		t.Errorf("%v are told to be spent, the cache alone was kept for %f", spent, want)
	}
	w.leaves()
}

// TestPreflightMade: a service that makes the group that it was only asked about is paid for
// it, and it goes soon, with the automatic cache that it caused.
func TestPreflightMade(t *testing.T) {
	for _, arm := range []string{ArmCold, ArmAutomatic} {
		w := newWorld(t, ecitest.Options{})
		made, deleted := "", 0
		w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
			answer, err := send()
			if r.URL.Query().Get("ContainerGroupId") == made && action == "DeleteContainerGroup" {
				deleted = w.server.Created("CreateContainerGroup")
			}
			if err != nil || action != "CreateContainerGroup to see" {
				return answer, err
			}
			transport := w.transport
			w.transport = nil
			group, err := w.client().CreateContainerGroup(t.Context(), eci.ContainerGroupSpec{
				Name: r.URL.Query().Get("ContainerGroupName"), Containers: []eci.Container{{Name: "c", Image: "mysql:8"}}, AutoMatchImageCache: arm == ArmAutomatic,
			})
			if w.transport, made = transport, group.ID; err != nil {
				t.Error(err)
			}
			answer.StatusCode = http.StatusOK
			return answered(answer, `{"RequestId": "A", "ContainerGroupId": "`+made+`"}`), nil
		})
		exp := web(arm)
		exp.Concurrency, exp.Repeats = 1, 3
		b := &bill{w.server, map[string]time.Time{}, map[string]bool{}}
		var spent cost.Money
		w.opt.Spent = func(m cost.Money) { spent = m }
		if _, err := w.run(exp); err != nil {
			t.Fatal(err)
		}
		if charged := b.charged(11*time.Minute, false); spent.Amount < charged || made == "" || deleted == 0 || deleted > 3 {
			t.Errorf("%s: %v are told to be spent, %f are charged; %q was deleted after %d were made", arm, spent, charged, made, deleted)
		}
		w.leaves()
	}
}

// TestLateAutomaticIsTimed: an automatic cache that is in no list until its group is long
// deleted is waited for, and its making is timed.
func TestLateAutomaticIsTimed(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	var seen time.Time
	w.transport = through(func(r *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if err == nil && action == "DeleteContainerGroup" && seen.IsZero() {
			seen = w.server.Now().Add(40 * time.Second)
		}
		if err == nil && action == "DescribeImageCaches" && (seen.IsZero() || w.server.Now().Before(seen)) {
			return answered(answer, `{"RequestId": "A", "ImageCaches": [], "TotalCount": 0}`), nil
		}
		return answer, err
	})
	exp := web(ArmAutomatic)
	exp.Concurrency = 1
	timeline, err := w.run(exp)
	if err != nil {
		t.Fatal(err)
	}
	timed := 0
	for _, u := range timeline.Startups {
		if strings.HasSuffix(u.Arm, " make automatic") && u.Ready >= 40*time.Second {
			timed++
		}
	}
	if timed != 1 {
		t.Errorf("the making was timed %d times", timed)
	}
	w.leaves()
}

// gone is the group that a cache's description names; autoName the name of an automatic one.
var (
	gone     = regexp.MustCompile(`"ContainerGroupId":"[^"]*"`)
	autoName = regexp.MustCompile(eci.AutomaticCachePrefix + `eci-[0-9a-z]+`)
)

// TestAutomaticByItsID: an automatic cache whose name does not tell of its group is found by
// the event that names it.
func TestAutomaticByItsID(t *testing.T) {
	w := newWorld(t, ecitest.Options{})
	w.transport = through(func(_ *http.Request, action string, send func() (*http.Response, error)) (*http.Response, error) {
		answer, err := send()
		if err != nil || action != "DescribeImageCaches" {
			return answer, err
		}
		body, err := io.ReadAll(answer.Body)
		text := autoName.ReplaceAllString(string(body), "made-by-the-service")
		return answered(answer, gone.ReplaceAllString(text, `"ContainerGroupId":""`)), err
	})
	timeline, err := w.run(web(ArmAutomatic))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(timeline.Startups); n != 3 {
		t.Errorf("%d startups, want the making and two starts", n)
	}
	w.leaves()
}
