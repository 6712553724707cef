package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
)

// imageSet is a set of images as all formats show it.
type imageSet struct {
	*layers.SharedSet
	// names are what tells the images apart, prefix what all references begin
	// with besides.
	names  []string
	prefix string
}

func newImageSet(s *layers.SharedSet) *imageSet {
	v := &imageSet{SharedSet: s, prefix: commonPrefix(s.Images)}
	for _, img := range s.Images {
		name := strings.TrimPrefix(bareReference(img.Reference), v.prefix)
		if !img.From.IsZero() {
			name += " from " + img.From.UTC().Format("2006-01-02")
		}
		if s.Platform == "" {
			name += " " + strings.TrimPrefix(img.Platform, "linux/")
		}
		v.names = append(v.names, name)
	}
	return v
}

// bareReference drops the transport that a bare reference stands for, so that
// both spellings are shown alike.
func bareReference(reference string) string { return strings.TrimPrefix(reference, "docker://") }

// commonPrefix is what all references begin with, up to a slash or a colon
// before the name.
func commonPrefix(images []layers.SharedImage) string {
	if len(images) < 2 {
		return ""
	}
	prefix := bareReference(images[0].Reference)
	for _, img := range images {
		for !strings.HasPrefix(bareReference(img.Reference), prefix) {
			prefix = prefix[:len(prefix)-1]
		}
	}
	// A tag is no name by itself.
	return prefix[:strings.LastIndexByte(prefix, '/')+1]
}

// platformWords names the platform, or says that there are several.
func (s *imageSet) platformWords() string { return cmpOr(s.Platform, "all platforms together") }

// onlyImage returns the image of a set of one, else nil.
func (s *imageSet) onlyImage() *layers.SharedImage {
	if len(s.Images) != 1 {
		return nil
	}
	return &s.Images[0]
}

// headline is the set in one sentence.
func (s *imageSet) headline() string {
	if img := s.onlyImage(); img != nil {
		return fmt.Sprintf("%s: %s, %s compressed, %s unpacked.", shortReference(img.Reference),
			count(len(img.Layers), "layer"), compressedSize(img.Total.ByDigest), unpackedSize(img.Total.ByChain))
	}
	return fmt.Sprintf("%s: %s compressed if each is stored alone, %s with each layer once (%s shared).",
		s.imagesWords(), compressedSize(s.Sum.ByDigest), compressedSize(s.Union.ByDigest), percent(s.SharedFraction))
}

// imagesWords counts the images, and their names where there are more.
func (s *imageSet) imagesWords() string {
	words := count(len(s.Images), "image")
	if s.References > len(s.Images) {
		words += " with " + count(s.References, "name")
	}
	return words
}

// compressedSize writes the compressed bytes of s, with ~ where a part is
// estimated.
func compressedSize(s layers.Size) string {
	if s.CompressedEstimatedBytes > 0 {
		return "~ " + size(s.CompressedBytes)
	}
	return size(s.CompressedBytes)
}

// worthSaying is the part of a union from which on saving it is advised: 1 %.
const worthSaying = 0.01

// advice says what would save most, in order.
func (s *imageSet) advice() []string {
	type gain struct {
		fraction float64
		words    string
	}
	var gains []gain
	add := func(saved, of int64, what, unit string) {
		if f := float64(saved) / float64(max(of, 1)); f >= worthSaying {
			gains = append(gains, gain{f, fmt.Sprintf("%s, which saves %s %s (%s of the union).", what, size(saved), unit, percent(f))})
		}
	}
	blobs, chains := s.Union.ByDigest.CompressedBytes, s.Union.ByChain.UnpackedBytes
	if len(s.Moves) > 0 {
		m := s.Moves[0]
		add(m.SavedCompressedBytes, blobs, fmt.Sprintf("rebuild %s on %s, if they can run on it", count(m.Images, "image"), s.baseName(m.To)), "compressed, estimated")
	}
	for _, t := range s.duplicateTotals() {
		groups := " (" + count(t.groups, "group") + " of layers)"
		if t.kind == layers.OtherParent {
			add(t.unpacked, chains, "build images with the same layers on one base, in one order"+groups, "unpacked")
		} else {
			add(t.compressed, blobs, duplicateAdvice(t.kind)+groups, "compressed")
		}
	}
	if s.Hidden != nil {
		add(s.Hidden.Bytes(), chains, "delete or replace files in the step that makes them", "unpacked")
	}
	slices.SortStableFunc(gains, func(a, b gain) int { return cmp.Compare(b.fraction, a.fraction) })
	var list []string
	for i, g := range gains {
		start := "Also: "
		if i == 0 {
			start = "Most to gain: "
		}
		list = append(list, start+g.words)
	}
	return list
}

func duplicateAdvice(kind string) string {
	switch kind {
	case layers.Recompressed:
		return "push layers that hold the same tar with one compressor"
	case layers.OtherTimestamps:
		return "build layers that differ in timestamps alone reproducibly"
	}
	return "build a step that many images have once, where it may give the same files"
}

// duplicateTotal is what all groups of a kind would save.
type duplicateTotal struct {
	kind                 string
	groups               int
	compressed, unpacked int64
}

func (s *imageSet) duplicateTotals() []duplicateTotal {
	var totals []duplicateTotal
	for _, kind := range []string{layers.Recompressed, layers.OtherTimestamps, layers.SameStep, layers.OtherParent} {
		t := duplicateTotal{kind: kind}
		for _, n := range s.NearDuplicates {
			if n.Kind == kind {
				t.groups++
				t.compressed += n.SavedCompressedBytes
				t.unpacked += n.SavedUnpackedBytes
			}
		}
		if t.groups > 0 {
			totals = append(totals, t)
		}
	}
	return totals
}

// worthShowing are the near-duplicates without those that save next to nothing:
// less than a thousandth of the union. JSON has all.
func (s *imageSet) worthShowing() []layers.NearDuplicate {
	return slices.DeleteFunc(slices.Clone(s.NearDuplicates), func(n layers.NearDuplicate) bool {
		return 1000*n.SavedCompressedBytes < s.Union.ByDigest.CompressedBytes && 1000*n.SavedUnpackedBytes < s.Union.ByChain.UnpackedBytes
	})
}

// kindWords says in a word or two why layers could be one.
func kindWords(kind string) string {
	switch kind {
	case layers.Recompressed:
		return "recompressed"
	case layers.OtherTimestamps:
		return "other timestamps"
	case layers.SameStep:
		return "same step (may be)"
	}
	return "other layers below"
}

// hints are the hints of the kinds that there are, each once.
func (s *imageSet) hints() []string {
	var list []string
	for _, n := range s.worthShowing() {
		label, _, _ := strings.Cut(kindWords(n.Kind), " (")
		list = append(list, sentenceWord(label)+": "+n.Hint)
	}
	return distinct(list)
}

// baseName names a base by the image that it is, else by its place in the list.
func (s *imageSet) baseName(b int) string {
	if image := s.Bases[b].Image; image != nil {
		return s.names[*image]
	}
	return fmt.Sprintf("base %d", b+1)
}

// baseWords says what a base is that no image of the set names.
func (s *imageSet) baseWords(b int) string {
	base := &s.Bases[b]
	if base.Image != nil {
		return ""
	}
	words := s.exampleWords(b)
	step := stepWords(base.CreatedBy)
	switch {
	case step == "":
	case base.Size.Layers == 1:
		words += ", made by " + ellipsis(step, maxWord)
	default:
		words += ", the top one made by " + ellipsis(step, maxWord)
	}
	return words
}

// exampleWords says where the base's layers stand.
func (s *imageSet) exampleWords(b int) string {
	base := &s.Bases[b]
	if base.Size.Layers == 1 {
		return "the lowest layer of " + s.names[base.Example]
	}
	return fmt.Sprintf("the lowest %d layers of %s", base.Size.Layers, s.names[base.Example])
}

// knowsHidden says whether any image was scanned for what later layers hide.
func (s *imageSet) knowsHidden() bool {
	return slices.ContainsFunc(s.Images, func(img layers.SharedImage) bool { return img.Hidden != nil })
}

// baseOf names the base of an image.
func (s *imageSet) baseOf(img *layers.SharedImage) string {
	if img.Base == nil {
		return "-"
	}
	return s.baseName(*img.Base)
}

// band is a range of numbers of images, with the layers that so many have.
type band struct {
	words string
	size  layers.Size
}

// bands puts the layers into few ranges of how many images have them.
func (s *imageSet) bands() []band {
	const exactly = 8
	limits := []int{1, 2, 5, 10, 20, 50, 100, 1000}
	if len(s.Holders) <= exactly {
		limits = nil
		for _, h := range s.Holders {
			limits = append(limits, h.Images)
		}
	}
	var list []band
	below := 0
	for _, limit := range append(limits, len(s.Images)) {
		b := band{words: number(float64(below + 1))}
		if len(s.Holders) <= exactly {
			b.words = number(float64(limit))
		} else if limit > below+1 {
			b.words = number(float64(below+1)) + " to " + number(float64(limit))
		}
		for _, h := range s.Holders {
			if h.Images > below && h.Images <= limit {
				b.size.Layers += h.Size.Layers
				b.size.CompressedBytes += h.Size.CompressedBytes
				b.size.CompressedEstimatedBytes += h.Size.CompressedEstimatedBytes
			}
		}
		if b.size.Layers > 0 {
			list = append(list, b)
		}
		below = max(below, limit)
	}
	return list
}

// formatWords says what is unusual about a layer: how it is stored.
func formatWords(l *layers.Layer) string {
	var words []string
	if l.LazyFormat != "" {
		words = append(words, l.LazyFormat)
	}
	if l.Foreign {
		words = append(words, "foreign")
	}
	return strings.Join(words, ", ")
}

// madeBy is a layer's build step without the words that most steps have, and
// with what is unusual about the layer before it.
func madeBy(l *layers.Layer) string {
	step := stepWords(l.CreatedBy)
	if format := formatWords(l); format != "" {
		return "[" + format + "] " + step
	}
	return step
}

// stepWords is a build step without what builders put around a command and what
// such steps have in common, so that the little room there is shows what is
// particular.
func stepWords(step string) string {
	var kept []string
	for _, part := range strings.Split(strings.TrimSuffix(step, "# buildkit"), "&&") {
		part = strings.Join(strings.Fields(part), " ")
		bare := strings.TrimPrefix(part, "RUN ")
		if arguments, command, ok := strings.Cut(bare, "/bin/sh -c "); ok && (arguments == "" || arguments[0] == '|') {
			bare = command // after build arguments: |1 VERSION=3 /bin/sh -c make
		}
		if strings.HasPrefix(bare, "apt-get update") || strings.HasPrefix(bare, "rm -rf /var/lib/apt/lists") || bare == "" {
			continue
		}
		var words []string
		for _, w := range strings.Fields(bare) {
			if w != "-y" && w != "--no-install-recommends" && w != "#(nop)" {
				words = append(words, w)
			}
		}
		kept = append(kept, strings.Join(words, " "))
	}
	return strings.Join(kept, " && ")
}

// layerSize is a layer's size by itself.
func layerSize(l *layers.Layer) layers.Size {
	s := layers.Size{Layers: 1, CompressedBytes: l.CompressedBytes}
	if l.CompressedSource == layers.Estimated {
		s.CompressedEstimatedBytes = l.CompressedBytes
	}
	if l.UnpackedBytes == nil {
		s.UnknownLayers = 1
		return s
	}
	s.UnpackedBytes = *l.UnpackedBytes
	if l.UnpackedSource == layers.Estimated {
		s.EstimatedBytes = s.UnpackedBytes
	}
	return s
}

// judgeSharing says how much images share, and what would make it more.
func judgeSharing(v *Verdict, s *layers.Sharing) {
	var lines []string
	for i := range s.Sets {
		set := newImageSet(&s.Sets[i])
		prefix := ""
		if len(s.Sets) > 1 {
			prefix = set.platformWords() + ": "
		}
		line := prefix + set.headline()
		if i == 0 {
			v.Headline = line
		} else {
			lines = append(lines, line)
		}
		for _, advice := range set.advice()[:min(len(set.advice()), 3)] {
			lines = append(lines, prefix+advice)
		}
	}
	v.Sentences = lines
}
