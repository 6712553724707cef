package reports

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// The shop of these tests: made by hand, with the shape of a real run but none
// of its numbers. Images are lists of layers by name; sizes are in MB.

const (
	registry     = "registry.example/shop/"
	testPlatform = "linux/amd64"
)

var shopLayers = []struct {
	name                 string
	compressed, unpacked int64
}{
	{"base", 29, 78}, {"python", 18, 56}, {"node", 41, 128}, {"jdk", 183, 342}, {"nginx", 11, 33},
	{"postgres", 87, 301}, {"ruby", 22, 71}, {"web-deps", 64, 212}, {"web", 3, 9}, {"pay-deps", 38, 171},
	{"pay", 2, 6}, {"search", 96, 118}, {"db-conf", 1, 2}, {"edge-conf", 1, 1}, {"report", 12, 40}, {"cuda", 1912, 4310},
	{"train", 260, 810},
}

var shopImages = []struct {
	reference string
	layers    []string
}{
	{"web:2.4.1", []string{"base", "python", "web-deps", "web"}},
	{"checkout:1.9", []string{"base", "node", "pay-deps", "pay"}},
	{"search:7", []string{"base", "jdk", "search"}},
	{"orders-db:15", []string{"base", "postgres", "db-conf"}},
	{"edge:1.27", []string{"base", "nginx", "edge-conf"}},
	{"nightly:3", []string{"base", "ruby", "report"}},
	{"train:0.8", []string{"base", "python", "cuda", "train"}},
}

// shopApps are one app an image. held are the images' layers in a store: in the
// service's automatic cache for automatic of 100 starts, in the planned cache
// for all.
var shopApps = []struct {
	name, image string
	perDay      float64
	starts      int
	automatic   int
	cache       string
	vcpu        float64
}{
	{"web", "web:2.4.1", 9000, 60, 70, "shop-family", 2},
	{"checkout", "checkout:1.9", 4200, 40, 60, "shop-family", 2},
	{"search", "search:7", 900, 30, 50, "shop-family", 4},
	{"orders-db", "orders-db:15", 24, 12, 20, "", 4},
	{"edge", "edge:1.27", 1500, 30, 80, "", 1},
	{"nightly-report", "nightly:3", 1, 4, 0, "", 1},
	{"train", "train:0.8", 140, 20, 10, "train-cuda", 16},
}

func digestFor(name string) layers.Digest {
	return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))))
}

func shopInventory() *layers.Inventory {
	inv := &layers.Inventory{
		ResolvedAt: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC),
		Unresolved: []layers.Unresolved{{Reference: registry + "legacy-importer:0.1", Reason: "manifest unknown (404) at registry.example"}},
	}
	place := make(map[string]int)
	for i, l := range shopLayers {
		place[l.name] = i
		unpacked, source := l.unpacked*1e6, layers.Measured
		if l.name == "cuda" {
			source = layers.Estimated
		}
		layer := layers.Layer{Digest: digestFor(l.name), DiffID: digestFor(l.name + ".tar"),
			MediaType: "application/vnd.oci.image.layer.v1.tar+gzip", CompressedBytes: l.compressed * 1e6, UnpackedBytes: &unpacked, UnpackedSource: source}
		if l.name == "db-conf" {
			layer.UnpackedBytes, layer.UnpackedSource = nil, ""
		}
		inv.Layers = append(inv.Layers, layer)
	}
	for _, image := range shopImages {
		var positions []int
		for _, name := range image.layers {
			positions = append(positions, place[name])
		}
		inv.Images = append(inv.Images, layers.Image{Reference: registry + image.reference, Digest: digestFor(image.reference), Platform: testPlatform,
			MediaType: "application/vnd.oci.image.manifest.v1+json", ConfigDigest: digestFor(image.reference + ".config"), Layers: positions})
	}
	return inv
}

func shopWorkload() *workload.Workload {
	var w workload.Workload
	for _, app := range shopApps {
		w.Apps = append(w.Apps, workload.App{Name: app.name, Images: []string{registry + app.image}, StartsPerDay: app.perDay,
			Runtime: 10 * time.Minute, CPU: app.vcpu, MemoryGiB: 2 * app.vcpu})
	}
	return &w
}

func span(phase simulate.Phase, image string, layer layers.Digest, start, length time.Duration, bytes int64) simulate.Span {
	return simulate.Span{Phase: phase, Image: image, Layer: layer, Start: start, End: start + length, Bytes: bytes}
}

// play makes a startup of the image: three downloads at once, unpacking from
// the base up, everything slow times as slow.
func play(inv *layers.Inventory, arm, app, reference string, held bool, slow float64) simulate.Startup {
	image := inv.Images[inv.Find(reference, "", inv.ResolvedAt)]
	scale := func(seconds float64) time.Duration {
		return time.Duration(seconds * slow * float64(time.Second)).Round(time.Millisecond)
	}
	s := simulate.Startup{Source: simulate.Simulated, Arm: arm, App: app, Images: []string{reference}, Hit: matcher.Miss}
	now := scale(2.4)
	s.Spans = append(s.Spans, span(simulate.Provision, "", "", 0, now, 0))
	attach, resolve := time.Duration(0), time.Duration(0)
	if held {
		s.CacheID, s.Hit, s.LayersReused = "imc-"+app, matcher.FullHit, len(image.Layers)
		attach = scale(1.1)
		s.Spans = append(s.Spans, span(simulate.Attach, "", "", now, attach, 0))
		now += attach
	} else {
		resolve = scale(0.35)
		s.Spans = append(s.Spans, span(simulate.Resolve, reference, "", now, resolve, 0))
		now += resolve
	}
	free := []time.Duration{now, now, now}
	unpacked, fetched, begin := now, now, now
	for _, l := range image.Layers {
		if held {
			break
		}
		layer := inv.Layers[l]
		lane := slices.Index(free, slices.Min(free))
		fetch := scale(0.08 + float64(layer.CompressedBytes)/40e6)
		s.Spans = append(s.Spans, span(simulate.Fetch, reference, layer.Digest, free[lane], fetch, layer.CompressedBytes))
		free[lane] += fetch
		fetched = max(fetched, free[lane])
		var bytes int64 = 2e6
		if layer.UnpackedBytes != nil {
			bytes = *layer.UnpackedBytes
		}
		unpack := scale(0.05 + float64(bytes)/160e6)
		start := max(unpacked, free[lane])
		s.Spans = append(s.Spans, span(simulate.Unpack, reference, layer.Digest, start, unpack, bytes))
		unpacked = start + unpack
		s.FetchedBytes += layer.CompressedBytes
		s.UnpackedBytes += bytes
	}
	unpacked = max(unpacked, fetched)
	create, ready := scale(0.4), scale(1.3)
	s.Spans = append(s.Spans, span(simulate.Create, "", "", unpacked, create, 0), span(simulate.Ready, "", "", unpacked+create, ready, 0))
	slices.SortStableFunc(s.Spans, func(a, b simulate.Span) int { return int(a.Start - b.Start) })
	s.Ready = unpacked + create + ready
	s.FetchBusy, s.UnpackBusy = fetched-begin, unpacked-fetched
	provision, fetchPhase, unpackPhase := scale(2.4), fetched-begin, unpacked-fetched
	s.Phases = simulate.Phases{Provision: &provision, Attach: &attach, Resolve: &resolve, Fetch: &fetchPhase, Unpack: &unpackPhase, Create: &create, Ready: &ready}
	return s
}

// shopTimeline has the cached arm of the plan that builds caches or builds none.
func shopTimeline(build bool) *simulate.Timeline {
	t := &simulate.Timeline{Provenance: shopProvenance(), Coverage: shopCoverage()}
	inv := shopInventory()
	random := rand.New(rand.NewPCG(7, 7))
	for _, app := range shopApps {
		for i := range app.starts {
			slow := 0.8 + 0.5*random.ExpFloat64()
			chance := random.IntN(100)
			for _, arm := range []string{simulate.ArmCold, simulate.ArmAutomatic, simulate.ArmCached} {
				held := arm != simulate.ArmCold && chance < app.automatic || arm == simulate.ArmCached && build && app.cache != ""
				s := play(inv, arm, app.name, registry+app.image, held, slow)
				s.Requested = time.Duration(i) * 250 * time.Millisecond
				if i > 2 {
					s.Spans = nil
				}
				t.Startups = append(t.Startups, s)
			}
		}
	}
	t.Doubts = []string{"Link uplink of profile eci is unlimited: a burst may be slower than simulated."}
	return t
}

func shopProvenance() simulate.Provenance {
	return simulate.Provenance{
		Version: "v0.1.0", Seed: 7, Profile: "eci", ProfileBasis: "3 measured, 9 published, 6 assumed values",
		PriceDate: "2026-02-15", Currency: "USD", Now: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC),
		Inputs: []simulate.Input{{Name: "scenario.yaml", Digest: digestFor("scenario")}, {Name: "workload.yaml", Digest: digestFor("workload")}},
	}
}

func shopCoverage() *simulate.Coverage {
	return &simulate.Coverage{StartsFraction: 0.987, Apps: 7, LeftOut: []simulate.LeftOut{{App: "legacy-importer", Reason: "image registry.example/shop/legacy-importer:0.1: manifest unknown (404)"}}}
}

func usd(amount float64) cost.Money {
	return cost.Money{Amount: amount, Currency: "USD", PriceDate: "2026-02-15"}
}

// shopPlan is a plan of two caches, or of none.
func budgetOf(amount float64) *cost.Money {
	money := usd(amount)
	return &money
}

func shopPlan(timeline *simulate.Timeline, build bool) *plan.Plan {
	_, summaries := summarize(counted(timeline.Startups))
	mean := func(app, arm string) time.Duration {
		for _, s := range summaries {
			if s.App == app && s.Arm == arm {
				return s.Mean
			}
		}
		return 0
	}
	p := &plan.Plan{Objective: "most seconds saved", Baseline: "automatic", Assign: "auto", Verdict: "build nothing",
		Reason:         "The cheapest cache that saves time, web for app web, saves 3.1 h a month and costs USD 9.12, of which USD 8.60 is disks in use: more than the budget of USD 5.00.",
		BudgetPerMonth: budgetOf(5), Goal: plan.GoalSeconds, Status: "optimal", Candidates: 23,
		Assumptions: []string{"Automatic caches live 3 days and are used by the next start of the same images.", "A release makes a cache stale until it is built again."}}
	saved := make(map[string]time.Duration)
	sums := make([]time.Duration, 3)
	for _, app := range shopApps {
		a := plan.Assignment{App: app.name, StartsPerMonth: app.perDay * 30, ColdSeconds: mean(app.name, "cold"), BaselineSeconds: mean(app.name, "automatic"),
			Reason: "no cache of it pays for its disk within the budget"}
		a.PlannedSeconds = a.BaselineSeconds
		if build && app.cache != "" {
			even := 41 * time.Minute
			a.Cache, a.PlannedSeconds, a.BreakEven, a.BreakEvenSeconds = app.cache, mean(app.name, "cached"), plan.PaysUpTo, &even
			a.Reason = "holds all its images; automatic caches miss " + fmt.Sprint(100-app.automatic) + " % of its starts"
		}
		perStart := a.BaselineSeconds - a.PlannedSeconds
		saved[a.Cache] += time.Duration(a.StartsPerMonth) * perStart
		for i, d := range []time.Duration{a.ColdSeconds, a.BaselineSeconds, a.PlannedSeconds} {
			sums[i] += time.Duration(a.StartsPerMonth) * d
		}
		p.Assignments = append(p.Assignments, a)
	}
	p.Totals = []plan.Total{
		{Arm: "cold", StartupSeconds: sums[0], Caches: usd(0), Instances: usd(131.37), NetSaved: usd(-61.02)},
		{Arm: "automatic", StartupSeconds: sums[1], Caches: usd(0), Instances: usd(70.35), NetSaved: usd(0)},
		{Arm: "planned", StartupSeconds: sums[2], Caches: usd(0), Instances: usd(70.35), NetSaved: usd(0)},
	}
	if !build {
		return p
	}
	p.Verdict, p.Reason = "build", "2 caches save 280.6 h of startup time a month beyond the automatic baseline for USD 81.43, of which USD 80.20 is disks in use; what instances save is worth USD 42.59, so it comes to a net cost of USD 38.84."
	p.BudgetPerMonth, p.Status, p.StoppedBy = budgetOf(150), plan.Stopped, plan.BySteps
	p.SavedSeconds = saved["shop-family"] + saved["train-cuda"]
	p.ObjectiveSeconds = p.SavedSeconds
	p.BoundSeconds = time.Duration(float64(p.SavedSeconds) * 1.045)
	p.GapFraction = 1 - float64(p.SavedSeconds)/float64(p.BoundSeconds)
	p.Caches = []plan.PlannedCache{
		{Name: "shop-family", Images: []string{registry + "web:2.4.1", registry + "checkout:1.9", registry + "search:7"}, SizeGiB: 20, UnpackedBytes: 1120e6,
			Apps: []string{"web", "checkout", "search"}, SavedSeconds: saved["shop-family"], CumulativeSeconds: saved["shop-family"],
			Cost: plan.Bill{Build: usd(0.12), Keep: usd(0.4), Use: usd(61.3), InstanceSaved: usd(22.15), Total: usd(61.82), NetSaved: usd(-39.67)}, CumulativeCost: usd(61.82)},
		{Name: "train-cuda", Images: []string{registry + "train:0.8"}, SizeGiB: 20, UnpackedBytes: 5254e6,
			Apps: []string{"train"}, SavedSeconds: saved["train-cuda"], CumulativeSeconds: p.SavedSeconds,
			Cost: plan.Bill{Build: usd(0.31), Keep: usd(0.4), Use: usd(18.9), InstanceSaved: usd(20.44), Total: usd(19.61), NetSaved: usd(0.83)}, CumulativeCost: usd(81.43)},
	}
	p.Totals[2].Caches, p.Totals[2].Instances, p.Totals[2].NetSaved = usd(81.43), usd(27.76), usd(-38.84)
	p.Existing = []plan.ExistingCache{{ID: "imc-2ze0web", Advice: "drop", Reason: "holds web:2.3.9, which no app starts any more"}}
	return p
}

func shopMatches() *matcher.Matches {
	inv := shopInventory()
	m := &matcher.Matches{Policies: map[string]string{"degree": "images", "size": "matched-bytes"}, At: time.Date(2026, 3, 1, 9, 30, 0, 0, time.UTC)}
	for i, app := range shopApps {
		need := inv.Union(i)
		o := matcher.Overlap{Layers: need.Layers, CompressedBytes: need.CompressedBytes, UnpackedBytes: need.UnpackedBytes,
			ByDigest: matcher.Share{MissingLayers: need.Layers, FetchBytes: need.CompressedBytes, UnpackBytes: need.UnpackedBytes},
			ByChain:  matcher.Share{MissingLayers: need.Layers, FetchBytes: need.CompressedBytes, UnpackBytes: need.UnpackedBytes}}
		match := matcher.Match{App: app.name, Hit: matcher.Miss, Reason: "no existing cache holds any of its images", Overlap: o, CreatesAutomatic: true, AutomaticGiB: 30}
		if app.name == "web" {
			match.CacheID, match.Hit, match.Reason = "imc-2ze0web", matcher.PartialHit, "holds web:2.3.9 of the same repository; no other cache holds more"
			match.Overlap.ByDigest = matcher.Share{PresentLayers: 2, PresentBytes: 47e6, MissingLayers: 2, FetchBytes: 67e6, UnpackBytes: 221e6}
			match.Overlap.ByChain = match.Overlap.ByDigest
			match.CreatesAutomatic = false
		}
		m.Matches = append(m.Matches, match)
	}
	m.Outcomes = []matcher.Outcome{{App: "web", Starts: 200, Found: []matcher.Found{
		{Starts: 50}, {Starts: 130, Automatic: true, Images: []string{"web:2.4.1"}, SizeGiB: 30, Full: true},
		{Starts: 20, CacheID: "imc-2ze0web", Images: []string{"web:2.3.9"}, SizeGiB: 40},
	}}}
	for day := range 30 {
		from := time.Duration(day) * 24 * time.Hour
		m.HitRates = append(m.HitRates, matcher.HitRate{From: from, Starts: 200, Hits: 120 + day, Partials: 20, Misses: 60 - day, Ready: 4, Automatic: 3, Created: 1, Evicted: 1})
		m.PlannedHitRates = append(m.PlannedHitRates, matcher.HitRate{From: from, Starts: 200, Hits: 190, Partials: 4, Misses: 6, Ready: 6, Automatic: 3, Expired: day % 2})
	}
	return m
}

// shop is everything that a run hands to New.
func shop(build bool) Input {
	timeline := shopTimeline(build)
	return Input{
		Title: "shop", Provenance: shopProvenance(), Coverage: shopCoverage(), Platform: testPlatform,
		Inventory: shopInventory(), Workload: shopWorkload(), Matches: shopMatches(), Plan: shopPlan(timeline, build), Timeline: timeline,
		Profile: Profile{Name: "eci", Basis: "3 measured, 9 published, 6 assumed values", Parameters: []simulate.Value{
			{Name: "network.registryBytesPerSecond", Value: "125 MB/s", Source: "assumed: one enterprise registry instance"},
			{Name: "pull.maxConcurrentDownloads", Value: "3", Source: "published: containerd's default"},
			{Name: "start.provisionSeconds", Value: "lognormal, median 2.4 s, sigma 0.3", Source: "measured: 40 container groups on 2026-02-20"},
		}},
		Assumptions: []string{"Every month is like the one in workload.yaml."},
	}
}
