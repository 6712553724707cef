package measure

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate/network"
)

const header = "apiVersion: cachebench/v1\nkind: Experiment\n"

// written is an experiment as a person writes it.
const written = header + `name: links and what is present
repeats: 3
seed: 42
arms:
- name: three at once
  starts:
  - {image: registry.test/app:1}
  - {image: registry.test/web:1, app: shop}
  - {image: registry.test/app:1, node: 1}
  link: 200Mbit/s
grids:
- images: [registry.test/app:1, registry.test/web:1]
  keep: [nothing, base, itself]
  base: [registry.test/base:1]
  links: [50Mbit/s, {bytesPerSecond: 25MB/s, delaySeconds: 20ms}]
- name: burst
  together: [[registry.test/app:1, registry.test/web:1]]
  nodes: [2]
  maxConcurrentDownloads: [0, 10]
  maxConcurrentUnpacks: [4]
  dropPageCache: [true, false]
`

// TestExpand: what is written stands for these arms, by hand.
func TestExpand(t *testing.T) {
	e, err := ReadExperiment("e.yaml", []byte(written))
	if err != nil {
		t.Fatal(err)
	}
	arms := e.Expand()
	var names []string
	for _, a := range arms {
		names = append(names, a.Name)
	}
	want := []string{
		"three at once",
		"app:1 keep=nothing link=50Mbit/s", "app:1 keep=nothing link=200Mbit/s+20ms",
		"app:1 keep=base link=50Mbit/s", "app:1 keep=base link=200Mbit/s+20ms",
		"app:1 keep=itself link=50Mbit/s", "app:1 keep=itself link=200Mbit/s+20ms",
		"web:1 keep=nothing link=50Mbit/s", "web:1 keep=nothing link=200Mbit/s+20ms",
		"web:1 keep=base link=50Mbit/s", "web:1 keep=base link=200Mbit/s+20ms",
		"web:1 keep=itself link=50Mbit/s", "web:1 keep=itself link=200Mbit/s+20ms",
		"burst app:1+web:1 nodes=2 downloads=0 unpacks=4 page-cache=dropped", "burst app:1+web:1 nodes=2 downloads=0 unpacks=4 page-cache=warm",
		"burst app:1+web:1 nodes=2 downloads=10 unpacks=4 page-cache=dropped", "burst app:1+web:1 nodes=2 downloads=10 unpacks=4 page-cache=warm",
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Arm{Name: want[10], Starts: start(web), Keep: []string{base}, Link: &Link{25e6, 20 * time.Millisecond}}, arms[10]); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Arm{Name: want[15], Starts: []Start{{Image: app}, {Image: web}, {Image: app, Node: 1}, {Image: web, Node: 1}},
		MaxConcurrentDownloads: 10, MaxConcurrentUnpacks: 4, DropPageCache: true}, arms[15]); diff != "" {
		t.Error(diff)
	}
	if arms[5].Keep[0] != app || arms[0].Link.Rate != 25e6 || arms[0].Starts[1].App != "shop" {
		t.Errorf("arms %+v", arms)
	}
	if diff := cmp.Diff([]string{app, web, base}, e.References()); diff != "" || e.Nodes() != 2 {
		t.Errorf("%d nodes, references %s", e.Nodes(), diff)
	}
}

// TestExperimentRefused: conditions that cannot be are refused with their line.
func TestExperimentRefused(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"nothing", "name: x\n", "e.yaml:1: arms: an experiment needs at least one arm: list arms or grids, each with what it starts"},
		{"unknown key", "arms:\n- name: a\n  starts: [{image: x}]\n  lnk: 5\n", "e.yaml:6: arms[0].lnk: unknown key; did you mean link?"},
		{"no start", "arms:\n- {name: a, starts: []}\n", "e.yaml:4: arms[0].starts: arm a has 0 starts: give 1 to 1000"},
		{"no image", "arms:\n- name: a\n  starts:\n  - {node: 1}\n", "e.yaml:6: arms[0].starts[0]: the key image is missing"},
		{"node", "arms:\n- {name: a, starts: [{image: x, node: -1}]}\n", "e.yaml:4: arms[0].starts[0].node: there is no node -1: number nodes from 0 to 63"},
		{"readiness", "arms:\n- name: a\n  starts:\n  - image: x\n    readiness: {by: tcp}\n", "e.yaml:7: arms[0].starts[0].readiness: readiness by tcp needs a port from 1 to 65535, not 0"},
		{"nodes", "arms:\n- {name: a, starts: [{image: x, node: 64}]}\n", "e.yaml:4: arms[0].starts[0].node: there is no node 64: number nodes from 0 to 63"},
		{"same name", "arms:\n- {name: a, starts: [{image: x}]}\n- {name: a, starts: [{image: y}]}\n", `e.yaml:5: arms[1].name: arm "a" stands already at arms[0].name: no two arms share a name`},
		{"not listed", "images: [x]\narms:\n- {name: a, starts: [{image: y}]}\n", "e.yaml:5: arms[0].starts[0].image: y is not among the experiment's images: add it there, or leave images out"},
		{"keep not listed", "images: [x]\narms:\n- name: a\n  starts: [{image: x}]\n  keep: [x, y]\n", "e.yaml:7: arms[0].keep[1]: y is not among the experiment's images: add it there, or leave images out"},
		{"keep twice", "arms:\n- {name: a, starts: [{image: x}], keep: [y, y]}\n", "e.yaml:4: arms[0].keep[1]: y stands twice"},
		{"rate", "arms:\n- {name: a, starts: [{image: x}], link: 0}\n", `e.yaml:4: arms[0].link: 0 is not above 0: write bytes per second (25000000), a unit ("200Mbit/s", "25MB/s") or "unlimited"`},
		{"rate without a unit", "arms:\n- {name: a, starts: [{image: x}], link: 200}\n", `e.yaml:4: arms[0].link.bytesPerSecond: a link of 200 bytes per second is below 1000: with a unit it is another (write "200Mbit/s")`},
		{"delay alone", "arms:\n- {name: a, starts: [{image: x}], link: {delaySeconds: 20ms}}\n", `e.yaml:4: arms[0].link.bytesPerSecond: a link needs a rate, or "unlimited"`},
		{"delay", "arms:\n- {name: a, starts: [{image: x}], link: {bytesPerSecond: 5000, delaySeconds: 20m}}\n", "e.yaml:4: arms[0].link.delaySeconds: a delay of 20m0s cannot be: give 0 to 10s"},
		{"downloads", "arms:\n- {name: a, starts: [{image: x}], maxConcurrentDownloads: -3}\n", "e.yaml:4: arms[0].maxConcurrentDownloads: -3 at once cannot be: give 1 to 1000, or 0 for the runtime's default"},
		{"repeats", "repeats: -1\narms:\n- {name: a, starts: [{image: x}]}\n", "e.yaml:3: repeats: -1 repeats cannot be: give 1 to 1000"},
		{"warmup", "warmup: -1\narms:\n- {name: a, starts: [{image: x}]}\n", "e.yaml:3: warmup: -1 runs to warm up cannot be: give 0 to 10000"},
		{"empty grid", "grids:\n- {links: [5]}\n", "e.yaml:4: grids[0].images: a grid needs something to start: list images, or lists of them under together"},
		{"base", "grids:\n- {images: [x], keep: [base]}\n", "e.yaml:4: grids[0].base: keep: [base] and the images that it stands for go together: give both or neither"},
		{"keep word", "grids:\n- {images: [x], keep: [cold]}\n", `e.yaml:4: grids[0].keep[0]: "cold" is not one of nothing, base, itself`},
		{"grid twice", "grids:\n- {images: [x]}\n- {images: [x]}\n", `e.yaml:5: grids[1]: arm "x" stands already at grids[0]: no two arms share a name; a grid's name heads those of its arms`},
		{"grid node", "grids:\n- {images: [x], nodes: [0]}\n", "e.yaml:4: grids[0].nodes[0]: 0 nodes cannot be: give 1 to 64"},
		{"grid downloads", "grids:\n- {images: [x], maxConcurrentDownloads: [3, 1001]}\n", "e.yaml:4: grids[0].maxConcurrentDownloads[1]: 1001 at once cannot be: give 1 to 1000, or 0 for the runtime's default"},
		{"grid link", "grids:\n- {images: [x], links: [1000, {delaySeconds: 1}]}\n", `e.yaml:4: grids[0].links[1].bytesPerSecond: a link needs a rate, or "unlimited"`},
		{"grid rate", "grids:\n- {images: [x], links: [1000, 999]}\n", `e.yaml:4: grids[0].links[1].bytesPerSecond: a link of 999 bytes per second is below 1000: with a unit it is another (write "999Mbit/s")`},
		{"grid rate beyond what is shaped", "grids:\n- {images: [x], links: [1000, 2e12, unlimited]}\n", `e.yaml:4: grids[0].links[1].bytesPerSecond: a link of 2e+12 bytes per second is above 1.25e+11 (1 Tbit/s): none is shaped to that, write "unlimited"`},
		{"nobody together", "grids:\n- {together: [[x], []]}\n", "e.yaml:4: grids[0].together[1]: no images are started together: list some"},
		{"too many together", "grids:\n- together: [[" + strings.Repeat("x, ", 16) + "x]]\n  nodes: [1, 60]\n", "e.yaml:4: grids[0].together[0]: 17 images together on 60 nodes are more than the 1000 starts that an arm may have: list fewer images or fewer nodes"},
		{"pattern by tcp", readiness("{by: tcp, port: 80, pattern: up}"), "e.yaml:7: arms[0].starts[0].readiness: readiness by tcp looks for no pattern: leave it out, or wait for it by log"},
		{"port by log", readiness("{by: log, pattern: up, port: 80}"), "e.yaml:7: arms[0].starts[0].readiness: readiness by log asks no port: leave it out, or wait for it by tcp or http"},
		{"path by tcp", readiness("{by: tcp, port: 80, path: /ok}"), "e.yaml:7: arms[0].starts[0].readiness: readiness by tcp asks for no path: leave it out, or wait for it by http"},
		{"pull only and ready", "arms:\n- name: a\n  starts:\n  - image: x\n    pullOnly: true\n    readiness: {by: exit}\n", "e.yaml:8: arms[0].starts[0].readiness: a start that is pullOnly runs nothing that could be ready: leave one out"},
		{"pull only and args", "arms:\n- name: a\n  starts:\n  - image: x\n    pullOnly: true\n    args: [a]\n", "e.yaml:8: arms[0].starts[0].args: a start that is pullOnly runs nothing that could have arguments: leave one out"},
		{"huge", "grids:\n- images: [" + strings.Repeat("x,", 200) + "x]\n  nodes: [" + strings.Repeat("1,", 200) + "1]\n", "e.yaml:4: grids[0]: an experiment of more than 10000 arms: list fewer conditions"},
	} {
		_, err := ReadExperiment("e.yaml", []byte(header+test.text))
		if err == nil || err.Error() != test.want {
			t.Errorf("%s: got %v\nwant %s", test.name, err, test.want)
		}
	}
}

// readiness is an arm whose start is ready by something.
func readiness(by string) string {
	return "arms:\n- name: a\n  starts:\n  - image: x\n    readiness: " + by + "\n"
}

// TestManyTogether: an arm may start more than a few images at once, on as many nodes
// as there is room for.
func TestManyTogether(t *testing.T) {
	e, err := ReadExperiment("e.yaml", []byte(header+"grids:\n- together: [["+strings.Repeat("x, ", 49)+"x]]\n  nodes: [1, 20]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if arms := e.Expand(); len(arms) != 2 || len(arms[0].Starts) != 50 || len(arms[1].Starts) != 1000 {
		t.Errorf("%d arms", len(arms))
	}
}

// TestRenamed: images get the names that they are served by; two spellings of one
// stand once in what is kept.
func TestRenamed(t *testing.T) {
	e := &Experiment{Images: []string{"nginx", "docker.io/nginx", app}, Arms: []Arm{
		{Name: "a", Starts: []Start{{Image: "nginx"}, {Image: app}}, Keep: []string{"docker.io/nginx", "nginx"}},
	}}
	got := e.Renamed(func(reference string) string {
		if strings.Contains(reference, "nginx") {
			return "index.docker.io/library/nginx:latest"
		}
		return reference
	})
	if err := got.Validate(); err != nil {
		t.Fatal(err)
	}
	const nginx = "index.docker.io/library/nginx:latest"
	if !slices.Equal(got.Images, []string{nginx, app}) || !slices.Equal(got.Arms[0].Keep, []string{nginx}) || got.Arms[0].Starts[0].Image != nginx {
		t.Errorf("got %+v", got)
	}
	if e.Arms[0].Starts[0].Image != "nginx" || e.Images[0] != "nginx" {
		t.Error("the experiment itself was changed")
	}
}

// someOf draws a list without duplicates.
func someOf[T comparable](t *rapid.T, name string, least int, from ...T) []T {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), least, len(from), rapid.ID[T]).Draw(t, name)
}

// TestGridProperty: a grid has as many arms as its combinations, all different in
// name and in what they set, always the same, and each valid as an arm of a list.
func TestGridProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := Grid{
			Images:   someOf(t, "images", 1, app, web, "other.test/db:1", "nginx"),
			Together: someOfGroups(t),
			Nodes:    someOf(t, "nodes", 0, 1, 2, 3),
			Keep:     someOf(t, "keep", 0, KeepNothing, KeepBase, KeepItself),
			Links:    someOf(t, "links", 0, Link{Rate: 25e6}, Link{Rate: 25e6, Delay: time.Millisecond}, Link{Rate: network.Unlimited}),
			Unpacks:  someOf(t, "unpacks", 0, 1, 4), Downloads: someOf(t, "downloads", 0, 1, 3),
			DropPageCache: someOf(t, "page cache", 0, true, false),
		}
		if slices.Contains(g.Keep, KeepBase) {
			g.Base = []string{base}
		}
		e := Experiment{Grids: []Grid{g}}
		if err := e.Validate(); err != nil {
			t.Fatal(err)
		}
		arms := e.Expand()
		want := len(g.Images) + len(g.Together)
		for _, n := range []int{len(g.Nodes), len(g.Keep), len(g.Links), len(g.Unpacks), len(g.Downloads), len(g.DropPageCache)} {
			want *= max(n, 1)
		}
		if len(arms) != want || g.size() != want {
			t.Fatalf("%d arms, size %d, want %d", len(arms), g.size(), want)
		}
		if diff := cmp.Diff(arms, e.Expand()); diff != "" {
			t.Fatal(diff)
		}
		listed := Experiment{Arms: arms}
		if err := listed.Validate(); err != nil {
			t.Fatalf("as a list: %v", err)
		}
		if !slices.Equal(listed.References(), e.References()) || listed.Nodes() != e.Nodes() {
			t.Fatal("as a list it has other images or nodes")
		}
		sets := map[string]bool{}
		for _, a := range arms {
			link := ""
			if a.Link != nil {
				link = a.Link.String()
			}
			a.Name = ""
			sets[fmt.Sprint(a.Starts, a.Keep, link, a.MaxConcurrentDownloads, a.MaxConcurrentUnpacks, a.DropPageCache)] = true
		}
		if len(sets) != want {
			t.Fatalf("%d different arms of %d", len(sets), want)
		}
	})
}

func someOfGroups(t *rapid.T) [][]string {
	if rapid.Bool().Draw(t, "together") {
		return [][]string{{app, web}, {app, web, "nginx"}}
	}
	return nil
}

// FuzzReadExperiment: what is read expands soundly and reads back the same from
// what is written.
func FuzzReadExperiment(f *testing.F) {
	f.Add([]byte(written))
	f.Add([]byte(header + "arms:\n- {name: a, starts: [{image: x, node: 63}], keep: [x], link: unlimited}\nwarmup: 0\n"))
	f.Add([]byte(`{"apiVersion": "cachebench/v1", "kind": "Experiment", "grids": [{"together": [["a", "a"]], "links": [1e9]}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := ReadExperiment("e", data)
		if err != nil {
			return
		}
		arms := e.Expand()
		names := map[string]bool{}
		for _, a := range arms {
			names[a.Name] = true
			if len(a.Starts) == 0 {
				t.Fatalf("arm %s starts nothing", a.Name)
			}
		}
		if len(arms) == 0 || len(names) != len(arms) || len(arms) > mostArms || e.Nodes() > MostNodes {
			t.Fatalf("%d arms, %d names, %d nodes", len(arms), len(names), e.Nodes())
		}
		out, err := document.Marshal(ExperimentKind, e)
		if err != nil {
			t.Fatal(err)
		}
		again, err := ReadExperiment("again.json", out)
		if err != nil {
			t.Fatalf("%v in\n%s", err, out)
		}
		if diff := cmp.Diff(e, again); diff != "" {
			t.Fatal(diff)
		}
	})
}
