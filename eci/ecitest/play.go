package ecitest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// played is one start on an instance of its own as package simulate plays it; times
// are since the request.
type played struct {
	// provisioned is when the instance is there, begun when its pulls begin (a cache's
	// disk is attached in between), pulled when they end.
	provisioned, begun, pulled time.Duration
	// pulls are from when to when each image is pulled, in order.
	pulls []window
	// created is when the last container is started, ready when the program is.
	created, ready time.Duration
}

type window struct {
	from, to time.Duration
	// asked says that the registry was asked, or anything fetched.
	asked bool
}

// play plays a start of the images at those positions, where some are held by a
// cache's disk. asks says of each image whether the registry is asked though it is
// present.
func (im *images) play(wanted []int, asks []bool, held []int, cached bool, seed uint64) (played, error) {
	inv, at := im.only(slices.Concat(wanted, held)...)
	start := simulate.Start{App: "group"}
	name := make(map[int]string)
	for k, i := range wanted {
		// A start has one pull policy, containers have their own: the names of the
		// images say it, by the Kubernetes rule.
		image := at[i]
		if _, ok := name[image]; !ok || asks[k] {
			name[image] = fmt.Sprintf("image-%d:%s", image, map[bool]string{true: "latest", false: "fixed"}[asks[k]])
		}
		start.Images = append(start.Images, image)
	}
	for image, reference := range name {
		inv.Images[image].Reference = reference
	}
	if cached {
		start.CacheID = "held"
		for _, i := range held {
			start.Held = append(start.Held, at[i])
		}
	}
	var result played
	var failed error
	one := func(yield func(*simulate.Start) bool) { yield(&start) }
	opt := simulate.Options{Seed: seed, Spans: func(int) bool { return true }}
	err := simulate.Stream(context.Background(), inv, im.opt.Profile, one, opt, func(_ int, s *simulate.Startup) {
		result = playedOf(s)
		if s.Void != "" {
			failed = fmt.Errorf("the start is void: %s", s.Void)
		}
	})
	for k := range result.pulls {
		// Where one container asks and another of the same image does not, only the
		// first is told as a pull; asking may take no time.
		result.pulls[k].asked = asks[k] || result.pulls[k].asked && !slices.Contains(held, wanted[k])
	}
	return result, errors.Join(err, failed)
}

// playedOf reads the times off a startup.
func playedOf(s *simulate.Startup) played {
	ph := &s.Phases
	p := played{provisioned: *ph.Admit + *ph.Provision}
	p.begun = p.provisioned + *ph.Attach
	p.pulled = p.begun + *ph.Resolve + *ph.Fetch + *ph.Unpack
	p.created = p.pulled + *ph.Create
	p.ready = s.Ready
	p.pulls = make([]window, len(s.Images))
	end := p.begun
	for k, image := range s.Images {
		w := window{from: end, to: end}
		if !slices.Contains(s.Images[:k], image) {
			w = windowOf(s.Spans, image, w)
		}
		p.pulls[k] = w
		end = max(end, w.to)
	}
	return p
}

// windowOf is from when to when an image has spans.
func windowOf(spans []simulate.Span, image string, w window) window {
	for _, span := range spans {
		if span.Image != image {
			continue
		}
		if !w.asked {
			w = window{span.Start, span.End, true}
		}
		w.from, w.to = min(w.from, span.Start), max(w.to, span.End)
	}
	return w
}
