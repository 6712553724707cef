package simulate

import (
	"fmt"
	"math"
	"time"

	"github.com/cachebench/cachebench/simulate/network"
)

// Parameter is one value of a profile: a constant, or for times and rates a
// distribution; and where it comes from. In a file a plain value stands for a
// constant without a source.
type Parameter[T any] struct {
	// Value is the constant; unused when Distribution is set.
	Value T `json:"value,omitempty" document:"shorthand,unit=parent"`
	// Distribution is lognormal (Median, Sigma) or uniform (Min, Max); empty
	// for a constant.
	Distribution string `json:"distribution,omitempty" document:"enum=lognormal|uniform"`
	// Median is a lognormal's.
	Median T `json:"median,omitempty" document:"unit=parent"`
	// Sigma is the standard deviation of a lognormal's natural logarithm.
	Sigma float64 `json:"sigma,omitempty"`
	// Min and Max bound a uniform distribution.
	Min T `json:"min,omitempty" document:"unit=parent"`
	Max T `json:"max,omitempty" document:"unit=parent"`
	// Source starts with measured, published or assumed, then says where.
	Source string `json:"source,omitempty"`
}

// exact writes all but the source, to the last digit.
func (p *Parameter[T]) exact() string {
	switch p.Distribution {
	case "lognormal":
		return fmt.Sprintf("lognormal %v %v", p.Median, p.Sigma)
	case "uniform":
		return fmt.Sprintf("uniform %v %v", p.Min, p.Max)
	}
	return fmt.Sprintf("%v", p.Value)
}

// number is a quantity that may be drawn.
type number interface{ ~int64 | ~float64 }

// typical is the constant, or the distribution's median.
func typical[T number](p *Parameter[T]) T {
	switch p.Distribution {
	case "lognormal":
		return p.Median
	case "uniform":
		return p.Min + (p.Max-p.Min)/2
	}
	return p.Value
}

// checkNumber refuses a distribution that cannot be drawn from and a negative
// constant. What is no number is refused with them.
func checkNumber[T number](p *Parameter[T]) error {
	switch p.Distribution {
	case "lognormal":
		if !(p.Median > 0) || math.IsInf(float64(p.Median), 1) || !(p.Sigma >= 0 && p.Sigma <= 5) {
			return fmt.Errorf("a lognormal needs a median above 0 and a sigma from 0 to 5")
		}
	case "uniform":
		if !(p.Min >= 0 && p.Max >= p.Min) || math.IsInf(float64(p.Max), 1) {
			return fmt.Errorf("a uniform distribution needs 0 <= min <= max")
		}
	case "":
		if !(p.Value >= 0) {
			return fmt.Errorf("cannot be negative")
		}
	default:
		return fmt.Errorf("%q is no distribution that can be drawn from: lognormal or uniform", p.Distribution)
	}
	return nil
}

// MostTime is the longest that a profile may say that one thing takes: what is
// longer is a mistake, and sums of many could not be told.
const MostTime = 30 * 24 * time.Hour

func checkTime(p *Parameter[time.Duration]) error {
	if err := checkNumber(p); err != nil {
		return err
	}
	if max(p.Value, p.Median, p.Max) > MostTime {
		return fmt.Errorf("cannot be more than %g days", MostTime.Hours()/24)
	}
	return nil
}

func checkRate(p *Parameter[network.Rate]) error {
	if err := checkNumber(p); err != nil {
		return err
	}
	if p.Distribution == "" && p.Value == 0 || p.Distribution == "uniform" && p.Min == 0 {
		return fmt.Errorf("a rate is needed: a number above 0 or unlimited")
	}
	if p.Distribution == "" && p.Value < 1 || p.Distribution == "uniform" && p.Min < 1 || p.Distribution == "lognormal" && p.Median < 1 {
		return fmt.Errorf("is less than a byte per second")
	}
	return nil
}

// show writes a parameter's value for people.
func show[T any](p *Parameter[T]) string {
	switch p.Distribution {
	case "lognormal":
		return fmt.Sprintf("lognormal, median %s, sigma %g", showValue(p.Median), p.Sigma)
	case "uniform":
		return fmt.Sprintf("uniform, %s to %s", showValue(p.Min), showValue(p.Max))
	}
	return showValue(p.Value)
}

func showValue(v any) string {
	switch v := v.(type) {
	case network.Rate:
		if math.IsInf(float64(v), 1) {
			return "unlimited"
		}
		return fmt.Sprintf("%.4g MB/s", float64(v)/1e6)
	case time.Duration:
		return v.String()
	case float64:
		if math.IsInf(v, 1) {
			return "unlimited"
		}
		return fmt.Sprintf("%.6g", v)
	}
	return fmt.Sprint(v)
}
