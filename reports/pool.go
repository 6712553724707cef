package reports

import (
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/matcher/plan"
)

// poolArmWords name what can be done for a node pool.
func poolArmWords(arm string) string {
	switch arm {
	case plan.PoolNothing:
		return "nothing"
	case plan.PoolParallel:
		return "parallel pulls"
	case plan.PoolPrePull:
		return "pre-pull"
	case plan.PoolBaked:
		return "baked disk"
	}
	return arm
}

// poolAdvice is the verdict on a pool in few words.
func poolAdvice(p *plan.Pool) string {
	arm := p.Arm(p.Verdict)
	switch p.Verdict {
	case plan.PoolParallel:
		return "pull in parallel"
	case plan.PoolPrePull:
		return "pre-pull " + poolImageCount(arm)
	case plan.PoolBaked:
		return "bake " + poolImageCount(arm) + " into its disk"
	}
	return "leave it as it is"
}

func poolImageCount(arm *plan.PoolArm) string {
	if arm == nil {
		return "images"
	}
	return count(arm.Images, "image")
}

// poolHeading is the title of a pool's section.
func poolHeading(p *plan.Pool) string {
	words := fmt.Sprintf("Node pool %s: %s", p.Name, poolAdvice(p))
	return words + fmt.Sprintf(" (%s, %s)", count(p.Nodes, "node"), p.Platform)
}

// poolGap says how far from the best possible the images of a pool are.
func poolGap(p *plan.Pool) string {
	within := "within " + size(p.DiskBudgetBytes) + " a node"
	switch {
	case p.Status == plan.Optimal && len(p.Images) == 0:
		return sentence(fmt.Sprintf("Proven: none of the %s considered spares a pull %s", count(p.Candidates, "image"), within))
	case p.Status == plan.Optimal:
		return sentence(fmt.Sprintf("Proven: no other choice of the %s considered spares more than these %s of %s of pulling a month, as counted, %s",
			count(p.Candidates, "image"), longTime(p.ObjectiveSeconds), longTime(p.PullSeconds), within))
	}
	s := fmt.Sprintf("These spare %s of %s of pulling a month, as counted; no choice of the %s considered spares more than %s %s (proven): a gap of %s",
		longTime(p.ObjectiveSeconds), longTime(p.PullSeconds), count(p.Candidates, "image"), longTime(p.BoundSeconds), within, percent(p.GapFraction))
	return sentence(s)
}

// poolImagesTitle says what the list of images is.
func poolImagesTitle(p *plan.Pool) string {
	return fmt.Sprintf("Images to hold on each node by %s, in this order (estimated from counted pulls, per month of 30 days)", poolArmWords(p.HeldBy))
}

// poolHeads are the columns of arms; those of a limit only where there is one.
func hasLimit(p *plan.Pool) bool {
	known := func(x plan.PoolArm) bool { return x.MeetsLimit != nil }
	return p.LimitUnchecked() || slices.ContainsFunc(p.Arms, known)
}

func yesNo(b *bool) string {
	switch {
	case b == nil:
		return "-"
	case *b:
		return "yes"
	}
	return "no"
}

// judgePools is the verdict where only node pools are planned for.
func judgePools(v *Verdict, r *Report) {
	pools, left := r.Plan.Pools, r.Plan.PoolsLeftOut
	head := "no node pool was looked at"
	switch {
	case len(pools) == 1:
		head = fmt.Sprintf("Node pool %s: %s", pools[0].Name, poolAdvice(&pools[0]))
		if len(left) == 0 {
			v.Advice = pools[0].Verdict
		}
	case len(pools) > 1:
		changed := poolNames(pools, func(p *plan.Pool) bool { return p.Verdict != plan.PoolNothing })
		looked := ""
		if len(left) > 0 {
			looked = " looked at (" + some(poolNames(pools, func(*plan.Pool) bool { return true }), 3) + ")"
		}
		head = fmt.Sprintf("%d of %d node pools%s gain by a change", len(changed), len(pools), looked)
	}
	v.Headline = sentence(head + poolLimitWords(pools) + leftOutPoolWords(left))
	v.Sentences = poolSentences(pools)
}

func poolNames(pools []plan.Pool, want func(*plan.Pool) bool) []string {
	var names []string
	for i := range pools {
		if want(&pools[i]) {
			names = append(names, pools[i].Name)
		}
	}
	return names
}

// poolLimitWords name the pools whose limit is not kept as far as is known; none where it is
// kept on all.
func poolLimitWords(pools []plan.Pool) string {
	words := ""
	add := func(names []string, what string) {
		switch {
		case len(names) > 0 && len(pools) > 1:
			words += fmt.Sprintf("; limit %s on %s", what, some(names, 3))
		case len(names) > 0:
			words += "; limit " + what
		}
	}
	add(poolNames(pools, func(p *plan.Pool) bool { return p.LimitNotMet() && !p.LimitUnchecked() }), "not met")
	add(poolNames(pools, (*plan.Pool).LimitUnchecked), "not checked")
	return words
}

// leftOutPoolWords name the pools that an interrupt came before; none where there is none.
func leftOutPoolWords(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return fmt.Sprintf("; interrupted before node pool %s was looked at", names[0])
	}
	return fmt.Sprintf("; interrupted before node pools %s were looked at", some(names, 3))
}

// poolSentences say what to do about each pool.
func poolSentences(pools []plan.Pool) []string {
	var list []string
	for i := range pools {
		p := &pools[i]
		s := p.Reason
		if len(pools) > 1 {
			s = fmt.Sprintf("Node pool %s: %s. %s", p.Name, poolAdvice(p), p.Reason)
		}
		list = append(list, sentence(s))
	}
	return list
}

// onlyPools says that a plan is of node pools alone.
func onlyPools(p *plan.Plan) bool {
	return len(p.Pools)+len(p.PoolsLeftOut) > 0 && len(p.Assignments) == 0 && len(p.Caches) == 0
}
