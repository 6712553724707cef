package cachebench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// DiffProfile is the profile of a diff when none is named: an image is mostly
// judged for the nodes of a cluster.
const DiffProfile = "containerd"

// DiffSide is one image of a Diff.
type DiffSide struct {
	// Inventory holds the image, Image is its position there.
	Inventory *layers.Inventory
	Image     int
	// File names the file that the Inventory was read from; empty when the image
	// was looked up.
	File string
}

func (s *DiffSide) image() *layers.Image { return &s.Inventory.Images[s.Image] }

// DiffOptions are choices of a Diff; the zero value is the strict one.
type DiffOptions struct {
	// AcrossPlatforms lets the sides be for different platforms.
	AcrossPlatforms bool
}

// Diff says what the image old changes on its way to new: which layers are
// kept, new and gone, what a host that has old and one that has nothing bring
// in, and how long a start takes on each, estimated on one profile.
//
// A side that keeps no compressed blobs (docker-archive, docker-daemon) has its
// layers found in the other side by content, by chainID first and else by
// diffID, and takes digest and compressed size from there; only what is left
// has a size that is measured or estimated here.
//
// The Diff has no Gate; reports.Judge makes one of its Figures.
func Diff(old, new DiffSide, profile *simulate.Profile, opt DiffOptions) (*reports.Diff, error) {
	if p, q := old.image().Platform, new.image().Platform; !opt.AcrossPlatforms && !layers.SamePlatform(p, q) {
		return nil, fmt.Errorf("%s is for %s, %s is for %s: their layers do not compare; name a platform for each side if that is meant",
			old.image().Reference, p, new.image().Reference, q)
	}
	p := newPair(old, new)
	d := &reports.Diff{
		Provenance:    simulate.Provenance{Version: Version, Model: simulate.ModelVersion, Profile: profile.Name, ProfileDigest: profile.Digest(), ProfileBasis: profile.Basis()},
		Old:           p.side(0, old.File),
		New:           p.side(1, new.File),
		ByDigest:      p.load(1, p.chainSet(0), p.blobSet(0)),
		ByChain:       p.load(1, p.chainSet(0), nil),
		Layers:        p.layers(),
		Gone:          p.gone(),
		Parting:       p.parting(),
		ConfigChanged: p.inv.Images[0].ConfigDigest != p.inv.Images[1].ConfigDigest,
	}
	d.Update.DiffLoad = d.ByChain
	if profile.Pull.KeepBlobs.Value {
		d.Update.DiffLoad = d.ByDigest
	}
	p.resemble(d)
	if err := p.estimate(d, profile); err != nil {
		return nil, err
	}
	d.Hints = diffHints(d)
	d.Doubts = append(p.doubts, diffDoubts(d, profile)...)
	return d, nil
}

// estimate fills in when each start is ready. Images are taken as present where
// they are, whatever their tag: how a pull policy asks the registry again is no
// property of the image.
func (p *pair) estimate(d *reports.Diff, profile *simulate.Profile) error {
	estimator, err := simulate.NewEstimator(p.inv, profile)
	if err != nil {
		return err
	}
	ready := func(to *reports.DiffStart, image int, held ...int) {
		start := simulate.Start{App: p.inv.Images[image].Reference, Images: []int{image}, Held: held, PullPolicy: "IfNotPresent"}
		if len(held) > 0 {
			start.CacheID = "held"
		}
		e, estimateErr := estimator.Estimate(&start)
		if err == nil {
			err = estimateErr
		}
		to.Ready = e.Ready
	}
	ready(&d.Old.Cold, 0)
	ready(&d.Old.Cached, 0, 0)
	ready(&d.New.Cold, 1)
	ready(&d.New.Cached, 1, 1)
	ready(&d.Update, 1, 0)
	return err
}

// diffHints say how more layers would be kept.
func diffHints(d *reports.Diff) []string {
	var hints []string
	var retimed, recompressed []string
	moved := 0
	for _, l := range d.Layers {
		switch {
		case l.Change == reports.Retimed:
			retimed = append(retimed, layerWords(&l))
		case l.Change == reports.Recompressed:
			recompressed = append(recompressed, layerWords(&l))
		}
		if l.State == reports.LayerMoved {
			moved++
		}
	}
	if len(retimed) > 0 {
		hints = append(hints, "Same files, other timestamps: "+strings.Join(retimed, ", ")+
			". Set SOURCE_DATE_EPOCH for the build and have it rewrite timestamps (BuildKit: --output type=image,rewrite-timestamp=true): then the layer stays the same.")
	}
	if len(recompressed) > 0 {
		hints = append(hints, "Same content, compressed otherwise: "+strings.Join(recompressed, ", ")+
			". Build and push with one compressor at one level, and do not recompress on the way: then the blob stays the same.")
	}
	if moved > 0 {
		hint := fmt.Sprintf("Unpacked again though OLD has the blobs, because a layer below them changes: %d of NEW's %d layers.", moved, len(d.Layers))
		if d.Parting.Layer > 1 {
			hint += fmt.Sprintf(" Put the step that changes (layer %d) after those that do not.", d.Parting.Layer)
		}
		hints = append(hints, hint)
	}
	return hints
}

// layerWords name a layer by its digest and its build step.
func layerWords(l *reports.DiffLayer) string {
	_, hex, _ := strings.Cut(string(l.Digest), ":")
	s := hex[:min(len(hex), 12)]
	if step := strings.Join(strings.Fields(l.CreatedBy), " "); step != "" {
		if r := []rune(step); len(r) > 60 {
			step = string(r[:59]) + "…"
		}
		s += " (" + step + ")"
	}
	return s
}

// diffDoubts are reasons to trust the Diff less.
func diffDoubts(d *reports.Diff, profile *simulate.Profile) []string {
	var doubts []string
	add := func(format string, args ...any) { doubts = append(doubts, fmt.Sprintf(format, args...)) }
	for _, side := range []struct {
		name string
		load *reports.DiffLoad
	}{{"OLD", &d.Old.Cold.DiffLoad}, {"NEW", &d.New.Cold.DiffLoad}} {
		if part := side.load.EstimatedFetchBytes; part > 0 {
			add("%.1f MB of %s's compressed bytes are estimated, for its source keeps no compressed layers: a rule on them warns and never fails.", float64(part)/1e6, side.name)
		}
	}
	if d.New.Cold.EstimatedUnpackBytes > 0 || d.Old.Cold.EstimatedUnpackBytes > 0 {
		what := "a rule on unpacked bytes warns and never fails"
		if d.New.Cold.RatioUnpackBytes > 0 || d.Old.Cold.RatioUnpackBytes > 0 {
			what = "a rule on either warns and never fails, for some are no more than a ratio (--deep measures them)"
		}
		add("Unpacked bytes are estimated for %s of OLD's and %s of NEW's: seconds rest on that and on how many files they are taken to hold, which --deep counts, so that cold seconds move with it though bytes may not; %s.",
			part(&d.Old.Cold.DiffLoad), part(&d.New.Cold.DiffLoad), what)
	}
	if d.IsMixed() {
		add("One side's own layers were measured, the other's are estimated: a rule on cold-sec against OLD warns and never fails, however far NEW is above it. Take --deep on both sides (analyze OLD --deep --save, diff --deep).")
	}
	if n := compressedHere(d); n > 0 {
		add("%d of NEW's layers were compressed here to measure them; the registry's copy may differ by a few per cent.", n)
	}
	if isUnrelated(d) {
		add("No layer of NEW has what one of OLD's has: is OLD (%s) the image that NEW replaces?", d.Old.Reference)
	}
	if d.Old.Platform != d.New.Platform {
		add("OLD is for %s and NEW for %s.", d.Old.Platform, d.New.Platform)
	}
	if names := profile.Unlimited(); len(names) > 0 {
		add("Unlimited in profile %s, so never the bottleneck: %s.", profile.Name, strings.Join(names, ", "))
	}
	if profile.UnmeasuredECI() {
		add("No value of profile %s was measured on ECI.", profile.Name)
	}
	if d.New.Cached.Ready > d.New.Cold.Ready {
		add("NEW is ready sooner cold than where it is present, because on profile %s attaching and reading a cache takes longer than the pull of so small an image.", profile.Name)
	}
	return doubts
}

// isUnrelated says that no layer of NEW is one of OLD's, nor holds the same files, and that
// their names do not tell that one replaces the other.
func isUnrelated(d *reports.Diff) bool {
	if repository(d.Old.Reference) == repository(d.New.Reference) {
		return false
	}
	return len(d.Gone) > 0 && len(d.Layers) > 0 && !slices.ContainsFunc(d.Layers, func(l reports.DiffLayer) bool {
		return l.State != reports.LayerNew || l.Change != "" && l.Change != reports.Rebuilt
	})
}

func part(l *reports.DiffLoad) string {
	if l.UnpackBytes == 0 {
		return "none"
	}
	return fmt.Sprintf("%.0f %%", 100*float64(l.EstimatedUnpackBytes)/float64(l.UnpackBytes))
}

func compressedHere(d *reports.Diff) int {
	n := 0
	for _, l := range d.Layers {
		if l.CompressedSource == layers.Measured {
			n++
		}
	}
	return n
}
