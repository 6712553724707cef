package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan/export"
)

// cacheWishes are the flags of what a cache is.
type cacheWishes struct {
	wanted export.WantedCache
	file   string
	token  string
}

func (c *cacheWishes) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	w := &c.wanted
	f.StringVar(&w.Name, "name", "", "`name` of the cache")
	f.IntVar(&w.SizeGiB, "size-gib", 0, fmt.Sprintf("`GiB` of its disk, %d to %d, which every instance started from it pays (default %d)", matcher.MinCacheGiB, matcher.MaxCacheGiB, matcher.MinCacheGiB))
	f.IntVar(&w.RetentionDays, "retention-days", 0, "delete it after so many `days` (default never)")
	f.BoolVar(&w.AutoMatchImageCache, "reuse", false, "reuse layers of caches that exist when it is built (AutoMatchImageCache)")
	f.BoolVar(&w.Flash, "flash", false, "make it usable from a local snapshot first")
	f.IntVar(&w.StandardCopyCount, "standard-copies", 0, "`number` of regular snapshots: one for every 1,000 instances started at once (default 1)")
	f.IntVar(&w.FlashCopyCount, "flash-copies", 0, "`number` of local snapshots (default 1)")
	f.StringVar(&w.EliminationStrategy, "elimination", "", "`LRU` lets it go when the account's quota is reached (default keep it)")
	f.StringVar(&c.token, "client-token", "", "`token` of the call: the same with the same parameters makes no second cache (default a new one)")
	onCommandLineOnly(f, "name", "size-gib", "retention-days", "reuse", "flash", "standard-copies", "flash-copies", "elimination", "client-token")
	cmd.RegisterFlagCompletionFunc("elimination", cobra.FixedCompletions([]string{"LRU"}, cobra.ShellCompDirectiveNoFileComp))
}

// check refuses what the service would, before anything is looked up.
func (c *cacheWishes) check(cmd *cobra.Command) error {
	w := &c.wanted
	switch {
	case w.EliminationStrategy != "" && w.EliminationStrategy != eci.EliminationLRU:
		return usagef("--elimination %q: there is LRU, or nothing", w.EliminationStrategy)
	case w.StandardCopyCount < 0 || w.FlashCopyCount < 0:
		return usagef("--standard-copies and --flash-copies are 1 or more")
	case given(cmd.Flags(), "retention-days") && w.RetentionDays < 1:
		return usagef("--retention-days %d: it is 1 or more; without the flag the cache never expires", w.RetentionDays)
	case given(cmd.Flags(), "size-gib") && (w.SizeGiB < matcher.MinCacheGiB || w.SizeGiB > matcher.MaxCacheGiB):
		return usagef("--size-gib %d: the range is %d to %d", w.SizeGiB, matcher.MinCacheGiB, matcher.MaxCacheGiB)
	case w.OSType != "" && w.OSType != "Linux" && w.OSType != "Windows":
		return usagef("--os-type %s", document.NoneOf(w.OSType, "Linux", "Windows"))
	}
	return nil
}

// over puts what flags say of a cache in place of what a file does.
func (c *cacheWishes) over(cmd *cobra.Command, w *export.WantedCache) {
	f := cmd.Flags()
	for flag, put := range map[string]func(){
		"size-gib":       func() { w.SizeGiB = c.wanted.SizeGiB },
		"retention-days": func() { w.RetentionDays = c.wanted.RetentionDays },
		"reuse":          func() { w.AutoMatchImageCache = c.wanted.AutoMatchImageCache },
		"flash":          func() { w.Flash = c.wanted.Flash },
		"elimination":    func() { w.EliminationStrategy = c.wanted.EliminationStrategy },
	} {
		if given(f, flag) {
			put()
		}
	}
}

// flashFor refuses a number of local snapshots where no cache has one.
func (c *cacheWishes) flashFor(wanted []export.WantedCache) error {
	if c.wanted.FlashCopyCount > 0 && !slices.ContainsFunc(wanted, func(w export.WantedCache) bool { return w.Flash }) {
		return usagef("--flash-copies is the number of local snapshots, which only --flash makes: give it too")
	}
	return nil
}

// namedTwice refuses the same image twice, however it is written.
func namedTwice(images []string) error {
	seen := make(map[string]bool)
	for _, ref := range images {
		whole := wholeNames([]string{ref})[0]
		if seen[whole] {
			return usagef("image %s is named twice", ref)
		}
		seen[whole] = true
	}
	return nil
}

// parameters are the flags of the network and the registries as a file states them.
func (e *eciFlags) parameters() (export.CacheParameters, error) {
	p := export.CacheParameters{
		SecurityGroupID: e.securityGroup, VSwitchIDs: e.vSwitches, ZoneID: e.zone, ResourceGroupID: e.resourceGroup, EIPInstanceID: e.eip,
		PlainHTTPRegistries: e.plainHTTPHosts, InsecureRegistries: e.insecureHosts,
	}
	tags, err := e.tags()
	if err != nil {
		return p, err
	}
	for _, tag := range tags {
		if p.Tags == nil {
			p.Tags = make(map[string]string)
		}
		p.Tags[tag.Key] = tag.Value
	}
	instances, err := e.acr()
	if err != nil {
		return p, err
	}
	for _, a := range instances {
		p.ACR = append(p.ACR, export.ACRInstance(a))
	}
	p.RegistryLogins = e.loginSources()
	return p, nil
}

// specOf is the request of a wanted cache. Logins are looked up here, and are nowhere
// but in the request.
func specOf(ctx context.Context, w *export.WantedCache) (eci.ImageCacheSpec, error) {
	logins, err := loginsOf(ctx, w.RegistryLogins)
	return eci.ImageCacheSpec{
		Name: w.Name, Images: w.Images, SizeGiB: w.SizeGiB, RetentionDays: w.RetentionDays, ReuseLayers: w.AutoMatchImageCache,
		Flash: w.Flash, FlashCopies: w.FlashCopyCount, StandardCopies: w.StandardCopyCount, Elimination: w.EliminationStrategy,
		RegistryCredentials: logins, ACR: acrRegistries(w.ACR), EIPInstanceID: w.EIPInstanceID, ResourceGroupID: w.ResourceGroupID,
		Tags: sortedTags(w.Tags), PlainHTTPHosts: w.PlainHTTPRegistries, InsecureHosts: w.InsecureRegistries, OSType: w.OSType,
		SecurityGroupID: w.SecurityGroupID, VSwitchIDs: w.VSwitchIDs, ZoneID: w.ZoneID,
	}, err
}

// checkedSpec is specOf, of what the client will not refuse.
func checkedSpec(ctx context.Context, w *export.WantedCache) (eci.ImageCacheSpec, error) {
	spec, err := specOf(ctx, w)
	if err == nil {
		err = namedTwice(w.Images)
	}
	if err == nil {
		err = spec.Check(0)
	}
	return spec, err
}

// networkDoubt says that ECI may refuse a cache for which no network is stated: its pages
// say that it is required, its schema that it is not (eci §2.2).
func networkDoubt(w *export.WantedCache) string {
	if len(w.VSwitchIDs) > 0 && w.SecurityGroupID != "" {
		return ""
	}
	return "whether ECI creates " + w.Name + " without a vSwitch and a security group: --vswitch and --security-group state them"
}

func acrRegistries(instances []export.ACRInstance) []eci.ACRRegistry {
	var list []eci.ACRRegistry
	for _, a := range instances {
		list = append(list, eci.ACRRegistry(a))
	}
	return list
}

func loginsOf(ctx context.Context, from []export.RegistryLogin) ([]eci.RegistryCredential, error) {
	var list []eci.RegistryCredential
	for _, l := range from {
		c, err := loginOf(ctx, l.Server, l.From)
		if err != nil {
			return nil, usagef("the login of a registry: %w", err)
		}
		list = append(list, c)
	}
	return list, nil
}

func sortedTags(tags map[string]string) []eci.Tag {
	var list []eci.Tag
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		list = append(list, eci.Tag{Key: key, Value: tags[key]})
	}
	return list
}

// readCacheSet reads the caches of a file with the flags of the network and the
// registries, which go before what it states.
func readCacheSet(file string, flags export.CacheParameters) (*export.CacheSet, error) {
	data, err := readInput(file)
	if err != nil {
		return nil, err
	}
	set, err := export.ReadCacheSet(file, data)
	if err != nil {
		return nil, err
	}
	if set.Defaults == nil {
		set.Defaults = &export.CacheParameters{}
	}
	for i := range set.Caches {
		w := &set.Caches[i]
		w.Images = plainNames(w.Images)
		w.CacheParameters = flags.With(w.CacheParameters).With(*set.Defaults)
		if err := buildable(w); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return set, nil
}

// plainNames are references without docker://, which ECI does not know.
func plainNames(images []string) []string {
	var list []string
	for _, ref := range images {
		list = append(list, strings.TrimPrefix(ref, "docker://"))
	}
	return list
}

// buildable refuses what the API cannot be asked for: it has no parameter for an
// architecture (eci §2.2), a cluster's ImageCache has (eci §4.2).
func buildable(w *export.WantedCache) error {
	if w.Architecture != "" && w.Architecture != "amd64" {
		return usagef("cache %s is for %s, which CreateImageCache cannot be asked for: create it from a cluster, with cachebench plan export --as imagecache-crd", w.Name, w.Architecture)
	}
	return nil
}
