package reports

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cachebench/cachebench/matcher"
)

// scoresText writes s for a terminal: the answers first.
func scoresText(s *Scores, opt Options) []byte {
	p := &printer{color: opt.Color}
	words := []string{"layers in stores and images"}
	if s.Sets != nil {
		words = append(words, "seconds estimated")
	}
	words = append(words, s.Platform)
	if s.Provenance.Profile != "" {
		words = append(words, "profile "+s.Provenance.Profile)
	}
	p.lines(faint, wrap(strings.Join(words, " · "), 0))
	p.line("")
	for _, headline := range s.headlines() {
		p.lines(bold, wrap(headline, 0))
	}
	p.sets(s.Sets)
	p.nearest(s.Nearest)
	p.matrix(s)
	p.list("Doubts", s.Doubts)
	p.tablesProvenance(s.Provenance.Version, s.Provenance.Profile, s.Provenance.Now)
	return p.out.Bytes()
}

func (p *printer) tablesProvenance(version, profile string, now time.Time) {
	words := "cachebench " + version
	if profile != "" {
		words += ", profile " + profile
	}
	if !now.IsZero() {
		words += ", as of " + now.UTC().Format("2006-01-02 15:04 MST")
	}
	p.line("")
	p.lines(faint, wrap(words, 0))
}

func (p *printer) sets(sets []matcher.SetScores) {
	for i := range sets {
		set := &sets[i]
		need, cold := &set.Scores[0].Overlap, ""
		if set.Scores[0].Cold != nil {
			cold = "; a pull takes " + seconds(*set.Scores[0].Cold) + " where nothing is present"
		}
		p.heading(fmt.Sprintf("%s: needs %s in %s, %s unpacked%s", setName(set), size(need.CompressedBytes), count(need.Layers, "layer"), size(need.UnpackedBytes), cold))
		t := &textTable{heads: []string{"store", "kind", ">by digest", ">layers", ">by chain", ">layers", ">download", ">unpack", ">pull"}}
		for j := range set.Scores {
			c := &set.Scores[j]
			digest, chain := &c.Overlap.ByDigest, &c.Overlap.ByChain
			t.add("", c.Store, c.Kind, size(digest.PresentBytes), fmt.Sprint(digest.PresentLayers), size(chain.PresentBytes), fmt.Sprint(chain.PresentLayers),
				size(c.FetchBytes), size(c.UnpackBytes), pullWords(c))
		}
		p.table(t)
	}
	if sets != nil {
		p.lines(faint, wrap("By digest: compressed bytes that are there as blobs; by chain: those that are there unpacked, above the same layers. The two overlap and are never added. Download (compressed) and unpack (unpacked) are what is left to do.", tableIndent))
	}
}

// setName shortens the name of a set that is one of its images.
func setName(set *matcher.SetScores) string {
	if slices.ContainsFunc(set.Images, func(ref string) bool { return strings.HasPrefix(set.Set, ref) }) {
		return shortReference(set.Set)
	}
	return set.Set
}

// pullWords are the time of a pull; a mirror's is a bound.
func pullWords(c *matcher.Score) string {
	if c.AtBest {
		return "≥ " + optional(c.Pull)
	}
	return optional(c.Pull)
}

func (p *printer) nearest(list []matcher.NearestBase) {
	if list == nil {
		return
	}
	p.heading("Nearest base of each image")
	t := &textTable{heads: []string{"image", "is", "base", ">layers shared", ">download spared", ">unpack spared"}}
	for i := range list {
		n := &list[i]
		note := ""
		if n.SameLayers != nil {
			note = "the same layers as " + join(shortReferences(n.SameLayers))
		}
		if n.Kind == matcher.NoBase {
			t.add(note, shortReference(n.Reference), nearWords(n.Kind), "-", "-", "-", "-")
			continue
		}
		download := n.ChainBytes
		if n.Kind == matcher.SharedBlobs {
			download = n.DigestBytes
		}
		t.add(note, shortReference(n.Reference), nearWords(n.Kind), shortReference(n.Base), fmt.Sprintf("%d of %d", n.SharedLayers, n.Layers),
			size(download)+partOf(download, n.CompressedBytes), size(n.ChainUnpackedBytes)+partOf(n.ChainUnpackedBytes, n.UnpackedBytes))
	}
	p.table(t)
}

// partOf is a share in brackets.
func partOf(part, whole int64) string {
	if whole == 0 {
		return ""
	}
	return " (" + percent(float64(part)/float64(whole)) + ")"
}

func nearWords(kind string) string {
	switch kind {
	case matcher.WholeBase:
		return "built on"
	case matcher.SharedChain:
		return "in part on"
	case matcher.SharedBlobs:
		return "sharing blobs with"
	}
	return "on its own"
}

const (
	// maxSquare is how many images a text matrix has; of more, the pairs that
	// share most are listed.
	maxSquare      = 7
	maxSquarePairs = 20
)

func (p *printer) matrix(s *Scores) {
	x := s.Matrix
	if x == nil {
		return
	}
	if len(x.Images) > maxSquare {
		p.matrixPairs(s)
		return
	}
	p.square(x, "Downloads of the row spared by the column (compressed, by digest)", x.DigestBytes)
	p.square(x, "Unpacking of the row spared by the column (unpacked, by chain)", x.ChainUnpackedBytes)
	p.lines(faint, wrap("The diagonal is the whole image. Similarities are in the JSON output.", tableIndent))
}

func (p *printer) square(x *matcher.Matrix, title string, cells [][]int64) {
	p.heading(title)
	t := &textTable{heads: []string{">#", "image"}}
	for i := range x.Images {
		t.heads = append(t.heads, fmt.Sprintf(">%d", i+1))
	}
	for i, img := range x.Images {
		row := []string{fmt.Sprint(i + 1), shortReference(img.Reference)}
		for _, bytes := range cells[i] {
			row = append(row, size(bytes))
		}
		t.add("", row...)
	}
	p.table(t)
}

func (p *printer) matrixPairs(s *Scores) {
	x, pairs := s.Matrix, s.pairs()
	p.heading("Pairs of images that share most")
	t := &textTable{heads: []string{"image", "and", ">by digest", ">similar", ">by chain, unpacked", ">similar"}}
	shown := pairs[:min(len(pairs), maxSquarePairs)]
	byDigest := sharePercents(column(shown, func(p *imagePair) float64 { return x.DigestSimilarity[p.a][p.b] }))
	byChain := sharePercents(column(shown, func(p *imagePair) float64 { return x.ChainSimilarity[p.a][p.b] }))
	for i, pair := range shown {
		t.add("", shortReference(x.Images[pair.a].Reference), shortReference(x.Images[pair.b].Reference), size(x.DigestBytes[pair.a][pair.b]), byDigest[i],
			size(x.ChainUnpackedBytes[pair.a][pair.b]), byChain[i])
	}
	p.table(t)
	p.lines("", wrap(fmt.Sprintf("The first %d of %s that share something; the whole matrix is in the JSON output.", min(len(pairs), maxSquarePairs), count(len(pairs), "pair")), tableIndent))
}

// imagePair are two images of a matrix.
type imagePair struct{ a, b int }

// pairs are those that share anything, most bytes by digest first, then by chain.
func (s *Scores) pairs() []imagePair {
	x := s.Matrix
	var pairs []imagePair
	for a := range x.Images {
		for b := a + 1; b < len(x.Images); b++ {
			if x.DigestBytes[a][b] > 0 || x.ChainUnpackedBytes[a][b] > 0 {
				pairs = append(pairs, imagePair{a, b})
			}
		}
	}
	slices.SortStableFunc(pairs, func(p, q imagePair) int {
		return cmp.Or(cmp.Compare(x.DigestBytes[q.a][q.b], x.DigestBytes[p.a][p.b]), cmp.Compare(x.ChainUnpackedBytes[q.a][q.b], x.ChainUnpackedBytes[p.a][p.b]))
	})
	return pairs
}
