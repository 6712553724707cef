package reports

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/simulate"
)

func scoreOf(store, kind string, fetch, unpack int64, pull time.Duration) matcher.Score {
	cold := 10 * time.Second
	s := matcher.Score{Store: store, Kind: kind, FetchBytes: fetch, UnpackBytes: unpack, Cold: &cold, AtBest: kind == matcher.MirrorStore}
	s.Overlap.Layers, s.Overlap.CompressedBytes, s.Overlap.UnpackedBytes = 3, 30e6, 90e6
	if pull > 0 {
		s.Pull = &pull
	}
	if fetch < 30e6 {
		s.SparedFetchFraction = 1 - float64(fetch)/30e6
	}
	return s
}

// TestScoresHeadlines: the first sentence is the answer.
func TestScoresHeadlines(t *testing.T) {
	set := func(name string, scores ...matcher.Score) matcher.SetScores {
		return matcher.SetScores{Set: name, Images: []string{"r.example/" + name + ":1"}, Scores: scores}
	}
	for _, test := range []struct {
		name string
		in   Scores
		want string
	}{
		{"one set", Scores{Sets: []matcher.SetScores{set("web", scoreOf("n", "node", 10e6, 30e6, 4*time.Second))}},
			"For web, n (node) is the best store: 10.0 MB of 30.0 MB are left to download, 30.0 MB of 90.0 MB to unpack; a pull takes 4.00 s instead of 10.0 s (estimated)."},
		{"a mirror", Scores{Sets: []matcher.SetScores{set("web", scoreOf("m", "mirror", 0, 90e6, 4*time.Second))}},
			"For web, m (mirror) is the best store: 0 B of 30.0 MB are left to download, 90.0 MB of 90.0 MB to unpack; a pull takes at best 4.00 s instead of 10.0 s (estimated)."},
		{"no time", Scores{Sets: []matcher.SetScores{set("web", scoreOf("n", "node", 10e6, 30e6, 0))}},
			"For web, n (node) is the best store: 10.0 MB of 30.0 MB are left to download, 30.0 MB of 90.0 MB to unpack."},
		{"nothing spared", Scores{Sets: []matcher.SetScores{set("web", scoreOf("n", "node", 30e6, 90e6, 10*time.Second))}},
			"No store spares web anything: 30.0 MB are downloaded and 90.0 MB unpacked."},
		{"two sets", Scores{Stores: make([]ScoredStore, 1), Sets: []matcher.SetScores{set("a", scoreOf("n", "node", 0, 0, 1)), set("b", scoreOf("n", "node", 30e6, 90e6, 1))}},
			"1 of 2 apps finds some of their layers in the best of 1 store; for 1 of them nothing is left to download."},
		{"nearest", Scores{Nearest: []matcher.NearestBase{{Kind: matcher.WholeBase}, {Kind: matcher.SharedChain}, {Kind: matcher.SharedBlobs}, {Kind: matcher.NoBase}}},
			"1 of 4 images is built on another image that is known here; 1 more shares lower layers with one; 1 only blobs."},
		{"no pair", Scores{Matrix: &matcher.Matrix{Images: make([]matcher.MatrixImage, 2), DigestBytes: [][]int64{{1, 0}, {0, 1}}, ChainUnpackedBytes: [][]int64{{1, 0}, {0, 1}}}},
			"None of 1 pair of images shares a layer."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := test.in.headlines()[0]; got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			var b bytes.Buffer
			if err := WriteScores(&b, Text, &test.in, Options{}); err != nil || !strings.Contains(strings.ReplaceAll(b.String(), "\n", " "), test.want) {
				t.Errorf("the text, %v, lacks its headline:\n%s", err, b.String())
			}
		})
	}
}

// TestScoresRoundTrip: saved scores read back as they were; tables that do not fit
// the images are refused.
func TestScoresRoundTrip(t *testing.T) {
	s := &Scores{
		Provenance: simulate.Provenance{Version: "1"}, Sets: []matcher.SetScores{{Set: "web", Images: []string{"a:1"}, Scores: []matcher.Score{scoreOf("n", "node", 1, 2, time.Second)}}},
		Matrix: &matcher.Matrix{
			Images: []matcher.MatrixImage{{Reference: "a:1", Digest: "sha256:1"}}, DigestBytes: [][]int64{{1}}, ChainBytes: [][]int64{{1}}, ChainUnpackedBytes: [][]int64{{3}},
			DigestSimilarity: [][]float64{{1}}, ChainSimilarity: [][]float64{{1}},
		},
		Nearest: []matcher.NearestBase{{Reference: "a:1", Kind: matcher.NoBase}},
	}
	var b bytes.Buffer
	if err := WriteScores(&b, JSON, s, Options{}); err != nil {
		t.Fatal(err)
	}
	got, err := ReadScores("s.json", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(s, got, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if err := WriteScores(&b, HTML, s, Options{}); err == nil || !strings.Contains(err.Error(), `unknown format "html": known are text, json`) {
		t.Errorf("got %v", err)
	}
	s.Matrix.ChainSimilarity = nil
	s.Sets[0].Scores = nil
	for _, want := range []string{"sets[0].scores: set \"web\" has no score", "matrix.chainSimilarity: it is no table of 1 rows"} {
		data, err := document.Marshal(ScoresKind, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ReadScores("s.json", data); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
		s.Sets = nil
	}
}

// TestServiceHeadlines: the first sentence says how far ours agrees, the next
// which policy to set.
func TestServiceHeadlines(t *testing.T) {
	reading := func(policy, value string, agreed, same int) matcher.ReadingAgreement {
		return matcher.ReadingAgreement{Policy: policy, Value: value, Agreed: agreed, SameLists: same, Gained: agreed}
	}
	for _, test := range []struct {
		name             string
		in               matcher.Comparison
		headline, advice string
	}{
		{"all", matcher.Comparison{Answers: 2, Judged: 2, Agreed: 2, SamePick: 2}, "Ours agrees with the service in all of 2 answers.", ""},
		{"none known", matcher.Comparison{Answers: 2}, "None of 2 answers can be judged: each names a cache that our list lacks; save the list of caches again.", ""},
		{"one reading", matcher.Comparison{Answers: 11, Judged: 10, Agreed: 4, SamePick: 5, Readings: []matcher.ReadingAgreement{reading("size", "matched-bytes", 9, 9), reading("ties", "id", 5, 4)}},
			"Ours agrees with the service in 4 of 10 answers (40 %); it picks the same cache in 5. 1 answer more cannot be judged.",
			"size=matched-bytes explains 9 of 10 answers: set it with --policy size=matched-bytes."},
		{"two readings", matcher.Comparison{Answers: 2, Judged: 2, Agreed: 1, SamePick: 1, Readings: []matcher.ReadingAgreement{reading("size", "matched-bytes", 2, 1), reading("degree", "layers", 2, 1)}},
			"Ours agrees with the service in 1 of 2 answers (50 %); it picks the same cache in 1.",
			"size=matched-bytes and degree=layers each explain 2 of 2 answers, and these answers do not tell them apart: ask about more groups."},
		{"two by lists", matcher.Comparison{Answers: 2, Judged: 2, Agreed: 1, SamePick: 1, Readings: []matcher.ReadingAgreement{reading("size", "matched-bytes", 2, 2), reading("degree", "layers", 2, 1)}},
			"Ours agrees with the service in 1 of 2 answers (50 %); it picks the same cache in 1.",
			"size=matched-bytes explains 2 of 2 answers: set it with --policy size=matched-bytes."},
		{"no reading", matcher.Comparison{Answers: 1, Judged: 1, Readings: []matcher.ReadingAgreement{reading("size", "matched-bytes", 0, 0)}},
			"Ours agrees with the service in 0 of 1 answer (0 %); it picks the same cache in 0.", "No other reading of one undocumented rule explains more of the answers."},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &Service{Comparison: test.in}
			if s.headline() != test.headline || s.advice() != test.advice {
				t.Errorf("got  %s\n     %s\nwant %s\n     %s", s.headline(), s.advice(), test.headline, test.advice)
			}
		})
	}
}

// TestServiceOfDamagedFile: a file that lacks what a disagreement should carry is
// written all the same.
func TestServiceOfDamagedFile(t *testing.T) {
	s, err := ReadService("s.yaml", []byte("apiVersion: cachebench/v1\nkind: ServiceComparison\nprovenance: {version: x}\njudged: 1\nanswers: 5\ncompared:\n"+
		"- {app: a, difference: order}\n- {app: b, difference: refused}\n- {app: c, difference: omitted}\n- {app: d, difference: unknown}\n- {app: e, difference: none}\n"))
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteService(&b, Text, s, Options{}); err != nil || !strings.Contains(b.String(), "a: the service names none where we take none") {
		t.Errorf("%v:\n%s", err, b.String())
	}
}
