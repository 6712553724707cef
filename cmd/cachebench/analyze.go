package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

func newAnalyze(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io, formats: append(reports.Formats(), reports.Bench)}
	rules := &gates{flag: "check", known: setQuantities()}
	cmd := &cobra.Command{
		Use:   "analyze IMAGE...",
		Short: "Layers of images, their sizes, and what they share",
		Long: `Analyze looks images up, without downloading a layer, and shows their layers'
sizes, which layers they share, on which bases they stand, and what would make
them share more. JSON has all of it; --save keeps the inventory for the next
stage.

Images are named as containers-transports(5) does:

  nginx:1.27, docker://nginx:1.27   in a registry
  oci:DIR[:TAG]                     in an OCI layout directory
  oci-archive:FILE[:TAG]            in an OCI layout in a tar
  docker-archive:FILE[:REF]         in what docker save wrote
  docker-daemon:REF                 in a Docker engine
  containerd:REF                    in containerd's store, read without it

or in files: --images-from, --from-kubernetes, --workload; --last-tags takes a
repository's newest images.

Compressed sizes are those of the stored blobs, as manifests state them. Unpacked
sizes are estimated, which ~ marks, unless --deep reads the layers or
--layer-sizes gives them. What was looked up is kept by digest, so that a second
run asks one request a tag and --offline none.

--check is a list of rules, NAME<=AMOUNT (also <, >=, >, ==), on the figures

` + figuresHelp(rules.known) + `
The exit code is 3 when a rule is not met, 1 when an image could not be read, or
an OCI layout or archive lacks one of its layers.`,
		Example: `  cachebench analyze nginx:1.27 redis:7
  cachebench analyze oci-archive:build/web.tar docker-daemon:web:dev --deep
  cachebench analyze --from-kubernetes deploy.yaml --from-kubernetes jobs.yaml --save inventory.json
  helm template chart | cachebench analyze --from-kubernetes -
  cachebench analyze --last-tags 10 registry.example.com/shop/web
  cachebench analyze --images-from images.txt --platform linux/amd64 --platform linux/arm64
  cachebench analyze --inventory inventory.json --check 'shared>=60%,union<=5GiB'`,
		RunE: func(cmd *cobra.Command, args []string) error {
			in.file.Images = args
			return analyze(cmd, in, out, rules)
		},
	}
	in.addImageFlags(cmd)
	in.lookups.addDeepFlags(cmd)
	in.lookups.several = true
	in.lists.addFlags(cmd)
	in.addWorkloadFlags(cmd)
	rules.addFlags(cmd, "'shared>=60%,union<=5GiB'")
	out.addFlags(cmd, "the inventory")
	out.addPlotsFlag(cmd)
	return cmd
}

func analyze(cmd *cobra.Command, in *inputs, out *outputs, rules *gates) error {
	if err := out.check(); err != nil {
		return err
	}
	if err := errors.Join(rules.load(), out.spares(rules.file), out.spares(slices.Concat(in.lists.files, in.lists.kubernetes)...)); err != nil {
		return err
	}
	if in.lists.lastTags < 0 {
		return usagef("--last-tags %d takes no tags: give 1 or more", in.lists.lastTags)
	}
	if in.lookups.passwordStdin && (slices.Contains(in.lists.files, "-") || slices.Contains(in.lists.kubernetes, "-")) {
		return usagef("--password-stdin and a list of images cannot both be read from stdin: write one to a file")
	}
	images, err := in.lists.references(in, in.file.Images)
	if err != nil {
		return err
	}
	in.file.Images = images
	s, err := in.load(cmd, out)
	if err != nil {
		return err
	}
	if s.Inventory != nil && len(in.file.Images) > 0 {
		return usagef("--inventory is looked at as it is: give images or an inventory")
	}
	if s.Inventory != nil && in.lookups.deep {
		return usagef("--inventory is looked at as it is, and --deep reads layers: give images")
	}
	if len(s.References()) == 0 && s.Inventory == nil {
		return usagef("no image is named: give references, or --workload; see %s --help", cmd.CommandPath())
	}
	if err := in.lookups.apply(in, s); err != nil {
		return err
	}
	s.Resolve.Present, s.Resolve.ManifestsAlone = true, true
	if err := in.lists.newest(cmd.Context(), in, s); err != nil {
		return err
	}
	inv, err := in.lookUp(cmd, s)
	if inv == nil {
		return err
	}
	if len(inv.Images) == 0 && len(inv.Unresolved) > 0 {
		// Nothing that was saved before is replaced by nothing.
		return errors.Join(err, errNothing(inv.Unresolved))
	}
	report := reports.New(reports.Input{
		Title: "Images", Inventory: inv, Platform: onlyPlatform(s),
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
	if err != nil {
		return goOn(err, s, inv, out.save)
	}
	if err := rules.check(out, report.Sharing, len(inv.Unscanned)); err != nil {
		return err
	}
	return tooFew(s, inv)
}

// onlyPlatform is the one looked at; empty when there are several, of which each
// is a set of its own.
func onlyPlatform(s *cachebench.Scenario) string {
	if len(s.Platforms) > 1 {
		return ""
	}
	return s.Platform
}

// goOn says what an interruption left, and how to go on.
func goOn(err error, s *cachebench.Scenario, inv *layers.Inventory, saved string) error {
	if saved != "" {
		err = fmt.Errorf("%w; %d of %d references are in %s", err, len(s.References())-unread(inv), len(s.References()), saved)
	}
	if s.Resolve.Store != nil && errors.Is(err, context.Canceled) {
		err = fmt.Errorf("%w; what was looked up is kept: run the same again to go on", err)
	}
	return err
}

// unread counts the references that could not be read on some platform.
func unread(inv *layers.Inventory) int {
	seen := make(map[string]bool)
	for _, u := range inv.Unresolved {
		seen[u.Reference] = true
	}
	return len(seen)
}

// errUnscanned lists layers that were to be read and could not be.
type errUnscanned []layers.Unscanned

// count says how many they are.
func (e errUnscanned) count() string { return unreadLayers(len(e)) }

func unreadLayers(n int) string {
	if n == 1 {
		return "1 layer could not be read"
	}
	return fmt.Sprintf("%d layers could not be read", n)
}

func (e errUnscanned) Error() string {
	var b strings.Builder
	b.WriteString(e.count() + ":")
	if len(e) == 1 {
		b.WriteString("\n  " + string(e[0].Digest) + ": " + e[0].Reason)
		return b.String()
	}
	told := ""
	for _, u := range e {
		// One reason for many is told once, without the digest that stands at its end.
		if reason, ends := strings.CutSuffix(u.Reason, " "+string(u.Digest)); !ends {
			b.WriteString("\n  " + string(u.Digest) + ": " + u.Reason)
		} else {
			if reason != told {
				b.WriteString("\n  " + reason)
				told = reason
			}
			b.WriteString("\n    " + string(u.Digest))
		}
	}
	if told != "" {
		b.WriteString("\n  look at content that is there, or give an inventory that was made from it (analyze --save, --inventory)")
	}
	return b.String()
}

// tooFew is the error of too many references that could not be read.
func tooFew(s *cachebench.Scenario, inv *layers.Inventory) error {
	all := len(s.References())
	if len(inv.Unscanned) > 0 {
		return errUnscanned(inv.Unscanned)
	}
	if all == 0 || float64(all-unread(inv)) >= s.MinCoverage*float64(all) {
		return nil
	}
	return fmt.Errorf("%w: %d of %d references could be read, %.1f %% are asked for (--min-coverage); %w",
		cachebench.ErrCoverage, all-unread(inv), all, 100*s.MinCoverage, errNothing(inv.Unresolved))
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
