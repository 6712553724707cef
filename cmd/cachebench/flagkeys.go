package main

import (
	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench"
)

// blameFlags tells the file which of its values are of flags.
func (in *inputs) blameFlags(flags *pflag.FlagSet, file *cachebench.ScenarioFile) {
	set := func(name string) bool { return flags.Lookup(name) != nil && flags.Changed(name) }
	for flag, key := range flagKeys {
		if set(flag) {
			file.Given(key, flag)
		}
	}
	if set("goal") && !set("limit") {
		file.Given("plan.limitSeconds", "goal") // it needs one
	}
}

// flagKeys are the keys of a scenario whose values flags give, by the flag.
var flagKeys = map[string]string{
	"platform": "platform", "arms": "arms", "seed": "seed", "repeats": "repeats", "window": "windowSeconds", "window-start": "windowStartSeconds",
	"scale": "scale", "min-coverage": "minCoverageFraction", "burst": "bursts", "fault": "faults",
	"budget": "budgetPerMonth", "worth-per-hour": "worthPerHour", "quota": "quota", "disk-gib": "diskBudgetGiB", "limit": "startupLimitSeconds",
	"goal": "plan.goal", "limit-starts": "plan.limitStartsFraction", "storage": "plan.storage", "gap": "plan.gapFraction", "effort": "plan.effort",
	"time-limit": "plan.timeLimitSeconds", "curve": "plan.curvePoints", "candidate": "plan.candidates", "max-candidates": "plan.maxCandidates",
	"trace-span": "traceSpanSeconds", "assume-runtime": "assume.runtimeSeconds", "assume-cpu": "assume.cpu", "assume-memory-gib": "assume.memoryGiB",
	"hold-out": "plan.holdOutFraction", "judge-at": "plan.judgeAt",
}
