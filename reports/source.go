package reports

import (
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
)

// NumberSource says where one kind of number comes from.
type NumberSource struct {
	// Number names the kind.
	Number string `json:"number" document:"required"`
	// Source is simulated, measured or estimated, or both of two.
	Source string `json:"source" document:"required"`
	// From says of what it was made.
	From string `json:"from"`
}

func sources(r *Report, inv *layers.Inventory) []NumberSource {
	var list []NumberSource
	add := func(number, source, from string) {
		list = append(list, NumberSource{number, source, from})
	}
	if words := r.sourceWords(); words != "" {
		add("startup times, phases, bytes fetched", words, startupOrigin(r))
	}
	if p := r.Plan; p != nil {
		rates := "the workload's rates"
		if p.Recorded != nil {
			rates = "the trace's starts, as many as in a month,"
		}
		add("seconds a month, bound and gap", simulate.Estimated, rates+" times the estimate of one start"+onProfile(r))
		from := "unit prices of the price book times estimated seconds and sizes"
		if r.Provenance.PriceDate != "" {
			from = fmt.Sprintf("unit prices of %s in %s times estimated seconds and sizes", r.Provenance.PriceDate, r.Provenance.Currency)
		}
		add("money", simulate.Estimated, from)
		if len(p.Pools) > 0 {
			add("arms of node pools", simulate.Simulated, "virtual time, a month of starts on each pool"+onProfile(r))
		}
	}
	if r.BestCaches != nil {
		add("bytes held", simulate.Estimated, "layers of the images and caches, compared by digest")
	}
	if r.Creation != nil {
		add("times and costs of creation", simulate.Estimated, "pulls one after another and a snapshot"+onProfile(r)+"; unit prices of "+r.Provenance.PriceDate)
	}
	if r.Matches != nil {
		add("matches", simulate.Estimated, "the documented order of ECI's matching, with the policies named")
	}
	resolved := func() string { return ", resolved at " + inv.ResolvedAt.UTC().Format("2006-01-02 15:04 MST") }
	if s := r.Sharing; s != nil {
		all := layersOf(s)
		source, from := compressedOrigin(all)
		add("compressed sizes, shared layers", source, from+resolved())
		union := unionOf(s)
		add("unpacked sizes", unpackedSource(union), unpackedOrigin(all, union.UnknownLayers))
	} else if inv != nil {
		source, from := compressedOrigin(inv.Layers)
		add("compressed sizes", source, from+resolved())
		total := inv.Total()
		add("unpacked sizes", unpackedSource(total), unpackedOrigin(inv.Layers, total.UnknownLayers))
	}
	return list
}

func startupOrigin(r *Report) string {
	if !slices.ContainsFunc(r.Arms, func(s Summary) bool { return s.Source != simulate.Measured }) {
		return "real startups"
	}
	return fmt.Sprintf("virtual time%s, seed %d", onProfile(r), r.Provenance.Seed)
}

func onProfile(r *Report) string {
	if r.Provenance.Profile == "" {
		return ""
	}
	return " on profile " + r.Provenance.Profile
}

// unionOf adds up what sets of images have to unpack.
func unionOf(s *layers.Sharing) layers.Size {
	var sum layers.Size
	for _, set := range s.Sets {
		sum.UnpackedBytes += set.Union.ByChain.UnpackedBytes
		sum.EstimatedBytes += set.Union.ByChain.EstimatedBytes
		sum.UnknownLayers += set.Union.ByDigest.UnknownLayers
	}
	return sum
}

// layersOf are the layers of all sets.
func layersOf(s *layers.Sharing) []layers.Layer {
	var all []layers.Layer
	for i := range s.Sets {
		for j := range s.Sets[i].Layers {
			all = append(all, s.Sets[i].Layers[j].Layer)
		}
	}
	return all
}

// compressedOrigin says where the compressed sizes of layers come from.
func compressedOrigin(all []layers.Layer) (source, from string) {
	stated, packed, guessed := 0, 0, 0
	for i := range all {
		switch all[i].CompressedSource {
		case layers.Measured:
			packed++
		case layers.Estimated:
			guessed++
		default:
			stated++
		}
	}
	var words []string
	if stated > 0 || packed+guessed == 0 {
		words = append(words, "stated by the images' manifests")
	}
	if packed > 0 {
		words = append(words, count(packed, "layer")+" compressed here, as the source keeps none compressed")
	}
	if guessed == 0 {
		return simulate.Measured, strings.Join(words, "; ")
	}
	source = simulate.Estimated
	if stated+packed > 0 {
		source = simulate.Measured + " and " + simulate.Estimated
	}
	return source, strings.Join(append(words, count(guessed, "layer")+" estimated from the unpacked size, as the source keeps none compressed"), "; ")
}

// unpackedSource says whether the unpacked sizes that add up to s are measured.
func unpackedSource(s layers.Size) string {
	switch s.EstimatedBytes {
	case 0:
		return simulate.Measured
	case s.UnpackedBytes:
		return simulate.Estimated
	}
	return simulate.Measured + " and " + simulate.Estimated
}

// unpackedOrigin says how the unpacked sizes of layers are known, and how far
// estimates of that kind are off.
func unpackedOrigin(all []layers.Layer, unknownLayers int) string {
	var words []string
	for _, o := range layers.SizeOrigins(all) {
		words = append(words, count(o.Layers, "layer")+" "+originWords(o))
	}
	if unknownLayers > 0 {
		words = append(words, count(unknownLayers, "layer")+" of unknown size left out")
	}
	return strings.Join(words, "; ")
}

func originWords(o layers.SizeOrigin) string {
	e, _ := o.MeasuredError()
	switch o.Method {
	case layers.GzipTrailer:
		return fmt.Sprintf("by the gzip trailer, which was exact for all %d recorded layers", e.Layers)
	case layers.Engine:
		return "as the Docker engine sums up their files"
	case layers.ByRatio:
		return fmt.Sprintf("by a ratio times the compressed size, off by %s in the median and by less than %s for nine of ten of %d recorded layers, by %s for their sum",
			percent(e.Median), percent(e.P90), e.Layers, percent(e.Total))
	}
	return "counted on the uncompressed tar"
}

func assumptions(in Input) []string {
	list := slices.Clone(in.Assumptions)
	if in.Plan != nil {
		list = append(list, in.Plan.Assumptions...)
		for i := range in.Plan.Pools {
			list = append(list, in.Plan.Pools[i].Assumptions...)
		}
	}
	return distinct(list)
}

// doubts adds to those handed in what the report can see itself. What starts are not in
// the result comes first.
func doubts(in Input, timeline *simulate.Timeline, r *Report) []string {
	var list []string
	if c := r.Coverage; c != nil && len(c.LeftOut) > 0 {
		list = append(list, fmt.Sprintf("%s left out because images could not be read; %s of the starts are covered.", count(len(c.LeftOut), "app"), percent(c.StartsFraction)))
	}
	list = slices.Concat(list, in.Doubts, timeline.Doubts)
	if in.Matches != nil {
		for _, doubt := range in.Matches.PlannedDoubts {
			if !slices.Contains(list, doubt) { // a simulation with the plan has it, too
				list = append(list, doubt)
			}
		}
	}
	list = slices.Concat(list, inventoryDoubts(in.Inventory), unreadDoubts(r.Provenance.Unread))
	list = append(list, voidDoubts(timeline)...)
	if s := r.Sharing; s != nil {
		if n := len(s.Unresolved); n > 0 {
			list = append(list, fmt.Sprintf("%s could not be resolved and count nowhere.", count(n, "reference")))
		}
		if n := unionOf(s).UnknownLayers; n > 0 {
			list = append(list, fmt.Sprintf("The unpacked size of %s is unknown; unpacked sums are too small.", count(n, "layer")))
		}
	}
	if in.Plan != nil && in.Plan.Recorded != nil {
		list = append(list, in.Plan.Recorded.Notes...)
	}
	list = append(list, storageDoubts(in.Plan)...)
	if in.Plan != nil && in.Plan.LeftOut != "" {
		list = append(list, "Not considered by the plan: "+in.Plan.LeftOut)
	}
	for _, s := range r.Arms {
		if s.Starts < 100 {
			list = append(list, "Arms of fewer than 100 startups: their p99 is the slowest startup, not a tail.")
			break
		}
	}
	return distinct(list)
}

// inventoryDoubts are those that looking images up raised, and layers that could
// not be read.
func inventoryDoubts(inv *layers.Inventory) []string {
	if inv == nil {
		return nil
	}
	return slices.Concat(inv.Doubts, unreadDoubts(inv.Unscanned))
}

func unreadDoubts(unread []layers.Unscanned) (list []string) {
	for _, u := range unread {
		list = append(list, fmt.Sprintf("Layer %s could not be read, so its sizes are not measured: %s.", short(u.Digest), u.Reason))
	}
	return list
}

// distinct drops repetitions, keeping the first.
func distinct(list []string) []string {
	var kept []string
	for _, s := range list {
		if !slices.Contains(kept, s) {
			kept = append(kept, s)
		}
	}
	return kept
}

// storageDoubts name the existing caches whose storage is in no total, and those of which
// it is assumed what they hold.
func storageDoubts(p *plan.Plan) []string {
	if p == nil {
		return nil
	}
	var unknown, assumed, doubts []string
	for i := range p.Existing {
		switch c := &p.Existing[i]; {
		case c.KeepPerMonth == nil:
			unknown = append(unknown, c.ID)
		case c.KeepAssumed:
			assumed = append(assumed, c.ID)
		}
	}
	if len(unknown) > 0 {
		doubts = append(doubts, fmt.Sprintf("What storing these existing caches costs is in no total, for the inventory does not list all that they hold, or there is no price of storage: %s.", some(shortened(unknown, 40), 6)))
	}
	if len(assumed) > 0 {
		doubts = append(doubts, fmt.Sprintf("What these existing caches were built from is not told, so that their storage is of what their tags mean now: %s.", some(shortened(assumed, 40), 6)))
	}
	return doubts
}
