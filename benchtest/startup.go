package benchtest

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/reports"
)

// The units of the benchmarks. Of the starts of an app in an arm, which all are in one
// line, startup-sec and startup-p99-sec are the median and the 99th percentile of the
// time from the request to ready, by nearest rank, the latter where there are several;
// pulled-B are the compressed bytes that a start fetches and unpacked-B the
// uncompressed bytes that it unpacks, their means.
const (
	UnitStartup    = "startup-sec"
	UnitStartupP99 = "startup-p99-sec"
	UnitPulled     = "pulled-B"
	UnitUnpacked   = "unpacked-B"
)

// describedUnits keeps the lines that say what the units are to one each in what a test
// binary prints, as the package testing does with the machine's.
var describedUnits sync.Once

// Startup runs a sub-benchmark for each app and arm of the scenario, named by keys as
// /app=web/arm=cold/profile=containerd. Arms are cold, and cached (for apps on node
// pools warm), unless the scenario asks for others. Nothing is timed: ns/op is left out.
// Lines before the benchmarks tell benchstat that the values are simulated, hence exact.
// An app whose starts cannot be simulated ends the benchmark.
func Startup(b *testing.B, s *cachebench.Scenario) {
	b.Helper()
	whole, results := run(b, s)
	list := summaries(b, s.Arms, whole, results)
	config := configuration(whole)
	for _, line := range config {
		fmt.Fprintf(os.Stdout, "%s: %s\n", line.key, line.value)
	}
	describedUnits.Do(func() {
		for _, unit := range []string{UnitStartup, UnitStartupP99, UnitPulled, UnitUnpacked} {
			fmt.Fprintf(os.Stdout, "Unit %s assume=exact better=lower\n", unit)
		}
	})
	// What follows in the output, benchmarks of other packages too, is none of these.
	defer func() {
		for _, line := range config {
			fmt.Fprintf(os.Stdout, "%s:\n", line.key)
		}
	}()
	// A benchmark for each key, so that a pattern of -bench, which is cut at slashes, may
	// name the first ones alone.
	for _, arms := range list {
		b.Run(names("app", arms[0].App, "arm", "")[0], func(b *testing.B) {
			for _, summary := range arms {
				key := names("app", summary.App, "arm", summary.Arm, "profile", whole.Profile.Name)
				b.Run(key[1], func(b *testing.B) {
					b.Run(key[2], func(b *testing.B) { report(b, summary) })
				})
			}
		})
	}
}

// report gives the values of a line. They are the same whatever b.N is, and neither
// time nor memory is spent on them that would say anything.
func report(b *testing.B, s *reports.Summary) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(0, "B/op")
	b.ReportMetric(0, "allocs/op")
	b.ReportMetric(float64(s.P50)/float64(time.Second), UnitStartup)
	if s.Starts > 1 {
		b.ReportMetric(float64(s.P99)/float64(time.Second), UnitStartupP99)
	}
	b.ReportMetric(float64(s.MeanFetchedBytes), UnitPulled)
	b.ReportMetric(float64(s.MeanUnpackedBytes), UnitUnpacked)
	// Package testing multiplies -benchtime by b.N to guess the next b.N, of which 1e9 is
	// the last. Beyond a minute and a half that overflows, and it counts up to 1e9 by ones.
	if b.N >= 1e8 && b.N < 1e9 {
		b.StopTimer()
		b.ResetTimer()
		//lint:ignore SA3001 no value is divided by it
		b.N = 1e6
	}
}

// setting is a configuration line of benchmarks.
type setting struct{ key, value string }

// configuration says what the values rest on: results that differ in one of these are
// not compared by benchstat.
func configuration(s *cachebench.Scenario) []setting {
	return []setting{
		{"source", "simulated"},
		{"profile", s.Profile.Name},
		{"platform", s.Platform},
		{"cachebench-version", cachebench.Version},
		{"seed", fmt.Sprint(s.Seed)},
		{"coverage", "1"}, // less of an app's starts ends the benchmark
	}
}

// names are the parts of a benchmark's name, from keys and values in turn. What would
// be cut, replaced or read as a number of processors is written %XX, byte by byte.
func names(pairs ...string) []string {
	var list []string
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, pairs[i]+"="+escape(pairs[i+1]))
	}
	last := &list[len(list)-1]
	stem := strings.TrimRight(*last, "0123456789")
	if before, ok := strings.CutSuffix(stem, "-"); ok && stem != *last {
		*last = before + "%2D" + (*last)[len(stem):]
	}
	return list
}

func escape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 || strings.ContainsRune(`/=%"`, r) || !unicode.IsPrint(r) || unicode.IsSpace(r) {
			for _, c := range []byte(text[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}
