package calibrate

import (
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// Kind is the kind of a saved Calibration.
const Kind = "Calibration"

// Calibration says what measured startups tell of a profile, and how wrong its
// simulation of them is.
type Calibration struct {
	Provenance simulate.Provenance `json:"provenance"`
	// Tools are what measured: pull, containerd, eci or kubelet. Hosts describe where.
	Tools []string `json:"tools"`
	Hosts []string `json:"hosts,omitempty"`
	// Basis is layers where runs are simulated with their layers, pulls where only the
	// time and size of pulls is known, images where their layers come from an inventory,
	// counts where pulls are only counted.
	Basis string `json:"basis" document:"required,enum=layers|pulls|images|counts"`
	// Base names the profile whose values hold where the runs tell nothing; Profile is
	// the fitted one, or the one that was only checked.
	Base    string `json:"base,omitempty"`
	Profile string `json:"profile" document:"required"`
	// Runs are those that count, VoidRuns those that do not; of events they are pulls.
	Runs     int `json:"runs"`
	VoidRuns int `json:"voidRuns,omitempty"`
	// Startups are those of the runs, Arms the conditions (of events: images).
	Startups int `json:"startups"`
	Arms     int `json:"arms"`
	// FittedArms are those that the fit knew, where that was not all of them; 0 where
	// each was left out in turn, in one of Folds folds.
	FittedArms int `json:"fittedArms,omitempty"`
	Folds      int `json:"folds,omitempty"`
	// MedianRate is the median of bytes over time of pulls of which no more is known,
	// compressed bytes a second.
	MedianRate float64 `json:"medianBytesPerSecond,omitempty"`
	// Factor is by how much all rates of a pull are those of the base, where parts of a
	// pull are not told apart.
	Factor *Factor `json:"factor,omitempty"`
	// Parameters are what was fitted, and what could not be.
	Parameters []Parameter `json:"parameters,omitempty"`
	// Settings are what the experiment set alike in all arms on one node, such as the
	// cores; the fitted profile has it too.
	Settings []Setting `json:"settings,omitempty"`
	// Choices say in a sentence each what runs that were left out decided.
	Choices []string `json:"choices,omitempty"`
	// Apps are the programs' own times to ready, which no profile can know.
	Apps []AppReady `json:"apps,omitempty"`
	// Totals are errors of the time to ready, of the last start of a run: of all arms,
	// then class by class.
	Totals []Scored `json:"totals"`
	// Counts hold the profile against pulls that are only counted, the smallest images
	// first.
	Counts []CountCheck `json:"counts,omitempty"`
	// Phases are errors of each phase of single starts.
	Phases []Scored `json:"phases,omitempty"`
	// Images are errors of the time to ready of single starts, image by image.
	Images []Scored `json:"images,omitempty"`
	// Cells are the arms.
	Cells []Cell `json:"cells,omitempty"`
	// Simulated is how many runs were simulated, or pulls reckoned.
	Simulated int `json:"simulated"`
	// Doubts are reasons to trust the result less, one sentence each.
	Doubts []string `json:"doubts,omitempty"`
}

// Read reads a saved Calibration from the bytes of the file called name.
func Read(name string, data []byte) (*Calibration, error) {
	var c Calibration
	if err := document.Read(name, data, Kind, &c); err != nil {
		return nil, err
	}
	return &c, nil
}

// Factor is a number with its 90 % interval.
type Factor struct {
	Value float64 `json:"value"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Parameter is a value of a profile with what the runs tell of it.
type Parameter struct {
	// Name is its key in a profile's file.
	Name string `json:"name" document:"required"`
	// Value is in the unit that Name ends in; of one that cannot be told it is the
	// base's, or, where that does not go with the rest of the fit, one that does.
	Value float64 `json:"value"`
	// Base is the base's value; absent where it is unlimited.
	Base *float64 `json:"base,omitempty"`
	// Low and High are its 90 % interval.
	Low  *float64 `json:"low,omitempty"`
	High *float64 `json:"high,omitempty"`
	// CannotBeTold says why the runs do not tell it, Measure what to measure to tell
	// it; empty where they do.
	CannotBeTold string `json:"cannotBeTold,omitempty"`
	Measure      string `json:"measure,omitempty"`
	// Together: it was scaled by one factor with all other rates of a pull.
	Together bool `json:"together,omitempty"`
	// Raised: Value cannot be told and is not the base's: the base's does not go with
	// the rest of the fit, or the rest was found beside this one.
	Raised bool `json:"raised,omitempty"`
	// Set: the experiment set it alike in all arms on one node, and Value is what it set.
	Set bool `json:"set,omitempty"`
	// Unlimited: the value, which is the base's, bounds nothing.
	Unlimited bool `json:"unlimited,omitempty"`
}

// Setting is a value of a profile that the experiment set.
type Setting struct {
	// Name is its key in a profile's file, Value what it was set to.
	Name  string `json:"name" document:"required"`
	Value string `json:"value"`
}

// AppReady is a program's own time to ready, the median of its runs.
type AppReady struct {
	App   string        `json:"app" document:"required"`
	Ready time.Duration `json:"readySeconds"`
}

// Ways to predict that are scored.
const (
	// ByBase is the profile before the fit.
	ByBase = "base"
	// ByFit is the fitted profile on what it was fitted to. Where that was not all
	// arms, everything else is scored on the others.
	ByFit = "fitted"
	// ByHeldOut is a profile that was fitted without the arm that it predicts.
	ByHeldOut = "held-out"
	// ByProfile is a profile that was only checked.
	ByProfile = "profile"
	// ByBytes is compressed bytes over the rate of the links, then creation and
	// readiness.
	ByBytes = "bytes / bandwidth"
	// BySum is ByBytes, then the longest unpacking of one start, layer after layer.
	BySum = "fetch + unpack"
	// Noise is the noise floor of the errors beside it. Errors of arms are of medians, so
	// it is how far a median lies from itself when its runs are made again
	// (sketch.MedianNoise), of arms with three runs or more. Errors of a cluster's pulls
	// are of each by itself, so it is how far a pull lies from the median of the others of
	// its image.
	Noise = "noise"
	// RunNoise is how far one run lies from the median of the others of its arm: more
	// than the floor of an error of medians.
	RunNoise = "noise of one run"
)

// Scored are errors of one thing that is predicted, in several ways.
type Scored struct {
	// What is all, a class, a phase, or an image.
	What   string  `json:"what" document:"required"`
	Scores []Score `json:"scores" document:"required"`
}

// Of returns the score of a way to predict; nil where there is none.
func (s *Scored) Of(predictor string) *Score {
	for i := range s.Scores {
		if s.Scores[i].By == predictor {
			return &s.Scores[i]
		}
	}
	return nil
}

// Score are relative errors, predicted over measured less 1, as fractions that may
// be above 1.
type Score struct {
	// By is how it was predicted.
	By string `json:"by" document:"required"`
	// Count is of arms; of the noise of one run, and of pulls, it is of runs.
	Count int `json:"count"`
	// Median, P90 and Worst are of absolute errors, Mean is their mean.
	Median float64 `json:"median"`
	P90    float64 `json:"p90"`
	Worst  float64 `json:"worst"`
	Mean   float64 `json:"mean"`
	// Bias is the mean of the errors with their sign: above 0 predictions are too long. It
	// is 0 of Noise, which has none.
	Bias float64 `json:"bias" document:"signed"`
	// WorstArm is where the worst is.
	WorstArm string `json:"worstArm,omitempty"`
}

// Cell is an arm with its measured and predicted time to ready, of the last start.
type Cell struct {
	Arm    string   `json:"arm" document:"required"`
	Class  string   `json:"class"`
	Images []string `json:"images,omitempty"`
	Runs   int      `json:"runs"`
	// Measured is the median of the runs, Predicted held out or, where all was fitted
	// or nothing, by the profile. UntilCreated: both end once the containers were created,
	// for no other arm tells the program's own time to ready.
	Measured     time.Duration `json:"measuredSeconds"`
	Predicted    time.Duration `json:"predictedSeconds"`
	UntilCreated bool          `json:"untilCreated,omitempty"`
	// Error is Predicted over Measured less 1, Noise the noise floor of it: how far the
	// median lies from itself when the runs are made again; absent where there are fewer
	// than three.
	Error float64  `json:"error" document:"signed"`
	Noise *float64 `json:"noise,omitempty"`
	// Fitted says that the profile was fitted to it.
	Fitted bool `json:"fitted,omitempty"`
}
