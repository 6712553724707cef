package main

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/internal/lab"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/measure/containerd"
	"github.com/cachebench/cachebench/measure/pull"
	"github.com/cachebench/cachebench/simulate"
)

//go:embed experiment.yaml
var memoryExperiment []byte

//go:embed disk.yaml
var diskExperiment []byte

//go:embed pullers.yaml
var pullersExperiment []byte

// Where measurements are kept, in the state directory.
const (
	memoryTimeline  = "memory.json"
	diskTimeline    = "disk.json"
	pullersTimeline = "pullers.json"
)

// host is the registry's name in the references of make images.
const host = "registry.example.com"

// measure makes an experiment on containerd with its files below root.
func (v *validation) measure(ctx context.Context, timeline string, experiment []byte, root string) error {
	// Whatever the image, a program that ends at once.
	start := measure.Start{Args: []string{"/bin/true"}}
	return v.experiment(ctx, timeline, experiment, start, func(exp *measure.Experiment, site *measure.Site) (measure.Runner, error) {
		return v.containerdRunner(ctx, exp, site, root)
	})
}

func (v *validation) containerdRunner(ctx context.Context, exp *measure.Experiment, site *measure.Site, root string) (measure.Runner, error) {
	if err := os.MkdirAll(root, 0o755); err != nil {
		return nil, err
	}
	return containerd.NewRunner(ctx, containerd.Options{
		Inventory: site.Inventory, Binary: v.containerd, Root: root, Nodes: exp.Nodes(), Lab: site.Lab, Decoder: "go",
	})
}

// experiment makes what is missing of an experiment, and keeps the timeline after
// every run.
func (v *validation) experiment(ctx context.Context, timeline string, text []byte, start measure.Start, runner func(*measure.Experiment, *measure.Site) (measure.Runner, error)) (err error) {
	exp, err := measure.ReadExperiment(strings.TrimSuffix(timeline, ".json")+".yaml", text)
	if err != nil {
		return err
	}
	if v.repeats > 0 {
		exp.Repeats = v.repeats
	}
	exp = exp.With(start)
	if err := os.MkdirAll(v.state, 0o755); err != nil {
		return err
	}
	file := filepath.Join(v.state, timeline)
	resume, err := readTimeline(file)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	site, err := measure.NewSite(ctx, measure.SiteOptions{
		References: exp.References(), Layouts: map[string]string{host: v.images},
		Resolve: layers.Options{Now: time.Now()}, Lab: lab.Options{Nodes: exp.Nodes()},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.Close()) }()
	r, err := runner(exp, site)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	begun := time.Now()
	_, err = measure.Run(ctx, exp, site.Inventory, r, measure.Options{
		Version: cachebench.Version, Site: site, Resume: resume,
		Save: func(t *simulate.Timeline) error { return writeTimeline(file, t) },
		Progress: func(done, total int, arm string, repeat int, last *simulate.MeasuredRun) {
			note := ""
			if last != nil && last.Void != "" {
				note = ", void: " + last.Void
			}
			fmt.Fprintf(v.stderr, "  %4d of %d  %6.0f s  %s %d%s\n", done, total, time.Since(begun).Seconds(), arm, repeat, note)
		},
	})
	return err
}

func readTimeline(file string) (*simulate.Timeline, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	return simulate.ReadTimeline(file, data)
}

// writeTimeline replaces a file in one step.
func writeTimeline(file string, t *simulate.Timeline) error {
	data, err := document.Marshal(simulate.TimelineKind, t)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", data, 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}

// comparePullers measures the same cold pulls by containerd and by measure/pull, in
// turn, with the same decoder and files on the same file system.
func (v *validation) comparePullers(ctx context.Context) error {
	return v.experiment(ctx, pullersTimeline, pullersExperiment, measure.Start{PullOnly: true}, func(exp *measure.Experiment, site *measure.Site) (measure.Runner, error) {
		daemon, err := v.containerdRunner(ctx, exp, site, v.memory)
		if err != nil {
			return nil, err
		}
		own, err := pull.NewRunner(pull.Options{
			Host: pull.HostOptions{Decoder: "go", Root: filepath.Join(v.memory, fmt.Sprintf("cachebench-validate-%d", os.Getpid()))},
			Lab:  site.Lab, Served: site.Hosts, Inventory: site.Inventory,
		})
		if err != nil {
			return nil, errors.Join(err, daemon.Close())
		}
		return &pullers{Runner: daemon, own: own}, nil
	})
}

// pullers lets measure/pull do the arms whose names begin with pull.
type pullers struct {
	measure.Runner
	own measure.Runner
}

// What the arms of pullers.yaml begin with, by who pulls.
const (
	ownArm   = "pull "
	theirArm = "containerd "
)

func (p *pullers) of(arm *measure.Arm) measure.Runner {
	if strings.HasPrefix(arm.Name, ownArm) {
		return p.own
	}
	return p.Runner
}

func (p *pullers) Settings(arm *measure.Arm) string { return p.of(arm).Settings(arm) }

func (p *pullers) CheckArm(arm *measure.Arm) error { return p.of(arm).CheckArm(arm) }

// Prepare empties both, so that neither finds the other's files in the page cache's
// way.
func (p *pullers) Prepare(ctx context.Context, arm *measure.Arm) error {
	return errors.Join(p.Runner.Prepare(ctx, arm), p.own.Prepare(ctx, arm))
}

func (p *pullers) Run(ctx context.Context, arm *measure.Arm) ([]simulate.Startup, error) {
	return p.of(arm).Run(ctx, arm)
}

func (p *pullers) Close() error { return errors.Join(p.Runner.Close(), p.own.Close()) }
