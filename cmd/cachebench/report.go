package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/workload"
)

func newReport(std *streams) *cobra.Command {
	out := &outputs{io: std, formats: append(startFormats(), reports.GitHub)}
	cmd := &cobra.Command{
		Use:   "report FILE...",
		Short: "Any saved result in any format",
		Long: `Report reads saved results (a report, or timelines, a plan, matches, an inventory,
a workload) and writes them as one report; or a saved diff, comparison, scores,
calibration, comparison with the service, answer of capacity or sweep, in any of its own
formats, as the command itself writes it. A sweep is never in memory whole.

A FILE that is - is read from standard input.

Several timelines are the arms of one simulation, each simulated by itself, or
measured ones beside it. What belongs to different simulations is refused.`,
		Example: `  cachebench report report.json --output html --output-file report.html
  cachebench report timeline.json plan.json inventory.json
  cachebench report whole.json --output html --output-file sweep.html`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no file is named; see %s --help", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			if err := errors.Join(out.check(), out.spares(args...)); err != nil {
				return err
			}
			args, first, err := std.readFirst(args)
			if err != nil {
				return err
			}
			if first == nil {
				if done, err := savedSweep(args, out); done || err != nil {
					return err
				}
				if first, err = readInput(args[0]); err != nil {
					return err
				}
			}
			if done, err := savedTables(args, first, out); done || err != nil {
				return err
			}
			d, err := savedDiff(args, first)
			if err != nil {
				return err
			}
			if d != nil {
				if out.formats = reports.DiffFormats(); out.check() != nil {
					return usagef("%s is a %s: %w", args[0], reports.DiffKind, out.check())
				}
				return out.diff(d)
			}
			if out.formats = startFormats(); out.check() != nil {
				return out.check()
			}
			r, t, err := gather(args, first)
			if err != nil {
				return err
			}
			out.timeline = t
			return out.report(r)
		},
	}
	out.addFlags(cmd, "")
	out.addPlotsFlag(cmd)
	return cmd
}

// readFirst reads what - stands for among the names of files, which is then the first of
// them and called stdin; nil where none is so called.
func (s *streams) readFirst(names []string) ([]string, []byte, error) {
	i := slices.Index(names, "-")
	if i < 0 {
		return names, nil, nil
	}
	others := slices.Delete(slices.Clone(names), i, i+1)
	if slices.Contains(others, "-") {
		return nil, nil, usagef("- is named twice: standard input can be read once")
	}
	data, err := s.readStdin()
	return append([]string{"stdin"}, others...), data, err
}

// readStdin reads all of standard input.
func (s *streams) readStdin() ([]byte, error) {
	data, err := io.ReadAll(s.in)
	if err != nil {
		return nil, usageError{fmt.Errorf("read stdin: %w", err)}
	}
	return append([]byte{}, data...), nil
}

// savedTables writes the scores, the comparison with the service, the calibration, the
// answer to a question of capacity or the sweep that the only file named holds; it does nothing when
// that holds something else.
func savedTables(names []string, data []byte, out *outputs) (done bool, err error) {
	if len(names) != 1 {
		return false, nil
	}
	kind, err := document.Header(names[0], data)
	if err == nil && kind == reports.ComparisonKind {
		return true, out.savedComparison(names[0], data)
	}
	if err != nil || kind != reports.ScoresKind && kind != reports.ServiceKind && kind != calibrate.Kind && kind != reports.CapacityKind && kind != reports.SweepResultKind {
		return false, err
	}
	if kind == reports.SweepResultKind { // as YAML, or with its keys in another order
		s, err := reports.ReadSweepResult(names[0], data)
		if err != nil {
			return false, err
		}
		return true, out.savedSweep(names[0], s, s.Each())
	}
	out.formats = reports.TableFormats()
	switch kind {
	case calibrate.Kind:
		out.formats = reports.CalibrationFormats()
	case reports.CapacityKind:
		out.formats = reports.CapacityFormats()
	}
	if out.check() != nil {
		return false, usagef("%s is a %s: %w", names[0], kind, out.check())
	}
	if kind == reports.ScoresKind || kind == reports.ServiceKind {
		if err := out.noPlots(names[0] + ", a " + kind + ","); err != nil {
			return false, err
		}
	}
	if kind == calibrate.Kind {
		c, err := calibrate.Read(names[0], data)
		if err != nil {
			return false, err
		}
		return true, out.tables(kind, c, func(b *bytes.Buffer, f reports.Format, opt reports.Options) error {
			return reports.WriteCalibration(b, f, c, opt)
		})
	}
	if kind == reports.CapacityKind {
		c, err := reports.ReadCapacity(names[0], data)
		if err != nil {
			return false, err
		}
		return true, out.capacity(c)
	}
	if kind == reports.ScoresKind {
		s, err := reports.ReadScores(names[0], data)
		if err != nil {
			return false, err
		}
		return true, out.tables(kind, s, func(b *bytes.Buffer, f reports.Format, opt reports.Options) error {
			return reports.WriteScores(b, f, s, opt)
		})
	}
	s, err := reports.ReadService(names[0], data)
	if err != nil {
		return false, err
	}
	return true, out.tables(kind, s, func(b *bytes.Buffer, f reports.Format, opt reports.Options) error {
		return reports.WriteService(b, f, s, opt)
	})
}

// savedSweep writes the sweep that the only file named holds, run by run, so that it is
// never in memory whole; it does nothing when that holds something else.
func savedSweep(names []string, out *outputs) (done bool, err error) {
	if len(names) != 1 {
		return false, nil
	}
	info, err := os.Stat(names[0])
	if err != nil || !info.Mode().IsRegular() {
		return false, nil // what is read but once is read as other files are
	}
	file, err := os.Open(names[0])
	if err != nil {
		return false, nil // as readInput says
	}
	defer file.Close()
	begin := make([]byte, 256)
	n, _ := io.ReadFull(file, begin)
	if !reports.BeginsAsSweep(begin[:n]) {
		return false, nil
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return false, fmt.Errorf("read %s: %w", names[0], cause(err))
	}
	sweep, err := reports.OpenSweep(names[0], file)
	if err != nil {
		return false, err
	}
	return true, out.savedSweep(names[0], sweep.Head, sweep.Runs())
}

// savedSweep writes a saved sweep.
func (o *outputs) savedSweep(name string, head *reports.SweepResult, runs iter.Seq2[*reports.SweepRun, error]) error {
	if o.formats = reports.SweepFormats(); o.check() != nil {
		return usagef("%s is a %s: %w", name, reports.SweepResultKind, o.check())
	}
	return o.sweep(head, runs)
}

// sweep writes a sweep, and its charts where asked to, run by run.
func (o *outputs) sweep(head *reports.SweepResult, runs iter.Seq2[*reports.SweepRun, error]) error {
	charts := reports.NewSweepCharts(head)
	each := func(yield func(*reports.SweepRun, error) bool) {
		for run, err := range runs {
			if err == nil && o.plots != "" {
				err = charts.Add(run)
			}
			if !yield(run, err) {
				return
			}
		}
	}
	if err := o.stream(func(w io.Writer) error {
		return reports.WriteSweep(w, reports.Format(o.format), head, each)
	}); err != nil || o.plots == "" {
		return err
	}
	return o.drawPlots(charts.Plots())
}

// savedDiff reads the diff that the only file named holds; nil when it holds
// something else.
func savedDiff(names []string, data []byte) (*reports.Diff, error) {
	if len(names) != 1 {
		return nil, nil
	}
	if kind, err := document.Header(names[0], data); err != nil || kind != reports.DiffKind {
		return nil, err
	}
	return reports.ReadDiff(names[0], data)
}

// gather makes one report of saved results, one of each kind but for the timelines
// of different arms; a saved report stands alone. The first file is read already.
// It returns the timeline, too, where there is one.
func gather(names []string, first []byte) (*reports.Report, *simulate.Timeline, error) {
	var in reports.Input
	var merged timelines
	of := make(map[string]string) // the file of each kind
	for i, name := range names {
		data := first
		if first = nil; i > 0 { // a file is not kept beside what is read of it
			var err error
			if data, err = readInput(name); err != nil {
				return nil, nil, err
			}
		}
		kind, err := document.Header(name, data)
		if err != nil {
			return nil, nil, err
		}
		if kind == reports.Kind {
			if len(names) > 1 {
				return nil, nil, usagef("%s is a whole report: name it alone", name)
			}
			r, err := reports.Read(name, data)
			return r, nil, err
		}
		if other, ok := of[kind]; ok && kind != simulate.TimelineKind {
			return nil, nil, usagef("%s and %s are both of kind %s: name one of them", other, name, kind)
		}
		of[kind] = name
		if err := add(&in, &merged, kind, name, data); err != nil {
			return nil, nil, err
		}
	}
	if in.Plan != nil && in.Timeline != nil {
		in.Doubts = append(in.Doubts, otherProfile(in.Plan, &in.Timeline.Provenance)...)
	}
	return reports.New(in), in.Timeline, nil
}

// otherProfile is the doubt that a plan and startups are of two profiles.
func otherProfile(p *plan.Plan, of *simulate.Provenance) []string {
	switch {
	case p.Profile != of.Profile:
		return []string{fmt.Sprintf("The plan was made on profile %s, the startups are of profile %s: their seconds do not compare.", p.Profile, of.Profile)}
	case p.Provenance != nil && p.Provenance.ProfileDigest != "" && of.ProfileDigest != "" && p.Provenance.ProfileDigest != of.ProfileDigest:
		return []string{fmt.Sprintf("The plan was made on other values of profile %s than the startups are of: their seconds do not compare.", p.Profile)}
	}
	return nil
}

func add(in *reports.Input, merged *timelines, kind, name string, data []byte) (err error) {
	switch kind {
	case simulate.TimelineKind:
		var t *simulate.Timeline
		if t, err = simulate.ReadTimeline(name, data); err != nil {
			return err
		}
		err = merged.add(name, t)
		in.Timeline = merged.whole
	case plan.Kind:
		in.Plan, err = plan.Read(name, data)
	case matcher.MatchesKind:
		in.Matches, err = matcher.ReadMatches(name, data)
	case matcher.BestCachesKind:
		in.BestCaches, err = matcher.ReadBestCaches(name, data)
	case matcher.CreationKind:
		in.Creation, err = matcher.ReadCreation(name, data)
	case layers.InventoryKind:
		in.Inventory, err = layers.Read(name, data)
	case workload.Kind:
		in.Workload, err = workload.Read(name, data)
	default:
		err = usageError{fmt.Errorf("%s is a %s: a report is made of Report, Timeline, Plan, Matches, Creation, BestCaches, Inventory and Workload files", name, kind)}
	}
	return err
}
