//go:build linux

package containerd

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/measure"
)

func TestReadiness(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	short := 4 * time.Second // with what creating takes on a busy machine
	for _, test := range []struct {
		name      string
		args      []string
		readiness *measure.Readiness
		void      string // part of why, empty: ready
	}{
		{"started", []string{"/program", "say"}, nil, ""},
		{"output", []string{"/program", "say", "hello"}, &measure.Readiness{By: measure.ReadyOutput}, ""},
		{"log", []string{"/program", "say", "starting", "now READY at last"}, &measure.Readiness{By: measure.ReadyLog, Pattern: "READY.*last$"}, ""},
		{"tcp", []string{"/program", "serve", "18080"}, &measure.Readiness{By: measure.ReadyTCP, Port: 18080}, ""},
		{"http", []string{"/program", "serve", "18081"}, &measure.Readiness{By: measure.ReadyHTTP, Port: 18081, Path: "/healthz"}, ""},
		{"exit", []string{"/program", "end", "0"}, &measure.Readiness{By: measure.ReadyExit}, ""},
		{"fails", []string{"/program", "end", "3"}, &measure.Readiness{By: measure.ReadyExit}, `status 3 before it was ready by exit; its last output: "ends with 3"`},
		{"ends before it is ready", []string{"/program", "end", "0"}, &measure.Readiness{By: measure.ReadyTCP, Port: 18082}, "status 0 before it was ready by tcp"},
		{"never", []string{"/program", "say", "nothing of interest"}, &measure.Readiness{By: measure.ReadyLog, Pattern: "READY", Timeout: short}, `not ready by log, "READY", within 4s; its last output: "nothing of interest"`},
		{"another path", []string{"/program", "serve", "18083"}, &measure.Readiness{By: measure.ReadyHTTP, Port: 18083, Path: "other", Timeout: short}, "not ready by http, port 18083, other, within 4s; it"},
		{"no such program", []string{"/nothing"}, nil, "nothing"},
		{"of an image without a command", []string{"/program", "end", "0"}, &measure.Readiness{By: measure.ReadyExit}, ""},
		{"nothing to run", nil, nil, "the image has no command of its own; say what to run"},
	} {
		t.Run(test.name, func(t *testing.T) {
			image := web
			if strings.Contains(test.name, "image without") || test.args == nil {
				image = bare
			}
			arm := &measure.Arm{Name: test.name, Keep: []string{image}, Starts: []measure.Start{{Image: image, Args: test.args, Readiness: test.readiness}}}
			u := once(t, r, arm)[0]
			if left, err := os.ReadDir(r.nodes[0].places.fifos); err != nil || len(left) > 0 {
				t.Errorf("fifos of a container that was removed are left: %v, %v", left, err)
			}
			if test.void == "" && u.Void != "" || !strings.Contains(u.Void, test.void) {
				t.Errorf("void %q, want %q", u.Void, test.void)
			}
			checkTimes(t, &u)
		})
	}
	if pids := r.Processes(); len(pids) != 1 {
		t.Errorf("%d processes where the daemon alone is to run", len(pids))
	}
}

// TestPortInUse: what listens on a port before the container is started does not make
// it ready.
func TestPortInUse(t *testing.T) {
	b := newBench(t)
	r := b.onHost(t, Options{Binary: daemonProgram(t)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	port := l.Addr().(*net.TCPAddr).Port
	args := []string{"/program", "serve", strconv.Itoa(port)}
	for _, by := range []string{measure.ReadyTCP, measure.ReadyHTTP} {
		readiness := &measure.Readiness{By: by, Port: port}
		if by == measure.ReadyHTTP {
			readiness.Path = "/healthz"
		}
		arm := &measure.Arm{Name: by, Keep: []string{web}, Starts: []measure.Start{{Image: web, Args: args, Readiness: readiness}}}
		if err := r.Prepare(t.Context(), arm); err != nil {
			t.Fatal(err)
		}
		if list, err := r.Run(t.Context(), arm); err == nil || !strings.Contains(err.Error(), "something listens on port "+strconv.Itoa(port)) {
			t.Errorf("by %s: %v, %v", by, list, err)
		}
	}
	l.Close()
	arm := &measure.Arm{Name: "free", Keep: []string{web}, Starts: []measure.Start{{Image: web, Args: args, Readiness: &measure.Readiness{By: measure.ReadyTCP, Port: port}}}}
	if u := once(t, r, arm)[0]; u.Void != "" {
		t.Errorf("with the port free: %s", u.Void)
	}
}

// TestPortsApart: two starts of one network are not both ready by one port.
func TestPortsApart(t *testing.T) {
	by := func(port, node int) measure.Start {
		return measure.Start{Node: node, Readiness: &measure.Readiness{By: measure.ReadyTCP, Port: port}}
	}
	pull, output := by(80, 0), by(80, 0)
	pull.PullOnly, output.Readiness = true, &measure.Readiness{By: measure.ReadyOutput, Port: 80}
	namespaced, err := lab.New(t.Context(), http.NotFoundHandler(), lab.Options{Nodes: 2})
	if err != nil {
		t.Fatal(err)
	}
	defer namespaced.Close()
	for name, c := range map[string]struct {
		lab    *lab.Lab
		starts []measure.Start
		bad    bool
	}{
		"one":         {nil, []measure.Start{by(80, 0)}, false},
		"two":         {nil, []measure.Start{by(80, 0), by(81, 0), by(80, 0)}, true},
		"others":      {nil, []measure.Start{by(80, 0), by(81, 0), pull, output}, false},
		"nodes":       {nil, []measure.Start{by(80, 0), by(80, 1)}, true},
		"own network": {namespaced, []measure.Start{by(80, 0), by(80, 1)}, !namespaced.Namespaces()},
		"same node":   {namespaced, []measure.Start{by(80, 1), by(80, 0), by(80, 1)}, true},
	} {
		r := &Runner{opt: Options{Lab: c.lab}}
		if err := r.portsApart(&measure.Arm{Name: name, Starts: c.starts}); (err != nil) != c.bad {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOwnProcesses: after a run and until Finish the shims of its containers are named,
// also of those that ended, so that what they used is known to be the run's.
func TestOwnProcesses(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	for _, program := range []string{"end", "serve"} {
		words, by := []string{"/program", "end", "0"}, &measure.Readiness{By: measure.ReadyExit}
		if program == "serve" {
			words, by = []string{"/program", "serve", "18084"}, &measure.Readiness{By: measure.ReadyTCP, Port: 18084}
		}
		arm := &measure.Arm{Name: program, Starts: []measure.Start{{Image: web, Args: words, Readiness: by}}}
		if err := r.Prepare(t.Context(), arm); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Run(t.Context(), arm); err != nil {
			t.Fatal(err)
		}
		if pids := r.Processes(); len(pids) != 2 {
			t.Errorf("%s: %d processes where daemon and shim are to be named", program, len(pids))
		}
		if err := r.Finish(t.Context()); err != nil {
			t.Fatal(err)
		}
		if pids := r.Processes(); len(pids) != 1 {
			t.Errorf("%s: %d processes where the daemon alone is to run", program, len(pids))
		}
	}
}

// TestRedirect: to be sent elsewhere is an answer; nobody goes there.
func TestRedirect(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1); r.URL.Path == "/away" {
			http.Redirect(w, r, "/missing", http.StatusFound)
			return
		}
		http.NotFound(w, r)
	}))
	defer s.Close()
	n := &node{runner: &Runner{}}
	port := s.Listener.Addr().(*net.TCPAddr).Port
	w, err := newWait(&measure.Readiness{By: measure.ReadyHTTP, Port: port, Path: "/away"}, n)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	w.probe(ctx)
	select {
	case <-w.seen:
	default:
		t.Error("an answer of 302 does not count")
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("%d requests were made", n)
	}
}

// TestStreams: a line of one stream is not that of the other.
func TestStreams(t *testing.T) {
	w, err := newWait(&measure.Readiness{By: measure.ReadyLog, Pattern: "^READY$"}, &node{runner: &Runner{}})
	if err != nil {
		t.Fatal(err)
	}
	out, failures := w.stream(), w.stream()
	for _, part := range []struct {
		to   io.Writer
		text string
	}{{out, "loading..."}, {failures, "REA"}, {out, " still"}} {
		io.WriteString(part.to, part.text)
	}
	select {
	case <-w.seen:
		t.Error("ready before it said so")
	default:
	}
	io.WriteString(failures, "DY\n")
	select {
	case <-w.seen:
	default:
		t.Error("a line on one stream does not count while another is not complete on the other")
	}
	if said := w.said(); !strings.Contains(said, "loading...REA stillDY") {
		t.Errorf("it said %s", said)
	}
}

// TestInterrupted: a run whose context ends is an error, and leaves nothing running.
func TestInterrupted(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	arm := &measure.Arm{Name: "long", Keep: []string{web}, Starts: []measure.Start{{
		Image: web, Args: []string{"/program", "say", "up"}, Readiness: &measure.Readiness{By: measure.ReadyLog, Pattern: "never"},
	}}}
	if err := r.Prepare(t.Context(), arm); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		for len(r.Processes()) < 2 && t.Context().Err() == nil {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	if _, err := r.Run(ctx, arm); !errors.Is(err, context.Canceled) {
		t.Errorf("the run ended with %v", err)
	}
	if err := r.Finish(ctx); err != nil {
		t.Errorf("taken apart after its context's end: %v", err)
	}
	if pids := r.Processes(); len(pids) != 1 {
		t.Errorf("%d processes where the daemon alone is to run", len(pids))
	}
}
