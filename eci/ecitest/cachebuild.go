package ecitest

import (
	"cmp"
	"context"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher"
)

// buildRequest is what a cache is to be built of.
type buildRequest struct {
	region string
	images []string
	// platform is that of the images.
	platform string
	sizeGiB  int
	// flash makes a local snapshot first, reuse takes over layers of another cache.
	flash, reuse bool
	fault        *rule
}

// newBuild schedules the making of a cache's snapshot as the root package's
// Job.Create estimates it: the helper instance starts, pulls the images one after
// another (eci §6 #19) but for layers that are reused, and its disk is snapshotted.
// held are what the images mean now.
func (s *Server) newBuild(ctx context.Context, r *buildRequest, now time.Time) (b *build, held []int, events []event) {
	b = &build{begun: now, helper: s.newID("eci"), snapshot: s.newID("s"), stuck: r.fault.is(FaultStuck)}
	if r.flash {
		b.local = s.newID("s")
	}
	failure := ""
	for _, ref := range r.images {
		at, err := s.images.pull(ctx, ref, r.platform, now)
		if err != nil {
			failure = pullFailure(ref, err)
			break
		}
		held = append(held, at)
	}
	pulled := r.images[:len(held)]
	reused, tooLarge := s.fit(r, pulled, now)
	failure = cmp.Or(failure, tooLarge)
	if r.fault.is(FaultFailed) {
		failure = cmp.Or(r.fault.Reason, "The image cache could not be made.")
	}
	at, err := s.timeBuild(b, r, held, reused)
	if err != nil {
		failure = cmp.Or(failure, err.Error())
	}
	if b.failure = failure; failure != "" {
		b.usable = b.pulled.Add(time.Second)
		if b.done.Before(b.usable) {
			b.done = b.usable
		}
		held = nil
	}
	return b, held, buildEvents(b, pulled, at)
}

// timeBuild sets the times of a build and returns when each image was pulled.
func (s *Server) timeBuild(b *build, r *buildRequest, held, reused []int) (ends []time.Time, err error) {
	profile := s.opt.Profile
	var p played
	if len(held) > 0 {
		asks := make([]bool, len(held))
		for i := range asks {
			asks[i] = true // as Job.Create pulls: nothing is taken to be there by its name
		}
		if p, err = s.images.play(held, asks, reused, reused != nil, s.draw()); err != nil {
			p = played{}
		}
	}
	b.creating = b.begun.Add(p.provisioned)
	for _, w := range p.pulls {
		ends = append(ends, b.creating.Add(w.to-p.begun))
	}
	pull := p.pulled - p.begun
	b.pulled = b.creating.Add(pull)
	b.done = later(b.pulled, b.begun.Add(profile.BuildTime()+pull))
	b.usable = b.done
	if flash, known := profile.FlashTime(); r.flash && known {
		if at := later(b.pulled, b.begun.Add(flash+pull)); at.Before(b.done) {
			b.usable = at
		}
	}
	return ends, err
}

// fit says what is reused of other caches (eci §1.8), and why the images do not fit
// into the cache (eci §1.4), by their estimated sizes where there are no others.
func (s *Server) fit(r *buildRequest, images []string, now time.Time) (reused []int, tooLarge string) {
	if len(images) == 0 {
		return nil, ""
	}
	times := func(w matcher.CreationWork) (*time.Duration, *cost.Money) {
		if w.Held != nil && r.reuse {
			reused = w.Held
		}
		return nil, nil
	}
	m := matcher.New(s.images.inv, r.platform, now, s.policy)
	creation, err := m.Create(matcher.NewCache{Groups: [][]string{images}, SizeGiB: float64(r.sizeGiB), Region: r.region}, s.regional(r.region, now), times)
	if err != nil {
		return nil, err.Error()
	}
	return reused, cmp.Or(creation.Caches[0].Fails, creation.Caches[0].MayFail)
}

// regional are the caches of a region as matching sees them.
func (s *Server) regional(region string, now time.Time) []matcher.Cache {
	var all []matcher.Cache
	for _, c := range s.caches {
		if c.region == region {
			all = append(all, c.at(now, &s.images))
		}
	}
	return all
}

func pullFailure(ref string, err error) string {
	return "Failed to pull image " + `"` + ref + `": rpc error: code = NotFound desc = ` + err.Error()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// pauseImage stands for the image of the sandbox, which a cache holds besides (eci
// §1.3); its name there is not in the fact sheet.
const pauseImage = "registry-vpc.cn-hangzhou.aliyuncs.com/eci_open/pause:3.5"

// buildEvents are those of eci §1.3. That of a failure is not documented.
func buildEvents(b *build, images []string, pulled []time.Time) []event {
	events := []event{{at: b.begun, reason: "Started", message: "Successfully check image cache resource.", source: fromService}}
	for i := range pulled {
		events = append(events, pulledEvent(images[i], pulled[i]))
	}
	switch {
	case b.stuck:
		events = events[:1]
	case b.failure != "":
		events = append(events, event{at: b.usable, reason: "Failed", warning: true, message: b.failure, source: fromKubelet})
	default:
		events = append(events, pulledEvent(pauseImage, b.pulled))
	}
	return events
}

func pulledEvent(image string, at time.Time) event {
	return event{at: at, reason: "Pulled", message: "Success pull image " + image, source: fromKubelet}
}
