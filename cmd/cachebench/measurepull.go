package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/layers/distribution"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/measure/pull"
	"github.com/cachebench/cachebench/reports"
)

func newMeasurePull(io *streams) *cobra.Command {
	m := &measuring{in: &inputs{io: io}, out: &outputs{io: io, formats: reports.MeasuredFormats()}}
	cmd := &cobra.Command{
		Use:   "pull IMAGE...",
		Short: "Time real pulls: fetch and unpack, without a daemon or root",
		Long: `Pull fetches images and unpacks them into a directory, in the order and with the
limits of containerd 2.4, and times every layer's fetch and unpack. Nothing is
started. It needs no daemon and no root: as another user, devices are left out and
owners are the user.

With --registry embedded the images are served by a registry of the experiment's
own, behind a link whose rate and delay you set: as root in network namespaces and
shaped by the kernel, else on loopback and paced.`,
		Example: `  cachebench measure pull registry.example.com/team/web:1.4 --save timeline.json
  cachebench measure pull oci:build/app --registry embedded --link-rate 200Mbit/s,1Gbit/s --repeats 10
  cachebench measure pull web:2 --arms cold,partial --base web:1 --save timeline.json --resume`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if m.cleanUp {
				dirs := m.roots()
				if dirs == nil {
					dirs = pull.TemporaryDirs()
				}
				return m.removeLeft(cmd, dirs, func(context.Context) ([]string, error) { return pull.CleanUp(dirs...) })
			}
			check := func(context.Context, *measure.Experiment) error { return pull.Check(m.pullOptions().Host) }
			return m.run(cmd, args, check, m.puller)
		},
	}
	m.addFlags(cmd, "the user's cache directory, else the one for temporary files")
	return cmd
}

func (m *measuring) pullOptions() pull.Options {
	return pull.Options{Host: pull.HostOptions{Root: m.root, Decoder: m.decoder, Platform: m.platform()}}
}

func (m *measuring) puller(_ context.Context, exp *measure.Experiment, site *measure.Site, inv *layers.Inventory) (measure.Runner, error) {
	opt := m.pullOptions()
	opt.Nodes, opt.Inventory = exp.Nodes(), inv
	if site != nil {
		opt.Lab, opt.Served = site.Lab, site.Hosts
	} else {
		r := &m.resolve
		opt.Host.Registry = distribution.Options{
			Keychain: r.Keychain, Username: r.Username, Password: r.Password, PlainHTTP: r.PlainHTTP, CAFiles: r.CAFiles, Mirrors: r.Mirrors,
		}
		opt.Host.Aliases = r.Aliases
	}
	r, err := pull.NewRunner(opt)
	if err != nil {
		return nil, err
	}
	m.doubts = r.Doubts
	return r, nil
}
