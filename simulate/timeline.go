package simulate

import (
	"fmt"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
)

// TimelineKind is the kind of a saved Timeline.
const TimelineKind = "Timeline"

// ReadTimeline reads a timeline from the bytes of the file called name.
func ReadTimeline(name string, data []byte) (*Timeline, error) {
	var t Timeline
	if err := document.Read(name, data, TimelineKind, &t); err != nil {
		return nil, err
	}
	return &t, nil
}

// Where a startup's times come from; always said.
const (
	Simulated = "simulated"
	Measured  = "measured"
	Estimated = "estimated"
)

// The arms of a comparison.
const (
	// ArmCold: no cache at all.
	ArmCold = "cold"
	// ArmWarm: no cache, but the nodes of node pools hold what a month of starts
	// left on them; in ArmCold they begin fresh, in the other arms as here.
	ArmWarm = "warm"
	// ArmAutomatic: the service's free automatic caches and the existing ones.
	ArmAutomatic = "automatic"
	// ArmCached: the planned caches as well.
	ArmCached = "cached"
)

// Timeline is a set of startups with where they come from.
type Timeline struct {
	Provenance Provenance `json:"provenance"`
	// Coverage says how much of the workload could be simulated; absent when
	// the timeline was not made from a workload.
	Coverage *Coverage `json:"coverage,omitempty"`
	// Doubts are reasons to trust the result less, one sentence each.
	Doubts []string `json:"doubts,omitempty"`
	// Faults are what went wrong meanwhile, Disturbances how the startups of each
	// arm came through them.
	Faults       []Fault       `json:"faults,omitempty"`
	Disturbances []Disturbance `json:"disturbances,omitempty"`
	// Startups are empty where the list was left out (startups: false); the
	// summaries then say all there is.
	Startups []Startup `json:"startups"`
	// Summaries are what the repeats of each arm have in common: all apps
	// together, then each app, arm by arm.
	Summaries []Summary `json:"summaries,omitempty"`
	// Voids count the startups that are void, where the startups are not listed.
	Voids []Void `json:"voids,omitempty"`
	// Differences compare each two arms, all apps together and each app.
	Differences []Difference `json:"differences,omitempty"`
	// Explanations say where the time of an app's median start went, in each arm;
	// only on request.
	Explanations []Explanation `json:"explanations,omitempty"`
	// Observations are what happened over time, one for each arm; only on request.
	Observations []Observation `json:"observations,omitempty"`
	// Measurement says how the measured startups came about; absent where there are
	// none.
	Measurement *Measurement `json:"measurement,omitempty"`
}

// Provenance says what a result was made from.
type Provenance struct {
	// Version of cachebench.
	Version string `json:"version"`
	// Model is the ModelVersion that simulated; absent where nothing was.
	Model int    `json:"model,omitempty"`
	Seed  uint64 `json:"seed"`
	// Profile is its name, ProfileDigest that of its values; ProfileBasis says how well
	// founded these are.
	Profile       string        `json:"profile"`
	ProfileDigest layers.Digest `json:"profileDigest,omitempty"`
	ProfileBasis  string        `json:"profileBasis,omitempty"`
	// WorkloadDigest tells workloads apart by what is started when, for how long and
	// where; images and their sizes are none of it. Absent where no workload is played.
	WorkloadDigest layers.Digest `json:"workloadDigest,omitempty"`
	// Starts says which starts were simulated where they are others than the workload's.
	Starts string `json:"starts,omitempty"`
	// Platform is that of the images; absent where they say their own.
	Platform string `json:"platform,omitempty"`
	// PriceDate and Currency are the price book's; empty when no money is involved.
	PriceDate string `json:"priceDate,omitempty"`
	Currency  string `json:"currency,omitempty"`
	// Now is the time as of which caches and tags were looked at.
	Now    time.Time `json:"now,omitzero"`
	Inputs []Input   `json:"inputs,omitempty"`
	// Unread are layers of the images that could not be read, or that their layout or
	// archive does not hold. What is said of them is a manifest's word: no result with any
	// is compared.
	Unread []layers.Unscanned `json:"unread,omitempty"`
}

// Input is one file or value that went in, with the digest of its bytes.
type Input struct {
	Name   string        `json:"name"`
	Digest layers.Digest `json:"digest"`
}

// Coverage is the share of a workload whose images could be read.
type Coverage struct {
	// StartsFraction is the share of starts a month that belong to covered apps.
	StartsFraction float64 `json:"startsFraction"`
	Apps           int     `json:"apps"`
	// LeftOut lists apps without all their images, with the reason.
	LeftOut []LeftOut `json:"leftOut,omitempty"`
}

// LeftOut is an app that could not be covered.
type LeftOut struct {
	App    string `json:"app"`
	Reason string `json:"reason"`
}

// Startup is one start, simulated, measured or estimated: from the request to
// all containers running.
type Startup struct {
	Source string   `json:"source" document:"required,enum=simulated|measured|estimated"`
	Arm    string   `json:"arm" document:"required"`
	App    string   `json:"app" document:"required"`
	Images []string `json:"images"`
	Node   string   `json:"node,omitempty"`
	Repeat int      `json:"repeat,omitempty"`
	// Requested is the time of the request since the timeline's origin.
	Requested time.Duration `json:"requestedSeconds"`
	// Phases partition Ready.
	Phases Phases `json:"phases"`
	// Ready is the time to ready, from the request.
	Ready time.Duration `json:"readySeconds" document:"noticed"`
	// FetchBusy and UnpackBusy are how long any transfer, any unpack was in
	// flight; they overlap, phases do not. A transfer is in flight from its request on,
	// but not while a refused one waits to be asked for again.
	FetchBusy  time.Duration `json:"fetchBusySeconds"`
	UnpackBusy time.Duration `json:"unpackBusySeconds"`
	// FetchedBytes are compressed, UnpackedBytes uncompressed.
	FetchedBytes  int64 `json:"fetchedBytes" document:"noticed"`
	UnpackedBytes int64 `json:"unpackedBytes"`
	// Unsized: how much was fetched, or in what time, is not known, and FetchedBytes,
	// which is 0 then, does not say it: of measured startups, and of those whose file lacks
	// fetchedBytes.
	Unsized bool `json:"unsized,omitempty"`
	// LayersReused counts the layers, each above the same layers, that were
	// present already.
	LayersReused int `json:"layersReused"`
	// Retries counts the pulls that failed and were tried again, and the times
	// that the start was made anew because its node was lost. WastedBytes are
	// compressed bytes that were sent for nothing thereby, beyond FetchedBytes.
	Retries     int   `json:"retries,omitempty"`
	WastedBytes int64 `json:"wastedBytes,omitempty"`
	// EvictedImages counts the images that went from the node's full disk when the
	// start's pulls ended.
	EvictedImages int `json:"evictedImages,omitempty"`
	// RefetchedBytes are compressed, of the fetched bytes those of layers that the
	// node had until they went so.
	RefetchedBytes int64 `json:"refetchedBytes,omitempty"`
	// CacheID is the cache that was matched; Hit what it saved, absent where a measured
	// startup does not tell.
	CacheID string      `json:"cacheId,omitempty"`
	Hit     matcher.Hit `json:"hit" document:"enum=hit|partial|miss"`
	// Void says why a run does not count, a measured one that went wrong or a
	// simulated one that never becomes ready, whose times end where it fails; empty
	// when it does.
	Void string `json:"void,omitempty"`
	// Spans are what happened inside, in order of start, waits of its pulls among
	// it; only on request.
	Spans []Span `json:"spans,omitempty"`
}

// Untimed is the Void of a startup of which a file does not state when it was ready: not
// known is not 0.
const Untimed = "its time to ready is not stated (readySeconds)"

// Absent makes a startup void of which the file does not say when it was ready, and Unsized
// one of which it does not say how much was fetched.
func (s *Startup) Absent(key string) {
	if key == "fetchedBytes" {
		s.Unsized = true
		return
	}
	if s.Void == "" {
		s.Void = Untimed
	}
}

// Validate refuses figures below 0, which only differences and the ends of their intervals
// may be, and counts of pulls that cannot be.
func (t *Timeline) Validate() error {
	for i := range t.Summaries {
		s := &t.Summaries[i]
		if s.Starts < 0 {
			return document.At(fmt.Sprintf("summaries[%d].starts", i), "%d is negative: it is 0 or more", s.Starts)
		}
		for _, x := range []struct {
			key string
			*Statistic
		}{
			{"p50Seconds", &s.P50}, {"p90Seconds", &s.P90}, {"p99Seconds", &s.P99}, {"meanSeconds", &s.Mean}, {"slowestSeconds", &s.Slowest},
			{"makespanSeconds", &s.Makespan}, {"fetchedBytes", &s.FetchedBytes}, {"unpackedBytes", &s.UnpackedBytes}, {"wastedBytes", &s.WastedBytes},
		} {
			if x.Value < 0 {
				return document.At(fmt.Sprintf("summaries[%d].%s.value", i, x.key), "%v is negative: it is 0 or more", x.Value)
			}
		}
	}
	if t.Measurement != nil {
		return document.Under("measurement", t.Measurement.validate())
	}
	return nil
}

// Phases partition the time to ready. An absent phase is unknown. At an instant
// with any transfer in flight the phase is fetch, otherwise unpack where one runs.
type Phases struct {
	Admit     *time.Duration `json:"admitSeconds,omitempty"`
	Provision *time.Duration `json:"provisionSeconds,omitempty"`
	Attach    *time.Duration `json:"attachSeconds,omitempty"`
	Resolve   *time.Duration `json:"resolveSeconds,omitempty"`
	Fetch     *time.Duration `json:"fetchSeconds,omitempty"`
	Unpack    *time.Duration `json:"unpackSeconds,omitempty"`
	// Pull stands for resolve, fetch and unpack where a source cannot tell them
	// apart.
	Pull   *time.Duration `json:"pullSeconds,omitempty"`
	Create *time.Duration `json:"createSeconds,omitempty"`
	Ready  *time.Duration `json:"readySeconds,omitempty"`
}

// A Phase is one part of a startup, in the order of the constants.
type Phase string

// The phases (design: a startup, in phases).
const (
	Admit     Phase = "admit"
	Provision Phase = "provision"
	Attach    Phase = "attach"
	Resolve   Phase = "resolve"
	Fetch     Phase = "fetch"
	Unpack    Phase = "unpack"
	Pull      Phase = "pull"
	Create    Phase = "create"
	Ready     Phase = "ready"
)

// What a pull waits for while it does nothing. Only spans tell that; phases count
// it as fetch. The names are those of causes.
const (
	WaitTurn      = Phase(ByTurn)
	WaitSlot      = Phase(BySlot)
	WaitOtherPull = Phase(ByOtherPull)
	WaitBackOff   = Phase(ByBackOff)
)

// Waits are what spans tell besides the phases.
func Waits() []Phase { return []Phase{WaitTurn, WaitSlot, WaitOtherPull, WaitBackOff} }

// Span is one activity inside a startup; times are from the request.
type Span struct {
	// Phase is one of the phases, or what a pull waits for: turn, slot, other-pull
	// or back-off.
	Phase Phase `json:"phase" document:"required"`
	// Image and Layer say what it was about; empty when nothing in particular.
	Image string        `json:"image,omitempty"`
	Layer layers.Digest `json:"layer,omitempty"`
	Start time.Duration `json:"startSeconds"`
	End   time.Duration `json:"endSeconds"`
	// Bytes are compressed for fetch, unpacked for unpack, else 0.
	Bytes int64 `json:"bytes,omitempty"`
}
