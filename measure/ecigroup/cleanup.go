package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// CleanUpOptions say what is cleaned up. JournalDir is required.
type CleanUpOptions struct {
	JournalDir string
	// Run is the only run to look at; empty is all. A run that is named is cleaned up also
	// where nobody here knows whether it is under way, and whether this account is its own:
	// what the account does not know is then taken to be gone.
	Run string
	// Confirm is asked before the resources of a run are deleted; nil is yes. An error of it
	// is of that run; where somebody does not want to be asked any more (context.Canceled) it
	// ends the clean-up, as the end of the context does.
	Confirm func(run string, what []string) (bool, error)
	// Kept is told of each run that is left as it is, which Log has told why: what it made
	// may be there. Nil tells nobody.
	Kept func(run string)
	// Poll, Now and Sleep are as in Options.
	Poll  time.Duration
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	Log   func(format string, args ...any)
}

// ErrNoRun is of a run of which there is neither a journal nor a tag.
var ErrNoRun = errors.New("there is no such run")

// CleanUp deletes what runs that were killed have left in the client's region: what
// their journals name, what has their tag, also where the journal is on another machine,
// and the automatic caches that their groups caused. Nothing else is touched, nor what
// is of a run under way: of one whose journal is here the lock tells, of another one
// its tag, until when it may be. It returns what it deleted, in words; an error that
// wraps a *LeftError lists what it could not; where Run is named and there is nothing of it
// it is ErrNoRun.
//
// An automatic cache names only the group that caused it: where the journal is lost and
// the group gone it is not found. Such caches are free, and expire (eci §1.2).
func CleanUp(ctx context.Context, client *eci.Client, opt CleanUpOptions) (removed []string, err error) {
	o := Options{Poll: opt.Poll, Now: opt.Now, Sleep: opt.Sleep, Log: opt.Log}
	o.setDefaults()
	opt.Poll, opt.Now, opt.Sleep, opt.Log = o.Poll, o.Now, o.Sleep, o.Log
	if opt.Kept == nil {
		opt.Kept = func(string) {}
	}
	if opt.JournalDir == "" {
		return nil, errors.New("no directory of journals is given")
	}
	journaled, err := journaledRuns(opt.JournalDir)
	if err != nil {
		return nil, err
	}
	tagged, err := taggedRuns(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("look for what has the tag %s: %w", TagRun, err)
	}
	if _, there := tagged[opt.Run]; opt.Run != "" && !there && !slices.Contains(journaled, opt.Run) {
		return nil, fmt.Errorf("clean up run %s: %w: no journal in %s is of it, and nothing in %s has its tag", opt.Run, ErrNoRun, opt.JournalDir, client.RegionID())
	}
	var errs []error
	stopped := false
	for _, run := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(journaled, slices.Collect(maps.Keys(tagged)))))) {
		switch until := tagged[run]; {
		case opt.Run != "" && opt.Run != run:
		case stopped:
			opt.Kept(run)
		case opt.Run == "" && !slices.Contains(journaled, run) && opt.Now().Before(until):
			opt.Log("run %s has no journal here and may be under way on another machine until %s: to clean it up nevertheless, name it with --run %s", run, until.UTC().Format(time.RFC3339), run)
			opt.Kept(run)
		default:
			gone, err := cleanUpRun(ctx, client, run, until, opt)
			removed, errs = append(removed, gone...), append(errs, err)
			stopped = ctx.Err() != nil || errors.Is(err, context.Canceled)
		}
	}
	return removed, errors.Join(errs...)
}

// taggedRuns are the runs whose tag anything of the region has, each with until when it
// may be under way.
func taggedRuns(ctx context.Context, client *eci.Client) (map[string]time.Time, error) {
	runs := map[string]time.Time{}
	see := func(tags []eci.Tag) {
		run, until := "", untilOf(tags)
		for _, t := range tags {
			if t.Key == TagRun {
				run = t.Value
			}
		}
		if validRun(run) {
			runs[run] = latest(runs[run], until)
		}
	}
	// All are looked at: that a filter by a tag's key alone finds tags of any value, as
	// elsewhere at Alibaba, is not documented for ECI.
	for g, err := range client.ContainerGroups(ctx, eci.ContainerGroupQuery{}) {
		if err != nil {
			return nil, err
		}
		if g.Status != eci.GroupTerminating {
			see(g.Tags)
		}
	}
	for c, err := range client.ImageCaches(ctx, eci.ImageCacheQuery{}) {
		if err != nil {
			return nil, err
		}
		see(c.Tags)
	}
	return runs, nil
}

// untilOf is until when the run of what has these tags may be under way; zero where none
// of them says so: one that somebody changed binds nobody.
func untilOf(tags []eci.Tag) (until time.Time) {
	for _, t := range tags {
		if t.Key == TagUntil {
			until, _ = time.Parse(time.RFC3339, t.Value)
		}
	}
	return until
}

// validRun says whether a tag's value can be a run's ID, and so the name of a file.
func validRun(run string) bool {
	for _, r := range run {
		if r != '-' && (r < '0' || r > '9') && (r < 'a' || r > 'z') {
			return false
		}
	}
	return run != ""
}

// cleanUpRun deletes what is left of one run, whose tags say that it may be under way
// until then.
func cleanUpRun(ctx context.Context, client *eci.Client, run string, until time.Time, opt CleanUpOptions) (removed []string, err error) {
	c, err := newCustody(ctx, client, opt.JournalDir, run, &Options{Poll: opt.Poll, Now: opt.Now, Sleep: opt.Sleep, Log: opt.Log, Warn: opt.Log})
	if errors.Is(err, errAlive) {
		opt.Log("run %s is under way: what it made is left to it", run)
		opt.Kept(run)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.wide, c.trusted = true, opt.Run != ""
	j, done := c.journal, false
	defer func() { err = errors.Join(err, j.close(done || j.empty)) }()
	if why := j.others(until, opt.Now()); why != "" && opt.Run == "" {
		opt.Log("run %s %s until %s: to clean it up nevertheless, name it with --run %s", run, why, latest(until, j.until).UTC().Format(time.RFC3339), run)
		opt.Kept(run)
		return nil, nil
	}
	switch {
	case j.region == "":
	case j.region != client.RegionID():
		opt.Log("run %s is of region %s: clean it up with --region %s", run, j.region, j.region)
		opt.Kept(run)
		return nil, nil
	case j.endpoint != client.Endpoint() && opt.Run == "":
		opt.Log("run %s was made through %s: clean it up there, or, where this endpoint leads to the same, name it with --run %s", run, j.endpoint, run)
		opt.Kept(run)
		return nil, nil
	}
	if j.damaged > 0 {
		opt.Log("%d lines of %s cannot be read: what they said is looked for by the tag %s", j.damaged, j.name, TagRun)
	}
	list, err := c.existing(ctx)
	if err != nil {
		opt.Log("look for what run %s left: %v", run, err) // what is known goes nevertheless
	}
	what := wordsOfAll(list)
	for _, may := range c.mayShow(opt.Now()) {
		what = append(what, may.what()+", if it is there: its creation was not answered")
	}
	if err != nil {
		what = append(what, "what else has its tag")
	}
	if len(what) > 0 && opt.Confirm != nil {
		if yes, err := opt.Confirm(run, what); err != nil || !yes {
			opt.Kept(run)
			return nil, err
		}
	}
	gone, err := c.removeAll(ctx)
	done = err == nil
	return wordsOfAll(gone), err
}

// others says why the run may be under way, although its journal's lock is free: it was
// gone on with on another machine, or there are no locks here.
func (j *journal) others(until, now time.Time) string {
	switch {
	case !j.until.IsZero() && until.After(j.until) && now.Before(until):
		return "was gone on with elsewhere and may be under way there"
	case !j.locked && now.Before(latest(until, j.until)):
		return "may be under way, for no lock can be held here,"
	}
	return ""
}

func wordsOfAll(list []resource) []string {
	var words []string
	for _, r := range list {
		words = append(words, fmt.Sprintf("%s %s (%s)", r.Kind, r.ID, r.Name))
	}
	return words
}
