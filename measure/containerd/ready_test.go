//go:build linux

package containerd

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/cachebench/cachebench/measure"
)

func TestReadiness(t *testing.T) {
	b := newBench(t)
	r := b.newRunner(t, Options{})
	second := time.Second
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
		{"never", []string{"/program", "say", "nothing of interest"}, &measure.Readiness{By: measure.ReadyLog, Pattern: "READY", Timeout: second}, "not ready by log"},
		{"another path", []string{"/program", "serve", "18083"}, &measure.Readiness{By: measure.ReadyHTTP, Port: 18083, Path: "other", Timeout: second}, "not ready by http"},
		{"no such program", []string{"/nothing"}, nil, "nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			arm := &measure.Arm{Name: test.name, Keep: []string{web}, Starts: []measure.Start{{Image: web, Args: test.args, Readiness: test.readiness}}}
			u := once(t, r, arm)[0]
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
