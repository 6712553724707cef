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
	// where nobody here knows whether it is under way, or whether this region is its own.
	Run string
	// ThisAccount says of Run that the client's account is its own for certain: what it does
	// not know is then gone, whatever key it was made with.
	ThisAccount bool
	// DryRun only tells Confirm what would be deleted: nothing is changed, at the service or
	// in the directory.
	DryRun bool
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
	switch {
	case opt.JournalDir == "":
		return nil, errors.New("no directory of journals is given")
	case opt.ThisAccount && opt.Run == "":
		return nil, errors.New("whose account this is can be said of one run only, which is not named")
	}
	journaled, err := journaledRuns(opt.JournalDir)
	if err != nil {
		return nil, err
	}
	tagged, unread, err := taggedRuns(ctx, client)
	if err != nil {
		return nil, fmt.Errorf("look for what has the tag %s: %w", TagRun, err)
	}
	if unread != nil {
		unread = fmt.Errorf("look for what has the tag %s: %w", TagRun, unread)
	}
	if _, there := tagged[opt.Run]; opt.Run != "" && !there && !slices.Contains(journaled, opt.Run) {
		if unread != nil {
			return nil, unread
		}
		return nil, fmt.Errorf("clean up run %s: %w: no journal in %s is of it, and nothing in %s has its tag", opt.Run, ErrNoRun, opt.JournalDir, client.RegionID())
	}
	errs := []error{unread}
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
// may be under way. Unread is of what was listed and cannot be read: there may be more of
// them than those that could.
func taggedRuns(ctx context.Context, client *eci.Client) (runs map[string]time.Time, unread, err error) {
	runs = map[string]time.Time{}
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
		if errors.Is(err, eci.ErrReply) {
			unread = errors.Join(unread, err)
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if g.Status != eci.GroupTerminating {
			see(g.Tags)
		}
	}
	for c, err := range client.ImageCaches(ctx, eci.ImageCacheQuery{}) {
		if errors.Is(err, eci.ErrReply) {
			unread = errors.Join(unread, err)
			break
		}
		if err != nil {
			return nil, nil, err
		}
		see(c.Tags)
	}
	return runs, unread, nil
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
	if !opt.DryRun {
		if err := makeJournalDir(opt.JournalDir); err != nil {
			return nil, err
		}
	}
	c, err := holdCustody(ctx, client, opt.JournalDir, run, &Options{Poll: opt.Poll, Now: opt.Now, Sleep: opt.Sleep, Log: opt.Log, Warn: opt.Log})
	if errors.Is(err, errAlive) {
		opt.Log("run %s is under way: what it made is left to it", run)
		opt.Kept(run)
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c.wide, c.trusted = true, opt.ThisAccount
	done := false
	defer func() { err = errors.Join(err, c.journal.close(done)) }()
	if why := c.othersRun(until, &opt); why != "" {
		opt.Log("%s", why)
		opt.Kept(run)
		return nil, nil
	}
	if c.journal.damaged > 0 {
		opt.Log("%d lines of %s cannot be read: what they said is looked for by the tag %s", c.journal.damaged, c.journal.name, TagRun)
	}
	if yes, err := c.agreed(ctx, until, &opt); err != nil || !yes {
		return nil, err
	}
	// What was found is noted before it is deleted. A full disk keeps nothing from being deleted.
	if err := c.journal.keep(); err != nil && c.journal.file == nil {
		return nil, err
	} else if err != nil {
		opt.Log("what was found of run %s is not noted: %v", run, err)
	}
	gone, err := c.removeAll(ctx)
	done = err == nil
	return wordsOfAll(gone), err
}

// agreed looks for what the run left, and asks whether it may be deleted. Kept is told where
// there is something that may not.
func (c *custody) agreed(ctx context.Context, until time.Time, opt *CleanUpOptions) (yes bool, err error) {
	list, err := c.existing(ctx)
	if err != nil {
		opt.Log("look for what run %s left: %v", c.run, err) // what is known goes nevertheless
	}
	what := wordsOfAll(list)
	for _, may := range c.mayShow(opt.Now()) {
		what = append(what, may.what()+", if it is there: its creation was not answered")
	}
	if err != nil {
		what = append(what, "what else has its tag")
	}
	// One that a list did not have when the runs were looked for may say more.
	if why := c.othersRun(latest(until, c.until), opt); why != "" {
		opt.Log("%s", why)
		opt.Kept(c.run)
		return false, nil
	}
	if opt.DryRun {
		for _, l := range c.unknownHere() {
			what = append(what, l.what()+", if it is there")
		}
	}
	yes, err = !opt.DryRun, nil
	if len(what) > 0 && opt.Confirm != nil {
		yes, err = opt.Confirm(c.run, what)
		yes = yes && !opt.DryRun && err == nil
	}
	if len(what) > 0 && !yes {
		opt.Kept(c.run)
	}
	return yes, err
}

// othersRun says why the run is left alone, unless it is named: it may be under way, or be
// of elsewhere.
func (c *custody) othersRun(until time.Time, opt *CleanUpOptions) string {
	j := c.journal
	switch why := j.others(until, opt.Now()); {
	case j.region != "" && j.region != c.client.RegionID():
		return fmt.Sprintf("run %s is of region %s: clean it up with --region %s", c.run, j.region, j.region)
	case opt.Run != "":
		return ""
	case why != "":
		return fmt.Sprintf("run %s %s until %s: to clean it up nevertheless, name it with --run %s", c.run, why, latest(until, j.until).UTC().Format(time.RFC3339), c.run)
	case j.region == "" && !j.empty:
		return fmt.Sprintf("run %s: its journal %s is damaged, and does not tell of which region it is: if it is of %s, name it with --run %s", c.run, j.name, c.client.RegionID(), c.run)
	case j.endpoint != c.client.Endpoint() && !j.empty:
		return fmt.Sprintf("run %s was made through %s: clean it up there, or, where this endpoint leads to the same, name it with --run %s", c.run, j.endpoint, c.run)
	}
	return ""
}

// others says why the run may be under way, although its journal's lock is free: it was
// gone on with on another machine, or there are no locks here.
func (j *journal) others(until, now time.Time) string {
	switch {
	case j.until.IsZero() && now.Before(until):
		return "has no journal of its beginning here and may be under way on another machine"
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
