package simulate

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/simulate/network"
)

// randomRun is a draw of everything that a run takes.
type randomRun struct {
	inv     *layers.Inventory
	profile *Profile
	starts  []Start
	options Options
}

// The node classes of a random profile beside its own.
const randomClasses = `
apiVersion: cachebench/v1
kind: Profile
name: random
nodeClasses:
  plain: {unpack: {parallel: false, fetchBytesPerSecond: unlimited, fetchDiskFraction: 0}, pull: {maxParallelImages: 1}}
  wide: {unpack: {parallel: true}, pull: {maxParallelImages: 3, maxParallelPulls: 4}}
  discards: {pull: {keepBlobs: false}}
`

func drawRun(t *rapid.T) *randomRun {
	r := &randomRun{inv: randomInventory(t), profile: randomProfile(t)}
	r.options = Options{Seed: rapid.Uint64().Draw(t, "seed"), Spans: func(int) bool { return true }}
	for range rapid.IntRange(1, 12).Draw(t, "starts") {
		r.starts = append(r.starts, r.randomStart(t))
	}
	if rapid.IntRange(0, 3).Draw(t, "crowd") == 0 { // one slot of one node, and caches that bring what waits
		l := &r.profile.Pull
		l.DownloadScope.Value, l.MaxConcurrentDownloads.Value, l.MaxParallelPulls.Value = "daemon", 1, 100
		for i := range r.starts {
			s := &r.starts[i]
			s.Node, s.NodeClass = "n", ""
			if s.CacheID != "" {
				s.Held = allImages(r.inv)
			}
		}
	}
	if rapid.Bool().Draw(t, "setup") {
		r.options.Nodes = map[string]NodeSetup{}
		for _, class := range []string{"", "plain", "wide"} {
			r.options.Nodes[class] = r.randomSetup(t)
		}
	}
	if rapid.Bool().Draw(t, "faulty") {
		r.randomFaults(t)
	}
	return r
}

func randomInventory(t *rapid.T) *layers.Inventory {
	all := make([]testLayer, rapid.IntRange(1, 8).Draw(t, "layers"))
	for i := range all {
		all[i] = testLayer{
			fmt.Sprint("l", i), rapid.Int64Range(0, 100*mb).Draw(t, "compressed"), rapid.Int64Range(0, 300*mb).Draw(t, "unpacked"),
			rapid.Int64Range(0, 2000).Draw(t, "files"),
		}
	}
	images := make([][]testLayer, rapid.IntRange(1, 4).Draw(t, "images"))
	for i := range images {
		length := rapid.IntRange(0, 6).Draw(t, "length")
		for range length {
			images[i] = append(images[i], all[rapid.IntRange(0, len(all)-1).Draw(t, "layer")])
		}
		if rapid.IntRange(0, 8).Draw(t, "long") == 8 {
			for k := range 66 {
				images[i] = append(images[i], testLayer{fmt.Sprint("small", k), mb / 2, mb, 1})
			}
		}
	}
	inv := inventory(images...)
	for i := range inv.Layers {
		inv.Layers[i].MediaType = rapid.SampledFrom([]string{gzip, "tar+zstd", "tar"}).Draw(t, "codec")
	}
	for i := range inv.Images {
		if rapid.Bool().Draw(t, "latest") {
			inv.Images[i].Reference = fmt.Sprintf("example.com/image%d:latest", i)
		}
		if rapid.Bool().Draw(t, "index") {
			inv.Images[i].IndexDigest = "sha256:index"
		}
	}
	return inv
}

func randomTime(t *rapid.T, most int, name string) Parameter[time.Duration] {
	a := time.Duration(rapid.IntRange(0, most).Draw(t, name)) * ms
	switch rapid.IntRange(0, 3).Draw(t, name+" kind") {
	case 0:
		return Parameter[time.Duration]{Distribution: "uniform", Min: a / 2, Max: a}
	case 1:
		return Parameter[time.Duration]{Distribution: "lognormal", Median: a + 1, Sigma: 0.5}
	case 2:
		return Parameter[time.Duration]{}
	}
	return is(a, "")
}

func randomRate(t *rapid.T, name string) Parameter[network.Rate] {
	a := network.Rate(rapid.IntRange(1, 400).Draw(t, name)) * mb
	if rapid.IntRange(0, 3).Draw(t, name+" unlimited") == 0 {
		a = network.Unlimited
	}
	return is(a, "")
}

func randomProfile(t *rapid.T) *Profile {
	p := freeProfile()
	if err := document.Read("random.yaml", []byte(randomClasses), ProfileKind, p); err != nil {
		t.Fatal(err)
	}
	count := func(name string, most int64) Parameter[int64] {
		return is(rapid.Int64Range(1, most).Draw(t, name), "")
	}
	oneOf := func(name string, of ...string) Parameter[string] { return is(rapid.SampledFrom(of).Draw(t, name), "") }
	flag := func(name string) Parameter[bool] { return is(rapid.Bool().Draw(t, name), "") }
	share := func(name string) Parameter[float64] {
		return is(float64(rapid.IntRange(0, 10).Draw(t, name))/10, "")
	}
	n, l, u := &p.Network, &p.Pull, &p.Unpack
	n.RoundTrip, n.Request = randomTime(t, 100, "rtt"), randomTime(t, 50, "request")
	n.Registry, n.Uplink, n.Node, n.Connection = randomRate(t, "registry"), randomRate(t, "uplink"), randomRate(t, "node"), randomRate(t, "connection")
	if rapid.Bool().Draw(t, "drawn connections") {
		n.Connection = Parameter[network.Rate]{Distribution: "lognormal", Median: 50 * mb, Sigma: 1}
	}
	if rapid.Bool().Draw(t, "request rate") {
		n.RegistryRequests.Value = float64(rapid.IntRange(1, 50).Draw(t, "requests"))
		n.OverRate, n.RegistryBurst = oneOf("over", "wait", "refuse"), count("burst", 10)
	}
	if rapid.Bool().Draw(t, "errors") {
		n.ErrorFraction.Value = 0.3
	}
	n.ConnectRoundTrips, n.TokenRequests, n.BlobRequests = count("connect", 2), count("token", 2), count("blob", 2)
	if rapid.Bool().Draw(t, "tree") {
		n.Links = map[string]LinkProfile{"zone": {Rate: randomRate(t, "zone")}, "rack": {Rate: randomRate(t, "rack"), Parent: "zone"}}
		n.Attach = []string{"rack", "zone"}
	}
	l.MaxConcurrentDownloads, l.DownloadScope, l.RequestOrder = count("downloads", 4), oneOf("scope", "image", "daemon"), oneOf("order", "manifest", "race")
	l.MaxParallelImages, l.MaxParallelPulls, l.KeepBlobs = count("images", 3), count("pulls", 3), flag("keep")
	l.ResolveRequests, l.RepeatRequests, l.SlotRequests = count("resolve", 3), count("repeat", 2), flag("slot requests")
	r := &l.Retry
	r.Attempts, r.ErrorAttempts, r.Resume = count("attempts", 4), count("error attempts", 4), flag("resume")
	r.Delay, r.Backoff, r.BackoffMax = is(time.Duration(rapid.IntRange(0, 300).Draw(t, "delay"))*ms, ""), is(time.Duration(rapid.IntRange(50, 9000).Draw(t, "backoff"))*ms, ""), is(20*time.Second, "")
	r.Sync = randomTime(t, 3000, "sync")
	u.Cores, u.Gzip, u.Zstd, u.Disk = is(float64(rapid.IntRange(1, 8).Draw(t, "cores"))/2, ""), randomRate(t, "gzip"), randomRate(t, "zstd"), randomRate(t, "disk")
	u.Layer, u.File = is(time.Duration(rapid.IntRange(0, 20).Draw(t, "layer"))*ms, ""), is(time.Duration(rapid.IntRange(0, 200).Draw(t, "file"))*time.Microsecond, "")
	u.Parallel, u.MaxConcurrent, u.Fetch, u.FetchDiskFraction = flag("parallel"), count("concurrent", 4), randomRate(t, "fetch"), share("fetch disk")
	if rapid.Bool().Draw(t, "admission") {
		p.Start.AdmitBurst, p.Start.AdmitPerSecond.Value = count("admit burst", 5), float64(rapid.IntRange(1, 10).Draw(t, "admit rate"))
	}
	p.Start.Provision, p.Start.Create, p.Start.Ready = randomTime(t, 2000, "provision"), randomTime(t, 300, "create"), randomTime(t, 500, "ready")
	c := &p.Cache
	c.Attach, c.ReadFraction, c.FirstRead, c.Copy, c.Copies = randomTime(t, 1000, "attach"), share("read"), randomRate(t, "first read"), randomRate(t, "copy"), count("copies", 2)
	if rapid.Bool().Draw(t, "small disk") {
		p.Node.DiskGiB.Value = float64(rapid.IntRange(1, 2000).Draw(t, "disk MB")) * mb / (1 << 30)
	}
	p.Node.Boot = randomTime(t, 3000, "boot")
	return p
}

func (r *randomRun) someImages(t *rapid.T, least, most int, name string) []int {
	return rapid.SliceOfN(rapid.IntRange(0, len(r.inv.Images)-1), least, most).Draw(t, name)
}

func (r *randomRun) randomStart(t *rapid.T) Start {
	s := Start{
		App: rapid.SampledFrom([]string{"a", "b"}).Draw(t, "app"), Requested: time.Duration(rapid.IntRange(0, 20).Draw(t, "at")) * 200 * ms,
		Images:     r.someImages(t, 1, 3, "pulls"),
		Node:       rapid.SampledFrom([]string{"", "", "n", "m"}).Draw(t, "node"),
		PullPolicy: rapid.SampledFrom([]string{"", "Always", "IfNotPresent", "Never"}).Draw(t, "policy"),
		Runtime:    time.Duration(rapid.IntRange(0, 5).Draw(t, "runtime")) * time.Second,
	}
	switch s.Node { // a node is of one class
	case "":
		s.NodeClass = rapid.SampledFrom([]string{"", "plain", "wide", "discards"}).Draw(t, "class")
	case "m":
		s.NodeClass = "wide"
	}
	if rapid.IntRange(0, 2).Draw(t, "cached") == 0 {
		s.CacheID, s.Held = rapid.SampledFrom([]string{"c", "d"}).Draw(t, "cache"), r.someImages(t, 0, 2, "held")
	}
	if rapid.Bool().Draw(t, "own ready") {
		d, f := time.Duration(rapid.IntRange(0, 500).Draw(t, "its ready"))*ms, float64(rapid.IntRange(0, 4).Draw(t, "its read"))/4
		s.Ready, s.ReadFraction = &d, &f
	}
	return s
}

func (r *randomRun) randomSetup(t *rapid.T) NodeSetup {
	setup := NodeSetup{Baked: r.someImages(t, 0, 1, "baked"), Held: r.someImages(t, 0, 1, "node held")}
	for range rapid.IntRange(0, 2).Draw(t, "in use") {
		setup.InUse = append(setup.InUse, Use{Images: r.someImages(t, 1, 2, "used"), Until: time.Duration(rapid.IntRange(0, 8).Draw(t, "until")) * time.Second})
	}
	for range rapid.IntRange(0, 2).Draw(t, "daemons") {
		setup.Daemon = append(setup.Daemon, r.someImages(t, 1, 2, "daemon"))
	}
	return setup
}

func (r *randomRun) randomFaults(t *rapid.T) {
	first := map[string]time.Duration{}
	for _, s := range r.starts {
		if at, ok := first[s.Node]; !ok || s.Requested < at {
			first[s.Node] = s.Requested
		}
	}
	for range rapid.IntRange(1, 3).Draw(t, "faults") {
		f := Fault{
			Kind: rapid.SampledFrom([]string{"registry-down", "registry-slow", "node-lost"}).Draw(t, "fault"),
			At:   time.Duration(rapid.IntRange(0, 8000).Draw(t, "fault at")) * ms, For: time.Duration(rapid.IntRange(1, 4000).Draw(t, "fault for")) * ms,
		}
		switch f.Kind {
		case "registry-slow":
			f.Registry = network.Rate(rapid.IntRange(1, 50).Draw(t, "slow")) * mb
		case "node-lost":
			f.Node = rapid.SampledFrom([]string{"n", "m"}).Draw(t, "lost")
			at, ok := first[f.Node]
			if !ok {
				continue
			}
			f.At += at + 1
		}
		r.options.Faults = append(r.options.Faults, f)
	}
}
