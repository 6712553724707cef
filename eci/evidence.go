package eci

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The shapes of messages are those of eci §3.2. Platform messages may begin with
// a bracket such as [eci.imagecache].
var (
	cacheIDIn   = regexp.MustCompile(`\bimc-[0-9A-Za-z]+`)
	imageIn     = regexp.MustCompile(`(?i)\bimage "([^"]+)"`)
	tookIn      = regexp.MustCompile(`" in ([^ )]+)`)
	waitingIn   = regexp.MustCompile(`\(([^ ()]+) including waiting\)`)
	sizeIn      = regexp.MustCompile(`(?i)Image size: ([0-9]+) bytes`)
	containerIn = regexp.MustCompile(`(?i)^(?:created|started) container:? (\S+)$`)
)

// troubles are the reasons of capacity and money (eci §3.2).
var troubles = []string{
	"ResourceInsufficient", "NoStock", "QuotaFull", "DiskCapacityQuotaFull", "InsufficientBalance",
	"StockExhaust", "StockClose", "FailedScheduling", "SpotToBeReleased",
}

// Is compares the event's reason, in any case.
func (e Event) Is(reason string) bool { return strings.EqualFold(e.Reason, reason) }

// At is when the event last happened, else when it first did; zero is not told.
func (e Event) At() time.Time {
	if e.LastAt.IsZero() {
		return e.FirstAt
	}
	return e.LastAt
}

// Trouble says whether the event is of capacity or money, for which no waiting
// helps (eci §3.2).
func (e Event) Trouble() bool {
	return slices.ContainsFunc(troubles, func(reason string) bool { return e.Is(reason) })
}

// CacheID is the first cache, imc-..., that the message names; empty if none.
func (e Event) CacheID() string { return cacheIDIn.FindString(e.Message) }

// PullingImage is the reference of a Pulling event; false for other events.
func (e Event) PullingImage() (string, bool) {
	image := imageIn.FindStringSubmatch(e.Message)
	if !e.Is(ReasonPulling) || image == nil {
		return "", false
	}
	return image[1], true
}

// Container is the name in a Created or Started event, where it has one; newer
// kubelets leave it out.
func (e Event) Container() (string, bool) {
	name := containerIn.FindStringSubmatch(strings.TrimSpace(e.Message))
	if !e.Is(ReasonCreated) && !e.Is(ReasonStarted) || name == nil {
		return "", false
	}
	return name[1], true
}

// PulledImage reads a Pulled event; false for other events, and for messages that
// name no image.
func (e Event) PulledImage() (PulledImage, bool) {
	image := imageIn.FindStringSubmatch(e.Message)
	if !e.Is(ReasonPulled) || image == nil {
		return PulledImage{}, false
	}
	p := PulledImage{
		Image: image[1], At: e.At(),
		AlreadyPresent: strings.Contains(strings.ToLower(e.Message), "already present on machine"),
		Took:           durationIn(tookIn, e.Message), WithWaiting: durationIn(waitingIn, e.Message),
	}
	if size := sizeIn.FindStringSubmatch(e.Message); size != nil {
		if bytes, err := strconv.ParseInt(size[1], 10, 64); err == nil {
			p.SizeBytes = &bytes
		}
	}
	return p, true
}

func durationIn(form *regexp.Regexp, message string) *time.Duration {
	found := form.FindStringSubmatch(message)
	if found == nil {
		return nil
	}
	duration, err := time.ParseDuration(found[1])
	if err != nil || duration < 0 {
		return nil
	}
	return &duration
}

// ReadEvidence reads the events of one group, in any order.
func ReadEvidence(events []Event) Evidence {
	var v Evidence
	for _, e := range InOrder(events) {
		switch {
		case e.Is(ReasonCacheHit):
			v.Hit, v.HitCacheID = true, or(wireText(e.CacheID()), v.HitCacheID)
		case e.Is(ReasonCacheMissed):
			v.Missed = true
		case e.Is(ReasonCacheAutoCreated):
			v.AutoCreated, v.AutoCreatedID = true, or(wireText(e.CacheID()), v.AutoCreatedID)
		case e.Is(ReasonCacheNotFound):
			v.CacheNotFound = true
		case e.Is(ReasonCacheIncomplete):
			v.CacheIncomplete = true
		case e.Trouble():
			v.Troubles = append(v.Troubles, e)
		}
		if pulled, is := e.PulledImage(); is {
			v.Pulled = append(v.Pulled, pulled)
		}
	}
	return v
}

// InOrder sorts events by when they first happened; those of one second, and those
// without a time, first, keep the service's order.
func InOrder(events []Event) []Event {
	sorted := slices.Clone(events)
	slices.SortStableFunc(sorted, func(a, b Event) int { return began(a).Compare(began(b)) })
	return sorted
}

func began(e Event) time.Time {
	if e.FirstAt.IsZero() {
		return e.LastAt
	}
	return e.FirstAt
}
