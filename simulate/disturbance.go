package simulate

import (
	"context"
	"iter"
	"math"
	"time"
)

// Disturbance is how the startups of one arm came through the faults, beside the
// same starts with the same draws where nothing goes wrong.
type Disturbance struct {
	Arm string `json:"arm" document:"required"`
	// Starts counts all startups of all repeats; Affected those that failed and
	// were tried again, were ready later than without the faults, or never.
	Starts   int `json:"starts"`
	Affected int `json:"affected"`
	// Retries and WastedBytes are the sums of the startups'.
	Retries     int   `json:"retries"`
	WastedBytes int64 `json:"wastedBytes"`
	// MeanDelay and WorstDelay are of the affected that became ready: how much later
	// they were.
	MeanDelay  time.Duration `json:"meanDelaySeconds" document:"signed"`
	WorstDelay time.Duration `json:"worstDelaySeconds" document:"signed"`
	// Recovered is when the last of the affected was ready, since the timeline's
	// origin; nil when there was none.
	Recovered *time.Duration `json:"recoveredSeconds,omitempty"`
}

// disturbed compares the startups of one repeat with those of the same starts
// without the faults.
type disturbed struct {
	// without are the times to ready without the faults, by the places of the
	// starts; never for one that is void.
	without []time.Duration
	// sum has no MeanDelay: delays of ready startups in seconds, summed.
	sum    Disturbance
	ready  int
	delays float64
}

// undisturbed runs a repeat without the faults.
func (w *world) undisturbed(ctx context.Context, starts iter.Seq2[int, *Start], opt *Options, repeat int) (*disturbed, error) {
	quiet, d := *opt, &disturbed{}
	quiet.Faults, quiet.Spans = nil, nil
	err := newEngine(w, &quiet, repeat, d.expect).run(ctx, starts)
	return d, err
}

func (d *disturbed) expect(i int, s *Startup) {
	for i >= len(d.without) {
		d.without = append(d.without, never)
	}
	if s.Void == "" {
		d.without[i] = s.Ready
	}
}

// add takes a startup that met the faults.
func (d *disturbed) add(i int, s *Startup) {
	d.sum.Starts++
	d.sum.Retries += s.Retries
	d.sum.WastedBytes += s.WastedBytes
	switch delay := s.Ready - d.without[i]; {
	case d.without[i] == never:
	case s.Void != "":
		d.sum.Affected++
	case s.Retries > 0 || delay > 0:
		d.sum.Affected++
		d.late(delay, s.Requested+s.Ready)
		d.ready, d.delays = d.ready+1, d.delays+delay.Seconds()
	}
}

// late notes a delay, and when it was over.
func (d *disturbed) late(delay, over time.Duration) {
	if d.sum.Recovered == nil {
		d.sum.WorstDelay, d.sum.Recovered = delay, &over
	}
	d.sum.WorstDelay, *d.sum.Recovered = max(d.sum.WorstDelay, delay), max(*d.sum.Recovered, over)
}

// disturbance puts the repeats of an arm together.
func disturbance(arm string, repeats []*disturbed) *Disturbance {
	all := disturbed{sum: Disturbance{Arm: arm}}
	for _, d := range repeats {
		all.sum.Starts += d.sum.Starts
		all.sum.Affected += d.sum.Affected
		all.sum.Retries += d.sum.Retries
		all.sum.WastedBytes += d.sum.WastedBytes
		if d.sum.Recovered != nil {
			all.late(d.sum.WorstDelay, *d.sum.Recovered)
		}
		all.ready, all.delays = all.ready+d.ready, all.delays+d.delays
	}
	if all.ready > 0 {
		all.sum.MeanDelay = time.Duration(math.Round(all.delays / float64(all.ready) * 1e9))
	}
	return &all.sum
}
