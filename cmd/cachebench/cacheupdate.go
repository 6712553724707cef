package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/reports"
)

// cacheUpdate is one run of cache update.
type cacheUpdate struct {
	cacheWishes
	eci   eciFlags
	sizes cacheSizes
	wait  cacheWait
	out   *outputs

	images               []string
	rebuild, dryRun, yes bool
}

func newCacheUpdate(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io, formats: accountFormats()}
	u := &cacheUpdate{eci: eciFlags{io: io, quiet: &in.quiet}, sizes: cacheSizes{in: in, out: out}, wait: cacheWait{io: io, quiet: &in.quiet}, out: out}
	cmd := &cobra.Command{
		Use:   "update ID|NAME",
		Short: "Change an image cache, or build it anew",
		Long: `Update changes what flags give and leaves the rest as it is. The cache is built anew;
until that is done it is of no use, and pods that name it explicitly are not created.
--rebuild changes nothing: it takes in what the images' tags mean now.

ECI takes an update only of a cache that is Ready or UpdateFailed. To change caches by a
file, see cache apply.`,
		Example: `  cachebench cache update web --image nginx:1.28 --image redis:7 --wait
  cachebench cache update web --rebuild --wait
  cachebench cache update imc-2zebxkiifuyzzlhl3rpm --size-gib 40 --retention-days 30 --dry-run`,
		Args: exactly(1, "the ID or name of one cache"),
		RunE: func(cmd *cobra.Command, args []string) error { return u.run(cmd, args[0]) },
	}
	u.cacheWishes.addFlags(cmd)
	u.eci.addFlags(cmd)
	u.eci.addPlaceFlags(cmd)
	u.wait.addFlags(cmd)
	f := cmd.Flags()
	f.StringArrayVar(&u.images, "image", nil, "`image` in place of those that it has; repeatable")
	f.BoolVar(&u.rebuild, "rebuild", false, "build it anew of the images that it has")
	f.BoolVar(&u.wait.wait, "wait", false, "wait until the cache is Ready")
	f.BoolVar(&u.dryRun, "dry-run", false, "show what would change and what it costs, and do nothing")
	f.BoolVarP(&u.yes, "yes", "y", false, doNotAsk)
	onCommandLineOnly(f, "image", "rebuild", "wait", "dry-run", "yes")
	f.Lookup("name").Usage = "new `name`"
	f.Lookup("elimination").Usage = "`LRU` lets it go when the account's quota is reached; \"\" asks to keep it, which ECI may not do"
	f.Lookup("size-gib").Usage = "`GiB` of its disk"
	for _, none := range notOfUpdates {
		f.MarkHidden(none)
	}
	u.sizes.addFlags(cmd)
	out.addFlags(cmd, "")
	return cmd
}

func (u *cacheUpdate) run(cmd *cobra.Command, name string) error {
	if err := errors.Join(u.wait.check(), u.out.check(), u.cacheWishes.check(cmd), u.check(cmd), namedTwice(plainNames(u.images))); err != nil {
		return err
	}
	client, err := u.eci.client()
	if err != nil {
		return err
	}
	ctx := cmd.Context()
	have, err := findCache(ctx, client, name)
	if err != nil {
		return err
	}
	update, change, err := u.update(cmd, &have)
	if err != nil {
		return err
	}
	if err := updatable(&have); err != nil {
		return err
	}
	changes := &reports.CacheChanges{Region: client.RegionID(), DryRun: u.dryRun, Changes: []reports.CacheChange{change}}
	if u.changesNothing(cmd, &have, &change) {
		one := &changes.Changes[0]
		one.Action, one.Outcome, one.Reason = reports.ChangeKeep, reports.OutcomeDone, "it is so already; --rebuild builds it anew"
		changes.At = time.Now().UTC().Truncate(time.Second)
		return u.out.changes(changes)
	}
	if err := u.estimate(cmd, client, &have, changes); err != nil {
		return err
	}
	if u.rebuild {
		update.Tags = builtAt(update.Tags, &have, u.sizes.scenario.Now)
	}
	if err := update.Check(0); err != nil {
		return usageError{err}
	}
	if err := tooSmall(changes); err != nil || u.dryRun {
		changes.DryRun = true
		return errors.Join(u.out.changes(changes), err)
	}
	if err := u.sizes.in.announce(changes, u.yes); err != nil {
		return err
	}
	one := &changes.Changes[0]
	err = sendUpdate(ctx, client, update, one, u.rebuild || have.Status == eci.CacheUpdateFailed)
	if err == nil && u.wait.wait && one.Action == reports.ChangeUpdate {
		err = u.wait.changed(ctx, client, changes, map[string]string{have.ID: looks(&have)})
	}
	return errors.Join(err, u.out.changes(changes), u.sizes.pin(changes))
}

// sendUpdate makes one update. That there is nothing to change is no failure, unless the
// cache was to be built anew of the same.
func sendUpdate(ctx context.Context, client *eci.Client, update eci.ImageCacheUpdate, change *reports.CacheChange, rebuild bool) error {
	err := client.UpdateImageCache(ctx, update)
	switch {
	case err == nil:
		change.Outcome, change.Status = reports.OutcomeDone, string(eci.CacheUpdating)
		return nil
	case errors.Is(err, eci.ErrNothingToUpdate) && !rebuild:
		change.Action, change.Outcome, change.Reason = reports.ChangeKeep, reports.OutcomeDone, joined(change.Reason, "ECI says that nothing would change")
		return nil
	case errors.Is(err, eci.ErrNothingToUpdate):
		err = fmt.Errorf("%s was not built anew: %w; cachebench cache delete %s, and create it again", change.Name, err, change.ID)
	}
	fails(change, err)
	return err
}

// updatable refuses states in which ECI takes no update (eci §1.3).
func updatable(c *eci.ImageCache) error {
	if c.Status.Updatable() {
		return nil
	}
	what := "wait for it: cachebench cache wait " + c.ID
	if c.Status == eci.CacheFailed {
		what = "create it anew; ECI removes a failed cache after a day"
	}
	return fmt.Errorf("cache %s (%s) is %s: an update is taken only of one that is Ready or UpdateFailed; %s", c.ID, c.Name, c.Status, what)
}

// notOfUpdates are flags of parameters that an update has not (eci §2.3).
var notOfUpdates = [...]string{"zone", "plain-http-registry", "insecure-registry"}

// check refuses what an update has not, and an update of nothing.
func (u *cacheUpdate) check(cmd *cobra.Command) error {
	f := cmd.Flags()
	for _, none := range notOfUpdates {
		if given(f, none) {
			return usagef("--%s cannot be changed by an update: create a cache anew", none)
		}
	}
	// Whether an update that does not say Flash keeps that of the creation is not
	// documented (eci §1.7, §2.3), and what a cache was made with ECI does not show.
	if err := u.flashFor([]export.WantedCache{u.wanted}); err != nil {
		return err
	}
	for _, flag := range []string{
		"name", "image", "size-gib", "retention-days", "reuse", "flash", "standard-copies", "flash-copies", "elimination", "tag",
		"security-group", "vswitch", "resource-group", "eip", "acr", "registry-login",
	} {
		if given(f, flag) {
			return nil
		}
	}
	if !u.rebuild {
		return usagef("nothing to change is given: say what, or --rebuild")
	}
	return nil
}

// changesNothing says that a cache is already what flags want. What the service does not
// show of a cache, or counts from the update, may change in any case.
func (u *cacheUpdate) changesNothing(cmd *cobra.Command, have *eci.ImageCache, change *reports.CacheChange) bool {
	if u.rebuild || have.Status != eci.CacheReady || len(change.Differs) > 0 || u.wanted.SizeGiB > 0 && have.SizeGiB == 0 {
		return false
	}
	return !slices.ContainsFunc([]string{
		"retention-days", "reuse", "flash", "standard-copies", "flash-copies", "security-group", "vswitch", "eip", "acr", "registry-login",
	}, func(flag string) bool { return given(cmd.Flags(), flag) })
}

// update is the request of the flags, and what it changes.
func (u *cacheUpdate) update(cmd *cobra.Command, have *eci.ImageCache) (eci.ImageCacheUpdate, reports.CacheChange, error) {
	w := &u.wanted
	change := reports.CacheChange{
		Action: reports.ChangeUpdate, Outcome: reports.OutcomePlanned, Name: have.Name, ID: have.ID, Images: have.Images, SizeGiB: have.SizeGiB, Status: string(have.Status),
	}
	r := eci.ImageCacheUpdate{
		ID: have.ID, Name: w.Name, Images: plainNames(u.images), SizeGiB: w.SizeGiB, RetentionDays: w.RetentionDays, FlashCopies: w.FlashCopyCount,
		StandardCopies: w.StandardCopyCount, ClientToken: u.token,
	}
	p, err := u.eci.parameters()
	if err != nil {
		return r, change, err
	}
	if r.RegistryCredentials, err = loginsOf(cmd.Context(), p.RegistryLogins); err != nil {
		return r, change, err
	}
	r.ACR, r.EIPInstanceID, r.ResourceGroupID = acrRegistries(p.ACR), p.EIPInstanceID, p.ResourceGroupID
	r.SecurityGroupID, r.VSwitchIDs = p.SecurityGroupID, p.VSwitchIDs
	if before, known := readHidden(have); known {
		// An apply goes by what it noted there.
		noted := hiddenOf(w).over(before).String()
		p = export.CacheParameters{Tags: map[string]string{parametersTag: noted}}.With(p)
	}
	if len(p.Tags) > 0 {
		r.Tags = allTags(p.Tags, have)
	}
	f := cmd.Flags()
	for flag, to := range map[string]**bool{"reuse": &r.ReuseLayers, "flash": &r.Flash} {
		if value, _ := f.GetBool(flag); given(f, flag) {
			*to = &value
		}
	}
	if given(f, "elimination") {
		r.Elimination = &w.EliminationStrategy
	}
	if u.rebuild && len(r.Images) == 0 {
		r.Images = have.Images
		change.Reason = "built anew of what its tags mean now"
	}
	shown := r
	shown.Tags = withoutOurs(r.Tags)
	change.Differs = differences(have, &shown)
	if len(r.Images) > 0 {
		change.Images = r.Images
	}
	if r.SizeGiB > 0 {
		change.SizeGiB = r.SizeGiB
	}
	return r, change, nil
}

// allTags are tags and those that a cache has beside them: whether an update adds tags or
// replaces them is not documented.
func allTags(tags map[string]string, have *eci.ImageCache) []eci.Tag {
	return sortedTags(export.CacheParameters{Tags: tags}.With(export.CacheParameters{Tags: tagMap(have.Tags)}).Tags)
}

// builtAt are an update's tags with the time at which a cache is built anew. An update
// that changes nothing ECI may take for none (NoNeedUpdate), and one that it makes need
// not show in the events.
func builtAt(tags []eci.Tag, have *eci.ImageCache, now time.Time) []eci.Tag {
	all := tagMap(allTags(tagMap(tags), have))
	all[builtTag] = now.UTC().Format(time.RFC3339)
	if len(all) > maxTags {
		return tags
	}
	return sortedTags(all)
}

// maxTags is the most tags of one resource (eci §2.2).
const maxTags = 20

func tagMap(tags []eci.Tag) map[string]string {
	m := make(map[string]string, len(tags))
	for _, tag := range tags {
		m[tag.Key] = tag.Value
	}
	return m
}

// differences are what an update changes of a cache. What the service never shows is a
// difference if it is given; a size that it should show and does not is none.
func differences(have *eci.ImageCache, r *eci.ImageCacheUpdate) []reports.CacheDifference {
	var list []reports.CacheDifference
	add := func(differs bool, field, old, new string) {
		if differs {
			list = append(list, reports.CacheDifference{Field: field, Have: old, Want: new})
		}
	}
	add(r.Name != "" && r.Name != have.Name, "name", have.Name, r.Name)
	add(len(r.Images) > 0 && !sameImages(r.Images, have.Images), "images", strings.Join(have.Images, " "), strings.Join(r.Images, " "))
	add(r.SizeGiB != 0 && have.SizeGiB != 0 && r.SizeGiB != have.SizeGiB, "sizeGiB", fmt.Sprint(have.SizeGiB), fmt.Sprint(r.SizeGiB))
	add(r.RetentionDays != 0 && r.RetentionDays != retentionDays(have), "retentionDays", retentionWords(retentionDays(have)), fmt.Sprint(r.RetentionDays))
	add(r.Elimination != nil && *r.Elimination != have.Elimination, "eliminationStrategy", have.Elimination, elimination(r.Elimination))
	add(r.ResourceGroupID != "" && r.ResourceGroupID != have.ResourceGroupID, "resourceGroupId", have.ResourceGroupID, r.ResourceGroupID)
	add(r.StandardCopies != 0, "standardCopyCount", "", fmt.Sprint(r.StandardCopies))
	add(r.FlashCopies != 0, "flashCopyCount", "", fmt.Sprint(r.FlashCopies))
	old := tagMap(have.Tags)
	for _, tag := range r.Tags {
		value, has := old[tag.Key]
		add(!has || value != tag.Value, "tag "+tag.Key, value, tag.Value)
	}
	return list
}

func elimination(e *string) string {
	if e == nil {
		return ""
	}
	return *e
}

// sameImages: the order means nothing, nor whether a name is written out, as
// docker.io/library/nginx:latest for nginx.
func sameImages(a, b []string) bool { return slices.Equal(wholeNames(a), wholeNames(b)) }

func wholeNames(images []string) []string {
	var names []string
	for _, ref := range images {
		name, err := layers.ParseName(ref)
		if err == nil {
			ref = name.String()
		}
		names = append(names, ref)
	}
	slices.Sort(names)
	return names
}

// estimate says whether the images fit and what the build costs.
func (u *cacheUpdate) estimate(cmd *cobra.Command, client *eci.Client, have *eci.ImageCache, changes *reports.CacheChanges) error {
	change := &changes.Changes[0]
	if err := u.sizes.look(cmd, change.Images); err != nil {
		return err
	}
	changes.At = u.sizes.scenario.Now
	w := export.WantedCache{Name: change.Name, Images: change.Images, SizeGiB: change.SizeGiB, AutoMatchImageCache: u.wanted.AutoMatchImageCache, Flash: u.wanted.Flash}
	existing, err := client.AllImageCaches(cmd.Context(), eci.ImageCacheQuery{})
	if err != nil {
		return err
	}
	if taken := namedCaches(existing, u.wanted.Name); u.wanted.Name != "" && u.wanted.Name != have.Name && len(taken) > 0 {
		return fmt.Errorf("a cache called %s exists: %s; commands and apply find caches by name", u.wanted.Name, idsOf(taken))
	}
	lenders, _ := matcherCaches(existing, client.RegionID())
	change.Fit, change.Cost = u.sizes.of(&w, lenders)
	w.StandardCopyCount = u.wanted.StandardCopyCount
	changes.Doubts = append(changes.Doubts, u.sizes.priceDoubts(&w)...)
	addCosts(changes)
	return nil
}
