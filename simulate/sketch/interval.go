package sketch

import (
	"fmt"
	"math"
)

// Interval is a statistic with its confidence interval. A nil *Interval is an
// unknown one: a single repeat, or too few values for the level, say nothing of
// how far the statistic may be off.
type Interval struct {
	// Value, Low and High are in one unit, which the key above says in a file.
	Value float64 `json:"value" document:"required,signed,unit=parent"`
	Low   float64 `json:"low" document:"required,signed,unit=parent"`
	High  float64 `json:"high" document:"required,signed,unit=parent"`
	// Level is the share of such intervals that hold the true value, such as
	// 0.95. By ranks it is what is reached, which is at least what was asked for.
	Level float64 `json:"level" document:"required,unit=fraction"`
}

// MeanInterval returns the interval of the mean of independent repeats, by
// Student's t. It holds exactly if the values are normal, and nearly if their
// mean is; for a few repeats of a very skew statistic the level is not reached.
// Fewer than 2 values give nil. It is an error if the level is not between 0 and
// 1, or a value is no finite number.
func MeanInterval(values []float64, level float64) (*Interval, error) {
	if err := checkLevel(level); err != nil {
		return nil, err
	}
	for i, v := range values {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("interval of a mean: value %d of %d is %v: leave out repeats without a result", i+1, len(values), v)
		}
	}
	n := len(values)
	if n < 2 {
		return nil, nil
	}
	mean, deviation := moments(values)
	half := studentFactor(level, n-1) * deviation / math.Sqrt(float64(n))
	return &Interval{Value: mean, Low: mean - half, High: mean + half, Level: level}, nil
}

// moments returns the mean and the sample's standard deviation.
func moments(values []float64) (mean, deviation float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - mean) * (v - mean)
	}
	return mean, math.Sqrt(squares / (n - 1))
}

// PairedInterval returns the interval of the mean of a[i] - b[i], where both
// values of a pair come from one repeat with the same random numbers. What the
// draws do to both cancels, so it is as narrow as the arms are alike. Fewer than 2
// pairs give nil.
func PairedInterval(a, b []float64, level float64) (*Interval, error) {
	if len(a) != len(b) {
		return nil, fmt.Errorf("interval of a difference: %d values against %d: give the same repeats of both arms, in one order", len(a), len(b))
	}
	differences := make([]float64, len(a))
	for i := range a {
		differences[i] = a[i] - b[i]
	}
	return MeanInterval(differences, level)
}

// QuantileInterval returns the interval, in seconds, of the q quantile of one
// repeat, by Student's t over the quantiles of all. Value is their mean. What it
// holds is the quantile that a repeat of this size has on average. Fewer than 2
// repeats give nil; a repeat without durations is an error.
func QuantileInterval(repeats []*Times, q, level float64) (*Interval, error) {
	values := make([]float64, len(repeats))
	for i, t := range repeats {
		d, ok := t.Quantile(q)
		if !ok {
			return nil, fmt.Errorf("interval of a quantile: repeat %d of %d has no %v quantile of its %d durations: leave it out, or give a quantile from 0 to 1", i+1, len(repeats), q, t.Count())
		}
		values[i] = d.Seconds()
	}
	return MeanInterval(values, level)
}

// QuantileInterval returns the interval, in seconds, of the q quantile from the
// durations of one run, by QuantileRanks: whatever their distribution, but only
// if they are independent. Starts that share a link are not, and the interval is
// then too narrow; repeats with QuantileInterval have no such condition. Its ends
// are those of the buckets, so that RelativeError cannot make it miss.
func (t *Times) QuantileInterval(q, level float64) (*Interval, error) {
	ranks, err := QuantileRanks(t.count, q, level)
	if err != nil || ranks == nil {
		return nil, err
	}
	value, _ := t.Quantile(q)
	low, _ := edges(t.bucketOfRank(ranks.Low))
	_, high := edges(t.bucketOfRank(ranks.High))
	return &Interval{
		Value: value.Seconds(),
		Low:   t.clamp(low).Seconds(),
		High:  t.clamp(high).Seconds(),
		Level: ranks.Level,
	}, nil
}

func checkLevel(level float64) error {
	if !(level > 0 && level < 1) {
		return fmt.Errorf("confidence level %v: give one between 0 and 1, such as 0.95", level)
	}
	return nil
}
