package workload

import (
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/race"
)

// manyEvents writes about size bytes of a list of events as kubectl prints them,
// most of them not about pulls, as most of a cluster's are.
func manyEvents(w io.Writer, size int) (pulls int, err error) {
	padding := strings.Repeat(`"f:message":{},"f:count":{},`, 40)
	written := 0
	write := func(text string) {
		if err == nil {
			var n int
			n, err = io.WriteString(w, text)
			written += n
		}
	}
	write(`{"apiVersion":"v1","kind":"List","items":[`)
	for n := 0; written < size && err == nil; n++ {
		when := at(float64(n % 3600)).Format(time.RFC3339)
		reason, message := "Unhealthy", "Readiness probe failed: connection refused"
		if n%20 == 0 {
			reason, message = "Pulled", fmt.Sprintf(`Successfully pulled image \"i:%d\" in 3.%ds (4s including waiting). Image size: 90000000 bytes.`, n%100, n%10)
			pulls++
		}
		if n > 0 {
			write(",")
		}
		write(fmt.Sprintf(`{"apiVersion":"v1","kind":"Event","metadata":{"uid":"%d","name":"e%d","namespace":"a","managedFields":[{"fieldsV1":{%s"f:type":{}}}]},
"involvedObject":{"kind":"Pod","namespace":"a","name":"p-%d","uid":"p%d","fieldPath":"spec.containers{c}"},"reason":"%s","message":"%s",
"source":{"component":"kubelet","host":"n%d"},"firstTimestamp":"%s","lastTimestamp":"%s","count":1}`, n, n, padding, n, n, reason, message, n%50, when, when))
	}
	write("]}\n")
	return pulls, err
}

// TestLargeStream: what is held grows with the pulls, not with the text.
func TestLargeStream(t *testing.T) {
	// The race detector makes reading ten times slower.
	size, most := 200<<20, uint64(100<<20)
	if race.Enabled {
		size, most = 24<<20, 16<<20
	}
	r, w := io.Pipe()
	counted := make(chan int, 1)
	go func() {
		pulls, err := manyEvents(w, size)
		w.CloseWithError(err)
		counted <- pulls
	}()
	peak := watchHeap(t)
	var i PullImporter
	if err := i.Read("stdin", r); err != nil {
		t.Fatal(err)
	}
	h, err := i.History(PullOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if want := <-counted; len(h.Pulls) != want {
		t.Errorf("%d pulls were read, %d written", len(h.Pulls), want)
	}
	got := peak()
	t.Logf("%d MiB of text, %d MiB of heap", size>>20, got>>20)
	if got > most {
		t.Errorf("%d MiB of heap for a text of %d MiB, want at most %d", got>>20, size>>20, most>>20)
	}
}

// watchHeap returns a function that tells the most heap in use since.
func watchHeap(t *testing.T) func() uint64 {
	var peak atomic.Uint64
	ended := make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		var m runtime.MemStats
		for tick := time.Tick(20 * time.Millisecond); ; {
			runtime.ReadMemStats(&m)
			peak.Store(max(peak.Load(), m.HeapAlloc))
			select {
			case <-ended:
				return
			case <-tick:
			}
		}
	}()
	return func() uint64 {
		close(ended)
		<-done
		return peak.Load()
	}
}

// TestEndlessValue: a value that does not end is refused, not held.
func TestEndlessValue(t *testing.T) {
	for _, head := range []string{`{"kind":"Event","message":"`, `{"kind":"Pod","spec":{"a":[`, `{"other":"`, `{"`} {
		body := &endless{text: "1,1,1,1,", left: 1 << 30}
		var i PullImporter
		d := &objectReader{name: "stdin", take: i.add, events: true, most: 1 << 20}
		err := d.read(io.MultiReader(strings.NewReader(head), body))
		if err == nil || !strings.Contains(err.Error(), "MiB, which no cluster stores") {
			t.Errorf("%s: %v", head, err)
		}
		if read := 1<<30 - body.left; read > 2<<20 {
			t.Errorf("%s: %d bytes were read", head, read)
		}
	}
}

// endless is a text again and again.
type endless struct {
	text string
	left int
}

func (r *endless) Read(into []byte) (int, error) {
	if r.left <= 0 {
		return 0, io.EOF
	}
	n := 0
	for n+len(r.text) <= len(into) {
		n += copy(into[n:], r.text)
	}
	r.left -= n
	return n, nil
}

func FuzzPullImporter(f *testing.F) {
	at := at(0)
	f.Add([]byte(pullPodText(1, "n1", "i:1", "Always", "containerd", at, at)))
	for _, message := range []string{
		`Pulling image "i:1"`, `Successfully pulled image "i:1" in 3.2s (5.1s including waiting). Image size: 72950530 bytes.`,
		`Successfully pulled image "i:1" in 1m2.3s`, `Container image "i:1" already present on machine`, `Failed to pull image "i:1": x`,
	} {
		f.Add([]byte(listOf(pullEvent(1, 1, "n1", "Pulled", message, at, at, 2), pullPodText(1, "n1", "i:1", "Always", "docker", at, at))))
	}
	f.Add([]byte(`{"type":"ADDED","object":{"apiVersion":"events.k8s.io/v1","kind":"Event","eventTime":"2026-11-20T10:00:00.5Z","regarding":{"kind":"Pod","name":"a"},"note":"Pulling image \"i\"","series":{"count":3,"lastObservedTime":"9999-01-01T00:00:00Z"}}}`))
	f.Add([]byte(`{"object":{"object":{"object":[{"kind":"Node","metadata":{"name":"n"},"status":{"allocatable":{"cpu":"4"},"nodeInfo":{"containerRuntimeVersion":"containerd://2"}}}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var i PullImporter
		if err := i.Read("a.json", strings.NewReader(string(data))); err != nil {
			if strings.ContainsAny(err.Error(), "\n\x1b") {
				t.Errorf("%q spans lines", err)
			}
			return
		}
		opt := PullOptions{ScaleToDay: true, Window: time.Duration(len(data)%2) * 48 * time.Hour, EventLife: time.Duration(len(data)%5) * time.Hour}
		h, err := i.History(opt)
		if err != nil {
			return
		}
		// What a second look sees again counts once.
		var twice PullImporter
		for _, name := range []string{"a.json", "b.json"} {
			if err := twice.Read(name, strings.NewReader(string(data))); err != nil {
				t.Fatalf("read once, but not as %s: %v", name, err)
			}
		}
		if again, err := twice.History(opt); err != nil || len(again.Pulls) != len(h.Pulls) || len(again.Starts) != len(h.Starts) {
			t.Errorf("one look: %d pulls, %d starts; the same twice: %+v, %v", len(h.Pulls), len(h.Starts), again, err)
		}
		for n := range h.Pulls {
			p := &h.Pulls[n]
			if p.Took != nil && (*p.Took <= 0 || *p.Took > longestPull) || p.Waited != nil && *p.Waited < 0 || p.App == "" || p.Reference == "" {
				t.Errorf("a pull that cannot be: %+v", p)
			}
		}
		for n := range h.Starts {
			if s := &h.Starts[n]; s.Took < 0 {
				t.Errorf("a start that cannot be: %+v", s)
			}
		}
		if err := h.Workload.Validate(); err != nil && len(h.Workload.Apps) > 0 {
			t.Error(err)
		}
	})
}
