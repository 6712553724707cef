package main

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// saveRecord keeps every run and the fitted profiles.
func (v *validation) saveRecord(r *results) error {
	if err := os.MkdirAll(v.record, 0o755); err != nil {
		return err
	}
	for _, t := range r.trials {
		if !t.recorded {
			continue
		}
		data, err := document.Marshal(simulate.ProfileKind, t.profile)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(v.record, t.name+".json"), data, 0o644); err != nil {
			return err
		}
	}
	for name, t := range map[string]*simulate.Timeline{"memory.csv": r.memory, "disk.csv": r.disk, "pullers.csv": r.pullers} {
		data, err := recordOf(t)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(v.record, name), data, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// recordPhases are those that a record has, where a run has one start.
func recordPhases() []simulate.Phase {
	return []simulate.Phase{simulate.Resolve, simulate.Fetch, simulate.Unpack, simulate.Create, simulate.Ready}
}

// recordOf is a CSV of every run in the order in which they were made: arm, repeat,
// when, noise, and its times; of a void run the reason.
func recordOf(t *simulate.Timeline) ([]byte, error) {
	type key struct {
		arm    string
		repeat int
	}
	counted := make(map[key]*measuredRun)
	runs := countedRuns(t)
	for i := range runs {
		counted[key{runs[i].arm, runs[i].repeat}] = &runs[i]
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	heads := []string{"arm", "repeat", "at", "other_cpu_fraction", "makespan_seconds"}
	for _, phase := range recordPhases() {
		heads = append(heads, string(phase)+"_seconds")
	}
	w.Write(append(heads, "fetched_bytes", "unpacked_bytes", "requests", "void"))
	for i := range t.Measurement.Runs {
		r := &t.Measurement.Runs[i]
		row := []string{r.Arm, strconv.Itoa(r.Repeat), r.At.UTC().Format("2006-01-02T15:04:05Z"), ""}
		if r.OtherCPUFraction != nil {
			row[3] = fmt.Sprintf("%.3f", *r.OtherCPUFraction)
		}
		times := make([]string, 1+len(recordPhases())+3)
		if run := counted[key{r.Arm, r.Repeat}]; run != nil && r.Void == "" {
			times = append(run.record(), requestOrder(t.Measurement.Inventory, run.starts))
		}
		w.Write(append(append(row, times...), r.Void))
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

// record are a run's times and bytes.
func (r *measuredRun) record() []string {
	list := []string{fmt.Sprintf("%.4f", r.makespan().Seconds())}
	for _, phase := range recordPhases() {
		text := ""
		if d, known := r.starts[0].Phases.Of(phase); known && len(r.starts) == 1 {
			text = fmt.Sprintf("%.4f", d.Seconds())
		}
		list = append(list, text)
	}
	fetched, unpacked := int64(0), int64(0)
	for _, s := range r.starts {
		fetched, unpacked = fetched+s.FetchedBytes, unpacked+s.UnpackedBytes
	}
	return append(list, strconv.FormatInt(fetched, 10), strconv.FormatInt(unpacked, 10))
}

// requestOrder is in which order a run asked for layers, by their places in the
// manifest from 0 for the base. Of several starts each has a part with its image before
// it, in the order in which they asked first: which of them begins the layers that they
// share is chance.
func requestOrder(inv *layers.Inventory, starts []*simulate.Startup) string {
	type part struct {
		first time.Duration
		words string
	}
	var parts []part
	for _, s := range starts {
		if len(s.Images) != 1 {
			return ""
		}
		i := inv.Find(s.Images[0], "", time.Time{})
		if i < 0 {
			return ""
		}
		fetches := slices.DeleteFunc(slices.Clone(s.Spans), func(x simulate.Span) bool { return x.Phase != simulate.Fetch })
		if len(fetches) == 0 {
			continue
		}
		slices.SortStableFunc(fetches, func(x, y simulate.Span) int { return cmp.Compare(x.Start, y.Start) })
		var words []string
		if len(starts) > 1 {
			words = append(words, s.Images[0]+":")
		}
		for _, x := range fetches {
			at := slices.IndexFunc(inv.Images[i].Layers, func(l int) bool { return inv.Layers[l].Digest == x.Layer })
			words = append(words, strconv.Itoa(at))
		}
		parts = append(parts, part{s.Requested + fetches[0].Start, strings.Join(words, " ")})
	}
	slices.SortStableFunc(parts, func(x, y part) int { return cmp.Compare(x.first, y.first) })
	var list []string
	for _, p := range parts {
		list = append(list, p.words)
	}
	return strings.Join(list, "; ")
}
