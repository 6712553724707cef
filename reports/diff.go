package reports

import (
	"fmt"
	"io"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate"
)

// DiffKind is the kind of a saved Diff.
const DiffKind = "Diff"

// Diff says what a new image changes: the layers, and what a start of it costs
// a host that has the old image and one that has nothing.
type Diff struct {
	Provenance simulate.Provenance `json:"provenance"`
	Old        DiffImage           `json:"old"`
	New        DiffImage           `json:"new"`
	// Update is the first start of New on a host that has Old: a node that ran
	// it, or on ECI an image cache made of it. Estimated on the profile.
	Update DiffStart `json:"update"`
	// ByDigest is what such a host brings in when it keeps Old's blobs, ByChain
	// when it has only Old's unpacked layers. Update is one of the two, as the
	// profile says.
	ByDigest DiffLoad `json:"byDigest"`
	ByChain  DiffLoad `json:"byChain"`
	// Layers are New's, base layer first.
	Layers []DiffLayer `json:"layers"`
	// Gone are Old's layers that New does not have, base layer first.
	Gone []DiffLayer `json:"gone,omitempty"`
	// Parting is where the two images part; nil when neither has a layer that the
	// other has not.
	Parting *Parting `json:"parting,omitempty"`
	// ConfigChanged says that the configuration differs, which costs a start next
	// to nothing.
	ConfigChanged bool `json:"configChanged,omitempty"`
	// Hints say how to make fewer layers new.
	Hints []string `json:"hints,omitempty"`
	// Doubts are reasons to trust the result less, one sentence each.
	Doubts []string `json:"doubts,omitempty"`
	// NotJudged are rules of a budget that do not count here, one sentence each: of other
	// images, or of another command.
	NotJudged []string `json:"notJudged,omitempty"`
	// Gate is absent when no rule was given.
	Gate *Gate `json:"gate,omitempty"`
}

// DiffImage is one side of a Diff.
type DiffImage struct {
	Reference string        `json:"reference" document:"required"`
	Digest    layers.Digest `json:"digest" document:"required"`
	// Platform is os/arch[/variant].
	Platform string `json:"platform" document:"required"`
	// Inventory is the file that the image was found in; empty when it was looked
	// up.
	Inventory string `json:"inventory,omitempty"`
	// Layers is how many it has, a repeated one counted each time.
	Layers int `json:"layers"`
	// Unread are those of them that could not be read, or that its layout or archive does
	// not hold. What is said of such an image is its manifest's word: no rule passes on it,
	// and compare refuses it. Of an Old from a file those against it are not judged.
	Unread []layers.Unscanned `json:"unread,omitempty"`
	// Cold is a start on a host that has nothing, Cached one on a host that has
	// the image. Estimated on the profile.
	Cold   DiffStart `json:"cold"`
	Cached DiffStart `json:"cached"`
}

// DiffStart is a start: what is brought in, and when it is ready.
type DiffStart struct {
	DiffLoad
	// Ready is the time to ready, from the request.
	Ready time.Duration `json:"readySeconds" document:"required"`
}

// DiffLoad is what a host brings in.
type DiffLoad struct {
	// FetchLayers are distinct blobs, FetchBytes their compressed bytes.
	FetchLayers int   `json:"fetchLayers"`
	FetchBytes  int64 `json:"fetchBytes"`
	// EstimatedFetchBytes is the part of FetchBytes that is estimated, because the
	// source keeps no compressed blob.
	EstimatedFetchBytes int64 `json:"estimatedFetchBytes,omitempty"`
	// UnpackLayers are layers above different layers, UnpackBytes their
	// uncompressed bytes.
	UnpackLayers int   `json:"unpackLayers"`
	UnpackBytes  int64 `json:"unpackBytes"`
	// EstimatedUnpackBytes is the part of UnpackBytes that is estimated.
	EstimatedUnpackBytes int64 `json:"estimatedUnpackBytes,omitempty"`
	// RatioUnpackBytes is the part of those that no blob's end tells: a ratio times
	// the compressed size, or an engine's sum of files.
	RatioUnpackBytes int64 `json:"ratioUnpackBytes,omitempty"`
}

// What a Diff says of a layer.
const (
	// LayerKept: Old has it above the same layers (chainID); a host that has Old
	// neither fetches nor unpacks it.
	LayerKept = "kept"
	// LayerMoved: Old has the blob (digest), but above other layers; it is
	// unpacked again, and fetched again where blobs are not kept.
	LayerMoved = "moved"
	// LayerNew: it is fetched and unpacked.
	LayerNew = "new"
	// LayerGone: only Old has it.
	LayerGone = "gone"
)

// How a new layer resembles one of Old's.
const (
	// Recompressed: the same content (diffID) under another digest.
	Recompressed = "recompressed"
	// Retimed: the same files with other timestamps.
	Retimed = "timestamps"
	// Rebuilt: made by the same build step.
	Rebuilt = "rebuilt"
)

// DiffLayer is a layer of either side.
type DiffLayer struct {
	Digest layers.Digest `json:"digest" document:"required"`
	DiffID layers.Digest `json:"diffID,omitempty"`
	State  string        `json:"state" document:"required,enum=kept|moved|new|gone"`
	// Change says how it resembles the layer Was of Old; empty when it does not.
	Change string        `json:"change,omitempty" document:"enum=recompressed|timestamps|rebuilt"`
	Was    layers.Digest `json:"was,omitempty"`
	// CompressedBytes and its source are as in an Inventory.
	CompressedBytes  int64  `json:"compressedBytes"`
	CompressedSource string `json:"compressedSource,omitempty" document:"enum=measured|estimated"`
	UnpackedBytes    int64  `json:"unpackedBytes"`
	UnpackedSource   string `json:"unpackedSource,omitempty" document:"enum=measured|estimated"`
	UnpackedMethod   string `json:"unpackedMethod,omitempty" document:"enum=gzipTrailer|engine|createdBy|ratio"`
	// CreatedBy is the build step that made it, where known.
	CreatedBy string `json:"createdBy,omitempty"`
}

// Parting is the first layer, from the base, at which two images part: from
// there up, every layer of the new one is unpacked.
type Parting struct {
	// Layer is its place, 1 for the base layer.
	Layer int `json:"layer"`
	// OldCreatedBy and NewCreatedBy are the build steps there; empty where they
	// are unknown or the image has no such layer.
	OldCreatedBy string `json:"oldCreatedBy,omitempty"`
	NewCreatedBy string `json:"newCreatedBy,omitempty"`
}

// ReadDiff reads a saved Diff from the bytes of the file called name.
func ReadDiff(name string, data []byte) (*Diff, error) {
	var d Diff
	if err := document.Read(name, data, DiffKind, &d); err != nil {
		return nil, err
	}
	return &d, nil
}

// DiffQuantities are what a rule on a Diff can be about.
func DiffQuantities() []Quantity {
	return []Quantity{
		{"new-B", UnitBytes, false, "compressed bytes that a host with OLD and its blobs fetches"},
		{"new-unpacked-B", UnitBytes, false, "uncompressed bytes that such a host unpacks"},
		{"new-layers", UnitNone, false, "layers that such a host fetches"},
		{"update-B", UnitBytes, false, "compressed bytes that a host of the profile with OLD fetches"},
		{"update-sec", UnitSeconds, false, "first start of NEW on a host of the profile with OLD"},
		{"cold-B", UnitBytes, true, "compressed bytes of the whole image"},
		{"cold-unpacked-B", UnitBytes, true, "uncompressed bytes of the whole image"},
		{"cold-sec", UnitSeconds, true, "start on a host that has nothing"},
		{"cached-sec", UnitSeconds, true, "start on a host that has the image"},
		{"layers", UnitNone, true, "layers of the image"},
	}
}

// OwnOfCompare are the quantities of startups, and those per operation of package
// testing, that a Diff does not have: rules on them in a budget are for results.
func OwnOfCompare() (list []Quantity) {
	for _, q := range BenchQuantities() {
		if !isQuantity(DiffQuantities(), q.Name) {
			list = append(list, q)
		}
	}
	for _, figure := range []string{"sec/op", "B/op", "allocs/op"} {
		list = append(list, Quantity{figure, UnitOf(figure), true, "as go test -bench reports it"})
	}
	return list
}

// Unmatched notes overrides of a budget that match none of the names of OLD and NEW, as
// a Comparison's Unmatched does, and rules that are left to another command. The file is
// called name.
func (d *Diff) Unmatched(name string, b *Budget, names []string) {
	if patterns := b.Unmatched(names...); len(patterns) > 0 {
		d.NotJudged = append(d.NotJudged, fmt.Sprintf("%s: %s of %s, and neither OLD nor NEW has that name (%s): the rules there do not count.",
			name, overrides(len(patterns)), some(patterns, mostNamed), some(names, mostNamed)))
	}
	d.NotJudged = append(d.NotJudged, b.leftDoubts()...)
}

func overrides(n int) string {
	if n == 1 {
		return "an override is"
	}
	return "overrides are"
}

// isGuessed says that seconds of the load rest on sizes that its sources do not state.
func (l *DiffLoad) isGuessed() bool { return l.EstimatedFetchBytes > 0 || l.RatioUnpackBytes > 0 }

// Figures are the values of DiffQuantities, in their order. Bytes are estimated
// as far as their sizes are. Seconds are where compressed sizes are, or unpacked
// ones by a ratio, which may be half or twice as much; those that the end of a
// gzip blob tells count only against the old side and when IsMixed.
func (d *Diff) Figures() []Figure {
	// One division, so that the figure is the number that a file shows.
	sec := func(s *DiffStart) float64 { return float64(s.Ready) / float64(time.Second) }
	one := func(name, unit string, value float64, estimated bool) Figure {
		return Figure{Name: name, Unit: unit, Value: value, Estimated: estimated}
	}
	two := func(name, unit string, of func(*DiffImage) (float64, bool)) Figure {
		value, estimated := of(&d.New)
		old, oldEstimated := of(&d.Old)
		return Figure{Name: name, Unit: unit, Value: value, Estimated: estimated, Old: &old, OldEstimated: oldEstimated}
	}
	coldSeconds := two("cold-sec", UnitSeconds, func(i *DiffImage) (float64, bool) { return sec(&i.Cold), i.Cold.isGuessed() })
	coldSeconds.OldEstimated = coldSeconds.OldEstimated || d.IsMixed()
	guessedFetch, guessedUnpack := d.oldGuessed()
	coldSeconds.OldGuessed = guessedFetch || guessedUnpack
	coldBytes := two("cold-B", UnitBytes, func(i *DiffImage) (float64, bool) {
		return float64(i.Cold.FetchBytes), i.Cold.EstimatedFetchBytes > 0
	})
	coldBytes.OldGuessed = guessedFetch
	coldUnpacked := two("cold-unpacked-B", UnitBytes, func(i *DiffImage) (float64, bool) {
		return float64(i.Cold.UnpackBytes), i.Cold.EstimatedUnpackBytes > 0
	})
	coldUnpacked.OldGuessed = guessedUnpack
	return []Figure{
		one("new-B", UnitBytes, float64(d.ByDigest.FetchBytes), d.ByDigest.EstimatedFetchBytes > 0),
		one("new-unpacked-B", UnitBytes, float64(d.ByDigest.UnpackBytes), d.ByDigest.EstimatedUnpackBytes > 0),
		one("new-layers", UnitNone, float64(d.ByDigest.FetchLayers), false),
		one("update-B", UnitBytes, float64(d.Update.FetchBytes), d.Update.EstimatedFetchBytes > 0),
		one("update-sec", UnitSeconds, sec(&d.Update), d.Update.isGuessed()),
		coldBytes,
		coldUnpacked,
		coldSeconds,
		two("cached-sec", UnitSeconds, func(i *DiffImage) (float64, bool) { return sec(&i.Cached), false }),
		two("layers", UnitNone, func(i *DiffImage) (float64, bool) { return float64(i.Layers), false }),
	}
}

// oldGuessed says whether sizes of layers that Old alone has are guessed: compressed ones
// of a source that keeps no blob, and unpacked ones that no blob's end tells.
func (d *Diff) oldGuessed() (fetch, unpack bool) {
	for _, l := range d.Gone {
		fetch = fetch || l.CompressedSource == layers.Estimated
		unpack = unpack || l.UnpackedSource == layers.Estimated && l.UnpackedMethod != layers.GzipTrailer
	}
	return fetch, unpack
}

// IsMixed says that one side's own layers have measured unpacked sizes and the
// other side's estimated ones, so that the difference of the two is mostly that
// of the methods.
func (d *Diff) IsMixed() bool {
	old, oldEstimated := ownLayers(d.Gone, LayerGone)
	own, estimated := ownLayers(d.Layers, LayerNew)
	return old && own && oldEstimated != estimated
}

// ownLayers says whether there are layers in a state, and whether an unpacked
// size of one is estimated.
func ownLayers(list []DiffLayer, state string) (some, estimated bool) {
	for _, l := range list {
		if l.State == state {
			some = true
			estimated = estimated || l.UnpackedSource == layers.Estimated
		}
	}
	return some, estimated
}

// count is how many of New's layers have a state.
func (d *Diff) count(state string) int {
	n := 0
	for _, l := range d.Layers {
		if l.State == state {
			n++
		}
	}
	return n
}

// isSame says whether no layer is new, moved or gone.
func (d *Diff) isSame() bool { return d.count(LayerKept) == len(d.Layers) && len(d.Gone) == 0 }

// headline says what changes, in one line.
func (d *Diff) headline() string {
	switch {
	case d.Old.Digest == d.New.Digest:
		return "Nothing changes: both are the same image."
	case d.isSame() && d.ConfigChanged:
		return "No layer changes, only the configuration."
	case d.isSame():
		return "No layer changes."
	case d.ByDigest.FetchLayers == 0 && d.ByDigest.UnpackLayers == 0:
		return fmt.Sprintf("No layer is new; %s gone.", count(len(d.Gone), "layer")+areIs(len(d.Gone)))
	}
	n := d.ByDigest.FetchLayers
	s := fmt.Sprintf("%d of %s%s new", n, count(len(d.Layers), "layer"), areIs(n))
	if words := d.sameWords(); words != "" {
		s += " (" + words + ")"
	}
	s += fmt.Sprintf(": %s to fetch and %s to unpack where OLD is.", d.ByDigest.fetchWords(), d.ByDigest.unpackWords())
	if n := d.count(LayerMoved); n > 0 {
		s += fmt.Sprintf(" %s of OLD%s unpacked again, above other layers.", count(n, "layer"), areIs(n))
	}
	return s
}

// sameWords count the new layers that hold what a layer of OLD holds.
func (d *Diff) sameWords() string {
	var retimed, recompressed int
	for _, l := range d.Layers {
		switch {
		case l.Change == Retimed:
			retimed++
		case l.Change == Recompressed && l.State == LayerNew:
			recompressed++
		}
	}
	var words []string
	if retimed > 0 {
		words = append(words, fmt.Sprintf("%d only by timestamps", retimed))
	}
	if recompressed > 0 {
		words = append(words, fmt.Sprintf("%d only by compression", recompressed))
	}
	return join(words)
}

// fetchWords are the bytes to fetch, marked where part is estimated.
func (l *DiffLoad) fetchWords() string {
	return markedSize(l.FetchBytes, l.EstimatedFetchBytes > 0)
}

func (l *DiffLoad) unpackWords() string {
	return markedSize(l.UnpackBytes, l.EstimatedUnpackBytes > 0)
}

// markedSize writes a size; an estimated one is marked with ~.
func markedSize(bytes int64, estimated bool) string {
	if estimated {
		return "~ " + size(bytes)
	}
	return size(bytes)
}

// DiffFormats lists the formats that WriteDiff knows.
func DiffFormats() []Format { return []Format{Text, JSON, Markdown, CSV, HTML, Bench, GitHub} }

// WriteDiff writes d to w.
func WriteDiff(w io.Writer, format Format, d *Diff, opt Options) error {
	var data []byte
	var err error
	switch format {
	case GitHub:
		data = diffAnnotations(d)
	case Text:
		data = diffText(d, opt)
	case JSON:
		data, err = document.Marshal(DiffKind, d)
	case Markdown:
		data = diffMarkdown(d)
	case CSV:
		data, err = diffCSV(d)
	case HTML:
		data, err = diffPage(d)
	case Bench:
		data = diffBench(d)
	default:
		_, err = ParseFormat(string(format), DiffFormats()...)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write the diff: %w", err)
	}
	return nil
}
