package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
)

// TestExitCode: each kind of ending has its code (design: command line). An
// interrupted search that still gives its best so far is interrupted.
func TestExitCode(t *testing.T) {
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, test := range []struct {
		ctx  context.Context
		err  error
		want int
	}{
		{t.Context(), nil, 0},
		{t.Context(), errors.New("no disk"), 1},
		{t.Context(), fmt.Errorf("%w: 10 %%", cachebench.ErrCoverage), 1},
		{t.Context(), usagef("what?"), 2},
		{t.Context(), fmt.Errorf("read: %w", &document.Error{File: "f", Line: 1}), 2},
		{t.Context(), fmt.Errorf("x: %w", cachebench.ErrTooMuch), 2},
		{stopped, nil, 130},
		{stopped, errors.New("cut off"), 130},
	} {
		if got := exitCode(test.ctx, test.err); got != test.want {
			t.Errorf("%v gives %d, want %d", test.err, got, test.want)
		}
	}
}

// stopping stops the program when it writes its result.
type stopping struct{ stop context.CancelFunc }

func (s stopping) Write(data []byte) (int, error) {
	s.stop()
	return len(data), nil
}

// TestInterruptedWriting: a signal while a whole result is written says so.
func TestInterruptedWriting(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var errOut strings.Builder
	code := run(ctx, []string{"schema", "Workload"}, strings.NewReader(""), stopping{stop}, &errOut)
	if want := "cachebench: interrupted; all was done and written\n"; code != exitInterrupted || errOut.String() != want {
		t.Errorf("code %d, %q, want %q", code, errOut.String(), want)
	}
}
