package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
)

// calibration are the flags of calibrate.
type calibration struct {
	io                 *streams
	base, profile      string
	inventory          string
	check              bool
	fitOn              string
	maxError           string
	seed               uint64
	folds, repeats     int
	samples, workers   int
	quiet              bool
	most               float64
	onlyHalf, onlyCold bool
}

func newCalibrate(io *streams) *cobra.Command {
	c := &calibration{io: io}
	out := &outputs{io: io, formats: reports.CalibrationFormats()}
	cmd := &cobra.Command{
		Use:   "calibrate TIMELINE...",
		Short: "A profile from measured runs, with the error of its predictions",
		Long: `Calibrate fits a profile to timelines of measured startups (cachebench measure, or
workload import for the pulls of a cluster), and says how wrong the simulation of
runs that it was not fitted to is: arm by arm, for each phase and in all, beside the
noise of what was measured and beside two naive predictions. Arms are left out in
turn, in folds; or --fit-on says which are fitted, and the rest is predicted.

Every parameter has a 90 % interval, or the reason why the runs cannot tell it and
what to measure to tell it; then it keeps the value of --base, unless that does not go
with the rest. What the experiment set alike in all runs, such as the cores, is in the
profile as well. Where the layers of what was pulled are not known, as from a cluster's
events, one factor for all rates of a pull is fitted, and its fixed time. Runs that
stand in several of the files, as in copies of one that was resumed, count once.

--check fits nothing: it says how wrong --profile is.

--save writes the fitted profile, for --profile of other commands. The exit code is 3
when --max-error is given and the error is above it: the mean absolute error of runs
that were left out; of a cluster's pulls the median.`,
		Example: `  cachebench calibrate measured.json --save mine.yaml
  cachebench calibrate measured.json --fit-on cold --max-error 8%
  cachebench calibrate --check --profile mine.yaml later.json
  cachebench calibrate pulls.json --inventory inventory.json --output json`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("no timeline is named; see %s --help", cmd.CommandPath())
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(out.check(), c.parse(cmd), eachOnce(args), out.spares(append(slices.Clone(args), c.base, c.profile, c.inventory)...)); err != nil {
				return err
			}
			return c.run(cmd, args, out)
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.base, "base", "", builtInProfiles()+" or a profile `file`, whose values hold where the runs tell nothing (default containerd, of runs on ECI eci)")
	f.BoolVar(&c.check, "check", false, "fit nothing; say how wrong --profile is")
	f.StringVar(&c.profile, "profile", "containerd", "with --check: "+builtInProfiles()+" or a profile `file`")
	f.StringVar(&c.inventory, "inventory", "", "saved inventory `file` of images whose timeline holds none, as of a cluster's pulls")
	f.StringVar(&c.fitOn, "fit-on", "all", "fit to all arms, those of cold starts, or half of them by the seed, and predict the rest: `all|cold|half`")
	f.StringVar(&c.maxError, "max-error", "", "exit with 3 when the error is above this `share`, such as 0.1 or 10%")
	f.Uint64Var(&c.seed, "seed", 1, "seed of every draw")
	f.IntVar(&c.folds, "folds", 5, "into how many parts arms are dealt to be left out in turn")
	f.IntVar(&c.repeats, "repeats", 9, "simulate each run this often where the profile draws")
	f.IntVar(&c.samples, "samples", 200, "samples of the bootstrap for the intervals")
	f.IntVar(&c.workers, "workers", 0, "simulate this many arms at once; changes no result (default: one for each processor)")
	f.BoolVarP(&c.quiet, "quiet", "q", false, "no progress on stderr")
	for _, flag := range []string{"base", "profile"} {
		cmd.RegisterFlagCompletionFunc(flag, namesOrFile(simulate.BuiltInNames()...))
	}
	cmd.RegisterFlagCompletionFunc("fit-on", cobra.FixedCompletions([]string{"all", "cold", "half"}, cobra.ShellCompDirectiveNoFileComp))
	f.SetAnnotation("profile", commandLineOnly, []string{"true"}) // elsewhere it is what is simulated
	f.SetAnnotation("repeats", commandLineOnly, []string{"true"})
	out.addFlags(cmd, "the fitted profile")
	out.addPlotsFlag(cmd)
	return cmd
}

// parse refuses flags that say nothing together.
func (c *calibration) parse(cmd *cobra.Command) error {
	f := cmd.Flags()
	switch c.fitOn {
	case "all":
	case "cold":
		c.onlyCold = true
	case "half":
		c.onlyHalf = true
	default:
		return usagef("--fit-on %s", document.NoneOf(c.fitOn, "all", "cold", "half"))
	}
	if c.check {
		for _, flag := range []string{"base", "fit-on", "save", "folds", "samples"} {
			if f.Changed(flag) {
				return usagef("--%s is of a fit, and --check fits nothing: leave one of them out", flag)
			}
		}
	} else if f.Changed("profile") {
		return usagef("--profile is what --check looks at: give --base for a fit, or --check with it")
	}
	if c.folds < 2 || c.repeats < 1 || c.samples < 20 || c.workers < 0 {
		return usagef("--folds takes 2 or more, --repeats 1 or more, --samples 20 or more, --workers 0 or more")
	}
	if c.maxError == "" {
		return nil
	}
	number, isPercent := strings.CutSuffix(c.maxError, "%")
	v, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if isPercent {
		v /= 100
	}
	if err != nil || !(v >= 0 && v <= 10) {
		return usagef("--max-error %q is no share such as 0.1 or 10%%", c.maxError)
	}
	c.most = v
	return nil
}

func (c *calibration) run(cmd *cobra.Command, args []string, out *outputs) error {
	opt := calibrate.Options{Seed: c.seed, Folds: c.folds, Repeats: c.repeats, Samples: c.samples, Workers: c.workers}
	files, ofFiles, err := readTimelines(args)
	if err != nil {
		return err
	}
	name := c.base
	if c.check {
		name = c.profile
	}
	if name == "" {
		name = baseOf(files)
	}
	var inputs []simulate.Input
	if opt.Base, err = c.readProfile(name, &inputs); err != nil {
		return err
	}
	if c.inventory != "" {
		data, err := readInput(c.inventory)
		if err != nil {
			return err
		}
		if opt.Inventory, err = layers.Read(c.inventory, data); err != nil {
			return err
		}
		inputs = append(inputs, cachebench.InputOf(filepath.Base(c.inventory), data))
	}
	opt.FitOn = c.chosen()
	if !c.quiet && isLive(c.io.err) {
		c.io.stage = &stageLine{to: c.io.err, now: time.Now}
		opt.Progress = c.io.stage.show
	}
	return c.judge(cmd, files, opt, append(inputs, ofFiles...), out)
}

// readTimelines reads all files before it tells of faults, to be mended at once.
func readTimelines(names []string) (files []calibrate.File, inputs []simulate.Input, err error) {
	var faults []error
	for _, name := range names {
		data, err := readInput(name)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		t, err := simulate.ReadTimeline(name, data)
		if err != nil {
			faults = append(faults, err)
			continue
		}
		files = append(files, calibrate.File{Name: name, Timeline: t})
		inputs = append(inputs, cachebench.InputOf(filepath.Base(name), data))
	}
	return files, inputs, errors.Join(faults...)
}

// baseOf is the built-in profile of what was measured: of runs on ECI that of its
// instances, which have no limits of a containerd host.
func baseOf(files []calibrate.File) string {
	for _, f := range files {
		if m := f.Timeline.Measurement; m == nil || m.Tool != "eci" {
			return "containerd"
		}
	}
	return "eci"
}

// readProfile is a built-in one by name, or a file.
func (c *calibration) readProfile(name string, inputs *[]simulate.Input) (*simulate.Profile, error) {
	if !strings.ContainsAny(name, "./\\") {
		p, err := simulate.BuiltIn(name)
		if err != nil {
			return nil, usageError{err}
		}
		return p, nil
	}
	data, err := readInput(name)
	if err != nil {
		return nil, err
	}
	*inputs = append(*inputs, cachebench.InputOf(filepath.Base(name), data))
	return simulate.ReadProfile(name, data)
}

func (c *calibration) chosen() func(calibrate.Arm) bool {
	switch {
	case c.onlyCold:
		return func(a calibrate.Arm) bool {
			return a.Cold && a.Class != calibrate.ClassTogether && a.Class != calibrate.ClassNodes
		}
	case c.onlyHalf:
		return func(a calibrate.Arm) bool { return a.Half == 0 }
	}
	return nil
}

// judge fits or checks, and writes what came of it.
func (c *calibration) judge(cmd *cobra.Command, files []calibrate.File, opt calibrate.Options, inputs []simulate.Input, out *outputs) error {
	d, err := calibrate.Load(files, opt)
	if err != nil {
		return inputFault(err)
	}
	var result *calibrate.Calibration
	var fitted *simulate.Profile
	if c.check {
		result, err = d.Check(cmd.Context())
	} else {
		result, fitted, err = d.Fit(cmd.Context())
	}
	if err != nil {
		return inputFault(err)
	}
	result.Provenance.Version, result.Provenance.Inputs = cachebench.Version, inputs
	if fitted != nil && out.save != "" {
		data, err := document.Marshal(simulate.ProfileKind, fitted)
		if err != nil {
			return fmt.Errorf("write the profile: %w", err)
		}
		if err := out.writeTo(out.save, data); err != nil {
			return err
		}
	}
	out.save = "" // it is the profile's
	if err := out.tables(calibrate.Kind, result, func(b *bytes.Buffer, f reports.Format, o reports.Options) error {
		return reports.WriteCalibration(b, f, result, o)
	}); err != nil {
		return err
	}
	if c.maxError == "" {
		return nil
	}
	return reports.CheckCalibration(result, c.most)
}

// inputFault makes what is wrong with the files a fault of the command line.
func inputFault(err error) error {
	if errors.Is(err, calibrate.ErrNothing) || errors.Is(err, calibrate.ErrSimulated) {
		return usageError{err}
	}
	return err
}
