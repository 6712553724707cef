package benchtest

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/reports"
)

// units are those that people watch, of all that cachebench run --output benchfmt writes
// for the same starts: package testing puts a benchmark's values on one line, in the
// order of their names, where a dozen more would hide them.
func units() []string {
	return []string{reports.UnitStartup, reports.UnitStartupP99, reports.UnitPulled, reports.UnitUnpacked}
}

// describedUnits keeps the lines that say what the units are to one each in what a test
// binary prints, as the package testing does with the machine's.
var describedUnits sync.Once

// Startup runs a sub-benchmark for each app and arm of the scenario, named by keys as
// /app=web/arm=cold/profile=containerd. Arms are cold, and cached (for apps on node
// pools warm), unless the scenario asks for others. Nothing is timed: ns/op is left out.
// Lines before the benchmarks tell benchstat that the values are simulated, hence exact.
// Comments tell the inputs by their digests, the numbers of starts and the doubts: two
// outputs of other workloads are not compared by cachebench. An app whose starts cannot be
// simulated ends the benchmark.
//
// Of the starts of an app in an arm, which all are in one line, startup-sec and
// startup-p99-sec are the median and the 99th percentile of the time from the request to
// ready, by nearest rank, the latter where there are several; pulled-B are the compressed
// bytes that a start fetches and unpacked-B the uncompressed bytes that it unpacks, their
// means, where they are known. Names, units and values are those that cachebench run writes
// with --output benchfmt.
func Startup(b *testing.B, s *cachebench.Scenario) {
	b.Helper()
	whole, results := run(b, s)
	list := lines(results.Report, summaries(b, s.Arms, whole, results))
	fmt.Fprint(os.Stdout, reports.BenchComments(&results.Report.Provenance, results.Report.Doubts))
	for _, arms := range list {
		for i := range arms {
			fmt.Fprint(os.Stdout, reports.BenchStarts(b.Name()+reports.BenchKeys(arms[i].Keys...), arms[i].Starts))
		}
	}
	config := list[0][0].Config
	for _, key := range reports.BenchConfig() {
		if config[key] != "" {
			fmt.Fprintf(os.Stdout, "%s: %s\n", key, config[key])
		}
	}
	describedUnits.Do(func() {
		for _, unit := range units() {
			fmt.Fprintf(os.Stdout, "Unit %s assume=exact better=lower\n", unit)
		}
	})
	// What follows in the output, benchmarks of other packages too, is none of these.
	defer func() {
		for _, key := range reports.BenchConfig() {
			if config[key] != "" {
				fmt.Fprintf(os.Stdout, "%s:\n", key)
			}
		}
	}()
	// A benchmark for each key, so that a pattern of -bench, which is cut at slashes, may
	// name the first ones alone.
	for _, arms := range list {
		b.Run(keys(&arms[0])[0], func(b *testing.B) {
			for i := range arms {
				nest(b, keys(&arms[i])[1:], &arms[i])
			}
		})
	}
}

// lines are those of benchmarks, as reports have them: app by app, arm by arm.
func lines(r *reports.Report, summaries [][]*reports.Summary) [][]reports.BenchLine {
	var list [][]reports.BenchLine
	for _, arms := range summaries {
		var its []reports.BenchLine
		for _, s := range arms {
			its = append(its, r.BenchLine(s))
		}
		list = append(list, its)
	}
	return list
}

// keys are the parts of a benchmark's name after the first.
func keys(l *reports.BenchLine) []string {
	return strings.Split(strings.TrimPrefix(reports.BenchKeys(l.Keys...), "/"), "/")
}

// nest runs a benchmark for each of the parts of a name, one in the other.
func nest(b *testing.B, parts []string, l *reports.BenchLine) {
	b.Run(parts[0], func(b *testing.B) {
		if len(parts) > 1 {
			nest(b, parts[1:], l)
			return
		}
		report(b, l)
	})
}

// report gives the values of a line. They are the same whatever b.N is, and neither
// time nor memory is spent on them that would say anything.
func report(b *testing.B, l *reports.BenchLine) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(0, "B/op")
	b.ReportMetric(0, "allocs/op")
	for _, v := range l.Values {
		if slices.Contains(units(), v.Unit) {
			b.ReportMetric(v.Value, v.Unit)
		}
	}
	// Package testing multiplies -benchtime by b.N to guess the next b.N, of which 1e9 is
	// the last. Beyond a minute and a half that overflows, and it counts up to 1e9 by ones.
	if b.N >= 1e8 && b.N < 1e9 {
		b.StopTimer()
		b.ResetTimer()
		//lint:ignore SA3001 no value is divided by it
		b.N = 1e6
	}
}
