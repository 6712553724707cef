package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/reports"
)

// cacheList is one run of cache list.
type cacheList struct {
	*cacheView
	query             eci.ImageCacheQuery
	tags, statuses    []string
	automatic, manual bool
	saveSet           string
	// replies are files that stand for the service.
	replies []string
}

func newCacheList(io *streams) *cobra.Command {
	l := &cacheList{cacheView: newCacheView(io)}
	cmd := &cobra.Command{
		Use:   "list",
		Short: "The image caches of an account",
		Long: `List shows the image caches of a region: status, size, age, last match, expiry, what
keeping them has cost, and whether their tags have moved since (drift: see show).

--match asks the service itself which caches fit some images best, and lists its answer
in its order. --save writes the caches as a file that match, plan and simulate read;
--save-set as one that apply reads. --from reads replies of DescribeImageCaches that
another tool saved, in place of asking.`,
		Example: `  cachebench cache list --region cn-hangzhou
  cachebench cache list --status Failed --no-drift --output json
  cachebench cache list --match nginx:1.27 --match redis:7
  cachebench cache list --no-drift --save account.yaml
  aliyun eci DescribeImageCaches --RegionId cn-hangzhou > reply.json && cachebench cache list --from reply.json --save account.yaml`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return l.run(cmd) },
	}
	l.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&l.query.Name, "name", "", "only caches of this `name`")
	f.StringVar(&l.query.Image, "image", "", "only caches with an image that the service finds by this `text`, such as nginx")
	f.StringVar(&l.query.SnapshotID, "snapshot", "", "only the cache of the snapshot with this `ID`")
	f.StringVar(&l.query.ResourceGroupID, "resource-group", "", "only caches of the resource group with this `ID`")
	f.StringArrayVar(&l.tags, "tag", nil, "only caches with this tag, as `KEY[=VALUE]`; repeatable")
	f.StringSliceVar(&l.statuses, "status", nil, "only caches of this `status`; repeatable")
	f.BoolVar(&l.automatic, "automatic", false, "only caches that ECI made by itself")
	f.BoolVar(&l.manual, "manual", false, "only caches that ECI did not make by itself")
	f.StringArrayVar(&l.query.MatchImages, "match", nil, "ask which caches fit this `image` best; repeatable")
	f.BoolVar(&l.query.FullMatch, "full-match", false, "with --match, only caches with all the images")
	f.IntVar(&l.query.MatchCount, "match-count", 0, "with --match, only caches with at least this `number` of the images")
	f.StringArrayVar(&l.replies, "from", nil, "read this `file`, a saved reply of DescribeImageCaches, in place of asking ECI; repeatable, one for each page")
	f.StringVar(&l.saveSet, "save-set", "", "also save the caches not made by ECI itself to this `file`, as cache apply reads it")
	onCommandLineOnly(f, "name", "image", "snapshot", "resource-group", "tag", "status", "automatic", "manual", "match", "full-match", "match-count", "from", "save-set")
	l.out.addFlags(cmd, "the caches (kind Caches)")
	return cmd
}

func (l *cacheList) run(cmd *cobra.Command) error {
	if err := l.check(cmd); err != nil {
		return err
	}
	client, err := l.open()
	if err != nil {
		return err
	}
	region, all, unread := l.all(cmd.Context(), client)
	if unread != nil && len(all) == 0 {
		return refused(unread)
	}
	caches := l.kept(all)
	a, err := l.view(cmd, region, caches)
	if err != nil {
		return err
	}
	a.Matched = l.query.MatchImages
	if unread != nil {
		a.Doubts = append(a.Doubts, "what else there is: a row of ECI's answer cannot be read")
	}
	if err := l.quotas(cmd.Context(), client, a); err != nil {
		return err
	}
	if unread == nil {
		unread = l.save(region, caches) // what others go by is the whole or nothing
	}
	return errors.Join(unread, l.out.document(reports.AccountCachesKind, a, func() []byte { return reports.AccountText(a) }))
}

// serviceFilters are those that the service has, which no file answers.
var serviceFilters = [...]string{"name", "image", "snapshot", "resource-group", "tag", "match", "full-match", "match-count"}

func (l *cacheList) check(cmd *cobra.Command) (err error) {
	if l.query.Tags, err = tagsOf("--tag", l.tags); err != nil {
		return err
	}
	if l.automatic && l.manual {
		return usagef("--automatic and --manual leave nothing: give one of them")
	}
	for _, status := range l.statuses {
		if !isKnownStatus(status) {
			return usagef("--status %s", document.NoneOf(status, "Preparing", "Creating", "Ready", "Failed", "Updating", "UpdateFailed"))
		}
	}
	for _, flag := range serviceFilters {
		if len(l.replies) > 0 && given(cmd.Flags(), flag) {
			return usagef("--%s is asked of ECI, and --from asks nothing", flag)
		}
	}
	if err := l.out.spares(l.replies...); err != nil || l.saveSet == "" {
		return err
	}
	if l.out.save != "" && sameFile(l.out.save, l.saveSet) {
		return usagef("--save and --save-set are both %s: one would replace the other", l.saveSet)
	}
	set := outputs{io: l.io, save: l.saveSet, file: l.out.file, formats: accountFormats()}
	for _, input := range append([]string{l.in.lock, l.cachesFile, l.in.file.Inventory}, l.replies...) {
		if input != "" && !l.out.toStdout(l.saveSet) && sameFile(l.saveSet, input) {
			return usagef("--save-set %s would replace an input: give it another name", l.saveSet)
		}
	}
	if err := set.check(); err != nil {
		return usagef("--save-set %s: %w", l.saveSet, err)
	}
	return nil
}

// all are the caches that the service has, or the saved replies.
func (l *cacheList) all(ctx context.Context, client *eci.Client) (string, []eci.ImageCache, error) {
	if client == nil {
		return readReplies(ctx, l.replies, l.eci.region)
	}
	all, err := client.AllImageCaches(ctx, l.query)
	return client.RegionID(), all, err
}

// open makes the client, unless files stand for the service.
func (l *cacheList) open() (*eci.Client, error) {
	if err := l.cacheView.open(); err != nil || len(l.replies) > 0 {
		return nil, err
	}
	return l.eci.client()
}

// quotas says how much room the account has.
func (l *cacheList) quotas(ctx context.Context, client *eci.Client, a *reports.AccountCaches) error {
	if client == nil {
		return nil
	}
	usage, err := client.ListUsage(ctx)
	switch {
	case err == nil:
		a.Manual, a.Automatic = quotaOf(usage.ImageCaches()), quotaOf(usage.AutomaticImageCaches())
	case ctx.Err() != nil:
		return err
	default:
		a.Doubts = append(a.Doubts, "the account's quotas: "+firstLine(err))
	}
	return nil
}

func quotaOf(q eci.Quota) *reports.CacheQuota {
	if q.Used == nil || q.Max == nil {
		return nil
	}
	return &reports.CacheQuota{Used: int(*q.Used), Max: int(*q.Max)}
}

// kept are the caches that the filters keep which the service does not have.
func (l *cacheList) kept(all []eci.ImageCache) (kept []eci.ImageCache) {
	for _, c := range all {
		_, automatic := c.Automatic()
		if l.automatic && !automatic || l.manual && automatic || len(l.statuses) > 0 && !slices.Contains(l.statuses, string(c.Status)) {
			continue
		}
		kept = append(kept, c)
	}
	return kept
}

// save writes the caches as matching reads them, and as apply does.
func (l *cacheList) save(region string, caches []eci.ImageCache) error {
	list, left := matcherCaches(caches, region)
	if len(left) > 0 && l.out.save != "" {
		fmt.Fprintf(l.io.err, "cachebench: left out of %s, for they cannot be matched: %v\n", l.out.save, left)
	}
	for i := range list {
		list[i].Contents = l.sources.caches[list[i].ID].Contents
	}
	if err := l.out.saveAs(matcher.CachesKind, matcher.Caches{Caches: list}); err != nil {
		return err
	}
	if l.saveSet == "" {
		return nil
	}
	return l.saveCacheSet(region, caches)
}
