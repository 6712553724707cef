package workload

import (
	"fmt"
	"strings"
	"testing"
)

// TestCrictlNode: what crictl lists is of one of the nodes that are listed, and counts with it
// where it is known of which; never as a node more.
func TestCrictlNode(t *testing.T) {
	image := func(n int) (name, digest string) {
		return fmt.Sprintf("r.example.com/a%d:1", n), fmt.Sprintf("r.example.com/a%d@sha256:%064x", n, n)
	}
	node := func(name string, from, to int) string {
		var list []string
		for n := from; n < to; n++ {
			tag, digest := image(n)
			list = append(list, fmt.Sprintf(`{"names":[%q,%q],"sizeBytes":%d}`, digest, tag, 10_000-n))
		}
		return fmt.Sprintf(`{"kind":"Node","metadata":{"name":%q},"status":{"images":[%s]}}`, name, strings.Join(list, ","))
	}
	crictl := func(from, to int) string {
		var list []string
		for n := from; n < to; n++ {
			tag, digest := image(n)
			list = append(list, fmt.Sprintf(`{"id":"x","repoTags":[%q],"repoDigests":[%q],"size":"%d"}`, tag, digest, 10_000-n))
		}
		return `{"images":[` + strings.Join(list, ",") + `]}`
	}
	// a1 lists the 50 largest of 60, and may stop short; b1 and b2 hold the same 10, c10 others.
	nodes := `{"kind":"List","items":[` + strings.Join([]string{node("a1", 0, 50), node("b1", 100, 110), node("b2", 100, 110), node("c10", 200, 205)}, ",") + `]}`
	for _, c := range []struct {
		file, text  string
		nodes, full int
		total       int // images on nodes, all together
		unknown     bool
	}{
		{"x.json", "", 4, 1, 75, false},
		{"x.json", crictl(0, 60), 4, 0, 85, false},                 // a1, by its images
		{"x.json", crictl(100, 110), 4, 1, 75, true},               // b1 or b2
		{"x/crictl-b2.json.gz", crictl(100, 112), 4, 1, 77, false}, // b2, by the file's name
		{"x.json", crictl(200, 206), 4, 1, 76, false},              // c10, with one pulled since
		{"x.json", crictl(200, 230), 4, 1, 75, true},               // too many for c10
		{"c1.json", crictl(300, 310), 4, 1, 75, true},              // c1 is no node, c10 is another
		{"c10_images.json", crictl(300, 310), 4, 1, 80, false},     // 10 in the place of 5
		{"C:\\x\\b1 b2.json", crictl(100, 111), 4, 1, 76, false},   // the last of those as long
	} {
		var i HistoryImporter
		for name, text := range map[string]string{"nodes.json": nodes, c.file: c.text} {
			if text == "" {
				continue
			}
			if _, err := i.Read(name, strings.NewReader(text), ""); err != nil {
				t.Fatal(err)
			}
		}
		h, err := i.History(PullOptions{})
		if err != nil {
			t.Fatal(err)
		}
		total := 0
		for _, image := range h.Held.Images {
			total += image.Nodes
		}
		doubts := strings.Join(h.Doubts, "\n")
		if h.Held.Nodes != c.nodes || h.Held.Full != c.full || total != c.total || c.unknown != strings.Contains(doubts, "what crictl listed in "+c.file+" is of one of the nodes") {
			t.Errorf("%s: %d nodes, %d of them full, %d images on them, want %+v; doubts %s", c.file, h.Held.Nodes, h.Held.Full, total, c, doubts)
		}
	}
	// Where no node lists images, each file is one's.
	if h := importText(t, PullOptions{}, crictl(0, 5), crictl(0, 6)); h.Held.Nodes != 2 {
		t.Errorf("%d nodes of two files", h.Held.Nodes)
	}
}
