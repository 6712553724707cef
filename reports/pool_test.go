package reports

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
)

// poolPlan is a plan for two pools, one of them of a name that is markup.
func poolPlan() *plan.Plan {
	usd := func(amount float64) cost.Money {
		return cost.Money{Amount: amount, Currency: "USD", PriceDate: "2024-03-08"}
	}
	seconds := func(s float64) *time.Duration {
		d := time.Duration(s * float64(time.Second))
		return &d
	}
	money := func(amount float64) *cost.Money {
		m := usd(amount)
		return &m
	}
	yes, no, factor := true, false, 1.7
	arm := func(name string, p99 float64, meets *bool, net float64) plan.PoolArm {
		return plan.PoolArm{
			Arm: name, MeetsLimit: meets, Images: 2, AddedBytes: 3e9, Source: "simulated", Starts: 1200, SimulatedSeconds: 720 * time.Hour,
			PullSeconds: time.Hour, SavedSeconds: 90 * time.Minute, MeanSeconds: seconds(p99 / 3), P99Seconds: seconds(p99), SlowestSeconds: seconds(2 * p99),
			Cost: plan.PoolBill{Traffic: usd(-1), Snapshot: usd(3), Total: usd(2)}, NetSaved: usd(net), Reason: "what it takes",
		}
	}
	image := func(ref string, sum time.Duration) plan.PlannedImage {
		return plan.PlannedImage{Reference: ref, Digest: "sha256:1", PullsPerMonth: 60, UnpackedBytes: 2e9, CompressedBytes: 1e9, AddedBytes: 15e8,
			CumulativeBytes: int64(sum.Hours() * 15e8), SavedSeconds: time.Hour, CumulativeSeconds: sum, Apps: []string{"web", "job"}}
	}
	return &plan.Plan{Platform: "linux/amd64", Baseline: plan.Automatic, Assign: plan.Auto, Status: plan.Optimal, Pools: []plan.Pool{
		{
			Name: "gpu|<b>", Platform: "linux/arm64", Nodes: 4, Verdict: plan.PoolBaked, Reason: "A baked disk is the cheapest", DiskBudgetBytes: 5e9, HeldBy: plan.PoolBaked,
			PullSeconds: 5 * time.Hour, ObjectiveSeconds: 2 * time.Hour, BoundSeconds: 150 * time.Minute, GapFraction: 0.2, Status: plan.Stopped, StoppedBy: plan.ByTimeLimit, Candidates: 9, LeftOut: "one thing",
			Curve: []plan.PoolPoint{
				{DiskBudgetBytes: 2e9, AddedBytes: 15e8, Images: 1, SavedSeconds: time.Hour, BoundSeconds: 75 * time.Minute, Cost: money(2), NetSaved: money(98)},
				{DiskBudgetBytes: 9e9, AddedBytes: 8e9, Images: 3, SavedSeconds: 3 * time.Hour, BoundSeconds: 3 * time.Hour},
			},
			Sensitivity: &plan.PoolSensitivity{
				More:   &plan.PoolPoint{DiskBudgetBytes: 55e8, AddedBytes: 3e9, Images: 2, SavedSeconds: 2 * time.Hour, BoundSeconds: 160 * time.Minute, Cost: money(-3), NetSaved: money(203)},
				Levers: []plan.Lever{{Name: "node.snapshotGiBMonth", Factor: &factor, Verdict: plan.PoolPrePull}, {Name: "worthPerHour"}},
			},
			Arms:     []plan.PoolArm{arm(plan.PoolBaked, 9, &yes, 7), arm(plan.PoolPrePull, 30, &no, 12)},
			Images:   []plan.PlannedImage{image("registry.example.com/a|b:1", time.Hour), image("registry.example.com/c:2", 2*time.Hour)},
			Warnings: []string{"it may be <undone>"}, Assumptions: []string{"assumed of pools"},
		},
		{Name: "small", Platform: "linux/amd64", Nodes: 1, Verdict: plan.PoolNothing, Reason: "Nothing starts", HeldBy: plan.PoolPrePull, Status: plan.Optimal, Arms: []plan.PoolArm{arm(plan.PoolNothing, 1, nil, 0)}},
	}}
}

// TestPools: every format has the advice, the arms, the images in their order, how far
// they are from the best, and what may undo them; names are no markup.
func TestPools(t *testing.T) {
	r := New(Input{Title: "Plan", Plan: poolPlan()})
	if want := "1 of 2 node pools gain by a change."; r.Verdict.Headline != want {
		t.Errorf("headline %q, want %q", r.Verdict.Headline, want)
	}
	for format, wants := range map[Format][]string{
		Text: {"Node pool gpu|<b>: bake 2 images into its disk (4 nodes, linux/arm64)", "baked disk  9.00 s  3.00 s      60.0 min     90.0 min    USD 2.00   USD +7.00  yes", "pre-pull",
			"1,200 starts over 720.0 h", "40 %", "80 %", "no choice of the 9 images considered spares more than 2.5 h", "a gap of 20 %. The search was stopped by its time limit",
			"What other disk budgets would bring by baked disk, whatever an hour is worth", "2.0 GB 1.5 GB 1 60.0 min 75.0 min USD 2.00 USD +98.00", "9.0 GB 8.0 GB 3 180.0 min 180.0 min – –",
			"What a tenth more of disk would bring by baked disk", "5.5 GB 3.0 GB 2 2.0 h 2.7 h USD -3.00 USD +203.00", "node.snapshotGiBMonth 1.7 times pre-pull", "worthPerHour – stays",
			"Warning: it may be <undone>",
			"Not considered: one thing.", "As the pool is, pulls take 60.0 min as simulated, where they share links, disks and turns, and 0.0 min as counted", "Node pool small: leave it as it is (1 node, linux/amd64)", "assumed of pools"},
		Markdown: {"**Node pool gpu\\|&lt;b>: bake 2 images", "| baked disk | 9.00 s | 3.00 s |", "| `registry.example.com/a¦b:1` |", "- it may be &lt;undone>", "stopped by its time limit", "Not considered: one thing.",
			"| disk budget | adds | images | spares | at most (proven) | cost | net saved |\n|---|--:|--:|--:|--:|--:|--:|\n| 2.0 GB | 1.5 GB | 1 | 60.0 min | 75.0 min | USD 2.00 | USD +98.00 |",
			"| 5.5 GB | 3.0 GB | 2 |", "| node.snapshotGiBMonth | 1.7 times | pre-pull |"},
		HTML: {"Node pool gpu|&lt;b&gt;: bake 2 images", "1. registry.example.com/a|b:1", "it may be &lt;undone&gt;", `id="pool-2"`, "stopped by its time limit", "What other disk budgets would bring", "node.snapshotGiBMonth"},
		JSON: {`"pools"`, `"cumulativeSeconds": 7200`, `"diskBudgetBytes": 9000000000`, `"verdict": "prepull"`, `"stoppedBy": "timeLimit"`},
	} {
		var b bytes.Buffer
		if err := Write(&b, format, r, Options{}); err != nil {
			t.Fatal(err)
		}
		got := strings.NewReplacer("\u00a0", " ", "<wbr>", "").Replace(b.String())
		if format == Text {
			for line := range strings.Lines(got) {
				if columns(strings.TrimRight(line, "\n")) > textWidth {
					t.Errorf("a line of more than %d columns: %q", textWidth, line)
				}
			}
			got = strings.Join(strings.Fields(got), " ")
		}
		for _, want := range wants {
			if format == Text {
				want = strings.Join(strings.Fields(want), " ")
			}
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", format, want, got)
			}
		}
	}
	var b bytes.Buffer
	if err := Write(&b, CSV, r, Options{}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(rows) != 3 || rows[1][0] != "gpu|<b>" || rows[2][3] != "2" || rows[2][12] != "7200" {
		t.Errorf("%v, rows %q", err, rows)
	}
}

// TestPoolHeadlines: the headline names what was not looked at before an interrupt, and
// pools whose limit is not kept, or was not checked.
func TestPoolHeadlines(t *testing.T) {
	limit, no := time.Second, false
	for _, test := range []struct {
		name   string
		change func(p *plan.Plan)
		want   string
	}{
		{"one of two", func(p *plan.Plan) { p.Pools, p.PoolsLeftOut = p.Pools[1:], []string{"gen"} },
			"Node pool small: leave it as it is; interrupted before node pool gen was looked at."},
		{"two of four", func(p *plan.Plan) { p.Pools[0].Name, p.PoolsLeftOut = "gpu", []string{"gen", "last"} },
			"1 of 2 node pools looked at (gpu and small) gain by a change; interrupted before node pools gen and last were looked at."},
		{"none", func(p *plan.Plan) { p.Pools, p.PoolsLeftOut = nil, []string{"gen"} },
			"No node pool was looked at; interrupted before node pool gen was looked at."},
		{"not met, not checked", func(p *plan.Plan) {
			p.Pools[0].Name, p.Pools[0].Arms[0].MeetsLimit = "gpu", &no
			p.Pools[1].LimitSeconds, p.Pools[1].StartsPerMonth = &limit, 9
		}, "1 of 2 node pools gain by a change; limit not met on gpu; limit not checked on small."},
		{"not checked", func(p *plan.Plan) {
			p.Pools = p.Pools[1:]
			p.Pools[0].LimitSeconds, p.Pools[0].StartsPerMonth = &limit, 9
		}, "Node pool small: leave it as it is; limit not checked."},
	} {
		p := poolPlan()
		test.change(p)
		r := New(Input{Title: "Plan", Plan: p})
		if r.Verdict.Headline != test.want {
			t.Errorf("%s: %q, want %q", test.name, r.Verdict.Headline, test.want)
		}
		for _, format := range []Format{Text, Markdown, HTML, CSV, JSON} {
			if err := Write(&bytes.Buffer{}, format, r, Options{}); err != nil {
				t.Errorf("%s as %s: %v", test.name, format, err)
			}
		}
	}
}
