package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

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

// TestVerdictAt: the verdict is found where a search of the whole text finds it, and in a
// large result at once.
func TestVerdictAt(t *testing.T) {
	whole := regexp.MustCompile(`(?:^|\n)((?:<!-- )?verdict: [^\n]*\n)$`)
	parts := []string{"", "\n", "verdict: ", "verdict:", "<!-- ", " -->", "ready", "\r", "verdict: build 1\n", "<!-- verdict: none -->\n"}
	found := 0
	for _, a := range parts {
		for _, b := range parts {
			for _, c := range parts {
				for _, d := range parts {
					text := a + b + c + d
					want := -1
					if at := whole.FindStringSubmatchIndex(text); at != nil {
						want = at[2]
						found++
					}
					if got := verdictAt([]byte(text)); got != want {
						t.Errorf("%q: at %d, want %d", text, got, want)
					}
				}
			}
		}
	}
	if found < 1000 {
		t.Errorf("%d of the texts have a verdict", found)
	}
	// A search of the whole takes over 10 ns a byte: 640 ms and more for these.
	large := bytes.Repeat([]byte("ready after 12.3 s\n"), 64<<20/19)
	least := time.Hour
	for range 5 {
		start := time.Now()
		if at := verdictAt(large); at != -1 {
			t.Fatalf("a verdict at %d", at)
		}
		least = min(least, time.Since(start))
	}
	if least > 50*time.Millisecond {
		t.Errorf("64 MB take %s", least)
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

// TestInterrupted: a limit that is not met in a search that was interrupted is told as that.
func TestInterrupted(t *testing.T) {
	other := fmt.Errorf("match: %w", context.Canceled)
	for _, test := range []struct {
		err     error
		partial bool
		want    string
	}{
		{nil, true, "context canceled; the result is what was found by then"},
		{nil, false, "context canceled; all was done and written"},
		{cachebench.ErrLimit, true, "context canceled; the result is what was found by then: the limit is not met"},
		{cachebench.ErrLimit, false, "the limit is not met"},
		{other, true, "match: context canceled"},
	} {
		got := interrupted(test.err, test.partial)
		if got.Error() != test.want || test.err != nil && !errors.Is(got, test.err) {
			t.Errorf("%v, partial %t: %v, want %s", test.err, test.partial, got, test.want)
		}
	}
}

// TestDefaults: what the environment and the configuration file give to the flags of a
// command, at whatever level it is.
func TestDefaults(t *testing.T) {
	for _, test := range []struct {
		name, file string
		env        map[string]string
		args       []string
		// want are flags with their values, which all but those of args have from a default
		// or are unset.
		want map[string]string
		err  string
	}{
		{"of a flag that only a subcommand has, for another", "link-rate: 200Mbit/s, event-ttl: 3h", nil, []string{"plan"}, map[string]string{"budget": "0"}, ""},
		{"for itself", "link-rate: 200Mbit/s", nil, []string{"measure", "pull"}, map[string]string{"link-rate": "[200Mbit/s]"}, ""},
		{"the environment first", "link-rate: 200Mbit/s", map[string]string{"CACHEBENCH_LINK_RATE": "1Gbit/s"}, []string{"measure", "containerd"}, map[string]string{"link-rate": "[1Gbit/s]"}, ""},
		{"the command line before all", "link-rate: 200Mbit/s", map[string]string{"CACHEBENCH_LINK_RATE": "1Gbit/s"}, []string{"measure", "pull", "--link-rate", "10Mbit/s"}, map[string]string{"link-rate": "[10Mbit/s]"}, ""},
		{"meant for simulate, in measure pull", `repeats: "100", seed: "9", arms: automatic, registry: a=b`, nil, []string{"measure", "pull"}, map[string]string{"repeats": "5", "seed": "1", "arms": "[cold]", "registry": "[]"}, ""},
		{"in measure containerd", `repeats: "100", base: eci`, map[string]string{"CACHEBENCH_SEED": "9", "CACHEBENCH_ROOT": "/"}, []string{"measure", "containerd"}, map[string]string{"repeats": "5", "seed": "1", "base": "[]", "root": ""}, ""},
		{"in simulate", `repeats: "100", seed: "9", window: 10d`, nil, []string{"simulate"}, map[string]string{"repeats": "100", "seed": "9", "window": "240h0m0s"}, ""},
		{"in workload import", "window: 10d, event-ttl: 3h", map[string]string{"CACHEBENCH_WINDOW": "2d"}, []string{"workload", "import"}, map[string]string{"window": "", "event-ttl": "3h0m0s"}, ""},
		{"of no flag of any command", "link-rte: 200Mbit/s", nil, []string{"measure", "pull"}, nil, `flag "link-rte" is no flag of any command`},
		{"that cannot be", "event-ttl: long", nil, []string{"workload", "import"}, nil, "the configuration file's flag event-ttl"},
	} {
		dir := t.TempDir()
		if err := os.MkdirAll(filepath.Join(dir, "cachebench"), 0o777); err != nil {
			t.Fatal(err)
		}
		text := "apiVersion: cachebench/v1\nkind: Config\nflags: {" + test.file + "}\n"
		if err := os.WriteFile(filepath.Join(dir, "cachebench", "config.yaml"), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		env := func(name string) (string, bool) {
			if name == "XDG_CONFIG_HOME" {
				return dir, true
			}
			value, ok := test.env[name]
			return value, ok
		}
		cmd, rest, err := newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}).Find(test.args)
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		err = applyDefaults(cmd, env)
		if test.err != "" {
			if err == nil || !strings.Contains(err.Error(), test.err) {
				t.Errorf("%s: %v, want %q", test.name, err, test.err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", test.name, err)
			continue
		}
		for name, want := range test.want {
			f := cmd.Flags().Lookup(name)
			if got := f.Value.String(); got != want {
				t.Errorf("%s: --%s is %q, want %q", test.name, name, got, want)
			}
			if onLine := slices.Contains(rest, "--"+name); given(cmd.Flags(), name) != onLine {
				t.Errorf("%s: --%s is given: %v", test.name, name, !onLine)
			}
		}
	}
}
