// Command validate measures real pulls and starts on this host, fits a profile to a
// part of them, predicts the rest, and writes docs/validation.md: how wrong the
// simulation is, beside the noise of the runs themselves and beside naive
// predictions. make validate runs it; it needs root, a containerd and the images of
// make images.
//
// The document is written from the top: the order of its sections is documentOf, the
// aims are goals, the fits trials, the weak places weaknesses.
//
//	go run ./internal/validate -images build/images -containerd build/bin/containerd
//
// Measurements go to the -state directory after every run, so that an interrupted
// validation goes on where it was: run it again. -only document writes the document
// from what is there.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// validation is one run of the command.
type validation struct {
	images, containerd, state, memory string
	document, record                  string
	repeats                           int
	// samples of each fit's bootstrap and draws of what is simulated; 0 is what calibrate
	// takes.
	samples, draws int
	stderr         io.Writer
}

// run is the whole command. It returns the exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("validate", flag.ContinueOnError)
	flags.SetOutput(stderr)
	v := &validation{stderr: stderr}
	flags.StringVar(&v.images, "images", filepath.Join("build", "images"), "OCI layout `directory` of make images")
	flags.StringVar(&v.containerd, "containerd", filepath.Join("build", "bin", "containerd"), "the containerd `program`, with its shim beside it")
	flags.StringVar(&v.state, "state", filepath.Join("build", "validation"), "`directory` of the measurements, on a disk")
	flags.StringVar(&v.memory, "memory", "/dev/shm", "`directory` on a file system in memory")
	flags.StringVar(&v.document, "document", filepath.Join("docs", "validation.md"), "`file` to write")
	flags.StringVar(&v.record, "record", filepath.Join("testdata", "validation"), "`directory` for the record of the runs")
	flags.IntVar(&v.repeats, "repeats", 0, "runs of each arm; 0 is what the experiments say")
	only := flags.String("only", "", "only one `step` of "+strings.Join(stepNames(), ", "))
	if err := flags.Parse(args); err != nil {
		return 2
	}
	todo, err := stepsOf(*only)
	if err != nil {
		fmt.Fprintln(stderr, "validate:", err)
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "validate: it takes no arguments, and %q is one\n", flags.Arg(0))
		return 2
	}
	for _, s := range todo {
		fmt.Fprintf(stderr, "validate: %s\n", s.name)
		if err := s.do(v, ctx); err != nil {
			if errors.Is(err, context.Canceled) {
				fmt.Fprintln(stderr, "validate: interrupted; what was measured is kept, run it again to go on")
				return 130
			}
			fmt.Fprintln(stderr, "validate:", err)
			return 1
		}
	}
	return 0
}

// step is a part of the work that can be run by itself.
type step struct {
	name string
	do   func(*validation, context.Context) error
}

func steps() []step {
	return []step{
		{"memory", func(v *validation, ctx context.Context) error {
			return v.measure(ctx, memoryTimeline, memoryExperiment, v.memory)
		}},
		{"disk", func(v *validation, ctx context.Context) error {
			return v.measure(ctx, diskTimeline, diskExperiment, v.state)
		}},
		{"pullers", (*validation).comparePullers},
		{"document", (*validation).write},
	}
}

// stepsOf are all steps, or only the one of a name.
func stepsOf(only string) ([]step, error) {
	if only == "" {
		return steps(), nil
	}
	for _, s := range steps() {
		if s.name == only {
			return []step{s}, nil
		}
	}
	return nil, fmt.Errorf("-only %s is no step: it is one of %s", only, strings.Join(stepNames(), ", "))
}

func stepNames() []string {
	var names []string
	for _, s := range steps() {
		names = append(names, s.name)
	}
	return names
}
