package reports

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/workload"
)

// PullSummaryKind is the kind of a saved PullSummary.
const PullSummaryKind = "PullSummary"

// PullSummary is what snapshots of a cluster tell of its pulls, in figures.
type PullSummary struct {
	// Prediction is how far predictions are from these pulls; absent where that cannot
	// be told.
	Prediction *PullPrediction `json:"prediction,omitempty"`
	Window     workload.Window `json:"window"`
	// Pulls fetched an image, or what was missing of it; Images and Nodes are those
	// that had one.
	Pulls  int `json:"pulls"`
	Images int `json:"images"`
	Nodes  int `json:"nodes"`
	// Sized are the pulls of which it is known what they fetched, and in what time; the
	// median and the tenth and ninetieth of a hundred rates are theirs, compressed;
	// absent where there are none.
	Sized                int      `json:"sized"`
	MedianBytesPerSecond *float64 `json:"medianBytesPerSecond,omitempty"`
	P10BytesPerSecond    *float64 `json:"p10BytesPerSecond,omitempty"`
	P90BytesPerSecond    *float64 `json:"p90BytesPerSecond,omitempty"`
	// Median and P90 are of how long pulls took, waiting left out where it is told
	// apart.
	Median *time.Duration `json:"medianSeconds,omitempty"`
	P90    *time.Duration `json:"p90Seconds,omitempty"`
	// WaitP90 is of how long pulls waited for others, where that is told.
	WaitP90 *time.Duration `json:"waitP90Seconds,omitempty"`
	// Present images were there already, Rechecked ones too after the registry was
	// asked; Partly are of Pulls those that found most layers there.
	Present   int `json:"present"`
	Rechecked int `json:"rechecked"`
	Partly    int `json:"partly"`
	// Unclear are neither: it cannot be told whether they fetched the image or found
	// it there.
	Unclear int `json:"unclear"`
	// PresentFraction is the share of Present and Rechecked in all of which it can be
	// told.
	PresentFraction float64            `json:"presentFraction"`
	Dropped         []workload.Dropped `json:"dropped,omitempty"`
	// Runtimes are in order of name.
	Runtimes []RuntimeNodes `json:"runtimes,omitempty"`
	// Starts are the pods made in the window that came to run, with the medians of
	// their times.
	Starts PodStarts `json:"starts"`
	// ByImage are the images that were pulled, those first that took longest
	// together.
	ByImage []ImagePulls `json:"byImage,omitempty"`
	// Apps is how many the workload has; NoStartsPerDay says why it has no
	// startsPerDay.
	Apps           int    `json:"apps"`
	NoStartsPerDay string `json:"noStartsPerDay,omitempty"`
	// Inputs are what was read, and in what form; absent where all is kubectl's.
	Inputs []PullInput `json:"inputs,omitempty"`
	// History is what inputs that cover a time tell of starts.
	History *workload.History `json:"history,omitempty"`
	// Held are the images that nodes hold.
	Held *workload.HeldImages `json:"held,omitempty"`
	// PullDurations are how long pulls took by the size of the image, as kubelets count
	// them.
	PullDurations []workload.PullDurations `json:"pullDurations,omitempty"`
	// PullChecks hold a profile against these, the one that was fitted to the pulls where
	// there is one, else the built-in; CheckedProfile is its name.
	PullChecks     []calibrate.CountCheck `json:"pullChecks,omitempty"`
	CheckedProfile string                 `json:"checkedProfile,omitempty"`
	// Doubts are reasons to trust it less; Notes say what was assumed of the
	// workload.
	Doubts []string `json:"doubts,omitempty"`
	Notes  []string `json:"notes,omitempty"`
}

// PullInput is an input and its format.
type PullInput struct {
	Name   string               `json:"name"`
	Format workload.InputFormat `json:"format" document:"required,enum=crictl|eci|events|kubectl|prometheus|trace"`
}

// RuntimeNodes is a container runtime and how many nodes have it.
type RuntimeNodes struct {
	// Runtime is containerd, cri-o or docker; empty where unknown.
	Runtime string `json:"runtime"`
	Nodes   int    `json:"nodes"`
}

// PodStarts are the pods that came to run, with the median of their times from creation
// to ready; absent is unknown.
type PodStarts struct {
	Count  int            `json:"count"`
	Median *time.Duration `json:"medianSeconds,omitempty"`
	// Phases are in order, those that some pod is known to have had. Each is of pods of
	// its own, so that the medians do not add up.
	Phases []PodPhase `json:"phases,omitempty"`
}

// PodPhase is the median of one phase of the pods that had it: those that pulled, of
// pull, and those that asked the registry about an image that was there, of resolve.
type PodPhase struct {
	Phase  simulate.Phase `json:"phase" document:"required,enum=admit|provision|pull|resolve|create|ready"`
	Pods   int            `json:"pods"`
	Median time.Duration  `json:"medianSeconds"`
}

// ImagePulls is what became of one image.
type ImagePulls struct {
	Reference string `json:"reference"`
	// Pulls fetched it, Present found it, the registry asked or not, and of Unclear it
	// cannot be told.
	Pulls   int `json:"pulls"`
	Present int `json:"present"`
	Unclear int `json:"unclear,omitempty"`
	// Median is of the pulls' times, Total their sum.
	Median time.Duration `json:"medianSeconds"`
	Total  time.Duration `json:"totalSeconds"`
	// CompressedBytes and UnpackedBytes are the image's; nil is unknown.
	CompressedBytes *int64 `json:"compressedBytes,omitempty"`
	UnpackedBytes   *int64 `json:"unpackedBytes,omitempty"`
}

// NewPullSummary sums a history up.
func NewPullSummary(h *workload.PullHistory) *PullSummary {
	s := &PullSummary{
		Window: h.Window, Dropped: h.Dropped, Apps: len(h.Workload.Apps), NoStartsPerDay: h.NoStarts,
		Doubts: h.Doubts, Notes: h.Notes, Starts: summarizeStarts(h.Starts),
		History: h.History, Held: h.Held, PullDurations: h.PullDurations,
	}
	for _, name := range slices.Sorted(maps.Keys(h.Runtimes)) {
		s.Runtimes = append(s.Runtimes, RuntimeNodes{name, h.Runtimes[name]})
	}
	var rates, times, waits []float64
	nodes := map[string]bool{}
	for i := range h.Pulls {
		p := &h.Pulls[i]
		switch p.Outcome {
		case workload.Present:
			s.Present++
			continue
		case workload.Rechecked:
			s.Rechecked++
			continue
		case workload.Unclear:
			s.Unclear++
			continue
		case workload.PartlyPulled:
			s.Partly++
		case workload.Pulled:
			if p.Sized() {
				s.Sized++
				rates = append(rates, float64(*p.Fetched())/p.Took.Seconds())
			}
		}
		s.Pulls++
		times = append(times, p.Took.Seconds())
		if p.Node != "" {
			nodes[p.Node] = true
		}
		if p.Waited != nil {
			waits = append(waits, p.Waited.Seconds())
		}
	}
	s.Nodes = len(nodes)
	s.ByImage = pullsByImage(h.Pulls)
	s.Images = len(s.ByImage)
	if all := s.Pulls + s.Present + s.Rechecked; all > 0 {
		s.PresentFraction = float64(s.Present+s.Rechecked) / float64(all)
	}
	s.MedianBytesPerSecond, s.P10BytesPerSecond, s.P90BytesPerSecond = quantileOf(rates, 0.5), quantileOf(rates, 0.1), quantileOf(rates, 0.9)
	s.Median, s.P90, s.WaitP90 = inTime(quantileOf(times, 0.5)), inTime(quantileOf(times, 0.9)), inTime(quantileOf(waits, 0.9))
	return s
}

func pullsByImage(pulls []workload.Pull) []ImagePulls {
	byName := map[string]*ImagePulls{}
	times := map[string][]float64{}
	for i := range pulls {
		p := &pulls[i]
		image := byName[p.Reference]
		if image == nil {
			image = &ImagePulls{Reference: p.Reference}
			byName[p.Reference] = image
		}
		switch p.Outcome {
		case workload.Present, workload.Rechecked:
			image.Present++
			continue
		case workload.Unclear:
			image.Unclear++
			continue
		}
		image.Pulls++
		image.Total += *p.Took
		image.CompressedBytes = cmp.Or(p.CompressedBytes, image.CompressedBytes)
		image.UnpackedBytes = cmp.Or(p.UnpackedBytes, image.UnpackedBytes)
		times[p.Reference] = append(times[p.Reference], p.Took.Seconds())
	}
	var images []ImagePulls
	for name, image := range byName {
		if image.Pulls == 0 {
			continue
		}
		image.Median = *inTime(quantileOf(times[name], 0.5))
		images = append(images, *image)
	}
	slices.SortFunc(images, func(a, b ImagePulls) int {
		return cmp.Or(cmp.Compare(b.Total, a.Total), cmp.Compare(a.Reference, b.Reference))
	})
	return images
}

func summarizeStarts(starts []workload.PodStart) PodStarts {
	s := PodStarts{Count: len(starts)}
	all := make([]float64, len(starts))
	for i := range starts {
		all[i] = starts[i].Took.Seconds()
	}
	s.Median = inTime(quantileOf(all, 0.5))
	phase := func(phase simulate.Phase, of func(*workload.PodStart) *time.Duration) {
		var had []float64
		for i := range starts {
			d := of(&starts[i])
			if d == nil || *d == 0 && (phase == simulate.Pull || phase == simulate.Resolve) {
				continue // a pod that pulled nothing says nothing of how long pulls hold one up
			}
			had = append(had, d.Seconds())
		}
		if median := inTime(quantileOf(had, 0.5)); median != nil {
			s.Phases = append(s.Phases, PodPhase{phase, len(had), *median})
		}
	}
	phase(simulate.Admit, func(p *workload.PodStart) *time.Duration { return p.Admit })
	phase(simulate.Provision, func(p *workload.PodStart) *time.Duration { return p.Provision })
	phase(simulate.Pull, func(p *workload.PodStart) *time.Duration { return p.Pull })
	phase(simulate.Resolve, func(p *workload.PodStart) *time.Duration { return p.Resolve })
	phase(simulate.Create, func(p *workload.PodStart) *time.Duration { return p.Create })
	phase(simulate.Ready, func(p *workload.PodStart) *time.Duration { return p.Ready })
	return s
}

// quantileOf values, between the nearest two; nil of none.
func quantileOf(values []float64, q float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	low := int(at)
	high := min(low+1, len(sorted)-1)
	return new(sorted[low] + (sorted[high]-sorted[low])*(at-float64(low)))
}

// inTime reads seconds, to the millisecond; nil of nil.
func inTime(seconds *float64) *time.Duration {
	if seconds == nil {
		return nil
	}
	return new(time.Duration(*seconds * float64(time.Second)).Round(time.Millisecond))
}
