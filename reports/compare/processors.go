package compare

import (
	"slices"
	"strings"
)

// Package testing ends the names of benchmarks with the number of processors, as -4, and
// with nothing where it is 1. Benchmarks are compared with those of the same number, as
// benchstat does. A name such as size-8 ends like that by itself: where all names of both
// results end alike nothing tells, and nothing need.

// tellProcessors lets the number of processors tell benchmarks apart where a result has
// several.
func tellProcessors(old, new *Result) {
	told := len(old.processors(nil)) > 1 || len(new.processors(nil)) > 1
	for _, b := range slices.Concat(old.benchmarks, new.benchmarks) {
		b.isTold = told
	}
}

// processors are the different endings of the names of benchmarks that are wanted, of all
// where wanted is nil.
func (r *Result) processors(wanted func(*benchmark) bool) (list []string) {
	for _, b := range r.benchmarks {
		if (wanted == nil || wanted(b)) && !slices.Contains(list, b.processors) {
			list = append(list, b.processors)
		}
	}
	return list
}

// isTimedByTest says that package testing measured a benchmark: what a model computes is
// the same on any number of processors.
func (r *Result) isTimedByTest(b *benchmark) bool {
	return b.condition(Machine) != "" && slices.ContainsFunc(b.figures, func(figure string) bool { return r.isMeasured(b, figure) })
}

// processors refuses measurements of go test with one number of processors beside those
// with another.
func (p *pair) processors() {
	old, new := p.old.processors(p.old.isTimedByTest), p.new.processors(p.new.isTimedByTest)
	if len(old) != 1 || len(new) != 1 || old[0] == new[0] {
		return
	}
	words := func(ending string) string {
		if ending == "" {
			return "1 processor (no number ends a name)"
		}
		return strings.TrimPrefix(ending, "-") + " processors (the " + ending + " that ends a name)"
	}
	if p.allows(Machine) {
		p.doubt("The numbers of processors differ: OLD was measured with %s, NEW with %s.", words(old[0]), words(new[0]))
		return
	}
	p.refuse("another machine: OLD was measured with %s, NEW with %s (--allow %s)", words(old[0]), words(new[0]), Machine)
}
