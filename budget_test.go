package cachebench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/workload"
)

// budgeted is a scenario with a budget of one app, for handResults.
func budgeted(t *testing.T, app string, budget cachebench.AppBudget) *cachebench.Scenario {
	t.Helper()
	profile, err := simulate.BuiltIn("containerd")
	if err != nil {
		t.Fatal(err)
	}
	return &cachebench.Scenario{
		Profile: profile, Prices: cost.International(), Platform: "linux/amd64", Now: time.Date(2026, 11, 30, 0, 0, 0, 0, time.UTC),
		Workload: &workload.Workload{
			NodePools: []workload.NodePool{{Name: "pool", Platform: "linux/amd64"}},
			Apps: []workload.App{
				{Name: "web", Images: []string{"example.com/side:1", "example.com/web:2"}},
				{Name: "guess", Images: []string{"example.com/web:3"}},
				{Name: "both", Images: []string{"example.com/web:2", "example.com/side:1"}},
				{Name: "pooled", Images: []string{"example.com/web:2"}, NodePool: "pool"},
			},
		},
		Budget: map[string]cachebench.AppBudget{app: budget},
	}
}

// handResults are those of made-up images: the versions of web share a layer of 30 MB
// and have another each, of which version 3's size is estimated.
func handResults() *cachebench.Results {
	image := func(reference string, list ...int) layers.Image {
		return layers.Image{Reference: reference, Platform: "linux/amd64", Layers: list}
	}
	layer := func(digest string, compressed int64, source string) layers.Layer {
		unpacked := 2 * compressed
		return layers.Layer{
			Digest: layers.Digest(digest), DiffID: layers.Digest(digest), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
			CompressedBytes: compressed, CompressedSource: source, UnpackedBytes: &unpacked, UnpackedSource: layers.Measured,
		}
	}
	return &cachebench.Results{
		Inventory: &layers.Inventory{
			Images: []layers.Image{
				image("example.com/web:1", 0, 1), image("example.com/web:2", 0, 2), image("example.com/web:3", 0, 3), image("example.com/side:1", 4),
			},
			Layers: []layers.Layer{
				layer("sha256:00", 30_000_000, ""), layer("sha256:01", 5_000_000, ""), layer("sha256:02", 7_000_000, ""),
				layer("sha256:03", 9_000_000, layers.Estimated), layer("sha256:04", 1_000_000, ""),
			},
		},
		Timeline: &simulate.Timeline{},
		Report: &reports.Report{
			Arms: []reports.Summary{{Arm: "cold"}, {Arm: "warm"}, {Arm: "cached"}},
			Summaries: []reports.Summary{
				{App: "web", Arm: "cold", Source: simulate.Simulated, P50: 8 * time.Second, P99: 9 * time.Second},
				{App: "web", Arm: "cached", Source: simulate.Simulated, P50: 2 * time.Second, P99: 3 * time.Second},
				{App: "guess", Arm: "cold", Source: simulate.Simulated, P50: 8 * time.Second, P99: 9 * time.Second},
				{App: "pooled", Arm: "warm", Source: simulate.Simulated, P50: time.Second, P99: 4 * time.Second},
				{App: "pooled", Arm: "cached", Source: simulate.Simulated, P50: 5 * time.Second, P99: 6 * time.Second},
			},
		},
		Plan: &plan.Plan{
			Caches: []plan.PlannedCache{
				{Name: "a", Apps: []string{"web", "other"}, Cost: plan.Bill{Total: cost.Money{Amount: 3, Currency: "USD"}}},
				{Name: "b", Apps: []string{"other"}, Cost: plan.Bill{Total: cost.Money{Amount: 50, Currency: "USD"}}},
			},
			Assignments: []plan.Assignment{{App: "web", Cache: "a"}, {App: "guess", Cache: "imc-1"}},
		},
	}
}

// TestCheckBudget holds limits at and just below the figures, which are worked out by
// hand, and figures that are not known.
func TestCheckBudget(t *testing.T) {
	seconds := func(s float64) *time.Duration {
		d := time.Duration(s * float64(time.Second))
		return &d
	}
	bytes := func(n int64) *int64 { return &n }
	money := func(v float64) *cachebench.MoneyLimit { return &cachebench.MoneyLimit{Amount: v} }
	base := "example.com/web:1"
	for _, test := range []struct {
		name, app string
		budget    cachebench.AppBudget
		change    func(*cachebench.Results)
		result    string
		words     string
	}{
		{"cold p50", "web", cachebench.AppBudget{ColdP50: seconds(8)}, nil, reports.Pass, ""},
		{"cold p50 over", "web", cachebench.AppBudget{ColdP50: seconds(7.999)}, nil, reports.Fail, "web cold-p50-sec<=7.999s (8.00 s)"},
		{"cold p99", "web", cachebench.AppBudget{ColdP99: seconds(8.5)}, nil, reports.Fail, "web cold-p99-sec<=8.5s (9.00 s)"},
		{"cached p50", "web", cachebench.AppBudget{CachedP50: seconds(1)}, nil, reports.Fail, "web cached-p50-sec<=1s (2.00 s)"},
		{"cached p99", "web", cachebench.AppBudget{CachedP99: seconds(3)}, nil, reports.Pass, ""},
		{"cached on a pool is warm", "pooled", cachebench.AppBudget{CachedP99: seconds(4)}, nil, reports.Pass, ""},
		{"cold of a pool is unknown", "pooled", cachebench.AppBudget{ColdP50: seconds(99)}, nil, reports.Unjudged, "none of its starts is simulated"},
		// Of the images of the app, that of the base's repository.
		{"new bytes", "web", cachebench.AppBudget{NewBytes: bytes(7_000_000), Base: base}, nil, reports.Pass, ""},
		{"new bytes over", "web", cachebench.AppBudget{NewBytes: bytes(6_999_999), Base: base}, nil, reports.Fail, "web new-B<=6999999B (7.0 MB)"},
		{"against another repository its first", "web", cachebench.AppBudget{NewBytes: bytes(999_999), Base: "example.com/base:9"}, func(r *cachebench.Results) {
			r.Inventory.Images[0].Reference = "example.com/base:9"
		}, reports.Fail, "web new-B<=999999B (1.0 MB)"},
		// A base that is a sidecar of the app's is what its hosts have anyway.
		{"against its sidecar its first other", "both", cachebench.AppBudget{NewBytes: bytes(36_999_999), Base: "example.com/side:1"}, nil, reports.Fail, "both new-B<=36999999B (37.0 MB)"},
		{"an estimate only warns", "guess", cachebench.AppBudget{NewBytes: bytes(1), Base: base}, nil, reports.Warn, ""},
		{"time of an estimate", "guess", cachebench.AppBudget{ColdP50: seconds(1)}, nil, reports.Warn, ""},
		{"no base", "web", cachebench.AppBudget{NewBytes: bytes(1 << 40), Base: "example.com/web:0"}, func(r *cachebench.Results) {
			r.Inventory.Unresolved = []layers.Unresolved{{Reference: "example.com/web:0", Reason: "gone"}}
		}, reports.Unjudged, "base example.com/web:0 could not be read: gone"},
		{"the image is not there", "web", cachebench.AppBudget{NewBytes: bytes(1 << 40), Base: base}, func(r *cachebench.Results) {
			r.Inventory.Images[1].Reference = "example.com/web:22"
		}, reports.Unjudged, "image example.com/web:2 is not in the inventory for linux/amd64"},
		// The cache that serves another app counts whole, that of others alone not.
		{"cost", "web", cachebench.AppBudget{CostPerMonth: money(3)}, nil, reports.Pass, ""},
		{"cost over", "web", cachebench.AppBudget{CostPerMonth: money(2.5)}, nil, reports.Fail, "web cost-per-month<=2.5 (USD 3.00)"},
		{"cost in its currency", "web", cachebench.AppBudget{CostPerMonth: &cachebench.MoneyLimit{Amount: 3, Currency: "USD"}}, nil, reports.Pass, ""},
		{"cost in another currency", "web", cachebench.AppBudget{CostPerMonth: &cachebench.MoneyLimit{Amount: 1e6, Currency: "CNY"}}, nil, reports.Unjudged, "a limit of 1000000 CNY, and the prices are in USD"},
		{"cost of a cache that exists", "guess", cachebench.AppBudget{CostPerMonth: money(1e6)}, nil, reports.Unjudged, "cache imc-1, which serves it, exists already"},
		{"cost on a pool", "pooled", cachebench.AppBudget{CostPerMonth: money(1e6)}, nil, reports.Unjudged, "not node pools"},
		{"left out", "web", cachebench.AppBudget{ColdP50: seconds(99), NewBytes: bytes(1 << 40), Base: base, CostPerMonth: money(99)}, func(r *cachebench.Results) {
			r.Timeline.Coverage = &simulate.Coverage{LeftOut: []simulate.LeftOut{{App: "web", Reason: "no image"}}}
		}, reports.Unjudged, "app web is not covered: no image"},
		{"never ready, not listed", "web", cachebench.AppBudget{ColdP50: seconds(99)}, func(r *cachebench.Results) {
			r.Timeline.Voids = []simulate.Void{{App: "web", Arm: "cold", Reason: "the disk is full", Starts: 3}}
		}, reports.Unjudged, "3 of its starts in arm cold are never ready: the disk is full"},
		{"never ready in another arm", "web", cachebench.AppBudget{ColdP50: seconds(99)}, func(r *cachebench.Results) {
			r.Timeline.Startups = []simulate.Startup{{App: "web", Arm: "cached", Void: "x"}, {App: "other", Arm: "cold", Void: "x"}}
		}, reports.Pass, ""},
		{"no arm", "web", cachebench.AppBudget{CachedP50: seconds(99)}, func(r *cachebench.Results) {
			r.Report.Summaries, r.Report.Arms = nil, r.Report.Arms[:2]
		}, reports.Unjudged, "arm cached is not simulated, only cold, warm (arms)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, r := budgeted(t, test.app, test.budget), handResults()
			if test.change != nil {
				test.change(r)
			}
			gate, err := r.CheckBudget(s)
			if err != nil {
				t.Fatal(err)
			}
			words := ""
			if err := gate.Err(); err != nil {
				words = err.Error()
			}
			if gate.Outcomes[0].Result != test.result || !strings.Contains(words, test.words) {
				t.Errorf("got %s: %s, want %s: %s", gate.Outcomes[0].Result, words, test.result, test.words)
			}
		})
	}
}

// TestCheckNoBudget: what judges nothing does not pass.
func TestCheckNoBudget(t *testing.T) {
	s := budgeted(t, "web", cachebench.AppBudget{})
	s.Budget = nil
	if _, err := handResults().CheckBudget(s); err != cachebench.ErrNoBudget {
		t.Errorf("got %v", err)
	}
}

// TestMoneyLimit: a number or a text with a currency, and what is written reads the same.
func TestMoneyLimit(t *testing.T) {
	for text, want := range map[string]cachebench.MoneyLimit{
		"20": {Amount: 20}, "2.5e3": {Amount: 2500}, "1E3": {Amount: 1000}, "0": {}, "5 USD": {Amount: 5, Currency: "USD"}, "0.5CNY": {Amount: 0.5, Currency: "CNY"}, "-1 USD": {Amount: -1, Currency: "USD"},
	} {
		var got, again cachebench.MoneyLimit
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q is %+v, %v, want %+v", text, got, err, want)
		}
		written, err := got.MarshalText()
		if err != nil || again.UnmarshalText(written) != nil || again != got {
			t.Errorf("%+v is written %q, read %+v", got, written, again)
		}
	}
	for _, text := range []string{"", "USD", " USD", "USD 5", "5 dollars", "5 €", "5 USD CNY", "5,00 USD"} {
		var m cachebench.MoneyLimit
		if err := m.UnmarshalText([]byte(text)); err == nil || !strings.Contains(err.Error(), "write a number, or an amount with its currency such as 5 USD") {
			t.Errorf("%q is %+v, %v", text, m, err)
		}
	}
	var m cachebench.MoneyLimit
	if err := m.UnmarshalText([]byte("5 usd")); err == nil || !strings.Contains(err.Error(), "write the currency in capitals, 5 USD") {
		t.Errorf("%+v, %v", m, err)
	}
}
