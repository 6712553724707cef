package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
)

// errDiffers is the end of apply --exit-code where the account is not as it should be.
var errDiffers = errors.New("the account's caches differ from the file")

// doNotAsk is --yes of what costs money, which a pipeline means when it calls it.
const doNotAsk = "do not ask; where there is no terminal nobody is asked"

// cacheApply is one run of cache apply.
type cacheApply struct {
	eci   eciFlags
	sizes cacheSizes
	wait  cacheWait
	out   *outputs

	prune, refresh, dryRun, yes, exitCode bool
	// set is the set's name in place of the file's.
	set    string
	client *eci.Client
}

func newCacheApply(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io, formats: accountFormats()}
	a := &cacheApply{eci: eciFlags{io: io, quiet: &in.quiet}, sizes: cacheSizes{in: in, out: out}, wait: cacheWait{io: io, quiet: &in.quiet}, out: out}
	cmd := &cobra.Command{
		Use:   "apply FILE",
		Short: "Make an account's image caches those of a file",
		Long: `Apply compares the caches that a file wants (kind CacheSet, as plan export --as
cache-apply writes it) with those that the account has, shows the difference and its
cost, and creates, updates and keeps. Done twice it does nothing the second time. The
file's region counts where neither --region nor the environment gives one, and is not
to be another than they give.

Caches are found by their names. One that apply did not make is taken over; a name that
several have is refused, unless one of them is of this set. What apply creates it tags
with the set's name, and --prune deletes caches of that tag which the file no longer has,
once all that it has are Ready: it shows them and asks, and needs --yes where nobody can be
asked. A cache that after its update still looks as before keeps it from deleting. It
wants a name in the file, or --set.

A tag that has moved is no difference: --refresh builds such caches anew, where the
image was made after the cache (see cache show).

What fails does not undo what is done, and is tried again by the next apply: the client
token of a creation is derived from what is created, so that a repeated apply makes no
second cache. After something failed nothing is deleted.`,
		Example: `  cachebench cache apply caches.yaml --dry-run
  cachebench cache apply caches.yaml --vswitch vsw-1 --security-group sg-1 --wait --yes
  cachebench cache apply caches.yaml --prune --yes
  cachebench cache apply caches.yaml --dry-run --exit-code --output json`,
		Args: exactly(1, "a file of kind CacheSet"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.run(cmd, args[0]) },
	}
	a.eci.addFlags(cmd)
	a.eci.addPlaceFlags(cmd)
	a.wait.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&a.prune, "prune", false, "delete caches of this set that the file does not have, when all that it has are Ready")
	f.StringVar(&a.set, "set", "", "`name` of the set, in place of the file's")
	f.BoolVar(&a.refresh, "refresh", false, "build caches anew whose tags mean newer images by now")
	f.BoolVar(&a.wait.wait, "wait", false, "wait until what is created and updated is Ready")
	f.BoolVar(&a.dryRun, "dry-run", false, "show the difference, and do nothing")
	f.BoolVar(&a.exitCode, "exit-code", false, "with --dry-run, exit with 3 if there is a difference")
	f.BoolVarP(&a.yes, "yes", "y", false, doNotAsk+"; --prune then needs it")
	onCommandLineOnly(f, "prune", "set", "refresh", "wait", "dry-run", "exit-code", "yes")
	a.sizes.addFlags(cmd)
	out.addFlags(cmd, "")
	return cmd
}

func (a *cacheApply) run(cmd *cobra.Command, file string) error {
	if err := errors.Join(a.wait.check(), a.out.check(), a.out.spares(file)); err != nil {
		return err
	}
	if a.exitCode && !a.dryRun {
		return usagef("--exit-code goes with --dry-run")
	}
	if a.refresh && a.sizes.skip {
		return usagef("--refresh looks images up, and --no-size-check looks none up: give one of them")
	}
	flags, err := a.eci.parameters()
	if err != nil {
		return err
	}
	set, err := readCacheSet(file, flags)
	if err != nil {
		return err
	}
	if a.client, err = a.eci.clientOf(file, set.Region); err != nil {
		return err
	}
	if a.set != "" {
		set.Name = a.set
	}
	if a.prune && len(set.Caches) == 0 {
		return usagef("--prune would delete all caches of the set, for %s has none: to do so, cachebench cache delete them by name", file)
	}
	if a.prune && setName(set) == defaultSet {
		return usagef("--prune deletes what is of the file's set, and %s has no name: give it one, or --set NAME; the set of all files without a name is nobody's", file)
	}
	all, err := a.account(cmd.Context(), set)
	if err != nil {
		return err
	}
	steps, err := diffCaches(set, all, a.prune)
	if err != nil {
		return err
	}
	changes, err := a.plan(cmd, steps, all)
	if err != nil {
		return err
	}
	if err := tooSmall(changes); err != nil || a.dryRun {
		changes.DryRun = true
		if err == nil && a.exitCode && changes.Count(reports.ChangeKeep) < len(changes.Changes) {
			err = errDiffers
		}
		return errors.Join(a.out.changes(changes), err)
	}
	if changes.Count(reports.ChangeKeep) < len(changes.Changes) {
		if err := a.sizes.in.announce(changes, a.yes); err != nil {
			return err
		}
	}
	err = a.do(cmd.Context(), steps, changes)
	return errors.Join(err, a.out.changes(changes), a.sizes.pin(changes))
}

// account is what there is. Caches of the set that are being made or updated are waited
// for first, if waiting is wanted: what an update leads to is seen only then.
func (a *cacheApply) account(ctx context.Context, set *export.CacheSet) ([]eci.ImageCache, error) {
	all, err := a.client.AllImageCaches(ctx, eci.ImageCacheQuery{})
	if err != nil || !a.wait.wait || a.dryRun {
		return all, err
	}
	var busy []string
	for _, w := range set.Caches {
		for _, c := range namedCaches(all, w.Name) {
			if !c.Status.Settled() {
				busy = append(busy, c.ID)
			}
		}
	}
	if len(busy) == 0 {
		return all, nil
	}
	last, err := a.wait.settled(ctx, a.client, busy, nil)
	for _, id := range busy {
		// That one failed is seen below; that one is not done yet is not.
		if c, ok := last[id]; err != nil && (!ok || !c.Status.Settled()) {
			return nil, err
		}
	}
	return a.client.AllImageCaches(ctx, eci.ImageCacheQuery{})
}

// plan says what the steps come to.
func (a *cacheApply) plan(cmd *cobra.Command, steps []cacheStep, all []eci.ImageCache) (*reports.CacheChanges, error) {
	var images []string
	for i := range steps {
		if steps[i].builds() || a.refresh && steps[i].wanted != nil {
			images = append(images, steps[i].wanted.Images...)
		}
	}
	if err := a.sizes.look(cmd, images); err != nil {
		return nil, err
	}
	var doubts []string
	if a.refresh {
		doubts = a.refreshed(steps)
	}
	for i := range steps {
		s := &steps[i]
		if slices.ContainsFunc(s.change.Differs, func(d reports.CacheDifference) bool { return d.Field == "retentionDays" }) {
			// The days may count from the update, whose time its events need not tell.
			s.update.Tags = builtAt(s.update.Tags, s.have, a.sizes.scenario.Now)
		}
	}
	if err := prepare(cmd.Context(), steps); err != nil {
		return nil, err
	}
	lenders, _ := matcherCaches(all, a.client.RegionID())
	changes := &reports.CacheChanges{Region: a.client.RegionID(), At: a.sizes.scenario.Now, Doubts: doubts}
	for i := range steps {
		change := steps[i].change
		if steps[i].builds() {
			change.Fit, change.Cost = a.sizes.of(steps[i].wanted, lenders)
			changes.Doubts = append(changes.Doubts, a.sizes.priceDoubts(steps[i].wanted)...)
		}
		if change.Action == reports.ChangeCreate {
			if doubt := networkDoubt(steps[i].wanted); doubt != "" {
				changes.Doubts = append(changes.Doubts, doubt)
			}
		}
		changes.Changes = append(changes.Changes, change)
	}
	addCosts(changes)
	if why := notReady(changes); why != "" && !a.wait.wait {
		spareDeletions(changes, why)
	}
	if _, err := room(cmd.Context(), a.client, changes); err != nil {
		return nil, err
	}
	return changes, nil
}

// refreshed makes updates of caches that would be kept and whose tags have drifted, and
// says of which images it cannot tell.
func (a *cacheApply) refreshed(steps []cacheStep) (doubts []string) {
	now := a.sizes.today()
	for i := range steps {
		s := &steps[i]
		if s.change.Action != reports.ChangeKeep {
			continue
		}
		if !s.have.Status.Updatable() {
			doubts = append(doubts, fmt.Sprintf("whether the tags of %s have moved: it is %s", s.wanted.Name, s.have.Status))
			continue
		}
		for _, ref := range s.wanted.Images {
			image := new(driftSources).drift(s.have, ref, now)
			if image.Drift == reports.DriftUnknown && image.ConfigTime.IsZero() {
				doubts = append(doubts, fmt.Sprintf("whether %s in %s has moved: %s", ref, s.wanted.Name, image.Reason))
			}
			if image.Drift != reports.DriftDrifted {
				continue
			}
			s.change.Action, s.change.Outcome, s.rebuild = reports.ChangeUpdate, reports.OutcomePlanned, true
			s.change.Reason = joined(s.change.Reason, ref+" has drifted: "+image.Reason)
			s.update = updateOf(s.wanted, s.have)
			s.update.Tags = builtAt(s.update.Tags, s.have, now.at)
		}
	}
	return doubts
}

// prepare makes what steps send, with their logins: what is wrong with any of it is
// known before anything is done.
func prepare(ctx context.Context, steps []cacheStep) error {
	var faults []error
	for i := range steps {
		s := &steps[i]
		var err error
		switch s.change.Action {
		case reports.ChangeCreate:
			s.spec, err = checkedSpec(ctx, s.wanted)
		case reports.ChangeUpdate:
			if s.update.RegistryCredentials, err = loginsOf(ctx, s.wanted.RegistryLogins); err == nil {
				err = s.update.Check(0)
			}
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("cache %s: %w", s.wanted.Name, err))
		}
	}
	if err := errors.Join(faults...); err != nil {
		return usageError{err}
	}
	return nil
}

func (s *cacheStep) builds() bool {
	return s.change.Action == reports.ChangeCreate || s.change.Action == reports.ChangeUpdate
}

// room says when the account's quota leaves too little room. It is no failure: caches
// that may be eliminated make room. short are the caches for which there is none.
func room(ctx context.Context, client *eci.Client, changes *reports.CacheChanges) (short int, err error) {
	n := changes.Count(reports.ChangeCreate)
	if n == 0 {
		return 0, nil
	}
	usage, err := client.ListUsage(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return 0, err
		}
		changes.Doubts = append(changes.Doubts, "the account's quota: "+firstLine(err))
		return 0, nil
	}
	if q := quotaOf(usage.ImageCaches()); q != nil && q.Used+n > q.Max {
		changes.Doubts = append(changes.Doubts, fmt.Sprintf("whether all can be created: the account has %d of at most %d caches, and %d more are wanted; only caches with elimination strategy LRU make room", q.Used, q.Max, n))
		return min(n, q.Used+n-q.Max), nil
	}
	return 0, nil
}
