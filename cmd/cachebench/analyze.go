package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

func newAnalyze(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io}
	cmd := &cobra.Command{
		Use:   "analyze IMAGE...",
		Short: "Layers of images, their sizes, and what they share",
		Long: `Analyze looks images up, without downloading a layer, and shows their layers'
sizes, which layers they share, on which bases they stand, and what would make
them share more. Images are named in a registry (nginx:1.27) or in an OCI layout
directory (oci:DIR:TAG). JSON has all of it; --save keeps the inventory for the
next stage.

Sizes are compressed bytes as stored; unpacked bytes are estimated unless
--layer-sizes gives them.`,
		Example: `  cachebench analyze nginx:1.27 redis:7
  cachebench analyze oci:build/images:registry.example.com/base/debian:12
  cachebench analyze --workload workload.yaml --save inventory.json`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in.file.Images = args
			return analyze(cmd, in, out)
		},
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	out.addFlags(cmd, "the inventory")
	return cmd
}

func analyze(cmd *cobra.Command, in *inputs, out *outputs) error {
	if err := out.check(); err != nil {
		return err
	}
	s, err := in.load(cmd)
	if err != nil {
		return err
	}
	if s.Inventory != nil && len(in.file.Images) > 0 {
		return usagef("--inventory is looked at as it is: give images or an inventory")
	}
	if len(s.References()) == 0 && s.Inventory == nil {
		return usagef("no image is named: give references, or --workload; see %s --help", cmd.CommandPath())
	}
	inv, err := s.Analyze(cmd.Context())
	if inv == nil {
		return err
	}
	if len(inv.Images) == 0 && len(inv.Unresolved) > 0 {
		// Nothing that was saved before is replaced by nothing.
		return errors.Join(err, errNothing(inv.Unresolved))
	}
	report := reports.New(reports.Input{
		Title: "Images", Inventory: inv, Platform: s.Platform,
		Provenance: simulate.Provenance{Version: cachebench.Version, Now: s.Now, Inputs: s.Inputs},
	})
	// The JSON of an analysis is the report, which says more than the Inventory
	// that the next stage needs.
	if _, werr := out.keep(layers.InventoryKind, inv); werr != nil {
		return werr
	}
	if werr := out.report(report); werr != nil {
		return werr
	}
	if err != nil && out.save != "" {
		return fmt.Errorf("%w; %d of %d references are in %s", err, len(s.References())-len(inv.Unresolved), len(s.References()), out.save)
	}
	if err != nil {
		return err
	}
	return tooFew(s, inv)
}

// tooFew is the error of too many references that could not be read.
func tooFew(s *cachebench.Scenario, inv *layers.Inventory) error {
	all := len(s.References())
	if all == 0 || float64(all-len(inv.Unresolved)) >= s.MinCoverage*float64(all) {
		return nil
	}
	return fmt.Errorf("%w: %d of %d references could be read, %.1f %% are asked for (--min-coverage); %w",
		cachebench.ErrCoverage, all-len(inv.Unresolved), all, 100*s.MinCoverage, errNothing(inv.Unresolved))
}

// errNothing lists references that could not be read.
type errNothing []layers.Unresolved

func (e errNothing) Error() string {
	var b strings.Builder
	b.WriteString("could not be read:")
	for _, u := range e {
		b.WriteString("\n  " + u.Reference + ": " + u.Reason)
	}
	return b.String()
}
