package reports

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// measuredTimeline has two arms of three runs, one of them steady, of 10 s, the other of
// 8, 10 and 12 s; a run that was void and made again, and one that never began.
func measuredTimeline() *simulate.Timeline {
	t := &simulate.Timeline{Measurement: &simulate.Measurement{
		Tool:  "pull",
		Facts: []simulate.Fact{{Name: "cores", Value: "2"}, {Name: "file system", Value: "tmpfs on tmpfs"}},
		Arms:  []simulate.ArmSetup{{Arm: "web cold"}, {Arm: "web warm"}},
	}}
	run := func(arm string, repeat int, s time.Duration, void string) {
		t.Measurement.Runs = append(t.Measurement.Runs, simulate.MeasuredRun{Arm: arm, Repeat: repeat, Void: void})
		if s > 0 {
			t.Startups = append(t.Startups, simulate.Startup{Source: simulate.Measured, Arm: arm, App: "web", Repeat: repeat, Ready: s * time.Second, Void: void})
		}
	}
	for i, s := range []time.Duration{8, 10, 12} {
		run("web cold", i, 10, "")
		run("web warm", i, s, "")
	}
	run("web cold", 3, 9, "it reused a layer that was to be absent")
	run("web cold", 4, 0, "prepare: no room is left")
	return t
}

func writtenMeasured(t *testing.T, format Format) string {
	t.Helper()
	var b bytes.Buffer
	if err := WriteMeasured(&b, format, measuredTimeline(), Options{}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestMeasuredSpread: the standard deviation of 8, 10, 12 is 2, so that the arms vary by
// 0 and by 20 %; the median of the two is 10 %.
func TestMeasuredSpread(t *testing.T) {
	for _, format := range []Format{Text, Markdown} {
		if got := strings.Join(strings.Fields(writtenMeasured(t, format)), " "); !strings.Contains(got, "runs of one arm differ by 10 % (median coefficient of variation)") {
			t.Errorf("%s:\n%s", format, got)
		}
	}
}

// TestMeasuredTellsAll: every format for people has the host and the void runs with
// their reasons, CSV the void runs, whether or not a start was made.
func TestMeasuredTellsAll(t *testing.T) {
	for _, format := range []Format{Text, Markdown} {
		got := writtenMeasured(t, format)
		for _, want := range []string{"2 more are void", "cores: 2", "file system: tmpfs on tmpfs", "web cold, repeat 3: it reused a layer that was to be absent", "web cold, repeat 4: prepare: no room is left"} {
			if !strings.Contains(got, want) {
				t.Errorf("%s lacks %q:\n%s", format, want, got)
			}
		}
	}
	rows, err := csv.NewReader(strings.NewReader(writtenMeasured(t, CSV))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	voids := 0
	for _, row := range rows[1:] {
		if row[len(row)-1] == "" {
			continue
		}
		voids++
		if row[1] == "4" && (row[0] != "web cold" || row[len(row)-1] != "prepare: no room is left" || row[5] != "") {
			t.Errorf("the run that never began is %q", row)
		}
	}
	if len(rows) != 1+6+2 || voids != 2 {
		t.Errorf("%d rows, %d void: %q", len(rows), voids, rows)
	}
}

// TestCSVColumnsHaveNamesOfTheirOwn: who reads a row by the names of its columns, as
// csv.DictReader of Python does, gets the last of two of one name.
func TestCSVColumnsHaveNamesOfTheirOwn(t *testing.T) {
	for name, text := range map[string]string{"measured": writtenMeasured(t, CSV), "simulated": written(t, CSV, New(shop(true)), Options{})} {
		rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		seen := make(map[string]bool)
		for _, column := range rows[0] {
			if seen[column] {
				t.Errorf("%s: two columns are called %q: %q", name, column, rows[0])
			}
			seen[column] = true
		}
	}
}

// TestMeasuredCSVTellsReadyFromItsPhase: the time of the whole start and its last phase,
// which are both called ready, are columns apart.
func TestMeasuredCSVTellsReadyFromItsPhase(t *testing.T) {
	timeline := measuredTimeline()
	phase := 250 * time.Millisecond
	timeline.Startups[0].Phases.Ready = &phase
	var b bytes.Buffer
	if err := WriteMeasured(&b, CSV, timeline, Options{}); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for column, want := range map[string]string{"ready_seconds": "10", "phase_ready_seconds": "0.25"} {
		if i := slices.Index(rows[0], column); i < 0 || rows[1][i] != want {
			t.Errorf("%s is not %s: %q", column, want, rows[:2])
		}
	}
}

// TestSharedWords: words that all arms have go into the heading, wherever they stand,
// unless an arm would be left without a name of its own.
func TestSharedWords(t *testing.T) {
	for _, test := range []struct {
		arms   []string
		shared string
		own    []string
	}{
		{[]string{"a:1 keep=nothing link=1", "a:1 keep=itself link=1"}, "a:1 link=1", []string{"keep=nothing", "keep=itself"}},
		{[]string{"a:1 keep=nothing link=1", "b:1 keep=nothing link=1"}, "keep=nothing link=1", []string{"a:1", "b:1"}},
		{[]string{"a:1 link=1", "a:1 link=1 downloads=1"}, "", []string{"a:1 link=1", "a:1 link=1 downloads=1"}},
		{[]string{"a:1 link=1"}, "", []string{"a:1 link=1"}},
		{[]string{"x y", "y x"}, "", []string{"x y", "y x"}},
	} {
		var arms []measure.ArmSpread
		for _, name := range test.arms {
			arms = append(arms, measure.ArmSpread{Arm: name})
		}
		shared := sharedWords(arms)
		if got := strings.Join(shared, " "); got != test.shared {
			t.Errorf("%q share %q, not %q", test.arms, got, test.shared)
		}
		for i, name := range test.arms {
			if got := ownName(name, shared); got != test.own[i] {
				t.Errorf("%q is called %q, not %q", name, got, test.own[i])
			}
		}
	}
}

// TestVoidAgain: a run that was void time and again for one reason is listed once.
func TestVoidAgain(t *testing.T) {
	m := &measured{Timeline: &simulate.Timeline{Measurement: &simulate.Measurement{Runs: []simulate.MeasuredRun{
		{Arm: "a", Void: "no room"}, {Arm: "a", Void: "no room"}, {Arm: "b", Repeat: 1, Void: "no room"}, {Arm: "a"},
	}}}}
	if got, want := strings.Join(m.voidRuns(), "; "), "a, repeat 0: no room (2 times); b, repeat 1: no room"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}
