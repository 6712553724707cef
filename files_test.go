package cachebench_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"sigs.k8s.io/yaml"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/docs/schema"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/matcher/plan/export"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/measure/ecigroup"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/workload"
)

// as makes a reader's signature one for all kinds.
func as[T any](read func(string, []byte) (T, error)) func(string, []byte) error {
	return func(name string, data []byte) error {
		_, err := read(name, data)
		return err
	}
}

// kindReaders are those that the commands read the kinds with. What no command reads
// again is read as strictly into its type.
var kindReaders = map[string]func(string, []byte) error{
	cachebench.ScenarioKind: as(cachebench.ReadScenarioFile), workload.Kind: as(workload.Read), matcher.CachesKind: as(matcher.ReadCaches),
	export.CacheSetKind: as(export.ReadCacheSet), simulate.ProfileKind: as(simulate.ReadProfile), cost.Kind: func(name string, data []byte) error {
		return document.Read(name, data, cost.Kind, &cost.Book{})
	},
	reports.BudgetKind: as(reports.ReadBudget), matcher.StoresKind: as(matcher.ReadHolders), matcher.ServiceAnswersKind: as(matcher.ReadServiceAnswers),
	measure.ExperimentKind: as(measure.ReadExperiment), ecigroup.FileKind: as(ecigroup.ReadFile), cachebench.SweepKind: as(cachebench.ReadSweep), cachebench.BillKind: as(cachebench.ReadBill),
	layers.InventoryKind: as(layers.Read), cachebench.LockKind: as(cachebench.ReadLock), plan.Kind: as(plan.Read),
	simulate.TimelineKind: as(simulate.ReadTimeline), matcher.MatchesKind: as(matcher.ReadMatches), reports.Kind: as(reports.Read),
	reports.DiffKind: as(reports.ReadDiff), reports.ComparisonKind: as(reports.ReadComparison), calibrate.Kind: as(calibrate.Read),
	matcher.BestCachesKind: as(matcher.ReadBestCaches), matcher.CreationKind: as(matcher.ReadCreation), reports.ScoresKind: as(reports.ReadScores),
	reports.ServiceKind: as(reports.ReadService), reports.AccountCachesKind: as(reports.ReadAccountCaches), reports.CacheChangesKind: as(reports.ReadCacheChanges),
	reports.SweepResultKind: as(reports.ReadSweepResult),
	reports.CapacityKind: func(name string, data []byte) error {
		return document.Read(name, data, reports.CapacityKind, &reports.Capacity{})
	},
	reports.PullSummaryKind: func(name string, data []byte) error {
		return document.Read(name, data, reports.PullSummaryKind, &reports.PullSummary{})
	},
}

var kindExample = regexp.MustCompile("(?s)### ([A-Za-z]+)\n.*?\n```yaml\n(.*?)```")

// TestKindsOfFiles: docs/files.md has every kind, under its name, with an example that its
// schema and its reader take, and that neither takes with a key that the kind has not.
func TestKindsOfFiles(t *testing.T) {
	page, err := os.ReadFile("docs/files.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, m := range kindExample.FindAllSubmatch(page, -1) {
		kind, example := string(m[1]), m[2]
		seen[kind] = true
		t.Run(kind, func(t *testing.T) {
			if got, err := document.Header(kind+".yaml", example); err != nil || got != kind {
				t.Fatalf("the example under %s is of kind %q, %v", kind, got, err)
			}
			if err := valid(t, kind, example); err != nil {
				t.Errorf("its schema: %v", err)
			}
			read := kindReaders[kind]
			if read == nil {
				t.Fatal("no reader is known")
			}
			if err := read(kind+".yaml", example); err != nil {
				t.Error(err)
			}
			other := append(bytes.Clone(example), "noSuchKey: 1\n"...)
			if valid(t, kind, other) == nil {
				t.Error("its schema takes an unknown key")
			}
			if err := read(kind+".yaml", other); err == nil || !strings.Contains(err.Error(), "noSuchKey") {
				t.Errorf("its reader says of an unknown key: %v", err)
			}
		})
	}
	for _, kind := range schema.Kinds() {
		if !seen[kind] {
			t.Errorf("docs/files.md has no example of kind %s", kind)
		}
	}
	if len(seen) != len(schema.Kinds()) {
		t.Errorf("docs/files.md has %d examples, there are %d kinds", len(seen), len(schema.Kinds()))
	}
}

// valid holds a document to the schema of its kind.
func valid(t *testing.T, kind string, text []byte) error {
	t.Helper()
	raw, _ := schema.Of(kind)
	described, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(kind+".json", described); err != nil {
		t.Fatal(err)
	}
	compiled, err := c.Compile(kind + ".json")
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.YAMLToJSONStrict(text)
	if err != nil {
		return err
	}
	var value any
	if err := json.Unmarshal(data, &value); err != nil {
		return err
	}
	return compiled.Validate(value)
}

// shownFile is a block of YAML, JSON lines or CSV in a page.
var shownFile = regexp.MustCompile("(?s)```(yaml|json|csv)\n(.*?)```")

// TestShownFiles: the files that the documents show are read as strictly as the reader's
// own; so are the traces.
func TestShownFiles(t *testing.T) {
	pages, err := filepath.Glob("docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	kinds, traces := 0, 0
	for _, page := range append(pages, "README.md") {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range shownFile.FindAllSubmatch(text, -1) {
			language, shown := string(m[1]), m[2]
			if columns := []byte("time_seconds"); bytes.Contains(shown, columns) {
				name := map[string]string{"csv": "shown.csv", "json": "shown.jsonl"}[language]
				traces++
				if _, err := workload.ReadTrace(name, bytes.NewReader(shown)); err != nil {
					t.Errorf("%s: %v", page, err)
				}
				continue
			}
			if language != "yaml" || !bytes.Contains(shown, []byte("apiVersion: cachebench/")) {
				continue // a part of a file, or another program's
			}
			kind, err := document.Header(page, shown)
			if err != nil {
				t.Errorf("%s: %v", page, err)
				continue
			}
			if read := kindReaders[kind]; read == nil {
				t.Errorf("%s: no reader of kind %q is known", page, kind)
			} else if err := read("shown.yaml", shown); err != nil {
				t.Errorf("%s: %v", page, err)
			} else if err := valid(t, kind, shown); err != nil {
				t.Errorf("%s: %v", page, err)
			}
			kinds++
		}
	}
	if kinds < 35 || traces < 2 {
		t.Errorf("%d files and %d traces are shown", kinds, traces)
	}
}
