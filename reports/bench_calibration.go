package reports

import (
	"fmt"
	"math"

	"github.com/cachebench/cachebench/simulate/calibrate"
)

// BenchCalibration has the error of the prediction of an arm, or of all arms of a class.
const BenchCalibration = "Calibration"

// The units of calibrations. Errors are relative and without their sign, but for the bias.
const (
	unitError     = "error-fraction"
	unitMeanError = "mean-error-fraction"
	unitMidError  = "median-error-fraction"
	unitP90Error  = "p90-error-fraction"
	unitWorst     = "worst-error-fraction"
	unitBias      = "bias-fraction"
)

// calibrationBench writes the errors of a calibration: of each arm, then of all arms and
// of each class, held out where that was done. They come from measured runs, and from the same
// runs they come out the same: they are no sample of which each could be another.
func calibrationBench(c *calibrate.Calibration) ([]byte, error) {
	// The profile that was checked, or fitted from: the fitted one is what comes of it.
	profile := cmpOr(c.Base, c.Profile)
	config := map[string]string{BenchProfile: profile}
	var lines []BenchLine
	add := func(keys []string, starts int, values []BenchValue) {
		lines = append(lines, BenchLine{Config: config, Name: BenchCalibration, Keys: append(keys, "profile", profile), Starts: starts, Values: values})
	}
	for i := range c.Cells {
		cell := &c.Cells[i]
		if cell.Measured <= 0 { // then there is no error relative to it
			continue
		}
		add([]string{"arm", cell.Arm}, cell.Runs, []BenchValue{{math.Abs(cell.Error), unitError}})
	}
	for i := range c.Totals {
		// Only the prediction that counts: a limit of errors is none of the naive ones.
		if s := predicted(&c.Totals[i]); s != nil {
			add([]string{"class", c.Totals[i].What, "by", s.By}, s.Count,
				[]BenchValue{{s.Mean, unitMeanError}, {s.Median, unitMidError}, {s.P90, unitP90Error}, {s.Worst, unitWorst}, {s.Bias, unitBias}})
		}
	}
	if len(lines) == 0 {
		return nil, fmt.Errorf("format %s: nothing could be compared, so no error is known", Bench)
	}
	var b benchText
	b.comment(&c.Provenance, c.Doubts)
	b.write(lines, true)
	return b.Bytes(), nil
}
