package cachebench_test

import (
	"path/filepath"
	"testing"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/docs/schema"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/golden"
	"github.com/cachebench/cachebench/internal/race"
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

// TestSchemas holds docs/schema to the Go types and their comments.
func TestSchemas(t *testing.T) {
	race.Skip(t)
	describe, err := document.Comments(".", "cost", "layers", "matcher", "matcher/plan", "matcher/plan/export", "measure", "measure/ecigroup", "reports", "simulate", "simulate/calibrate", "workload")
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]any{
		layers.InventoryKind: layers.Inventory{}, workload.Kind: workload.Workload{}, matcher.CachesKind: matcher.Caches{},
		matcher.MatchesKind: matcher.Matches{}, matcher.CreationKind: matcher.Creation{}, matcher.BestCachesKind: matcher.BestCaches{}, simulate.ProfileKind: simulate.Profile{}, cost.Kind: cost.Book{},
		plan.Kind: plan.Plan{}, export.CacheSetKind: export.CacheSet{}, simulate.TimelineKind: simulate.Timeline{}, reports.Kind: reports.Report{},
		cachebench.ScenarioKind: cachebench.ScenarioFile{}, cachebench.LockKind: cachebench.Lock{}, cachebench.BillKind: cachebench.Bill{},
		cachebench.SweepKind: cachebench.Sweep{}, reports.DiffKind: reports.Diff{}, reports.BudgetKind: reports.Budget{}, reports.ComparisonKind: reports.Comparison{},
		matcher.StoresKind: matcher.Holders{}, matcher.ServiceAnswersKind: matcher.ServiceAnswers{},
		reports.AccountCachesKind: reports.AccountCaches{}, reports.CacheChangesKind: reports.CacheChanges{},
		reports.SweepResultKind: reports.SweepResult{}, reports.CapacityKind: reports.Capacity{}, reports.ScoresKind: reports.Scores{}, reports.ServiceKind: reports.Service{},
		calibrate.Kind: calibrate.Calibration{}, measure.ExperimentKind: measure.Experiment{}, ecigroup.FileKind: ecigroup.File{}, reports.PullSummaryKind: reports.PullSummary{},
	}
	for kind, v := range kinds {
		got, err := document.Schema(kind, v, describe)
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		golden.Equal(t, filepath.Join("docs", "schema", kind+".json"), got)
	}
	if got := len(schema.Kinds()); got != len(kinds) {
		t.Errorf("docs/schema holds %d kinds, the program has %d", got, len(kinds))
	}
}
