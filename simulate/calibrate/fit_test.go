package calibrate

import (
	"fmt"
	"testing"
	"time"
)

func TestTry(t *testing.T) {
	w := newWorld(t, 1)
	w.grid(5)
	d := w.load(Options{Seed: 1})
	begin := time.Now()
	c, p, err := d.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	fmt.Println(took, c.Simulated, float64(c.Simulated)/took.Seconds())
	for _, x := range c.Parameters {
		lo, hi := 0.0, 0.0
		if x.Low != nil {
			lo, hi = *x.Low, *x.High
		}
		fmt.Printf("%-36s %12.5g [%.5g %.5g] raised=%v %s | %s\n", x.Name, x.Value, lo, hi, x.Raised, x.CannotBeTold, x.Measure)
	}
	fmt.Println(c.Choices, c.Doubts)
	for _, list := range [][]Scored{c.Totals, c.Phases} {
		for _, s := range list {
			fmt.Println(s.What)
			for _, x := range s.Scores {
				fmt.Printf("   %-20s n=%d median %.3f p90 %.3f worst %.3f mean %.3f bias %.3f %s\n", x.By, x.Count, x.Median, x.P90, x.Worst, x.Mean, x.Bias, x.WorstArm)
			}
		}
	}
	_ = p
}
