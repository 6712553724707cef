package main

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

// asks are the flags of what a container group asks of matching.
type asks struct {
	group       matcher.Group
	explain     bool
	sensitivity bool
	rules       bool
	each        bool
	// plan is the file of a plan whose caches are replayed too.
	plan string
}

// groupFlags describe the group of the images named; a workload's apps say these
// themselves.
var groupFlags = [...]string{"init-image", "pull-policy", "extra-storage-gib"}

func (a *asks) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&a.explain, "explain", false, "list every cache in order with the keys that placed it and the layers it lacks")
	f.BoolVar(&a.sensitivity, "sensitivity", false, "say whether another reading of an undocumented rule would change the choice")
	f.BoolVar(&a.each, "each", false, "say instead, for each image by itself, which cache shares most bytes with it")
	f.StringVar(&a.plan, "plan", "", "also replay the workload's starts with the caches of this saved plan `file`, rebuilt at releases")
	f.BoolVar(&a.rules, "list-policies", false, "list the undocumented rules with their readings and the reason of each default, and do nothing else")
	f.StringVar(&a.group.CacheID, "cache-id", "", "ask for the cache with this `ID` explicitly (ImageSnapshotId)")
	f.StringVar(&a.group.Region, "region", "", "`region` of the container group; caches that state another one do not match")
	f.BoolVar(&a.group.PerfectMatch, "perfect-match", false, "use a cache only if it holds every image (imc-perfect-match)")
	f.IntVar(&a.group.MatchCount, "match-count", 0, "use a cache only if it holds this `number` of images (imc-match-count-request)")
	f.BoolVar(&a.group.NoMatching, "no-matching", false, "automatic matching is off (AutoMatchImageCache=false)")
	f.BoolVar(&a.group.Job, "job", false, "the instance is of the Job type, which refuses caches")
	f.StringArrayVar(&a.group.InitImages, "init-image", nil, "`image` of an init container of the group named; repeatable")
	f.StringVar(&a.group.PullPolicy, "pull-policy", "", "`policy` of the group named: Always, IfNotPresent or Never (default: Kubernetes' rule)")
	f.Float64Var(&a.group.ExtraStorageGiB, "extra-storage-gib", 0, "ephemeral storage above the free 30 `GiB` of the group named")
	cmd.RegisterFlagCompletionFunc("pull-policy", cobra.FixedCompletions([]string{"Always", "IfNotPresent", "Never"}, cobra.ShellCompDirectiveNoFileComp))
}

// otherQuestions are flags with the ones that have nothing to do with them.
var otherQuestions = [...]struct {
	flag   string
	others []string
}{
	{"each", []string{
		"create", "size-gib", "plan", "workload", "trace", "explain", "sensitivity", "cache-id", "region", "perfect-match",
		"match-count", "no-matching", "job", "init-image", "pull-policy", "extra-storage-gib",
	}},
	{"create", []string{"plan", "explain", "sensitivity", "cache-id", "perfect-match", "match-count", "no-matching", "job"}},
}

// oneQuestion refuses flags that have nothing to do with what is asked.
func oneQuestion(cmd *cobra.Command) error {
	flags := cmd.Flags()
	for _, q := range otherQuestions {
		for _, other := range q.others {
			if flags.Changed(q.flag) && flags.Changed(other) {
				return usagef("--%s does not go with --%s: ask one after the other", other, q.flag)
			}
		}
	}
	return nil
}

// check refuses what cannot be asked.
func (a *asks) check(cmd *cobra.Command, images []string) error {
	for _, name := range []string{"workload", "trace"} {
		if len(images) > 0 && cmd.Flags().Changed(name) {
			return usagef("images are named and --%s is given: ask about one or the other", name)
		}
	}
	if a.plan != "" && len(images) > 0 {
		return usagef("--plan is about the starts of a workload: name no images")
	}
	for _, name := range groupFlags {
		if cmd.Flags().Changed(name) && len(images) == 0 {
			return usagef("--%s is about the images named on the command line: name some; a workload's apps say it themselves", name)
		}
	}
	g := &a.group
	switch {
	case g.MatchCount < 0:
		return usagef("--match-count %d is below 0", g.MatchCount)
	case !(g.ExtraStorageGiB >= 0 && g.ExtraStorageGiB <= matcher.MaxExtraStorageGiB):
		return usagef("--extra-storage-gib %v: the range is 0 to %d", g.ExtraStorageGiB, matcher.MaxExtraStorageGiB)
	case g.PullPolicy != "" && !slices.Contains(pullPolicies, g.PullPolicy):
		return usagef("--pull-policy %s", document.NoneOf(g.PullPolicy, pullPolicies...))
	}
	return nil
}

// apply puts what is asked into the scenario; images named are an app.
func (a *asks) apply(s *cachebench.Scenario, images []string) {
	s.Ask, s.Explain, s.Sensitivity = a.group, a.explain, a.sensitivity
	if len(images) > 0 {
		g := &a.group
		s.Trace, s.Workload = nil, &workload.Workload{Apps: []workload.App{{
			Name: groupName(slices.Concat(images, g.InitImages)), Images: images, InitImages: g.InitImages, PullPolicy: g.PullPolicy, ExtraStorageGiB: g.ExtraStorageGiB,
		}}}
	}
}

// groupName names the group of the images on the command line.
func groupName(images []string) string {
	slices.Sort(images[1:])
	images = append(images[:1], slices.DeleteFunc(slices.Compact(images[1:]), func(ref string) bool { return ref == images[0] })...)
	if len(images) == 1 {
		return images[0]
	}
	return fmt.Sprintf("%s and %d more", images[0], len(images)-1)
}

// pullPolicies are Kubernetes'.
var pullPolicies = []string{"Always", "IfNotPresent", "Never"}
