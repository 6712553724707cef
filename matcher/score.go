package matcher

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// ImageSet is a set of images that one host starts together.
type ImageSet struct {
	Name   string
	Images []string
	// PullPolicy is Always, IfNotPresent, Never or empty (the Kubernetes rule).
	PullPolicy string
}

// Score is what a store spares a set of images.
type Score struct {
	// Store and Kind are the store's; KeepBlobs says that it holds its images'
	// blobs.
	Store     string `json:"store" document:"required"`
	Kind      string `json:"kind" document:"required,enum=node|cache|disk|mirror"`
	KeepBlobs bool   `json:"keepBlobs"`
	// Overlap is what it holds, by digest and by chain.
	Overlap Overlap `json:"overlap"`
	// FetchBytes (compressed) and FetchLayers (distinct blobs) remain to be
	// downloaded: of layers that are neither unpacked above the same layers nor
	// there as blobs. UnpackBytes (unpacked) remain to be unpacked.
	FetchBytes  int64 `json:"fetchBytes"`
	FetchLayers int   `json:"fetchLayers"`
	UnpackBytes int64 `json:"unpackBytes"`
	// SparedFetchFraction is the share of the set's compressed bytes that is not
	// downloaded, SparedUnpackFraction that of its unpacked bytes that is not
	// unpacked; 1 where there is nothing to bring in.
	SparedFetchFraction  float64 `json:"sparedFetchFraction"`
	SparedUnpackFraction float64 `json:"sparedUnpackFraction"`
	// Cold is how long pulling the set takes where nothing is present, Pull where
	// the store is, Saved the difference; estimated, absent when unknown. It is
	// below 0 where a store slows a pull down.
	Cold  *time.Duration `json:"coldSeconds,omitempty"`
	Pull  *time.Duration `json:"pullSeconds,omitempty"`
	Saved *time.Duration `json:"savedSeconds,omitempty"`
	// AtBest says that Pull and Saved take what the store holds to be there at
	// once. A mirror's is still to be copied, and no profile says how fast.
	AtBest bool `json:"atBest,omitempty"`
}

// SetScores are the scores of a set in every store, best first.
type SetScores struct {
	Set    string   `json:"set" document:"required"`
	Images []string `json:"images"`
	// Unknown are images that the Inventory lacks; they are in no figure.
	Unknown []string `json:"unknown,omitempty"`
	Scores  []Score  `json:"scores"`
}

// ScoreOptions are what scores need besides layers.
type ScoreOptions struct {
	// Seconds is how long pulling a set takes on a host with the store, on one
	// with nothing where that is nil. A nil function, or answer, is an unknown
	// time.
	Seconds func(set *ImageSet, store *Holding) *time.Duration
}

// Scores says what each store spares each set, and ranks the stores of a set: by
// the time of a pull where all are known, then by bytes to download, bytes to
// unpack and name.
func (m *Matcher) Scores(sets []ImageSet, stores []Holding, opt ScoreOptions) []SetScores {
	held := make([]store, len(stores))
	for i := range stores {
		held[i] = m.sets(&stores[i])
	}
	list := make([]SetScores, len(sets))
	for i := range sets {
		set := &sets[i]
		s := SetScores{Set: set.Name, Images: set.Images, Unknown: m.lacking(set.Images), Scores: make([]Score, len(stores))}
		cold := opt.seconds(set, nil)
		for j := range stores {
			s.Scores[j] = m.score(m.images(set.Images), &stores[j], held[j])
			s.Scores[j].time(cold, opt.seconds(set, &stores[j]))
		}
		rank(s.Scores)
		list[i] = s
	}
	return list
}

func (opt *ScoreOptions) seconds(set *ImageSet, store *Holding) *time.Duration {
	if opt.Seconds == nil {
		return nil
	}
	return opt.Seconds(set, store)
}

// lacking are the references that the Inventory lacks.
func (m *Matcher) lacking(references []string) []string {
	var unknown []string
	for _, ref := range references {
		if m.find(ref, m.at) < 0 {
			unknown = append(unknown, ref)
		}
	}
	return unknown
}

func (m *Matcher) score(need []int, h *Holding, held store) Score {
	s := Score{Store: h.Store, Kind: h.Kind, KeepBlobs: h.KeepBlobs, Overlap: m.overlap(need, held)}
	s.FetchLayers, s.FetchBytes = m.missing(need, held)
	s.UnpackBytes = s.Overlap.ByChain.UnpackBytes
	s.SparedFetchFraction = spared(s.FetchBytes, s.Overlap.CompressedBytes)
	s.SparedUnpackFraction = spared(s.UnpackBytes, s.Overlap.UnpackedBytes)
	return s
}

// missing counts the distinct blobs, and their compressed bytes, of the layers
// that are present neither by chain nor by digest. Which blob stands for a chain
// that two images have is as in overlap: the first image's.
func (m *Matcher) missing(need []int, held store) (blobs int, bytes int64) {
	seen, fetched := make(map[int]bool), make(map[int]bool)
	for _, i := range need {
		for j, l := range m.inv.Images[i].Layers {
			c := m.chains.Images[i][j]
			if seen[c] {
				continue
			}
			seen[c] = true
			if !held.chains[c] && !held.layers[l] && !fetched[l] {
				fetched[l] = true
				blobs++
				bytes += m.inv.Layers[l].CompressedBytes
			}
		}
	}
	return blobs, bytes
}

func spared(remain, whole int64) float64 {
	if whole == 0 {
		return 1
	}
	return float64(whole-remain) / float64(whole)
}

// time puts in how long pulls take.
func (s *Score) time(cold, pull *time.Duration) {
	s.Cold, s.Pull = cold, pull
	if cold != nil && pull != nil {
		saved := *cold - *pull
		s.Saved = &saved
	}
	s.AtBest = pull != nil && s.Kind == MirrorStore
}

// rank orders scores. Times count only where every score has one: else the order
// would depend on which are compared first.
func rank(scores []Score) {
	timed := !slices.ContainsFunc(scores, func(s Score) bool { return s.Pull == nil })
	slices.SortStableFunc(scores, func(x, y Score) int {
		order := 0
		if timed {
			order = cmp.Compare(*x.Pull, *y.Pull)
		}
		return cmp.Or(order, cmp.Compare(x.FetchBytes, y.FetchBytes), cmp.Compare(x.UnpackBytes, y.UnpackBytes), strings.Compare(x.Store, y.Store))
	})
}
