package reports

import (
	"bytes"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/simulate"
)

// TestStarts: a row for each start with what the timeline says of it, read by another reader.
func TestStarts(t *testing.T) {
	timeline := shopTimeline(true)
	create := 250 * time.Millisecond
	timeline.Startups = append(timeline.Startups, simulate.Startup{
		Source: simulate.Measured, Arm: "cold", App: `a,"b"`, Images: []string{"x:1", "y:2"}, Node: "n", Repeat: 3, Requested: 1500 * time.Millisecond,
		Ready: 2 * time.Second, Phases: simulate.Phases{Create: &create}, Unsized: true, Void: "the node was lost",
	})
	var b bytes.Buffer
	if err := WriteStarts(&b, timeline); err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(&b).ReadAll() // refuses rows of other lengths
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 1+len(timeline.Startups) {
		t.Fatalf("%d rows of %d starts", len(rows), len(timeline.Startups))
	}
	field := func(row int, name string) string {
		i := slices.Index(rows[0], name)
		if i < 0 {
			t.Fatalf("no column %s", name)
		}
		return rows[row][i]
	}
	for i := range timeline.Startups {
		s := &timeline.Startups[i]
		ready, err := strconv.ParseFloat(field(i+1, "ready_seconds"), 64)
		if err != nil || time.Duration(ready*1e9+.5) != s.Ready || field(i+1, "app") != s.App || field(i+1, "arm") != s.Arm || field(i+1, "hit") != string(s.Hit) {
			t.Errorf("row %d is %v, want %+v", i+1, rows[i+1], s)
		}
		if got := field(i+1, "fetched_bytes"); (got == "") != s.Unsized || !s.Unsized && got != strconv.FormatInt(s.FetchedBytes, 10) {
			t.Errorf("row %d: %q fetched, want %d, unknown %v", i+1, got, s.FetchedBytes, s.Unsized)
		}
	}
	// What a file does not say is no 0, in columns that other starts of it have.
	pull := 4 * time.Second
	untimed := simulate.Startup{Source: simulate.Measured, Arm: "cold", App: "a", FetchBusy: time.Second, FetchedBytes: 5, UnpackedBytes: 9}
	untimed.Absent("readySeconds")
	zero := simulate.Startup{Source: simulate.Simulated, Arm: "cached", App: "a", Ready: time.Second}
	from := simulate.Startup{Source: simulate.Measured, Arm: "pull", App: "a", Ready: pull, Phases: simulate.Phases{Pull: &pull}, FetchedBytes: 185}
	var few bytes.Buffer
	if err := WriteStarts(&few, &simulate.Timeline{Startups: []simulate.Startup{untimed, zero, from}}); err != nil {
		t.Fatal(err)
	}
	told, err := csv.NewReader(&few).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{" 1 0 5 9 0", "1 0 0 0 0 0", "4   185  "} {
		var got []string
		for _, name := range []string{"ready_seconds", "fetch_busy_seconds", "unpack_busy_seconds", "fetched_bytes", "unpacked_bytes", "layers_reused"} {
			got = append(got, told[i+1][slices.Index(told[0], name)])
		}
		if strings.Join(got, " ") != want {
			t.Errorf("start %d: %q, want %q", i+1, strings.Join(got, " "), want)
		}
	}
	const last = "cachebench/v1 measured cold 3 a,\"b\" x:1 y:2 n 1.5 2 | 0.25  the node was lost"
	n := len(rows) - 1
	got := strings.Join(rows[n][:9], " ") + " | " + field(n, "phase_create_seconds") + " " + field(n, "phase_fetch_seconds") + " " + field(n, "void")
	if got != last {
		t.Errorf("got %q, want %q", got, last)
	}
	if err := WriteStarts(&b, &simulate.Timeline{}); err == nil || !strings.Contains(err.Error(), "lists none") {
		t.Errorf("a timeline without starts: %v", err)
	}
}
