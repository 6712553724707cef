// Package calibrate fits a profile to measured startups and says how wrong the
// simulation of startups that it was not fitted to is.
//
// A measured timeline says which images were started, what was present before and
// what the experiment set (simulate.Measurement). So every run can be simulated
// again, on any profile, and compared: of a single start the time to ready and its
// phases, of starts requested together only the time until the last is ready, for
// which of them is first is the runtime's own chance.
//
// The steps of a fit:
//
//  1. The spans of layers give unpacking (a fixed time, a time for each entry, a
//     speed for each codec) by a robust regression without negative terms, the
//     requests and the links by medians, creation and readiness by medians.
//  2. From there all parameters move together, so that simulated runs take as long
//     as measured ones: least squares of the logarithms under a soft-L1 loss, held
//     to the first step by how well that knows each of them, and at last the method
//     of Nelder and Mead (gonum/optimize).
//  3. Whether it is the disk or the decoder that bounds unpacking, what transfers take
//     from it, and the cores are decided by cross-validation among the arms of the fit,
//     before all else (choose.go).
//  4. Intervals come of a bootstrap over arms: the first step is done again for each
//     sample, the second in its linear form.
//
// What the runs cannot tell keeps the base's value, unless that does not go with the
// rest, and the result says what to measure to tell it. The error is that of arms left out of the fit (k-fold, all
// runs of an arm in one fold), beside the noise of the medians that are predicted and
// beside two naive predictions. What the experiment set alike in all runs is in the
// profile as well.
//
// Events of a cluster tell of a pull only its time and size. Then one factor for all
// the rates of a pull is fitted, and a fixed time (pulls.go).
//
// The same timelines, options and seed give the same result.
//
// Use: Load the timelines, then Fit or Check.
package calibrate

import (
	"errors"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// Options are the choices of a calibration; the zero value is good, but for Base.
type Options struct {
	// Base is the profile whose values hold where the runs tell nothing.
	Base *simulate.Profile
	// Seed decides every draw: of the simulation, the folds and the bootstrap.
	Seed uint64
	// Repeats is how often a run is simulated where the profile draws; 0 means 9, a
	// third of it while fitting.
	Repeats int
	// Folds is into how many parts arms are dealt to be left out in turn; 0 means 5.
	Folds int
	// Samples are those of the bootstrap; 0 means 200.
	Samples int
	// FitOn says which arms the profile is fitted to, and the rest is what it is
	// checked on; nil fits all arms and checks on folds.
	FitOn func(Arm) bool
	// FoldBy names what arms are dealt to folds by, and to halves: those of one name go
	// together, as all arms of an image where it is that. nil is the name of each arm.
	FoldBy func(Arm) string
	// Inventory knows images of timelines that hold none.
	Inventory *layers.Inventory
	// Workers is how many arms are simulated at once; 0 means one for each processor.
	// It changes no result.
	Workers int
	// Progress is told what is being done; nil is not.
	Progress func(what string)
}

func (o Options) withDefaults() Options {
	if o.Base == nil {
		o.Base = simulate.Containerd()
	}
	if o.Repeats == 0 {
		o.Repeats = 9
	}
	if o.Folds == 0 {
		o.Folds = 5
	}
	if o.Samples == 0 {
		o.Samples = 200
	}
	if o.FoldBy == nil {
		o.FoldBy = func(a Arm) string { return a.Name }
	}
	if o.Progress == nil {
		o.Progress = func(string) {}
	}
	return o
}

// Arm is what Options.FitOn and FoldBy are asked about.
type Arm struct {
	// Name is the arm's; of events of a cluster it is the image.
	Name string
	// Class is one of the classes.
	Class string
	// Images are what is started, each once; of events of a cluster there are none.
	Images []string
	// Cold: nothing was present before.
	Cold bool
	// Half is 0 or 1, by a draw from the seed.
	Half int
}

var (
	// ErrNothing: the timelines hold no run that can be compared.
	ErrNothing = errors.New("nothing to calibrate with")
	// ErrVoid: all runs are void.
	ErrVoid = errors.New("no run counts")
	// ErrSimulated: the startups were not measured.
	ErrSimulated = errors.New("calibration needs measured startups")
)
