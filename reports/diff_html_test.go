package reports

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// diffNumbers are numbers of a saved Diff, as its JSON has them.
type diffNumbers struct {
	Old, New struct {
		Layers       float64
		Cold, Cached diffNumber
	}
	Update, ByDigest diffNumber
	Layers, Gone     []struct {
		Digest, State, Change string
		Was                   string
		CompressedBytes       json.Number
		UnpackedBytes         json.Number
	}
}

type diffNumber struct {
	FetchLayers, FetchBytes, UnpackBytes, ReadySeconds float64
}

// savedDiffs reads the saved diffs of the tests: each, and the numbers of its JSON.
func savedDiffs(t *testing.T) (diffs map[string]*Diff, numbers map[string]diffNumbers) {
	t.Helper()
	names, err := filepath.Glob("../testdata/diff/*.json")
	if err != nil || len(names) < 5 {
		t.Fatalf("%d saved diffs, %v", len(names), err)
	}
	diffs, numbers = make(map[string]*Diff), make(map[string]diffNumbers)
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d, err := ReadDiff(name, data)
		if err != nil {
			t.Fatal(err)
		}
		var n diffNumbers
		if err := json.Unmarshal(data, &n); err != nil {
			t.Fatal(err)
		}
		name = strings.TrimSuffix(filepath.Base(name), ".json")
		diffs[name], numbers[name] = d, n
	}
	return diffs, numbers
}

// figures are old and new of each figure, as the page has them exactly; empty where there is none.
func (n *diffNumbers) figures() map[string][2]string {
	write := func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }
	return map[string][2]string{
		"new-B": {"", write(n.ByDigest.FetchBytes)}, "new-unpacked-B": {"", write(n.ByDigest.UnpackBytes)}, "new-layers": {"", write(n.ByDigest.FetchLayers)},
		"update-B": {"", write(n.Update.FetchBytes)}, "update-sec": {"", write(n.Update.ReadySeconds)},
		"cold-B":          {write(n.Old.Cold.FetchBytes), write(n.New.Cold.FetchBytes)},
		"cold-unpacked-B": {write(n.Old.Cold.UnpackBytes), write(n.New.Cold.UnpackBytes)},
		"cold-sec":        {write(n.Old.Cold.ReadySeconds), write(n.New.Cold.ReadySeconds)},
		"cached-sec":      {write(n.Old.Cached.ReadySeconds), write(n.New.Cached.ReadySeconds)},
		"layers":          {write(n.Old.Layers), write(n.New.Layers)},
	}
}

func diffBytes(t *testing.T, format Format, d *Diff) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := WriteDiff(&b, format, d, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDiffPageNumbers: the page of each saved diff has the numbers that its JSON has: of
// every figure, start, layer and rule.
func TestDiffPageNumbers(t *testing.T) {
	diffs, numbers := savedDiffs(t)
	for name, d := range diffs {
		n := numbers[name]
		root, err := html.Parse(bytes.NewReader(diffBytes(t, HTML, d)))
		if err != nil {
			t.Fatal(err)
		}
		page := htmlPage{t, root}
		texts, values := page.table("Figures")
		if len(texts) != len(n.figures()) {
			t.Errorf("%s: %d figures", name, len(texts))
		}
		for i, row := range texts {
			if want := n.figures()[row[0]]; values[i][1] != want[0] || values[i][2] != want[1] {
				t.Errorf("%s, %s: %q, wanted %q", name, row[0], values[i], want)
			}
		}
		number := func(s string) float64 {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
			return f
		}
		_, starts := page.table("A start")
		for i, load := range []diffNumber{n.New.Cold, n.Update, n.New.Cached} {
			for k, want := range []float64{load.FetchBytes, load.FetchLayers, load.UnpackBytes, load.ReadySeconds} {
				if got := number(starts[i][4+k]); got != want {
					t.Errorf("%s, start %d: %v, wanted %v", name, i, got, want)
				}
			}
		}
		all := slices.Concat(n.Layers, n.Gone)
		texts, values = page.table("Layers of NEW")
		if len(texts) != len(all) {
			t.Fatalf("%s: %d layers, wanted %d", name, len(texts), len(all))
		}
		for i, l := range all {
			if texts[i][1] != l.State || !strings.Contains(l.Digest, texts[i][2]) || values[i][3] != l.CompressedBytes.String() || values[i][4] != l.UnpackedBytes.String() {
				t.Errorf("%s, layer %d: %q %q of %+v", name, i, texts[i], values[i], l)
			}
		}
		if d.Gate == nil {
			continue
		}
		if rules, _ := page.table("Rules"); len(rules) != len(d.Gate.Outcomes) || !strings.Contains(textOf(root), d.Gate.Line()) {
			t.Errorf("%s: rules %q", name, rules)
		}
	}
}

// TestDiffGroups: what is in both images is counted from what is in one alone; it is the
// sum of the layers that are kept or moved. Worked by hand for the rebuilt image: a base of
// 50 MB, 20 MB that became 19 MB by another compression, 4 MB that are only stamped anew,
// and 2 MB above them.
func TestDiffGroups(t *testing.T) {
	diffs, numbers := savedDiffs(t)
	for name, d := range diffs {
		sum := 0.0
		seen := make(map[string]bool)
		for _, l := range numbers[name].Layers {
			if (l.State == LayerKept || l.State == LayerMoved) && !seen[l.Digest] {
				bytes, _ := l.CompressedBytes.Float64()
				sum += bytes
			}
			seen[l.Digest] = true
		}
		groups := d.layerGroups()
		if len(groups) != 3 || float64(groups[0].new) != sum {
			t.Errorf("%s: %+v, wanted %v in both", name, groups, sum)
		}
		if groups[0].old+groups[1].old+groups[2].old != d.Old.Cold.FetchBytes || groups[0].new+groups[1].new+groups[2].new != d.New.Cold.FetchBytes {
			t.Errorf("%s: %+v", name, groups)
		}
	}
	g := diffs["rebuilt"].layerGroups()
	for i, want := range [][2]int64{{72e6, 71e6}, {4e6, 4e6}, {0, 0}} {
		if g[i].old != want[0] || g[i].new != want[1] {
			t.Errorf("rebuilt: %+v, wanted %v", g[i], want)
		}
	}
	// A file of somebody else's, whose layers have more bytes than its image, has no chart.
	odd := &Diff{Layers: []DiffLayer{{Digest: "sha256:1", State: LayerNew, CompressedBytes: 5}}}
	if odd.layerGroups() != nil || bytes.Contains(diffBytes(t, HTML, odd), []byte("chart-layers")) {
		t.Error("bars of more than there is")
	}
}

// TestDiffPageNames: names are no markup, and the page asks the network for nothing.
func TestDiffPageNames(t *testing.T) {
	const name = `<script src="//example.com/x.js">`
	diffs, _ := savedDiffs(t)
	d := diffs["rebuilt"]
	d.New.Reference, d.Provenance.Profile, d.Doubts = name, name, []string{name + " is doubted"}
	d.Layers[0].CreatedBy, d.Hints, d.NotJudged, d.Gate.Outcomes[0].Rule = name, []string{name}, []string{name}, name
	root, err := html.Parse(bytes.NewReader(diffBytes(t, HTML, d)))
	if err != nil {
		t.Fatal(err)
	}
	if len(all(root, "script", "")) != 1 || len(all(root, "img", "")) > 0 {
		t.Error("a name is taken for markup")
	}
	text := textOf(root)
	for _, want := range []string{name + " is doubted", string(d.Old.Digest), string(d.New.Digest), "Rules not judged here", "with other timestamps", "Gate failed: 1 rule is not met."} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q on the page", want)
		}
	}
	// The chart is a picture to who cannot see it, too.
	chart := textOf(all(root, "svg", "chart gain")[0])
	if !strings.Contains(chart, "NEW, same files, other timestamps: 4.0 MB") {
		t.Errorf("%s", chart)
	}
}

// TestDiffCSV: another reader reads a row for each figure, with the numbers of the JSON.
func TestDiffCSV(t *testing.T) {
	diffs, numbers := savedDiffs(t)
	for name, d := range diffs {
		n := numbers[name]
		rows, err := csv.NewReader(bytes.NewReader(diffBytes(t, CSV, d))).ReadAll()
		if err != nil || len(rows) != 1+len(n.figures()) {
			t.Fatalf("%s: %d rows, %v", name, len(rows), err)
		}
		at := func(row []string, head string) string { return row[slices.Index(rows[0], head)] }
		for _, row := range rows[1:] {
			want, ok := n.figures()[at(row, "figure")]
			if !ok || at(row, "old") != want[0] || at(row, "new") != want[1] {
				t.Errorf("%s: %q, wanted %q", name, row, want)
			}
			state := ""
			switch {
			case want[0] == "":
			case want[0] == want[1]:
				state = "same"
			default:
				state = "differs"
			}
			if at(row, "state") != state || (at(row, "difference") == "") != (want[0] == "") || at(row, "new_image") != d.New.Reference {
				t.Errorf("%s: %q", name, row)
			}
		}
	}
	rows, err := csv.NewReader(bytes.NewReader(diffBytes(t, CSV, diffs["rebuilt"]))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	// 76 MB became 75 MB.
	want := []string{"registry.example.com/app:1", "registry.example.com/app:2", "linux/amd64", "containerd", "estimated",
		"cold-B", "B", "7.6e+07", "false", "7.5e+07", "false", "-1e+06", "-0.013157894736842105", "differs", ""}
	if !slices.Equal(rows[6], want) {
		t.Errorf("%q", rows[6])
	}
}
