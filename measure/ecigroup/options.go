package ecigroup

import (
	"cmp"
	"context"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// Options say how an experiment is run. JournalDir is required, the rest has defaults.
type Options struct {
	// Version of cachebench, and Inputs that the experiment was made from.
	Version string
	Inputs  []simulate.Input
	// Inventory holds the images, for who simulates the same starts; nil is not known.
	Inventory *layers.Inventory
	// JournalDir is where the journal of the run is, on a disk that outlives a kill.
	JournalDir string
	// Resume is what an earlier run of the same experiment saved.
	Resume *simulate.Timeline
	// Save is called with the timeline after starts ended, to be written before what they
	// were of is deleted. The timeline is not to be kept.
	Save func(*simulate.Timeline) error
	// Book prices what is done, MaxCost is the limit, in the currency of the Book, with
	// what earlier runs of the experiment have spent; nil is none. MaxDuration is after
	// how long no step begins; 0 is DefaultMaxDuration.
	Book        cost.Book
	MaxCost     *cost.Money
	MaxDuration time.Duration
	// Retries is how often a void run is made again; 0 is measure.DefaultRetries, below
	// 0 is never.
	Retries int
	// Poll is how often groups are looked at; 0 is DefaultPoll.
	Poll time.Duration
	// Now and Sleep are the clock and the sleeper of waits and limits; nil are the real
	// ones. No measured time is of them.
	Now   func() time.Time
	Sleep func(context.Context, time.Duration) error
	// Compare holds the service's choice for images (IDs, best first) against ours, among
	// the caches of the region, and says how they differ; nil compares nothing.
	Compare func(caches []eci.ImageCache, images []string, answer []string) []string
	// Spent is told at the end what the run has cost by the Book, in the longest that it
	// can have been paid for; nil tells nobody.
	Spent func(cost.Money)
	// Hurry, once it is closed, ends the deletion of what the run made before all of it is
	// gone: the run's error lists what is left. Nil never does.
	Hurry <-chan struct{}
	// Progress is called after each start that ended, Log told what happens besides, and
	// Warn what nobody may miss; nil of that is Log.
	Progress  func(done, total int, arm string, repeat int, last *simulate.MeasuredRun)
	Log, Warn func(format string, args ...any)

	// hook stands in tests for a machine that dies.
	hook func() error
}

// DefaultMaxDuration is after how long no step begins.
const DefaultMaxDuration = 4 * time.Hour

// DefaultPoll is how often groups are looked at: often enough that little is paid after
// they are ready, and far from the service's limits.
const DefaultPoll = 3 * time.Second

func (o *Options) setDefaults() {
	if o.Retries == 0 {
		o.Retries = measure.DefaultRetries
	}
	o.Poll = cmp.Or(o.Poll, DefaultPoll)
	o.MaxDuration = cmp.Or(o.MaxDuration, DefaultMaxDuration)
	if o.Save == nil {
		o.Save = func(*simulate.Timeline) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Progress == nil {
		o.Progress = func(int, int, string, int, *simulate.MeasuredRun) {}
	}
	if o.Spent == nil {
		o.Spent = func(cost.Money) {}
	}
	if o.Log == nil {
		o.Log = func(string, ...any) {}
	}
	if o.Warn == nil {
		o.Warn = o.Log
	}
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
