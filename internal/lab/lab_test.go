package lab

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// content is what the test registry's paths /N answer with, N bytes of it.
var content = func() []byte {
	data := make([]byte, 8<<20)
	rand.NewChaCha8([32]byte{}).Read(data)
	return data
}()

func answer(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/missing":
		http.Error(w, "no", http.StatusNotFound)
	case "/abort":
		w.Write(content[:1000])
		panic(http.ErrAbortHandler)
	default:
		n, err := strconv.Atoi(r.URL.Path[1:])
		if err != nil {
			panic(err)
		}
		http.ServeContent(w, r, "a.bin", time.Time{}, bytes.NewReader(content[:n]))
	}
}

// inModes runs a test in each mode that this system allows.
func inModes(t *testing.T, nodes int, test func(*testing.T, *Lab)) {
	for _, loopback := range []bool{true, false} {
		t.Run(fmt.Sprintf("loopback=%v", loopback), func(t *testing.T) {
			test(t, newLab(t, Options{Nodes: nodes, Loopback: loopback}))
		})
	}
}

func newLab(t *testing.T, opt Options) *Lab {
	t.Helper()
	if !opt.Loopback {
		needNamespaces(t)
	}
	l, err := New(t.Context(), http.HandlerFunc(answer), opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	if l.Namespaces() == opt.Loopback {
		t.Fatalf("namespaces: %v, %v", l.Namespaces(), l.WhyLoopback())
	}
	return l
}

// client makes requests from a node.
func client(t *testing.T, l *Lab, node int) *http.Client {
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		return l.Dial(ctx, node, network, addr)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func get(t *testing.T, l *Lab, node, n int) {
	t.Helper()
	resp, err := client(t, l, node).Get(fmt.Sprintf("http://%s/%d", l.Addr(node), n))
	if err != nil {
		t.Error(err)
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil || !bytes.Equal(body, content[:n]) {
		t.Errorf("node %d got %d bytes, %v; want the registry's %d", node, len(body), err, n)
	}
}

func setLink(t *testing.T, l *Lab, bytesPerSecond float64, delay time.Duration) {
	t.Helper()
	if err := l.SetLink(bytesPerSecond, delay); err != nil {
		t.Fatal(err)
	}
}

// within measures how long something takes, several times until it takes at most so
// long: a busy machine is slow now and then, a wrong one always. What takes less than
// least is wrong on any machine.
func within(t *testing.T, least, most time.Duration, what string, do func()) {
	t.Helper()
	var all []time.Duration
	for range 8 {
		begin := time.Now()
		do()
		took := time.Since(begin)
		if took < least {
			t.Errorf("%s took %v, want %v at least", what, took, least)
			return
		}
		if took <= most {
			return
		}
		all = append(all, took)
	}
	t.Errorf("%s took %v, want %v at most once", what, all, most)
}

// TestRate: the link's rate holds for all nodes together, with and without a delay,
// and can be taken away again. 8 MiB with headers at 10 MB/s are 0.877 s, less the
// burst. A busy machine is allowed what it takes without a rate.
func TestRate(t *testing.T) {
	inModes(t, 2, func(t *testing.T, l *Lab) {
		both := func() {
			var both sync.WaitGroup
			for node := range 2 {
				both.Go(func() { get(t, l, node, 4<<20) })
			}
			both.Wait()
		}
		begin := time.Now()
		both()
		busy := 3 * time.Since(begin)
		for _, delay := range []time.Duration{0, 10 * time.Millisecond} {
			setLink(t, l, 10e6, delay)
			within(t, 750*time.Millisecond, 1300*time.Millisecond+busy, fmt.Sprintf("with a delay of %v, 8 MiB at 80 Mbit/s", delay), both)
		}
		setLink(t, l, math.Inf(1), 0)
		within(t, 0, 375*time.Millisecond+busy, "without a rate 8 MiB", both)
	})
}

// TestPacer: what the pacer grants in a time is what the link carries in it besides
// headers, and a burst; and no less, but for a machine that is late.
func TestPacer(t *testing.T) {
	const rate = 20e6
	p := newPacer()
	p.set(rate)
	var granted int64
	begin := time.Now()
	for time.Since(begin) < 500*time.Millisecond {
		granted += p.turn(1<<30, nil)
	}
	took := time.Since(begin).Seconds()
	content := rate * 1448 / 1514 * took
	if burst := float64(burstChunks * p.chunk); float64(granted) > content+burst || float64(granted) < content/2 {
		t.Errorf("%d bytes were granted in %.3f s, want %.0f", granted, took, content)
	}
	p.set(math.Inf(1))
	if n := p.turn(1<<30, nil); n != 1<<30 {
		t.Errorf("%d bytes are granted where there is no rate", n)
	}
}

// TestTinyDelay: an unlimited link whose delay is next to nothing, or was just taken
// away, carries what is sent.
func TestTinyDelay(t *testing.T) {
	for _, delay := range []time.Duration{0, 1, time.Millisecond} {
		way := &line{delay: delay / 2}
		if way.init(math.Inf(1)); way.bound != maxHeld {
			t.Errorf("with a delay of %v the line holds %d bytes, want %d", delay, way.bound, maxHeld)
		}
	}
	l := newLab(t, Options{Loopback: true})
	setLink(t, l, math.Inf(1), 1)
	conn, err := l.Dial(t.Context(), 0, "tcp", l.Addr(0))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	fmt.Fprint(conn, "GET /100000 HTTP/1.0\r\n\r\n")
	if n, err := io.Copy(io.Discard, conn); err != nil || n < 100_000 {
		t.Errorf("%d bytes came by way of a delay of a nanosecond: %v", n, err)
	}
}

// TestTurns: connections that are paced have equal shares.
func TestTurns(t *testing.T) {
	l := newLab(t, Options{Nodes: 2, Loopback: true})
	setLink(t, l, 10e6, 0)
	var mu sync.Mutex
	var counts [2]int
	var other int // what the slower one had when the first was through
	var both sync.WaitGroup
	for node := range 2 {
		both.Go(func() {
			resp, err := client(t, l, node).Get(fmt.Sprintf("http://%s/%d", l.Addr(node), 4<<20))
			if err != nil {
				t.Error(err)
				return
			}
			defer resp.Body.Close()
			buf := make([]byte, 32<<10)
			for {
				n, err := resp.Body.Read(buf)
				mu.Lock()
				counts[node] += n
				if err == io.EOF && other == 0 {
					other = counts[1-node]
				}
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	both.Wait()
	if other < 2<<20 {
		t.Errorf("when one node had its 4 MiB the other had %d bytes", other)
	}
}

// TestDelay: a new connection and its first request take two round trips, the next
// request one.
func TestDelay(t *testing.T) {
	const delay = 60 * time.Millisecond
	inModes(t, 2, func(t *testing.T, l *Lab) {
		setLink(t, l, math.Inf(1), delay)
		ask := func(c *http.Client) {
			resp, err := c.Get("http://" + l.Addr(1) + "/5")
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		// Timers of the kernel may come a little early by another of its clocks.
		var c *http.Client
		within(t, 2*delay-time.Millisecond, 3*delay, "a new connection and a request", func() {
			c = client(t, l, 1)
			ask(c)
		})
		within(t, delay-time.Millisecond, delay*3/2, "another request", func() { ask(c) })
		if got := l.Requests(); len(got) < 2 || got[0].Node != 1 {
			t.Errorf("requests by way of the delay: %+v", got)
		}
		setLink(t, l, math.Inf(1), 0)
		within(t, 0, delay/2, "once the delay is gone, a new connection and a request", func() { ask(client(t, l, 1)) })
	})
}

func TestRequests(t *testing.T) {
	inModes(t, 3, func(t *testing.T, l *Lab) {
		want := []Request{
			{Node: 2, Method: "GET", Path: "/70000", Status: 200, Bytes: 70000},
			{Node: 0, Method: "HEAD", Path: "/70000", Status: 200},
			{Node: 1, Method: "GET", Path: "/missing", Status: 404, Bytes: 3},
			{Node: 1, Method: "GET", Path: "/0", Status: 200},
			{Node: 0, Method: "GET", Path: "/abort", Status: 200, Bytes: 1000},
			{Node: 2, Method: "GET", Path: "/500", Status: 206, Bytes: 100},
		}
		for _, r := range want {
			req, err := http.NewRequest(r.Method, "http://"+l.Addr(r.Node)+r.Path, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.Status == 206 {
				req.Header.Set("Range", "bytes=400-")
			}
			resp, err := client(t, l, r.Node).Do(req)
			if err != nil {
				if r.Path != "/abort" {
					t.Fatal(err)
				}
				continue
			}
			io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		got := l.Requests()
		if len(got) != len(want) {
			t.Fatalf("got %+v", got)
		}
		for i, r := range got {
			if r.Arrived.After(r.FirstByte) || r.FirstByte.After(r.LastByte) || r.Arrived.IsZero() {
				t.Errorf("request %d: arrived %v, first byte %v, last byte %v", i, r.Arrived, r.FirstByte, r.LastByte)
			}
			r.Arrived, r.FirstByte, r.LastByte = time.Time{}, time.Time{}, time.Time{}
			if r != want[i] {
				t.Errorf("request %d: got %+v, want %+v", i, r, want[i])
			}
		}
		if again := l.Requests(); len(again) > 0 {
			t.Errorf("requests are given twice: %+v", again)
		}
	})
}

func TestRefusals(t *testing.T) {
	for _, nodes := range []int{-1, maxNodes + 1} {
		if _, err := New(t.Context(), http.NotFoundHandler(), Options{Nodes: nodes}); err == nil || !strings.Contains(err.Error(), "from 1 to 1000") {
			t.Errorf("%d nodes: %v", nodes, err)
		}
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(ended, http.NotFoundHandler(), Options{}); err == nil {
		t.Error("a lab was made though its context had ended")
	}
	inModes(t, 1, func(t *testing.T, l *Lab) {
		for _, rate := range []float64{0, -1, 999, math.NaN(), math.Inf(-1), 1.01 * FastestLink} {
			if l.SetLink(rate, 0) == nil {
				t.Errorf("a rate of %v was taken", rate)
			}
		}
		for _, rate := range []float64{SlowestLink, FastestLink, math.Inf(1)} {
			if err := l.SetLink(rate, 0); err != nil {
				t.Errorf("a rate of %v: %v", rate, err)
			}
		}
		if l.SetLink(1e6, -1) == nil || l.SetLink(1e6, time.Hour) == nil {
			t.Error("an impossible delay was taken")
		}
		for _, addr := range []string{"localhost:80", "10.0.0.1", ""} {
			if _, err := l.Dial(t.Context(), 0, "tcp", addr); err == nil || !strings.Contains(err.Error(), "no IP address with a port") {
				t.Errorf("connecting to %q: %v", addr, err)
			}
		}
		registry := l.Addr(0)
		for _, node := range []int{-1, 1} {
			_, err := l.Dial(t.Context(), node, "tcp", registry)
			if err == nil || l.Start(node, exec.Command("true")) == nil || l.Addr(node) != "" {
				t.Errorf("there is a node %d", node)
			}
		}
		for range 2 {
			if err := l.Close(); err != nil {
				t.Errorf("close: %v", err)
			}
		}
		if _, err := l.Dial(t.Context(), 0, "tcp", registry); err == nil {
			t.Error("a node connected after the end")
		}
		if l.Start(0, exec.Command("true")) == nil || l.SetLink(1e6, 0) == nil {
			t.Error("a lab goes on after its end")
		}
	})
}

// TestCloseInFlight: Close ends what is under way, and all goroutines.
func TestCloseInFlight(t *testing.T) {
	for _, loopback := range []bool{true, false} {
		t.Run(fmt.Sprintf("loopback=%v", loopback), func(t *testing.T) {
			before := runtime.NumGoroutine()
			l := newLab(t, Options{Nodes: 2, Loopback: loopback})
			setLink(t, l, 1e6, 50*time.Millisecond)
			conn, err := l.Dial(t.Context(), 1, "tcp", l.Addr(1))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "GET /%d HTTP/1.1\r\nHost: registry\r\n\r\n", 8<<20)
			if _, err := io.ReadFull(conn, make([]byte, 10_000)); err != nil {
				t.Fatal(err)
			}
			if err := l.Close(); err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, conn); n >= 7<<20 {
				t.Errorf("%d bytes more came after the end, %v", n, err)
			}
			if got := l.Requests(); len(got) != 1 || got[0].Bytes >= 8<<20 {
				t.Errorf("the request that was cut off: %+v", got)
			}
			eventually(t, "goroutines are left", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// eventually waits for what the system does in its own time.
func eventually(t *testing.T, what string, good func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !good(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal(what)
		}
	}
}
