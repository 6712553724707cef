package reports

import (
	"bytes"
	"strings"
	"testing"
)

// TestCapacityBench: each number of an answer has its line, by hand; what is unclear, or
// needs no bound, is left out and no 0.
func TestCapacityBench(t *testing.T) {
	c := answer()
	c.Needs = append(c.Needs, CapacityNeed{Parameter: "free", Unit: UnitRate, Unlimited: true})
	c.Curves[1].Points = append(c.Curves[1].Points, CapacityPoint{X: 1, Y: ptr(0.9)}) // a second of one place
	text := func() string {
		var b bytes.Buffer
		if err := WriteCapacity(&b, Bench, c, Options{}); err != nil {
			t.Fatal(err)
		}
		return b.String()
	}
	got := text()
	for _, want := range []string{
		"problem: question burst, arm cold, last ready at most 30 sec\n", "seed: 7\n", "# doubt A doubt.\n",
		"BenchmarkCapacity/question=burst 1 0 met\n",
		"BenchmarkCapacity/figure=last%20ready 1 62.5 value-sec 60 value-low-sec 65 value-high-sec\n",
		"BenchmarkCapacity/need=a 1 1 enough 5e+07 need-B/s 4e+07 need-low-B/s 6e+07 need-high-B/s 1 best-sec\n",
		"BenchmarkCapacity/need=b 1 0 enough\n", "BenchmarkCapacity/need=free 1 1 enough\n",
		"BenchmarkCapacity/together=c 1 1 enough 4 need-cores 29 best-sec\n",
		"BenchmarkCapacityOption/option=one 1 1 kept 5 cost-USD\n", "BenchmarkCapacity/effect=d/factor=0.5 1 -2 change-sec\n",
		"/at=1e+06 1 0 ready\n", "/at=2e+06 1 500 value-sec 450 value-low-sec 550 value-high-sec 1 ready\n",
		"BenchmarkCapacityCurve/figure=y/over=x/at=1 1 0.7 value-fraction 1 ready\n", "BenchmarkCapacityCurve/figure=y/over=x/at=1/point=2 1 0.9 value-fraction 1 ready\n",
		"Unit met assume=exact better=higher\n", "Unit need-B/s assume=exact\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	c.Verdict = CapacityUnclear
	if got := text(); strings.Contains(got, " met\n") {
		t.Errorf("an unclear answer says met or not:\n%s", got)
	}
	again, err := CapacityPlots(c)
	if err != nil || len(again) != 3 || again[2].Name != "effects" || again[0].Name != "curve-network-registrybytespersecond" || !bytes.Contains(again[0].SVG, []byte("profile eci")) {
		t.Errorf("%d plots, %v", len(again), err)
	}
}
