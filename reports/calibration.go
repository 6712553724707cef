package reports

import (
	"fmt"
	"io"

	"github.com/cachebench/cachebench/simulate/calibrate"
)

// CalibrationFormats lists the formats that WriteCalibration knows.
func CalibrationFormats() []Format { return append(TableFormats(), Bench, HTML) }

// WriteCalibration writes c to w.
func WriteCalibration(w io.Writer, format Format, c *calibrate.Calibration, opt Options) error {
	if format == Bench {
		data, err := calibrationBench(c)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return fmt.Errorf("write the %s: %w", calibrate.Kind, err)
		}
		return nil
	}
	if format == HTML {
		data, err := calibrationPage(c)
		if err == nil {
			_, err = w.Write(data)
		}
		if err != nil {
			return fmt.Errorf("write the %s: %w", calibrate.Kind, err)
		}
		return nil
	}
	return writeTables(w, format, calibrate.Kind, c, func() []byte { return calibrationText(c, opt) })
}

// CalibrationError is the error by which a calibration is judged: that of runs that
// were left out of the fit, or of the profile that was checked; the mean absolute
// error of arms, the median one of a cluster's pulls, the least one of pulls that are only
// counted. ok is false where there is none.
func CalibrationError(c *calibrate.Calibration) (fraction float64, ok bool) {
	s := judged(c)
	switch {
	case s == nil && c.Basis == "counts":
		return countedError(c)
	case s == nil:
		return 0, false
	}
	if c.Basis != "layers" {
		return s.Median, true
	}
	return s.Mean, true
}

// judged is the score that counts; nil where nothing was left out.
func judged(c *calibrate.Calibration) *calibrate.Score {
	if len(c.Totals) == 0 {
		return nil
	}
	for _, by := range []string{calibrate.ByHeldOut, calibrate.ByProfile} {
		if s := c.Totals[0].Of(by); s != nil {
			return s
		}
	}
	return nil
}

// CheckCalibration holds the error to a limit; the error wraps ErrRule above it, and
// ErrUnjudged where nothing was left out of the fit.
func CheckCalibration(c *calibrate.Calibration, most float64) error {
	e, ok := CalibrationError(c)
	switch {
	case !ok:
		return fmt.Errorf("%w: no run was left out of the fit, so its error is not known: measure more arms", ErrUnjudged)
	case e > most:
		return fmt.Errorf("%w: the error is %s, and at most %s is asked for", ErrRule, percent(e), percent(most))
	}
	return nil
}

// CalibrationHeadline is the answer in a sentence, what was measured and how wrong predictions
// are.
func CalibrationHeadline(c *calibrate.Calibration) string {
	if c.Basis == "counts" {
		return countsHeadline(c)
	}
	if len(c.Totals) == 0 || predicted(&c.Totals[0]) == nil {
		return "Nothing could be compared."
	}
	s := &c.Totals[0]
	if c.Basis != "layers" {
		return pullsHeadline(c, s)
	}
	words := fmt.Sprintf("%s of %s: ", count(c.Runs, "run"), count(c.Arms, "arm"))
	if p := s.Of(calibrate.ByProfile); p != nil {
		words += fmt.Sprintf("error %s on profile %s", percent(p.Mean), c.Profile)
	} else {
		words += "error "
		if base := s.Of(calibrate.ByBase); base != nil {
			words += fmt.Sprintf("%s on profile %s, ", percent(base.Mean), c.Base)
		}
		words += fittedWords(c, s, func(x *calibrate.Score) float64 { return x.Mean })
	}
	words += " (mean absolute)"
	if n := s.Of(calibrate.Noise); n != nil {
		words += fmt.Sprintf("; measured again, their medians would differ by %s", percent(n.Mean))
	}
	return words + "."
}

// predicted is the score of the profile that counts: held out, else only checked, else
// on what it was fitted to; nil where there is none.
func predicted(s *calibrate.Scored) *calibrate.Score {
	for _, by := range []string{calibrate.ByHeldOut, calibrate.ByProfile, calibrate.ByFit} {
		if x := s.Of(by); x != nil {
			return x
		}
	}
	return nil
}

// fittedWords say the error after fitting.
func fittedWords(c *calibrate.Calibration, s *calibrate.Scored, of func(*calibrate.Score) float64) string {
	held := s.Of(calibrate.ByHeldOut)
	switch {
	case held == nil:
		return fmt.Sprintf("%s after fitting, on the runs that it was fitted to", percent(of(predicted(s))))
	case c.FittedArms > 0 && c.Basis != "layers": // an arm of events is an image
		return fmt.Sprintf("%s held-out, on the pulls of the %s beside the %d that it was fitted to", percent(of(held)), count(c.Arms-c.FittedArms, "image"), c.FittedArms)
	case c.FittedArms > 0:
		return fmt.Sprintf("%s held-out, on the arms beside the %d that it was fitted to", percent(of(held)), c.FittedArms)
	}
	return fmt.Sprintf("%s held-out after fitting", percent(of(held)))
}

func pullsHeadline(c *calibrate.Calibration, s *calibrate.Scored) string {
	return fmt.Sprintf("your %s: median %.0f MB/s; %s", count(c.Runs, "pull"), c.MedianRate/1e6, pullErrors(c, s))
}

// pullErrors say how wrong predictions of a cluster's pulls are.
func pullErrors(c *calibrate.Calibration, s *calibrate.Scored) string {
	median := func(x *calibrate.Score) float64 { return x.Median }
	if p := s.Of(calibrate.ByProfile); p != nil {
		return fmt.Sprintf("error %s on profile %s (median absolute)", percent(p.Median), c.Profile)
	}
	words := "error "
	if base := s.Of(calibrate.ByBase); base != nil {
		name := "built-in"
		if !isBuiltIn(c.Base) {
			name = "on profile " + c.Base
		}
		words += fmt.Sprintf("%s %s, ", percent(base.Median), name)
	}
	return words + fittedWords(c, s, median) + " (median absolute)"
}
