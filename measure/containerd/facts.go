//go:build linux

package containerd

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/simulate"
)

// Facts implements measure.Runner.
func (r *Runner) Facts(ctx context.Context) ([]simulate.Fact, error) {
	n := r.nodes[0]
	if n.client == nil {
		return nil, fmt.Errorf("tell of containerd: it does not run")
	}
	facts := []simulate.Fact{
		{Name: "containerd", Value: n.version.text},
		{Name: "runc", Value: r.runcVersion(ctx)},
		{Name: "snapshotter", Value: r.opt.Snapshotter},
		{Name: "pull method", Value: n.method},
		{Name: measure.FactDecoder, Value: r.decoder()},
		{Name: "containerd nodes", Value: fmt.Sprint(len(r.nodes))},
		{Name: "network", Value: r.network()},
	}
	if a := &r.opt.Access; r.opt.Lab == nil && r.opt.Registry == "" {
		origin := measure.Origin{Aliases: a.Aliases, Mirrors: a.Mirrors, PlainHTTP: a.PlainHTTP, HostDir: r.opt.HostDir}
		fact, err := origin.Fact()
		if err != nil {
			return nil, err
		}
		facts = append(facts, fact)
	}
	if n.daemon == nil {
		return facts, nil
	}
	return append(facts, measure.HostFacts(n.places.data)...), nil
}

// decoder is what the daemon inflates gzip with.
func (r *Runner) decoder() string {
	if r.program == nil {
		return "unknown: the daemon's own"
	}
	return r.program.decoder.Fact().Value
}

func (r *Runner) network() string {
	switch {
	case r.opt.Lab == nil:
		return "the host's"
	case r.opt.Lab.Namespaces():
		return "a namespace for each node"
	}
	return "loopback"
}

func (r *Runner) runcVersion(ctx context.Context) string {
	if r.program == nil {
		return "unknown: the daemon's own"
	}
	out, err := exec.CommandContext(ctx, filepath.Join(r.root.dir, "bin", "runc"), "--version").Output()
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(out), "\n")
	return strings.TrimSpace(strings.TrimPrefix(first, "runc version"))
}

// Settings implements measure.Runner: the rules that containerd of this version
// pulls by, as profiles name them (simulate.Containerd, Containerd1).
func (r *Runner) Settings(arm *measure.Arm) string {
	settings := measure.PullSettings{
		// This program's client, that of 2.4, fetches with a limit of each pull's own.
		ByClient:    r.nodes[0].method == MethodClient,
		OwnRegistry: r.opt.Lab != nil || r.opt.Registry != "",
	}
	if r.program != nil {
		settings.Cores = measure.Cores() // a daemon has those of who started it
		settings.Decoder = r.program.decoder.Name
	}
	return settings.Of(arm)
}
