package simulate

import (
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate/network"
)

// refusal is what Run and Stream say of inputs that cannot be; they must agree.
func refusal(t *testing.T, inv *layers.Inventory, p *Profile, starts []Start, opt Options) string {
	t.Helper()
	_, err := Run(t.Context(), inv, p, starts, opt)
	streamed := Stream(t.Context(), inv, p, pointers(starts), opt, func(int, *Startup) {})
	if err == nil || streamed == nil {
		t.Fatalf("accepted: Run %v, Stream %v", err, streamed)
	}
	if err.Error() != streamed.Error() {
		t.Errorf("Run: %v\nStream: %v", err, streamed)
	}
	return err.Error()
}

func pointers(starts []Start) func(func(*Start) bool) {
	return func(yield func(*Start) bool) {
		for i := range starts {
			if !yield(&starts[i]) {
				return
			}
		}
	}
}

// TestOptionsRefused: faults and set-ups of nodes that cannot be are refused by
// name.
func TestOptionsRefused(t *testing.T) {
	inv := inventory([]testLayer{{"a", 1, 1, 0}}, []testLayer{{"unknown", 1, 1, 0}})
	inv.Layers[1].UnpackedBytes = nil
	one := []Start{{App: "a", Images: []int{0}, Node: "n"}}
	fault := func(f Fault) Options { return Options{Faults: []Fault{{Kind: "registry-down", For: 1}, f}} }
	nodes := func(class string, s NodeSetup) Options { return Options{Nodes: map[string]NodeSetup{class: s}} }
	for _, test := range []struct {
		name   string
		opt    Options
		starts []Start
		want   string
	}{
		{"fault kind", fault(Fault{Kind: "fire"}), one, `simulate fault 2 (fire): kind: "fire" is none of registry-down, registry-slow and node-lost`},
		{"fault before", fault(Fault{Kind: "registry-down", At: -1}), one, "simulate fault 2 (registry-down): atSeconds: a fault's times cannot be negative (at -1ns, for 0s)"},
		{"fault for ever", fault(Fault{Kind: "registry-down", For: math.MaxInt64}), one, "simulate fault 2 (registry-down): atSeconds: a fault's times cannot be longer than 87600h0m0s (at 0s, for 2562047h47m16.854775807s)"},
		{"fault without rate", fault(Fault{Kind: "registry-slow"}), one, "simulate fault 2 (registry-slow): registryBytesPerSecond: a slow registry needs a rate of a byte per second or more: what it sends to all nodes together"},
		{"fault no number", fault(Fault{Kind: "registry-slow", Registry: network.Rate(math.NaN())}), one, "simulate fault 2 (registry-slow): registryBytesPerSecond: a slow registry needs a rate of a byte per second or more: what it sends to all nodes together"},
		{"fault without node", fault(Fault{Kind: "node-lost"}), one, "simulate fault 2 (node-lost): node: which node is lost? name it as the trace does, or as pool/1"},
		{"fault of a node", fault(Fault{Kind: "registry-down", Node: "n"}), one, "simulate fault 2 (registry-down): node: belongs to node-lost, not to registry-down"},
		{"fault with a rate", fault(Fault{Kind: "node-lost", Node: "n", Registry: 1}), one, "simulate fault 2 (node-lost): registryBytesPerSecond: belongs to registry-slow, not to node-lost"},
		{"fault of no time", fault(Fault{Kind: "registry-down"}), one, "simulate fault 2 (registry-down): forSeconds: for how long is the registry so? give a time above 0"},
		{"lost stranger", fault(Fault{Kind: "node-lost", Node: "m"}), one, "simulate: node m is lost at 0s, but no start before that names it: name a node of the trace"},
		{"nodes of no class", nodes("big", NodeSetup{}), one, `simulate nodes of class "big": profile bare has no node class "big": add it under nodeClasses`},
		{"held outside", nodes("", NodeSetup{Held: []int{2}}), one, `simulate nodes of class "", held images: image 2 is not in the inventory (2 images)`},
		{"daemon outside", nodes("", NodeSetup{Daemon: [][]int{{0}, {-1}}}), one, `simulate nodes of class "", daemon pod 2: image -1 is not in the inventory (2 images)`},
		{"daemon of nothing", nodes("", NodeSetup{Daemon: [][]int{{}}}), one, `simulate nodes of class "", daemon pod 1: it names no image`},
		{"daemon without size", nodes("", NodeSetup{Daemon: [][]int{{1}}}), one, `simulate nodes of class "", daemon pod 1: layer blob unknown of image example.com/image:1 has no usable size: analyze the image again, or give unpackedBytes in the inventory`},
		{"two classes", Options{}, []Start{one[0], {App: "b", Images: []int{0}, Node: "n", NodeClass: "other"}}, `simulate app b: node n is of class "" by its first start and of "other" by this one: give one class`},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := bare()
			if test.name == "two classes" {
				classes := "apiVersion: cachebench/v1\nkind: Profile\nnodeClasses: {other: {}}\n"
				if err := document.Read("p.yaml", []byte(classes), ProfileKind, p); err != nil {
					t.Fatal(err)
				}
			}
			if got := refusal(t, inv, p, test.starts, test.opt); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// TestBackInTime: a stream of starts goes in order of time.
func TestBackInTime(t *testing.T) {
	inv := inventory([]testLayer{{"a", 1, 1, 0}})
	at := func(d time.Duration) Start { return Start{App: "a", Images: []int{0}, Requested: d} }
	for _, test := range []struct {
		starts []Start
		want   string
	}{
		{[]Start{at(time.Second), at(0)}, "simulate app a: its start at 0s comes after one at 1s: starts go in order of time"},
		{[]Start{at(-1)}, "simulate app a: a time is negative (requested -1ns, runtime 0s)"},
	} {
		err := Stream(t.Context(), inv, bare(), pointers(test.starts), Options{}, func(int, *Startup) {})
		if err == nil || err.Error() != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

// TestNeverThrough: a client that the registry always refuses gets an error, not
// an endless run; one that runs for ever does not keep the simulation.
func TestNeverThrough(t *testing.T) {
	inv := inventory([]testLayer{{"a", 1, 1, 0}})
	p := bare()
	p.Network.ErrorFraction.Value = 1
	_, err := Run(t.Context(), inv, p, []Start{{App: "a", Images: []int{0}}}, Options{})
	if err == nil || !strings.Contains(err.Error(), "simulate app a: its pulls failed 10000 times, now that of example.com/image:0") {
		t.Errorf("got %v", err)
	}
	if _, err := Run(t.Context(), inv, bare(), []Start{{App: "a", Images: []int{0}, Node: "n", Runtime: math.MaxInt64}}, Options{}); err != nil {
		t.Error(err)
	}
	if _, err := Run(t.Context(), inv, bare(), []Start{{App: "a", Images: []int{0}}}, Options{Repeats: math.MaxInt}); err == nil {
		t.Error("more repeats than fit into memory are accepted")
	}
}

// TestProfilesRefused: what a profile file says wrongly is refused with the line.
func TestProfilesRefused(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"negative rate", "network: {nodeBytesPerSecond: -5MB/s}", "p.yaml:4: network.nodeBytesPerSecond: "},
		{"no rate", "network: {nodeBytesPerSecond: 0}", "p.yaml:4: network.nodeBytesPerSecond: "},
		{"slow rate", "network: {nodeBytesPerSecond: 0.5}", "p.yaml:4: network.nodeBytesPerSecond: is less than a byte per second"},
		{"share", "\nnetwork: {errorFraction: 1.5}", "p.yaml:5: network.errorFraction: "},
		{"circle", "network:\n  links:\n    a: {bytesPerSecond: 1MB/s, parent: b}\n    b: {bytesPerSecond: 1MB/s, parent: a}", "p.yaml:6: network.links.a.parent: links go round in a circle: [a b] and a again"},
		{"own parent", "network:\n  links:\n    a: {bytesPerSecond: 1MB/s, parent: a}", "p.yaml:6: network.links.a.parent: links go round in a circle"},
		{"unknown parent", "network:\n  links:\n    a.1: {bytesPerSecond: 1MB/s, parent: z}", `p.yaml:6: network.links["a.1"].parent: link a.1: there is no link "z"`},
		{"link without rate", "network:\n  links:\n    a: {parent: a}", "p.yaml:6: network.links.a.bytesPerSecond: link a: a rate is needed"},
		{"link without name", "network:\n  links:\n    '': {bytesPerSecond: 1MB/s}", "p.yaml:5: network.links: a link needs a name"},
		{"link of the profile", "network:\n  links:\n    uplink: {bytesPerSecond: 1MB/s}", "p.yaml:6: network.links.uplink: uplink is what the profile's own link is called"},
		{"links of no node", "network:\n  links:\n    a: {bytesPerSecond: 1MB/s}\nnodeClasses:\n  big: {unpack: {cores: 4}}", "p.yaml:5: network.links: no node stands at any of these links: name those that do under network.attach"},
		{"source", "network:\n  roundTripSeconds:\n    value: 20ms\n    source: 'calibrated: by us'", `p.yaml:7: network.roundTripSeconds.source: a source begins with measured, published or assumed, then says where: "calibrated: by us" does not`},
		{"class source", "nodeClasses:\n  big:\n    unpack: {cores: {value: 3, source: x}}", `p.yaml:6: nodeClasses.big.unpack.cores.source: a source begins with`},
		{"distribution under value", "network:\n  roundTripSeconds: {value: {distribution: uniform, min: 1ms, max: 2ms}, source: 'assumed: x'}", "p.yaml:5: network.roundTripSeconds.value: stands for a single value: its keys belong one level up, beside value"},
		{"attach", "network:\n  attach: [z]", `p.yaml:5: network.attach: there is no link "z" at which nodes could stand`},
		{"distribution", "start:\n  provisionSeconds: {distribution: normal}", "p.yaml:5: start.provisionSeconds.distribution: "},
		{"lognormal", "start:\n  provisionSeconds: {distribution: lognormal, median: 0, sigma: 1}", "p.yaml:5: start.provisionSeconds: a lognormal needs a median above 0"},
		{"sigma", "start:\n  provisionSeconds: {distribution: lognormal, median: 1, sigma: 9}", "p.yaml:5: start.provisionSeconds: a lognormal needs"},
		{"uniform", "start:\n  provisionSeconds: {distribution: uniform, min: 2, max: 1}", "p.yaml:5: start.provisionSeconds: a uniform distribution needs 0 <= min <= max"},
		{"not drawn", "network:\n  nodeBytesPerSecond: {distribution: uniform, min: 1MB/s, max: 2MB/s}", "p.yaml:5: network.nodeBytesPerSecond: takes a constant, not a distribution"},
		{"too long", "start:\n  createSeconds: 100d", "p.yaml:5: start.createSeconds: cannot be more than 30 days"},
		{"attempts", "pull:\n  retry: {attempts: 1000}", "p.yaml:5: pull.retry.attempts: needs a whole number from 1 to 100"},
		{"none", "pull:\n  maxParallelImages: 0", "p.yaml:5: pull.maxParallelImages: needs a whole number of at least 1"},
		{"order", "pull:\n  requestOrder: alphabet", "p.yaml:5: pull.requestOrder: "},
		{"marks", "node:\n  highFraction: 0.5\n  lowFraction: 0.6", "p.yaml:6: node.lowFraction: lowFraction 0.6 is above highFraction 0.5"},
		{"class", "nodeClasses:\n  big:\n    unpack: {cores: 0}", "p.yaml:6: nodeClasses.big.unpack.cores: needs a number above 0"},
		{"class of others' link", "nodeClasses:\n  big:\n    network: {registryBytesPerSecond: 1MB/s}", "p.yaml:6: nodeClasses.big.network: node class big of profile x changes the registry or links that all nodes share"},
		{"class of another goodput", "nodeClasses:\n  big:\n    network: {goodputFraction: 0.9}", "p.yaml:6: nodeClasses.big.network: node class big of profile x changes the registry or links that all nodes share"},
		{"no goodput", "network:\n  goodputFraction: 0", "p.yaml:5: network.goodputFraction: needs a share above 0, up to 1"},
		{"class of a cache's copies", "nodeClasses:\n  big:\n    cache: {copyBytesPerSecond: 1MB/s}", "p.yaml:6: nodeClasses.big.cache: node class big of profile x changes copies or copyBytesPerSecond, which are a cache's"},
		{"class attach", "nodeClasses:\n  big:\n    network: {attach: [z]}", `p.yaml:6: nodeClasses.big.network.attach: there is no link "z"`},
		{"base", "base: podman", `p.yaml:4: base: no built-in profile is called "podman"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := "apiVersion: cachebench/v1\nkind: Profile\nname: x\n" + test.text + "\n"
			_, err := ReadProfile("p.yaml", []byte(text))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// TestNumbersRefused: what a file cannot say but a program can.
func TestNumbersRefused(t *testing.T) {
	nan := math.NaN()
	for name, change := range map[string]func(p *Profile){
		"network.nodeBytesPerSecond": func(p *Profile) { p.Network.Node.Value = network.Rate(nan) },
		"network.connectionBytesPerSecond": func(p *Profile) {
			p.Network.Connection = Parameter[network.Rate]{Distribution: "lognormal", Median: network.Unlimited}
		},
		"start.provisionSeconds":     func(p *Profile) { p.Start.Provision.Distribution = "normal" },
		"cache.readFraction":         func(p *Profile) { p.Cache.ReadFraction.Value = nan },
		"unpack.cores":               func(p *Profile) { p.Unpack.Cores.Value = nan },
		"unpack.fetchBytesPerSecond": func(p *Profile) { p.Unpack.Fetch.Value = 0 },
		"node.bootSeconds":           func(p *Profile) { p.Node.Boot.Value = math.MaxInt64 },
	} {
		p := bare()
		change(p)
		if err := p.Validate(); err == nil || !strings.HasPrefix(err.Error(), name+": ") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestBaseNone: a profile without a base says all that it lacks.
func TestBaseNone(t *testing.T) {
	_, err := ReadProfile("p.yaml", []byte("apiVersion: cachebench/v1\nkind: Profile\nname: x\nbase: none\n"))
	if err == nil {
		t.Fatal("accepted")
	}
	said := err.Error()
	p := &Profile{Name: "x"}
	lacks := strings.Split(p.Validate().Error(), "\n")
	for _, name := range []string{"network.registryBytesPerSecond", "network.nodeBytesPerSecond", "pull.maxConcurrentDownloads", "unpack.cores", "node.diskGiB", "pull.downloadScope"} {
		if !slices.ContainsFunc(lacks, func(s string) bool { return strings.HasPrefix(s, name+": ") }) {
			t.Errorf("%s is not named in %s", name, lacks)
		}
	}
	if !strings.Contains(said, "network.registryBytesPerSecond: a rate is needed") || !strings.Contains(said, "and ") {
		t.Errorf("got %s", said)
	}
}
