package reports

import (
	"bytes"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchfmt"
	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/simulate"
)

// readBench reads the text of benchmarks with Go's own reader; what that finds
// fault with fails the test.
func readBench(t *testing.T, text []byte) (results []*benchfmt.Result, units benchfmt.UnitMetadataMap) {
	t.Helper()
	r := benchfmt.NewReader(bytes.NewReader(text), "test")
	for r.Scan() {
		switch record := r.Result().(type) {
		case *benchfmt.Result:
			results = append(results, record.Clone())
		case *benchfmt.SyntaxError:
			t.Fatalf("%v\n%s", record, text)
		}
	}
	if r.Err() != nil || len(results) == 0 {
		t.Fatalf("%d results, %v\n%s", len(results), r.Err(), text)
	}
	return results, r.Units()
}

func bench(t *testing.T, r *Report) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Write(&b, Bench, r, Options{}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// value is one of a result; the test fails where it is not there.
func value(t *testing.T, r *benchfmt.Result, unit string) float64 {
	t.Helper()
	v, ok := r.Value(unit)
	if !ok {
		t.Fatalf("%s has no %s", r.Name, unit)
	}
	return v
}

// TestBenchSimulated: a line for each app and arm and one for all together, exact,
// with the conditions as configuration. Of starts of 1 to 100 s the median is 50 and
// the 99th percentile 99.
func TestBenchSimulated(t *testing.T) {
	fetch := 2 * time.Second
	timeline := &simulate.Timeline{
		Provenance: simulate.Provenance{Version: "1.2.3", Model: 4, Seed: 7, Profile: "p", ProfileDigest: "sha256:0123456789abcdef", Platform: "linux/arm64", PriceDate: "2026-01-02", Inputs: []simulate.Input{{Name: "a b.yaml", Digest: "sha256:00"}}},
		Coverage:   &simulate.Coverage{StartsFraction: 0.75},
	}
	for i := range 100 {
		timeline.Startups = append(timeline.Startups, simulate.Startup{
			Source: simulate.Simulated, Arm: "cold", App: "web", Ready: time.Duration(i+1) * time.Second, FetchedBytes: 10, UnpackedBytes: 30, Phases: simulate.Phases{Fetch: &fetch},
		})
	}
	timeline.Startups = append(timeline.Startups,
		simulate.Startup{Source: simulate.Simulated, Arm: "cold", App: "one", Ready: 1500 * time.Millisecond, Unsized: true},
		simulate.Startup{Source: simulate.Simulated, Arm: "cold", App: "one", Ready: time.Hour, Void: "it never was"})
	text := bench(t, New(Input{Timeline: timeline}))
	results, units := readBench(t, text)
	if len(results) != 3 {
		t.Fatalf("%d results:\n%s", len(results), text)
	}
	names := []string{"Startup/app=one/arm=cold/profile=p", "Startup/app=web/arm=cold/profile=p", "Workload/arm=cold/profile=p"}
	for i, r := range results {
		if r.Name.String() != names[i] {
			t.Errorf("%s, want %s", r.Name, names[i])
		}
		for key, want := range map[string]string{"source": "simulated", "profile": "p", "platform": "linux/arm64", "profile-digest": "0123456789ab", "model": "4", "seed": "7", "coverage": "0.75"} {
			if got := r.GetConfig(key); got != want {
				t.Errorf("%s: %s, want %s", key, got, want)
			}
		}
		for _, v := range r.Values {
			if m := units.Get(v.Unit, "assume"); m == nil || m.Value != "exact" || units.GetBetter(v.Unit) != -1 {
				t.Errorf("%s is not exact and better lower", v.Unit)
			}
		}
	}
	one, web := results[0], results[1]
	if value(t, one, UnitStartup) != 1.5 || one.Iters != 1 || len(one.Values) != 1 {
		t.Errorf("a start of unknown size, by itself: %+v", one)
	}
	for unit, want := range map[string]float64{UnitStartup: 50, "startup-p90-sec": 90, "startup-p99-sec": 99, "startup-mean-sec": 50.5, UnitPulled: 10, UnitUnpacked: 30, "fetch-sec": 2} {
		if got := value(t, web, unit); got != want {
			t.Errorf("%s is %v, want %v", unit, got, want)
		}
	}
	if _, known := web.Value("unpack-sec"); known || web.Iters != 100 {
		t.Errorf("%+v", web)
	}
	for _, line := range []string{"# cachebench-version 1.2.3\n", "# price-date 2026-01-02\n", "# input sha256:00 a b.yaml\n", "# doubt 1 startup void and not counted: it never was.\n"} {
		if !strings.Contains(string(text), line) {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

// TestBenchMeasured: a line for each run that counts, so that benchstat has a
// sample; the starts of a run that were requested together are one of it. Nothing is
// called exact.
func TestBenchMeasured(t *testing.T) {
	timeline := measuredTimeline()
	timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Measured, Arm: "web warm", App: "web", Repeat: 2, Ready: 20 * time.Second})
	results, units := readBench(t, bench(t, New(Input{Timeline: timeline})))
	var got []float64
	for _, r := range results {
		got = append(got, value(t, r, UnitStartup))
		if r.GetConfig("source") != "measured" || r.GetConfig("seed") != "" {
			t.Errorf("configuration %+v", r.Config)
		}
	}
	if !slices.Equal(got, []float64{10, 10, 10, 8, 10, 12}) || results[5].Iters != 2 || value(t, results[5], "startup-p99-sec") != 20 {
		t.Errorf("%v, %+v", got, results[5])
	}
	if len(units) != 0 {
		t.Errorf("units %+v", units)
	}
	var direct bytes.Buffer
	if err := WriteMeasured(&direct, Bench, timeline, Options{}); err != nil || !bytes.Equal(direct.Bytes(), bench(t, New(Input{Timeline: timeline}))) {
		t.Errorf("measure writes another text than report, %v:\n%s", err, direct.String())
	}
	// Events of a cluster tell of no runs: every start is one.
	timeline.Measurement = &simulate.Measurement{Tool: simulate.ToolKubelet}
	if results, _ := readBench(t, bench(t, New(Input{Timeline: timeline}))); len(results) != 7 {
		t.Errorf("%d results of 7 starts", len(results))
	}
	// Beside measured starts, simulated ones are not called exact either: a unit is
	// the same in the whole file.
	timeline.Startups = append(timeline.Startups, simulate.Startup{Source: simulate.Simulated, Arm: "web cold", App: "web", Ready: time.Second})
	results, units = readBench(t, bench(t, New(Input{Timeline: timeline})))
	if len(units) != 0 || len(results) != 8 || results[7].GetConfig("source") != "simulated" {
		t.Errorf("%+v", results)
	}
}

// TestBenchSaved: a saved report has its measured runs, and one of before says that
// it lacks them rather than give one value for many.
func TestBenchSaved(t *testing.T) {
	r := New(Input{Timeline: measuredTimeline()})
	var saved bytes.Buffer
	if err := Write(&saved, JSON, r, Options{}); err != nil {
		t.Fatal(err)
	}
	again, err := Read("report.json", saved.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	if got, want := bench(t, again), bench(t, r); !bytes.Equal(got, want) {
		t.Errorf("read again:\n%s\nwant\n%s", got, want)
	}
	again.MeasuredRuns = nil
	if err := Write(&saved, Bench, again, Options{}); err == nil || !strings.Contains(err.Error(), "give the timeline") {
		t.Errorf("%v", err)
	}
}

// TestBenchKeys: whatever the texts, the name is one word of as many parts, without
// a number of processors, and an address's decoder reads them back.
func TestBenchKeys(t *testing.T) {
	for text, want := range map[string]string{
		"web": "/app=web", "a b": "/app=a%20b", "x/y": "/app=x%2Fy", "k=v": "/app=k%3Dv", "50%": "/app=50%25",
		"node-8": "/app=node%2D8", "8": "/app=8", "-": "/app=-", "ü": "/app=ü", "\xff": "/app=%FF", "": "",
	} {
		if got := BenchKeys("app", text); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	if got := BenchKeys("app", "node-8", "arm", "cold"); got != "/app=node-8/arm=cold" {
		t.Errorf("only the last value ends a name: %s", got)
	}
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-z]{0,3}-?[0-9]{0,3}`), rapid.StringN(1, 5, -1))
	rapid.Check(t, func(t *rapid.T) {
		app, arm := text.Filter(func(s string) bool { return s != "" }).Draw(t, "app"), text.Filter(func(s string) bool { return s != "" }).Draw(t, "arm")
		line := "BenchmarkStartup" + BenchKeys("app", app, "arm", arm) + " 1 2 startup-sec\n"
		r := benchfmt.NewReader(strings.NewReader(line), "test")
		if !r.Scan() {
			t.Fatalf("%q: no result", line)
		}
		result, ok := r.Result().(*benchfmt.Result)
		if !ok {
			t.Fatalf("%q: %v", line, r.Result())
		}
		_, parts := result.Name.Parts()
		if len(parts) != 2 {
			t.Fatalf("%q has the parts %q", line, parts)
		}
		for i, want := range []string{app, arm} {
			_, value, _ := strings.Cut(string(parts[i]), "=")
			if got, err := url.PathUnescape(value); err != nil || got != want {
				t.Fatalf("%q reads as %q, %v", want, got, err)
			}
		}
	})
}

// TestBenchDiff: both sides of a diff, estimated, told apart by a key.
func TestBenchDiff(t *testing.T) {
	d := &Diff{Provenance: simulate.Provenance{Version: "1", Profile: "p"}}
	d.Old.Reference, d.New.Reference = "registry.example:5000/shop/web:1@sha256:00", "oci:build/web:2"
	d.Old.Platform, d.New.Platform = testPlatform, testPlatform
	d.New.Cold = DiffStart{DiffLoad{FetchBytes: 5, UnpackBytes: 7}, 1250 * time.Millisecond}
	var b bytes.Buffer
	if err := WriteDiff(&b, Bench, d, Options{}); err != nil {
		t.Fatal(err)
	}
	results, _ := readBench(t, b.Bytes())
	if len(results) != 5 || results[2].Name.String() != "Startup/app=web/arm=cold/profile=p/side=new" || value(t, results[2], UnitStartup) != 1.25 || value(t, results[2], UnitPulled) != 5 || results[2].GetConfig("source") != "estimated" {
		t.Errorf("%s", b.String())
	}
}

// TestImageApp: two versions of an image have one name, of layouts that state none that of
// their directory; two layouts have two.
func TestImageApp(t *testing.T) {
	for reference, want := range map[string]string{
		"registry.example:5000/shop/web:1@sha256:00": "web",
		"web:1":           "web",
		"oci:image":       "image",
		"oci:image:1.0":   "image",
		"oci:other":       "other",
		"oci:build/web:2": "web",
		"oci:build/web:registry.example.com/shop/a:2": "a",
		"oci-archive:web.tar":                         "web.tar",
		"docker-daemon:web:2":                         "web",
		"docker-daemon:web":                           "web",
		"oci:1":                                       "1",
	} {
		if got := ImageApp(reference); got != want {
			t.Errorf("%s: %s, want %s", reference, got, want)
		}
	}
}

// TestBenchSharing: the figures of a set of images, all or none.
func TestBenchSharing(t *testing.T) {
	inv := shopInventory()
	var b bytes.Buffer
	if err := Write(&b, Bench, New(Input{Inventory: inv}), Options{}); err == nil || !strings.Contains(err.Error(), "1 reference could not be read") {
		t.Errorf("%v", err)
	}
	inv.Unresolved = nil
	results, units := readBench(t, bench(t, New(Input{Inventory: inv})))
	if len(results) != 1 || results[0].Name.String() != "Images/platform=linux%2Famd64" || value(t, results[0], "images") != 7 || value(t, results[0], "largest-B") != (29+18+1912+260)*1e6 {
		t.Errorf("%+v", results)
	}
	if m := units.Get("union-B", "assume"); m == nil || m.Value != "exact" {
		t.Errorf("%+v", units)
	}
}
