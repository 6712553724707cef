package workload

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// recordedEvents are the events of the recorded snapshots, one a line, each as often as they
// stand there: by name, as kubectl get events has them.
func recordedEvents(t *testing.T) []string {
	t.Helper()
	var lines []string
	seen := map[string]bool{}
	for _, text := range recordedTexts(t) {
		var list struct{ Items []json.RawMessage }
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatal(err)
		}
		for _, item := range list.Items {
			var kind struct {
				Kind     string
				Metadata struct{ UID, ResourceVersion string }
			}
			if err := json.Unmarshal(item, &kind); err != nil {
				t.Fatal(err)
			}
			if key := kind.Metadata.UID + " " + kind.Metadata.ResourceVersion; kind.Kind == "Event" && !seen[key] {
				seen[key] = true
				var compact strings.Builder
				for part := range strings.Lines(string(item)) {
					compact.WriteString(strings.TrimSpace(part))
				}
				lines = append(lines, compact.String())
			}
		}
	}
	return lines
}

// TestOrderOfLines: a real cluster's events give the same however their lines are sorted, and
// what was done to it (testdata/recorded/README.md): as many pods, and no burst, for no five
// minutes have eight starts of Jobs.
func TestOrderOfLines(t *testing.T) {
	lines := recordedEvents(t)
	read := func() *PullHistory {
		h := importText(t, PullOptions{ScaleToDay: true}, strings.Join(lines, "\n"))
		h.Window.spans = nil
		return h
	}
	want := read()
	made := map[string]int{}
	for i, a := range want.Workload.Apps {
		made[a.Name] = want.Origins[i].Pods
		if strings.HasPrefix(a.Name, "batch/") && len(a.Bursts) > 0 {
			t.Errorf("%s: bursts %+v", a.Name, a.Bursts)
		}
	}
	for name, pods := range map[string]int{"batch/flaky": 3, "batch/nightly": 4, "batch/runner": 14, "batch/sim": 5, "shop/web": 24, "shop/orders": 4, "shop/db": 4} {
		if made[name] != pods {
			t.Errorf("%s: %d pods, %d were made", name, made[name], pods)
		}
	}
	if len(lines) < 600 {
		t.Fatalf("%d events", len(lines))
	}
	draws := rand.New(rand.NewPCG(1, 1))
	for n := range 8 {
		switch n {
		case 0:
			slices.Sort(lines)
		case 1:
			slices.Reverse(lines)
		default:
			draws.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
		}
		if d := cmp.Diff(want, read(), cmp.AllowUnexported(Pull{}, Window{}, span{})); d != "" {
			t.Fatalf("order %d: %s", n, d)
		}
	}
}

// TestOrderOfItems: so do the items of a list.
func TestOrderOfItems(t *testing.T) {
	var list struct {
		APIVersion string            `json:"apiVersion"`
		Kind       string            `json:"kind"`
		Items      []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal([]byte(recordedTexts(t)[1]), &list); err != nil {
		t.Fatal(err)
	}
	read := func() *PullHistory {
		text, err := json.Marshal(list)
		if err != nil {
			t.Fatal(err)
		}
		return importText(t, PullOptions{ScaleToDay: true}, string(text))
	}
	want := read()
	draws := rand.New(rand.NewPCG(1, 2))
	for n := range 4 {
		draws.Shuffle(len(list.Items), func(i, j int) { list.Items[i], list.Items[j] = list.Items[j], list.Items[i] })
		if d := cmp.Diff(want, read(), cmp.AllowUnexported(Pull{}, Window{}, span{})); d != "" {
			t.Fatalf("order %d: %s", n, d)
		}
	}
}

// TestOrderOfStream: with little held, a stream's events come in order as far as they are
// near their places, and what is further off is told.
func TestOrderOfStream(t *testing.T) {
	const events = 20_000
	at := func(i int) string {
		stamp := time.Date(2026, 11, 20, 0, 0, i*3, 0, time.UTC).Format(time.RFC3339)
		return fmt.Sprintf(`{"involvedObject":{"kind":"Pod","namespace":"a","name":"web-%d"},"reason":"Scheduled","message":"Successfully assigned a/web-%d to n1","firstTimestamp":%q,"lastTimestamp":%q}`, i, i, stamp, stamp)
	}
	read := func(order []int, most int) (taken []int64, disorder []string) {
		var text strings.Builder
		for _, i := range order {
			text.WriteString(at(i) + "\n")
		}
		o := &eventOrder{most: most}
		o.take = func(e *lineEvent) { taken = append(taken, e.last) }
		var j jsonText
		var e lineEvent
		for line := range strings.Lines(text.String()) {
			if readEventLine(&j, []byte(line), &e) != lineOfEvent {
				t.Fatal(line)
			}
			o.add(&e)
			if o.held > most {
				t.Fatalf("%d bytes are held, of %d at most", o.held, most)
			}
		}
		o.end()
		if told := o.told("x"); told != "" {
			disorder = append(disorder, told)
		}
		return taken, disorder
	}
	order := make([]int, events)
	for i := range order {
		order[i] = i
	}
	draws := rand.New(rand.NewPCG(1, 3))
	for from := 0; from < events; from += 500 { // at most 500 places off
		part := order[from:min(from+500, events)]
		draws.Shuffle(len(part), func(i, j int) { part[i], part[j] = part[j], part[i] })
	}
	taken, disorder := read(order, 1<<20)
	if len(taken) != events || !slices.IsSorted(taken) || len(disorder) > 0 {
		t.Errorf("%d events, sorted %v, %v", len(taken), slices.IsSorted(taken), disorder)
	}
	slices.Reverse(order)
	taken, disorder = read(order, 1<<20)
	if len(taken) != events || len(disorder) != 1 || !strings.Contains(disorder[0], " events of x stand more than 1 MiB of events behind later ones") {
		t.Errorf("%d events, %v", len(taken), disorder)
	}
	// Of a history that is further out of order than what is held the same is told.
	var i HistoryImporter
	i.maxHeld = 64 << 10
	var text strings.Builder
	for _, n := range order {
		text.WriteString(at(n) + "\n")
	}
	if _, err := i.Read("x", strings.NewReader(text.String()), EventsInput); err != nil || len(i.disorder) != 1 {
		t.Errorf("%v, %v", i.disorder, err)
	}
}
