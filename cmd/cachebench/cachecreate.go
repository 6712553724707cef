package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
)

// cacheCreate is one run of cache create.
type cacheCreate struct {
	cacheWishes
	eci   eciFlags
	sizes cacheSizes
	wait  cacheWait
	out   *outputs

	dryRun, yes, sameName bool
	// full: the service will refuse caches, by what it says itself; --dry-run ends with it,
	// while a creation asks.
	full error
}

func newCacheCreate(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io, formats: accountFormats()}
	c := &cacheCreate{eci: eciFlags{io: io, quiet: &in.quiet}, sizes: cacheSizes{in: in, out: out}, wait: cacheWait{io: io, quiet: &in.quiet}, out: out}
	cmd := &cobra.Command{
		Use:   "create IMAGE... --name NAME | -f FILE",
		Short: "Create image caches, after a look whether their images fit and what they cost",
		Long: `Create makes an image cache of the images named, or every cache of a file (kind
CacheSet, as plan export --as cache-apply writes it). The file's region counts where
neither --region nor the environment gives one.

First the images are looked up: a cache that is too small for its images, unpacked,
fails after it was paid for, so it is not created. What building, keeping and using it
costs is shown, and on a terminal asked, unless --yes is given. A second cache of a name
that exists is refused: ECI would take it.

--wait waits until the caches are Ready and tells their events; without it the command
ends when they are ordered. --save writes what was created, with the digests that the
tags meant, and --lock pins these: list and show tell by either whether a tag has moved.`,
		Example: `  cachebench cache create nginx:1.27 redis:7 --name web --vswitch vsw-1 --security-group sg-1 --wait
  cachebench cache create app:2 --name app --size-gib 40 --reuse --flash --dry-run
  cachebench cache create registry.example.com/team/app:2 --name app --registry-login registry.example.com --eip eip-1
  cachebench cache create shop-registry.cn-hangzhou.cr.aliyuncs.com/team/app:2 --name app --acr instanceId=cri-1,regionId=cn-hangzhou
  cachebench cache create -f caches.yaml --output json --yes`,
		RunE: func(cmd *cobra.Command, args []string) error { return c.run(cmd, args) },
	}
	c.cacheWishes.addFlags(cmd)
	c.eci.addFlags(cmd)
	c.eci.addPlaceFlags(cmd)
	c.wait.addFlags(cmd)
	f := cmd.Flags()
	f.StringVarP(&c.file, "file", "f", "", "create the caches of this `file` (kind CacheSet)")
	f.StringVar(&c.wanted.OSType, "os-type", "", "Linux or Windows, which is by invitation (default Linux)")
	f.BoolVar(&c.wait.wait, "wait", false, "wait until the caches are Ready")
	f.BoolVar(&c.dryRun, "dry-run", false, "show what would be created and what it costs, and do nothing")
	f.BoolVarP(&c.yes, "yes", "y", false, doNotAsk)
	f.BoolVar(&c.sameName, "same-name", false, "create a cache though one of that name exists")
	onCommandLineOnly(f, "file", "os-type", "wait", "dry-run", "yes", "same-name")
	cmd.RegisterFlagCompletionFunc("os-type", cobra.FixedCompletions([]string{"Linux", "Windows"}, cobra.ShellCompDirectiveNoFileComp))
	c.sizes.addFlags(cmd)
	out.addFlags(cmd, "the created caches (kind Caches)")
	return cmd
}

func (c *cacheCreate) run(cmd *cobra.Command, args []string) error {
	if err := errors.Join(c.wait.check(), c.out.check(), c.check(cmd)); err != nil {
		return err
	}
	set, err := c.wantedSet(cmd, args)
	if err != nil {
		return err
	}
	client, err := c.eci.clientOf(c.file, set.Region)
	if err != nil {
		return err
	}
	wanted := set.Caches
	ctx := cmd.Context()
	existing, err := client.AllImageCaches(ctx, eci.ImageCacheQuery{})
	if err != nil {
		return err
	}
	taken := c.names(wanted, existing)
	if taken != nil && !c.dryRun {
		return taken
	}
	specs, err := c.specs(ctx, wanted)
	if err != nil {
		return err
	}
	changes, err := c.plan(cmd, client, wanted, existing)
	if err != nil {
		return err
	}
	if err := tooSmall(changes); err != nil || c.dryRun {
		changes.DryRun = true
		return errors.Join(c.out.changes(changes), taken, c.full, err)
	}
	if err := c.sizes.in.announce(changes, c.yes); err != nil {
		return err
	}
	err = c.create(ctx, client, specs, changes)
	return errors.Join(err, c.out.changes(changes), c.saved(ctx, client, changes), c.sizes.pin(changes))
}

// wantedSet is the cache of the arguments, or those of the file.
func (c *cacheCreate) wantedSet(cmd *cobra.Command, images []string) (*export.CacheSet, error) {
	flags, err := c.eci.parameters()
	if err != nil {
		return nil, err
	}
	flags.OSType, flags.StandardCopyCount, flags.FlashCopyCount = c.wanted.OSType, c.wanted.StandardCopyCount, c.wanted.FlashCopyCount
	if c.file != "" {
		if len(images) > 0 || c.wanted.Name != "" {
			return nil, usagef("images or --name are given and -f %s too: the file names its caches itself", c.file)
		}
		set, err := readCacheSet(c.file, flags)
		if err != nil {
			return nil, err
		}
		if c.token != "" && len(set.Caches) > 1 {
			return nil, usagef("--client-token is of one call, and %s has %d caches", c.file, len(set.Caches))
		}
		for i := range set.Caches {
			c.over(cmd, &set.Caches[i])
		}
		return set, c.flashFor(set.Caches)
	}
	if len(images) == 0 {
		return nil, usagef("name the images of the cache (cachebench cache create nginx:1.27 --name web), or a file of caches with -f")
	}
	w := c.wanted
	if w.Name == "" {
		return nil, usagef("the cache needs a name: --name NAME")
	}
	w.Images, w.CacheParameters, w.SizeGiB = plainNames(images), flags, cmp.Or(w.SizeGiB, matcher.MinCacheGiB)
	set := export.CacheSet{Caches: []export.WantedCache{w}}
	if err := set.Validate(); err != nil {
		return nil, usageError{err}
	}
	return &set, c.flashFor(set.Caches)
}

// sameNamed are the caches that have the name of a wanted one; those whose creation
// failed do not count.
func sameNamed(w *export.WantedCache, existing []eci.ImageCache) []eci.ImageCache {
	return slices.DeleteFunc(namedCaches(existing, w.Name), func(c eci.ImageCache) bool { return c.Status == eci.CacheFailed })
}

// names refuses a second cache of a name.
func (c *cacheCreate) names(wanted []export.WantedCache, existing []eci.ImageCache) error {
	for i := range wanted {
		named := sameNamed(&wanted[i], existing)
		if len(named) > 0 && !c.sameName {
			return fmt.Errorf("a cache called %s exists: %s; update it (cachebench cache update), let cachebench cache apply decide, or give --same-name", wanted[i].Name, idsOf(named))
		}
	}
	return nil
}

// plan says what is to be created, whether it fits and what it costs.
func (c *cacheCreate) plan(cmd *cobra.Command, client *eci.Client, wanted []export.WantedCache, existing []eci.ImageCache) (*reports.CacheChanges, error) {
	var images []string
	for _, w := range wanted {
		images = append(images, w.Images...)
	}
	if err := c.sizes.look(cmd, images); err != nil {
		return nil, err
	}
	lenders, _ := matcherCaches(existing, client.RegionID())
	changes := &reports.CacheChanges{Region: client.RegionID(), At: c.sizes.scenario.Now}
	for i := range wanted {
		w := &wanted[i]
		change := reports.CacheChange{Action: reports.ChangeCreate, Outcome: reports.OutcomePlanned, Name: w.Name, Images: w.Images, SizeGiB: w.SizeGiB}
		change.Fit, change.Cost = c.sizes.of(w, lenders)
		if named := sameNamed(w, existing); len(named) > 0 {
			change.Reason = "the name is taken: " + idsOf(named)
		}
		if doubt := networkDoubt(w); doubt != "" {
			changes.Doubts = append(changes.Doubts, doubt)
		}
		changes.Doubts = append(changes.Doubts, c.sizes.priceDoubts(w)...)
		changes.Changes = append(changes.Changes, change)
	}
	addCosts(changes)
	short, err := room(cmd.Context(), client, changes)
	if lru := slices.ContainsFunc(existing, func(c eci.ImageCache) bool { return c.Elimination == eci.EliminationLRU }); short > 0 && !lru {
		c.full = fmt.Errorf("the account's quota has no room for %s, and none that it has makes room: cachebench cache list shows them", counted(short, "cache"))
	}
	return changes, err
}

// addCosts adds up what created and updated caches cost.
func addCosts(changes *reports.CacheChanges) {
	var sum *reports.ChangeCost
	for i := range changes.Changes {
		switch of := changes.Changes[i].Cost; {
		case of == nil:
		case sum == nil:
			first := *of
			sum = &first
		default:
			both := sum.Plus(*of)
			sum = &both
		}
	}
	changes.Cost = sum
}

// tooSmall refuses caches whose images do not fit by what is measured.
func tooSmall(changes *reports.CacheChanges) error {
	var list []string
	for i := range changes.Changes {
		if change := &changes.Changes[i]; change.Fit != nil && change.Fit.Fails != "" {
			list = append(list, fmt.Sprintf("%s: %s", change.Name, change.Fit.Fails))
		}
	}
	if len(list) == 0 {
		return nil
	}
	return fmt.Errorf("nothing was created, for the images do not fit: %s; --no-size-check leaves the check out", strings.Join(list, "; "))
}

// announce shows changes with their cost before they are made, and asks: what costs money
// on a terminal, what deletes in any case.
func (in *inputs) announce(changes *reports.CacheChanges, yes bool) error {
	if !in.quiet || !yes && in.io.asks() {
		in.io.clear()
		in.io.err.Write(reports.CacheChangesText(changes))
	}
	if n := plannedDeletions(changes); n > 0 {
		return in.io.agrees(fmt.Sprintf("Do this, and delete %s?", counted(n, "image cache")), yes, true)
	}
	return in.io.agrees("Do this?", yes, false)
}

func plannedDeletions(changes *reports.CacheChanges) (n int) {
	for i := range changes.Changes {
		if change := &changes.Changes[i]; change.Action == reports.ChangeDelete && change.Outcome == reports.OutcomePlanned {
			n++
		}
	}
	return n
}

// specs are the requests, with their logins: what is wrong with one is known before
// anything is done.
func (c *cacheCreate) specs(ctx context.Context, wanted []export.WantedCache) ([]eci.ImageCacheSpec, error) {
	var list []eci.ImageCacheSpec
	var faults []error
	for i := range wanted {
		spec, err := checkedSpec(ctx, &wanted[i])
		if err != nil {
			faults = append(faults, fmt.Errorf("cache %s: %w", wanted[i].Name, err))
		}
		spec.ClientToken = c.token
		list = append(list, spec)
	}
	if err := errors.Join(faults...); err != nil {
		return nil, usageError{err}
	}
	return list, nil
}

// create makes the caches one after another; after one that fails the rest are skipped.
func (c *cacheCreate) create(ctx context.Context, client *eci.Client, specs []eci.ImageCacheSpec, changes *reports.CacheChanges) error {
	for i := range specs {
		change := &changes.Changes[i]
		made, err := client.CreateImageCache(ctx, specs[i])
		if err != nil {
			fails(change, err)
			skipRest(changes)
			return err
		}
		succeeds(change, made)
	}
	if !c.wait.wait {
		return nil
	}
	return c.wait.changed(ctx, client, changes, map[string]string{})
}

func succeeds(change *reports.CacheChange, made eci.CreatedImageCache) {
	change.Outcome, change.ID, change.HelperGroupID = reports.OutcomeDone, made.ID, made.HelperGroupID
	change.ClientToken, change.RequestID, change.Status = made.ClientToken, made.RequestID, string(eci.CachePreparing)
}

// fails notes why a change could not be made.
func fails(change *reports.CacheChange, err error) {
	change.Outcome, change.Error = reports.OutcomeFailed, err.Error()
	var e *eci.Error
	if errors.As(err, &e) {
		change.Error, change.ClientToken, change.RequestID = e.Reason(), e.ClientToken, e.RequestID
	}
}

func skipRest(changes *reports.CacheChanges) {
	for i := range changes.Changes {
		if changes.Changes[i].Outcome == reports.OutcomePlanned {
			changes.Changes[i].Outcome = reports.OutcomeSkipped
		}
	}
}

// saveTimeout is how long it may take to ask for a cache that is to be saved.
const saveTimeout = 20 * time.Second

// saved writes what was created as a list of caches, with what the tags meant: as the
// service has them now, or, where it does not list one yet, as they were ordered.
func (c *cacheCreate) saved(ctx context.Context, client *eci.Client, changes *reports.CacheChanges) error {
	if c.out.save == "" {
		return nil
	}
	// Also when it was stopped: the caches are there.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveTimeout)
	defer cancel()
	list := matcher.Caches{}
	for i := range changes.Changes {
		change := &changes.Changes[i]
		if change.ID == "" {
			continue
		}
		is, err := client.ImageCache(ctx, change.ID)
		if err != nil {
			// It is made all the same, and its ID must not be lost.
			is = eci.ImageCache{ID: change.ID, Name: change.Name, Images: change.Images, SizeGiB: change.SizeGiB, Status: eci.ImageCacheStatus(change.Status)}
		}
		m := matcherCache(&is, client.RegionID())
		m.Contents = c.sizes.contents(change.Images)
		list.Caches = append(list.Caches, m)
	}
	if len(list.Caches) == 0 {
		// What an earlier run saved stays.
		return nil
	}
	return c.out.saveAs(matcher.CachesKind, list)
}
