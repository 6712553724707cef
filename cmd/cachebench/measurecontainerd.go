package main

import (
	"cmp"
	"context"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/measure/containerd"
	"github.com/cachebench/cachebench/reports"
)

// containerdFlags are those of a containerd host.
type containerdFlags struct {
	binary      string
	address     string
	namespace   string
	snapshotter string
	method      string
	hostDir     string
	ready       string
	timeout     time.Duration
	args        []string
	pullOnly    bool
}

func newMeasureContainerd(io *streams) *cobra.Command {
	m := &measuring{in: &inputs{io: io}, out: &outputs{io: io, formats: reports.MeasuredFormats()}}
	c := &containerdFlags{}
	cmd := &cobra.Command{
		Use:   "containerd IMAGE...",
		Short: "Time real starts on containerd: pull, create, start, ready",
		Long: `Containerd pulls images and starts containers through containerd, and times
resolving, every layer's fetch and unpack, creating and becoming ready apart. It
needs root and runc.

It starts a containerd of its own, with its own root, state and socket, one for each
node, and removes all that it made: afterwards, on failure and on Ctrl-C; what a
killed run left, with --clean-up. With --address it uses one that runs, in a
namespace of its own; its limits are then as they are.

Logins, aliases, mirrors, --plain-http and authorities hold for containerd's pulls as
they do for looking images up; with --hosts-dir that directory says it for the pulls,
but for the logins.

  --ready started        the first process was started (default)
  --ready output         it wrote something
  --ready log:PATTERN    it wrote a line that matches
  --ready tcp:8080       a port accepts a connection
  --ready http:8080/ok   GET is answered with a status below 400
  --ready exit           it ended with status 0`,
		Example: `  cachebench measure containerd registry.example.com/team/web:1.4 --ready http:8080/ --save timeline.json
  cachebench measure containerd oci:build/app --registry embedded --link-rate 200Mbit/s --arms cold,present
  cachebench measure containerd web:1 api:3 job:2 --registry embedded --together --nodes 3 --link-rate 1Gbit/s
  cachebench measure containerd --clean-up`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if m.cleanUp {
				dir := cmp.Or(m.root, os.TempDir())
				return m.removeLeft(cmd, []string{dir}, func(ctx context.Context) ([]string, error) { return containerd.CleanUp(ctx, dir) })
			}
			readiness, err := c.readiness()
			if err != nil {
				return err
			}
			if c.timeout == 0 && given(cmd.Flags(), "ready-timeout") {
				return usagef("--ready-timeout 0s leaves no time to be ready: give more, or leave it out for 2m")
			}
			if c.address != "" && m.root != "" {
				return usagef("--root is of a containerd of the command's own, and the one at --address keeps what it pulls where it always does: leave one out")
			}
			if c.pullOnly && len(c.args) > 0 {
				return usagef("--pull-only runs nothing that could have arguments: leave --arg out")
			}
			m.start = measure.Start{Readiness: readiness, PullOnly: c.pullOnly, Args: c.args}
			// The daemon that runs is on the host's network.
			m.loopback = m.loopback || c.address != ""
			if c.hostDir != "" && len(m.in.registries) > 0 {
				return usagef("--hosts-dir is for images from where they are, and --registry serves them from here: leave one out")
			}
			check := func(ctx context.Context, exp *measure.Experiment) error {
				opt := c.options(m)
				opt.Nodes = exp.Nodes()
				return containerd.Check(ctx, opt)
			}
			return m.run(cmd, args, check, func(ctx context.Context, exp *measure.Experiment, site *measure.Site, inv *layers.Inventory) (measure.Runner, error) {
				return c.runner(ctx, m, exp, site, inv)
			})
		},
	}
	m.addFlags(cmd, "the one for temporary files")
	f := cmd.Flags()
	f.StringVar(&c.binary, "containerd", "", "`program` to start as containerd (default the one on PATH)")
	f.StringVar(&c.address, "address", "", "use the containerd that runs at this `socket`")
	f.StringVar(&c.namespace, "namespace", "", "containerd's `namespace` to work in, which must be free (default cachebench)")
	f.StringVar(&c.snapshotter, "snapshotter", "", "`name` of the snapshotter (default overlayfs)")
	f.StringVar(&c.method, "pull-by", "", "who pulls: the daemon (transfer) or its `client` (default as the kubelet does with that version)")
	f.StringVar(&c.hostDir, "hosts-dir", "", "pull as this `directory` of containerd's registry hosts (certs.d) says")
	f.StringVar(&c.ready, "ready", "", "`what` a start is ready by, as above")
	f.Var((*days)(&c.timeout), "ready-timeout", "how long a start may take to be ready (default 2m)")
	f.StringArrayVar(&c.args, "arg", nil, "run this `word` and those that follow in place of the image's own command; repeatable")
	f.BoolVar(&c.pullOnly, "pull-only", false, "start no container")
	return cmd
}

func (c *containerdFlags) runner(ctx context.Context, m *measuring, exp *measure.Experiment, site *measure.Site, inv *layers.Inventory) (measure.Runner, error) {
	opt := c.options(m)
	opt.Inventory, opt.Nodes = inv, exp.Nodes()
	if site != nil {
		opt.Lab = site.Lab
	} else {
		r := &m.resolve
		opt.Access = containerd.Access{
			Keychain: r.Keychain, Username: r.Username, Password: r.Password,
			Aliases: r.Aliases, Mirrors: r.Mirrors, PlainHTTP: r.PlainHTTP, CAFiles: r.CAFiles,
		}
	}
	r, err := containerd.NewRunner(ctx, opt)
	if err != nil {
		return nil, err
	}
	m.doubts = r.Doubts
	return r, nil
}

// options are those that say nothing of images.
func (c *containerdFlags) options(m *measuring) containerd.Options {
	return containerd.Options{
		Platform: m.platform(), Binary: c.binary, Root: m.root, Address: c.address, Namespace: c.namespace,
		Snapshotter: c.snapshotter, Method: c.method, Decoder: m.decoder, HostDir: c.hostDir,
	}
}

// readiness reads --ready.
func (c *containerdFlags) readiness() (*measure.Readiness, error) {
	if c.ready == "" && c.timeout == 0 {
		return nil, nil
	}
	if c.pullOnly {
		return nil, usagef("--pull-only starts nothing that could be ready: leave --ready out")
	}
	by, rest, _ := strings.Cut(c.ready, ":")
	r := &measure.Readiness{By: by, Timeout: c.timeout}
	switch by {
	case "":
		r.By = measure.ReadyStarted
	case measure.ReadyLog:
		r.Pattern = rest
	case measure.ReadyTCP, measure.ReadyHTTP:
		port, path, slash := strings.Cut(rest, "/")
		n, err := strconv.Atoi(port)
		if err != nil {
			return nil, usagef("--ready %s: %q is no port; write %s:8080", c.ready, port, by)
		}
		if r.Port = n; slash {
			r.Path = "/" + path
		}
	}
	if err := r.Validate(); err != nil {
		return nil, usagef("--ready: %w", err)
	}
	return r, nil
}
