package cachebench

import (
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// Create says what it comes to to create a cache of the images of all apps, each
// app's in one cache: which existing cache ECI would reuse, how long it takes and
// what it costs. At sizeGiB 0 the smallest size that holds the images is taken.
func (j *Job) Create(sizeGiB float64) (*matcher.Creation, error) {
	e, err := j.newEstimates()
	if err != nil {
		return nil, err
	}
	c := matcher.NewCache{SizeGiB: sizeGiB, Region: j.Scenario.Ask.Region}
	for i := range j.Workload.Apps {
		c.Groups = append(c.Groups, j.Workload.Apps[i].AllImages())
	}
	creation, err := j.matcher.Create(c, j.Scenario.Caches, e.creation)
	if err != nil {
		return nil, err
	}
	return creation, e.err
}

// creation is how long a creation takes and what it costs. Its helper instance
// starts, pulls the images one after another (eci §6 #19) but for layers that are
// reused, and its disk is snapshotted, which reuse leaves as long as it is (eci
// §6 #12). A Flash cache is Ready sooner, but the regular snapshot is still made.
func (e *estimates) creation(work matcher.CreationWork) (until *time.Duration, price *cost.Money) {
	start := simulate.Start{App: "cache", Images: e.job.positions(work.Images), PullPolicy: "Always"}
	if work.Held != nil {
		start.CacheID, start.Held = "base", work.Held
	}
	pull, profile := e.of(&start).Pull, e.job.Scenario.Profile
	regular := profile.BuildTime() + pull
	ready := regular
	if work.Flash {
		flash, known := profile.FlashTime()
		if !known {
			return nil, nil
		}
		ready = flash + pull
	}
	bill, err := e.job.Scenario.Prices.Build(regular, work.SizeGiB)
	if err == nil && work.Flash {
		var access cost.Money
		if access, err = e.job.Scenario.Prices.InstantAccess(work.SizeGiB, max(0, regular-ready)); err == nil {
			bill, err = bill.Plus(access)
		}
	}
	if err != nil {
		// A book without a disk price cannot say what it costs; the time stands.
		return &ready, nil
	}
	return &ready, &bill
}
