package reports

import (
	"fmt"
	"io"
	"slices"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

// ScoresKind is the kind of saved Scores.
const ScoresKind = "Scores"

// Scores say what stores spare sets of images, what images have in common, and
// what they are built on; each part only where asked for.
type Scores struct {
	Provenance simulate.Provenance `json:"provenance"`
	// Platform is os/arch[/variant].
	Platform string `json:"platform,omitempty"`
	// Stores are what was scored, Sets the scores of each set of images.
	Stores []ScoredStore       `json:"stores,omitempty"`
	Sets   []matcher.SetScores `json:"sets,omitempty"`
	// Matrix compares the images in pairs.
	Matrix *matcher.Matrix `json:"matrix,omitempty"`
	// Nearest are the images' nearest bases.
	Nearest []matcher.NearestBase `json:"nearest,omitempty"`
	// Doubts are reasons to trust the result less, one sentence each.
	Doubts []string `json:"doubts,omitempty"`
}

// ScoredStore is a store with what could not be scored of it.
type ScoredStore struct {
	Name string `json:"name" document:"required"`
	Kind string `json:"kind" document:"required,enum=node|cache|disk|mirror"`
	// KeepBlobs says that it keeps its images' blobs, as it states or as the
	// profile says.
	KeepBlobs bool `json:"keepBlobs"`
	// Images counts the images that it holds, Blobs single blobs besides.
	Images int `json:"images"`
	Blobs  int `json:"blobs,omitempty"`
	// Unknown are references and digests that the inventory lacks: what they would
	// spare is in no figure.
	Unknown []string `json:"unknown,omitempty"`
}

// ReadScores reads saved Scores from the bytes of the file called name.
func ReadScores(name string, data []byte) (*Scores, error) {
	var s Scores
	if err := document.Read(name, data, ScoresKind, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Validate reports sets without scores and a matrix that is not square: what a
// table of them could not be made of.
func (s *Scores) Validate() error {
	for i := range s.Sets {
		if len(s.Sets[i].Scores) == 0 {
			return document.At(fmt.Sprintf("sets[%d].scores", i), "set %q has no score", s.Sets[i].Set)
		}
	}
	if s.Matrix == nil {
		return nil
	}
	x, n := s.Matrix, len(s.Matrix.Images)
	for _, table := range []struct {
		name   string
		square bool
	}{
		{"digestBytes", isSquare(x.DigestBytes, n)}, {"chainBytes", isSquare(x.ChainBytes, n)}, {"chainUnpackedBytes", isSquare(x.ChainUnpackedBytes, n)},
		{"digestSimilarity", isSquare(x.DigestSimilarity, n)}, {"chainSimilarity", isSquare(x.ChainSimilarity, n)},
	} {
		if !table.square {
			return document.At("matrix."+table.name, "it is no table of %d rows and columns, one for each image", n)
		}
	}
	return nil
}

func isSquare[T any](rows [][]T, n int) bool {
	return len(rows) == n && !slices.ContainsFunc(rows, func(row []T) bool { return len(row) != n })
}

// TableFormats lists the formats that WriteScores and WriteService know.
func TableFormats() []Format { return []Format{Text, JSON} }

// WriteScores writes s to w.
func WriteScores(w io.Writer, format Format, s *Scores, opt Options) error {
	return writeTables(w, format, ScoresKind, s, func() []byte { return scoresText(s, opt) })
}

// writeTables writes what has tables and a document of its own, and no more.
func writeTables(w io.Writer, format Format, kind string, value any, text func() []byte) error {
	var data []byte
	var err error
	switch format {
	case Text:
		data = text()
	case JSON:
		data, err = document.Marshal(kind, value)
	default:
		_, err = ParseFormat(string(format), TableFormats()...)
	}
	if err == nil {
		_, err = w.Write(data)
	}
	if err != nil {
		return fmt.Errorf("write the %s: %w", kind, err)
	}
	return nil
}

// headlines are the answers, one for each part.
func (s *Scores) headlines() []string {
	var list []string
	if s.Sets != nil {
		list = append(list, s.setsHeadline())
	}
	if s.Nearest != nil {
		list = append(list, s.nearestHeadline())
	}
	if s.Matrix != nil {
		list = append(list, s.matrixHeadline())
	}
	return list
}

func (s *Scores) setsHeadline() string {
	if len(s.Sets) == 1 {
		return bestWords(&s.Sets[0])
	}
	some, all := 0, 0
	for i := range s.Sets {
		best := &s.Sets[i].Scores[0]
		if best.SparedFetchFraction > 0 || best.SparedUnpackFraction > 0 {
			some++
		}
		if best.FetchBytes == 0 {
			all++
		}
	}
	return fmt.Sprintf("%d of %s some of their layers in the best of %s; for %d of them nothing is left to download.",
		some, count(len(s.Sets), "app")+" "+verb(some, "find"), count(len(s.Stores), "store"), all)
}

// bestWords say what the best store spares a set.
func bestWords(set *matcher.SetScores) string {
	best := &set.Scores[0]
	need := &best.Overlap
	if best.FetchBytes == need.CompressedBytes && best.UnpackBytes == need.UnpackedBytes {
		return fmt.Sprintf("No store spares %s anything: %s are downloaded and %s unpacked.", setName(set), size(need.CompressedBytes), size(need.UnpackedBytes))
	}
	words := fmt.Sprintf("For %s, %s (%s) is the best store: %s of %s are left to download, %s of %s to unpack",
		setName(set), best.Store, best.Kind, size(best.FetchBytes), size(need.CompressedBytes), size(best.UnpackBytes), size(need.UnpackedBytes))
	if best.Pull != nil && best.Cold != nil {
		atBest := ""
		if best.AtBest {
			atBest = "at best "
		}
		words += fmt.Sprintf("; a pull takes %s%s instead of %s (estimated)", atBest, seconds(*best.Pull), seconds(*best.Cold))
	}
	return words + "."
}

func (s *Scores) nearestHeadline() string {
	kinds := make(map[string]int)
	for _, n := range s.Nearest {
		kinds[n.Kind]++
	}
	words := fmt.Sprintf("%d of %s built on another image that is known here", kinds[matcher.WholeBase], count(len(s.Nearest), "image")+areIs(kinds[matcher.WholeBase]))
	if n := kinds[matcher.SharedChain]; n > 0 {
		words += fmt.Sprintf("; %d more %s lower layers with one", n, verb(n, "share"))
	}
	if n := kinds[matcher.SharedBlobs]; n > 0 {
		words += fmt.Sprintf("; %d only blobs", n)
	}
	return words + "."
}

func (s *Scores) matrixHeadline() string {
	pairs := s.pairs()
	n := len(s.Matrix.Images)
	all := n * (n - 1) / 2
	if len(pairs) == 0 {
		return fmt.Sprintf("None of %s of images shares a layer.", count(all, "pair"))
	}
	top := pairs[0]
	x := s.Matrix
	return fmt.Sprintf("%d of %s of images %s layers; most have %s and %s in common: %s by digest, %s by chain (unpacked), a similarity of %s.",
		len(pairs), count(all, "pair"), verb(len(pairs), "share"), shortReference(x.Images[top.a].Reference), shortReference(x.Images[top.b].Reference),
		size(x.DigestBytes[top.a][top.b]), size(x.ChainUnpackedBytes[top.a][top.b]), percent(x.DigestSimilarity[top.a][top.b]))
}

// verb is the form that n things take.
func verb(n int, word string) string {
	if n == 1 {
		return word + "s"
	}
	return word
}
