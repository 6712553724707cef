package main

import (
	"cmp"
	"slices"

	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/workload"
)

// cacheFlags are of the caches of apps that start on instances of their own.
var cacheFlags = []string{
	"caches", "policy", "matches", "budget", "quota", "baseline", "assign", "storage", "candidate", "max-candidates",
	"hold-out", "judge-at", "explain",
}

// checkPlan refuses flags that mean nothing for what is planned, before images are looked
// up. What a scenario says besides is not refused: it may be one for other workloads too.
func checkPlan(flags *pflag.FlagSet, s *cachebench.Scenario) error {
	goal := cmp.Or(s.PlanOptions.Goal, plan.GoalSeconds)
	if err := checkSearch(flags); err != nil {
		return err
	}
	w := s.Workload
	if s.Trace != nil {
		w = &workload.Workload{} // its apps start on instances of their own
	}
	if err := s.CheckPlan(); err != nil {
		return err
	}
	if w != nil {
		if err := checkApps(flags, w, goal); err != nil {
			return err
		}
	}
	if s.BudgetPerMonth == 0 && !flags.Changed("budget") && goal == plan.GoalSeconds && (s.Workload == nil || s.Trace != nil || startsOnInstances(s.Workload)) {
		return usagef("a plan needs a budget for the most time saved: give --budget, or budgetPerMonth in a scenario; or another --goal")
	}
	return nil
}

// checkSearch refuses a search that would look at nothing. In a file 0 is the default.
func checkSearch(flags *pflag.FlagSet) error {
	if effort, err := flags.GetFloat64("effort"); err == nil && effort == 0 && flags.Changed("effort") {
		return usagef("--effort 0 would search for nothing: give more than 0, or leave it out for 1")
	}
	if most, err := flags.GetInt("max-candidates"); err == nil && most == 0 && flags.Changed("max-candidates") {
		return usagef("--max-candidates 0 would consider nothing: give at least 1, or leave it out for 200")
	}
	return nil
}

// checkApps refuses flags of caches where no app can have any, and those of node pools
// where no app is on one.
func checkApps(flags *pflag.FlagSet, w *workload.Workload, goal string) error {
	own, pooled := startsOnInstances(w), slices.ContainsFunc(w.Apps, func(a workload.App) bool { return a.NodePool != "" })
	if !own && pooled {
		for _, name := range cacheFlags {
			if given(flags, name) && !asksNothing(flags, name) {
				return usagef("--%s is of caches, and every app is on a node pool: leave it out", name)
			}
		}
		if given(flags, "goal") && goal != plan.GoalLimit {
			return usagef("--goal %s is of caches, and every app is on a node pool: leave it out, or give --goal limit", goal)
		}
	}
	switch {
	case pooled:
	case given(flags, "disk-gib"):
		return usagef("--disk-gib is of node pools, and no app is on one: leave it out")
	case given(flags, "limit") && goal != plan.GoalLimit:
		return usagef("--limit has no meaning without --goal limit, where no app is on a node pool")
	case given(flags, "worth-per-hour") && goal != plan.GoalSeconds:
		return usagef("--worth-per-hour has no meaning with --goal %s, where no app is on a node pool: the time saved is not weighed", goal)
	}
	return nil
}

// asksNothing says that a flag only takes back what a scenario asks beside a plan.
func asksNothing(flags *pflag.FlagSet, name string) bool {
	return name == "hold-out" && flags.Lookup(name).Value.String() == "0"
}

// startsOnInstances says that an app has instances of its own, for which caches are built.
func startsOnInstances(w *workload.Workload) bool {
	return slices.ContainsFunc(w.Apps, func(a workload.App) bool { return a.NodePool == "" })
}
