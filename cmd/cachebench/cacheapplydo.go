package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/reports"
)

// do makes the changes: first what is to be built, and only when all of that is Ready
// what is to be deleted, which until then may serve in its place.
func (a *cacheApply) do(ctx context.Context, steps []cacheStep, changes *reports.CacheChanges) error {
	err := a.build(ctx, steps, changes)
	if a.wait.wait && ctx.Err() == nil {
		err = errors.Join(err, a.wait.changed(ctx, a.client, changes, before(steps)))
	}
	if err != nil {
		spareDeletions(changes, "something failed before")
	} else if why := cmp.Or(notReady(changes), a.wait.unproven()); why != "" {
		spareDeletions(changes, why)
	}
	var errs []error
	for i := range changes.Changes {
		change := &changes.Changes[i]
		if change.Action == reports.ChangeDelete && change.Outcome == reports.OutcomePlanned {
			errs = append(errs, remove(ctx, a.client, change, true))
		}
	}
	return errors.Join(append([]error{err}, errs...)...)
}

// before is how the caches looked that are updated.
func before(steps []cacheStep) map[string]string {
	m := make(map[string]string)
	for i := range steps {
		if s := &steps[i]; s.have != nil {
			m[s.have.ID] = looks(s.have)
		}
	}
	return m
}

// build creates and updates in order. One that fails stops only what would fail alike.
func (a *cacheApply) build(ctx context.Context, steps []cacheStep, changes *reports.CacheChanges) error {
	var errs []error
	for i := range steps {
		change := &changes.Changes[i]
		if change.Outcome != reports.OutcomePlanned || change.Action == reports.ChangeDelete {
			continue
		}
		err := a.step(ctx, &steps[i], change)
		if err == nil {
			continue
		}
		if errors.Is(err, eci.ErrQuota) {
			err = makeRoom(err, changes)
		}
		errs = append(errs, err)
		if hopeless(ctx, err) {
			skipBuilds(changes)
			break
		}
	}
	return errors.Join(errs...)
}

// makeRoom says how: apply deletes nothing before what replaces it is Ready, for which
// at the quota there is no room.
func makeRoom(err error, changes *reports.CacheChanges) error {
	var ids []string
	for i := range changes.Changes {
		if change := &changes.Changes[i]; change.Action == reports.ChangeDelete {
			ids = append(ids, change.ID)
		}
	}
	if len(ids) == 0 {
		return err
	}
	return fmt.Errorf("%w; cachebench cache delete %s deletes what the set does not have any more", err, strings.Join(ids, " "))
}

// spareDeletions leaves out the deletions that are planned.
func spareDeletions(changes *reports.CacheChanges, why string) {
	for i := range changes.Changes {
		change := &changes.Changes[i]
		if change.Action == reports.ChangeDelete && change.Outcome == reports.OutcomePlanned {
			change.Outcome, change.Reason = reports.OutcomeSkipped, joined(change.Reason, why)
		}
	}
}

// skipBuilds leaves out what is not tried any more.
func skipBuilds(changes *reports.CacheChanges) {
	for i := range changes.Changes {
		if change := &changes.Changes[i]; change.Outcome == reports.OutcomePlanned && change.Action != reports.ChangeDelete {
			change.Outcome = reports.OutcomeSkipped
		}
	}
}

// notReady says which of the caches that a set wants is not Ready, or is yet to be built.
func notReady(changes *reports.CacheChanges) string {
	for i := range changes.Changes {
		change := &changes.Changes[i]
		if change.Action == reports.ChangeDelete || change.Status == string(eci.CacheReady) && change.Outcome == reports.OutcomeDone {
			continue
		}
		return change.Name + " is not Ready yet: apply again when it is, or with --wait"
	}
	return ""
}

// hopeless faults would meet every later change, too.
func hopeless(ctx context.Context, err error) bool {
	for _, kind := range []error{eci.ErrQuota, eci.ErrCredentials, eci.ErrExpiredToken, eci.ErrNoPermission, eci.ErrArrears, eci.ErrAccount, eci.ErrServiceNotEnabled, eci.ErrUnavailable} {
		if errors.Is(err, kind) {
			return true
		}
	}
	return ctx.Err() != nil
}

func (a *cacheApply) step(ctx context.Context, s *cacheStep, change *reports.CacheChange) error {
	if change.Action == reports.ChangeCreate {
		return a.create(ctx, s, change)
	}
	if err := updatable(s.have); err != nil {
		change.Outcome, change.Error = reports.OutcomeFailed, err.Error()
		return err
	}
	return sendUpdate(ctx, a.client, s.update, change, s.rebuild)
}
