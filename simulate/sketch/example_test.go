package sketch_test

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/simulate/sketch"
)

// Two workers play starts; their sketches become one.
func Example() {
	var workers [2]sketch.Times
	for start := range 100_000 {
		ready := time.Duration(start+1) * time.Millisecond
		workers[start%2].Add(ready)
	}
	all := &sketch.Times{}
	all.Merge(&workers[1])
	all.Merge(&workers[0])

	p99, _ := all.Quantile(0.99)
	within, _ := all.FractionWithin(25 * time.Second)
	longest, _ := all.Max()
	fmt.Println(all.Count(), "starts, the longest", longest)
	fmt.Printf("p99 %.1fs, exactly 99s; %.3f within 25s\n", p99.Seconds(), within)

	interval, err := all.QuantileInterval(0.5, 0.95)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("median %.1fs, from %.1fs to %.1fs at level %.3f\n", interval.Value, interval.Low, interval.High, interval.Level)
	// Output:
	// 100000 starts, the longest 1m40s
	// p99 99.1s, exactly 99s; 0.250 within 25s
	// median 50.1s, from 49.7s to 50.5s at level 0.950
}

// Downloads over a link, and what it carried in each bucket.
func ExampleSeries() {
	var link sketch.Series
	link.AddSpan(0, 2*time.Second, 200e6)
	link.AddSpan(time.Second, 3*time.Second, 100e6)
	peak := 0.0
	for _, bytes := range link.Amounts() {
		peak = max(peak, bytes/link.Width().Seconds())
	}
	fmt.Printf("%.0f bytes, at most %.0f bytes/s in %v\n", link.Total(), peak, link.Width())
	// Output:
	// 300000000 bytes, at most 150000000 bytes/s in 4ms
}
