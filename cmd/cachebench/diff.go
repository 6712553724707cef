package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

func newDiff(io *streams) *cobra.Command {
	in := &inputs{io: io}
	out := &outputs{io: io, formats: reports.DiffFormats()}
	rules := &gates{flag: "gate", known: reports.DiffQuantities(), scenarios: true, other: "compare", others: reports.OwnOfCompare()}
	var oldPlatform string
	cmd := &cobra.Command{
		Use:   "diff OLD NEW",
		Short: "What a new image changes: bytes, seconds; a gate for pull requests",
		Long: `Diff says which layers of NEW are kept, new and gone, what that costs a host
that has OLD and one that has nothing, and how long a start takes on each, both
estimated on one profile (containerd unless --profile names another).

OLD and NEW are images as analyze takes them, or saved inventories: a .json or
.yaml file (of analyze --save) with one image for the platform, or
FILE#REFERENCE for one of several. So a pull request is judged without a secret:
NEW from a local build, OLD from an inventory in the repository.

--gate is a list of rules: NAME<=AMOUNT (also <, >=, >, ==), or NAME:+AMOUNT and
NAME:-AMOUNT for how far it may grow or shrink from OLD (in per cent, or in a
unit). Sizes take B, kB, MB, GB, KiB, MiB, GiB; times ms, s, min. The figures
(* those that OLD has too):

` + figuresHelp(rules.known) + `
A rule that is broken by an estimate (a size that the source does not state, or
seconds that rest on one) warns and does not fail; so does one against OLD that is met
where OLD's own sizes are no more than a ratio. The exit code is 0 when all
rules are met, 3 when one is not, 1 when an image could not be read, a layer that
an OCI layout or archive lacks among it, or a rule not judged, 2 for wrong usage.
With rules, the last line of the text output is for programs:

  verdict: pass|fail|error rules=N passed=N failed=N warned=N errors=N`,
		Example: `  cachebench diff registry.example.com/shop/web:1.4.0 registry.example.com/shop/web:1.4.1
  cachebench diff inventory.json oci:build/web --gate 'cold-sec<=8,new-B<=60MB,cold-sec:+5%'
  cachebench diff main.json#registry.example.com/shop/web:main oci:build/web --output markdown
  cachebench diff main.json docker-archive:web.tar --budget budget.yaml --save diff.json`,
		Args: exactly(2, "OLD and NEW"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return diff(cmd, args, in, out, rules, oldPlatform)
		},
	}
	in.addImageFlags(cmd)
	in.lookups.addDeepFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&in.file.Profile, "profile", cachebench.DiffProfile, builtInProfiles()+" or a profile `file`")
	f.StringVar(&oldPlatform, "old-platform", "", "`os/arch[/variant]` of OLD, when it is meant to differ from NEW's")
	cmd.RegisterFlagCompletionFunc("profile", namesOrFile(simulate.BuiltInNames()...))
	rules.addFlags(cmd, "'new-B<=60MB,cold-sec:+5%'")
	rules.addBudgetFlag(cmd)
	out.addFlags(cmd, "the diff")
	return cmd
}

func diff(cmd *cobra.Command, args []string, in *inputs, out *outputs, rules *gates, oldPlatform string) (err error) {
	if err := out.check(); err != nil {
		return err
	}
	isRead := false
	defer func() {
		if err != nil && !isRead && cmd.Context().Err() == nil {
			err = errors.Join(err, rules.unjudged(out, "the images could not be read", args...))
		}
	}()
	if err := errors.Join(rules.load(), out.spares(rules.file)); err != nil {
		return err
	}
	if err := layers.CheckPlatform(oldPlatform); err != nil {
		return usagef("--old-platform: %w", err)
	}
	s, err := in.load(cmd, out)
	if err != nil {
		return err
	}
	sides := make([]*diffSide, len(args))
	for i, arg := range args {
		if sides[i], err = readSide(arg, s.Platform); err != nil {
			return err
		}
		if err := out.spares(sides[i].file); err != nil {
			return err
		}
		if sides[i].file != "" {
			s.Inputs = append(s.Inputs, sides[i].input)
		}
	}
	if oldPlatform != "" {
		sides[0].platform = oldPlatform
	}
	if len(in.lookups.platforms) > 1 {
		return usagef("diff compares images of one platform: give one --platform, or --old-platform too")
	}
	// Layers that a build keeps uncompressed take OLD's size, or are compressed to
	// measure it.
	s.Resolve.Compress = true
	// A saved diff may be judged later, so that it says what is not there in any case.
	s.Resolve.Present = true
	if old := sides[0].Inventory; old != nil {
		s.Resolve.Known = old.ByDiffID()
	}
	// What the flags ask holds for both sides: a password is for one registry.
	s.Images = sought(sides)
	if err := in.lookups.apply(in, s); err != nil {
		return err
	}
	if err := lookUp(cmd, in, s, sides); err != nil {
		return err
	}
	for _, side := range sides {
		if err := side.find(s.Now); err != nil {
			return err
		}
	}
	told, err := lookAgain(cmd.Context(), s, sides[1])
	if err != nil {
		return err
	}
	d, err := cachebench.Diff(sides[0].DiffSide, sides[1].DiffSide, s.Profile, cachebench.DiffOptions{AcrossPlatforms: oldPlatform != ""})
	if err != nil {
		return err
	}
	isRead = true
	d.Doubts = append(d.Doubts, told...)
	d.Provenance.Now, d.Provenance.Inputs = s.Now, slices.Concat(s.Inputs, rules.inputs)
	names := slices.Concat(budgetNames(d.New.Reference), budgetNames(d.Old.Reference))
	chosen, err := rules.of(names...)
	if err != nil {
		return err
	}
	if rules.file != "" && len(chosen) == 0 {
		return rules.nothing(d.New.Reference, "other images")
	}
	if rules.budget != nil && !rules.byImage {
		slices.Sort(names)
		d.Unmatched(filepath.Base(rules.file), rules.budget, slices.Compact(names))
	}
	unread, unreadOld := noteUnread(d, sides)
	figures := d.Figures()
	for i := range figures {
		f := &figures[i]
		if len(unread) > 0 {
			f.Unknown = unread.count()
		}
		if len(unreadOld) > 0 && f.Old != nil {
			f.Old, f.OldUnknown = nil, unreadOld.count()+" of OLD, says "+sides[0].file
		}
	}
	d.Judge(chosen, figures)
	if err := errors.Join(out.diff(d), out.verdict(d.Gate)); err != nil {
		return err
	}
	// Where nothing was to be judged or read, that a layer is not there is a doubt.
	if len(unread) > 0 && (rules.any() || in.lookups.deep || slices.ContainsFunc(unread, func(u layers.Unscanned) bool { return !u.Absent })) {
		return unread
	}
	return d.Gate.Err()
}

// lookAgain looks whether the layout of a NEW from a file has its layers, and doubts it
// where that cannot be seen. Of an OLD from a file the file's word counts.
func lookAgain(ctx context.Context, s *cachebench.Scenario, side *diffSide) (doubts []string, err error) {
	if side.file == "" {
		return nil, nil
	}
	isKnown, err := side.Inventory.Look(ctx, side.Image, layers.Options{Now: s.Now})
	if err != nil || isKnown {
		return nil, err
	}
	reference := side.Inventory.Images[side.Image].Reference
	return []string{fmt.Sprintf("That %s holds its layers is the word of %s alone: no layer was read for it, and the image is not there to be looked at (analyze it with --deep where it is).", reference, side.File)}, nil
}

// noteUnread notes in the diff which layers could not be read, and returns them: a rule
// must not pass on what the manifests say of them. Those of an OLD from a file are apart,
// for only rules against OLD rest on them; of others its layers' names are enough.
func noteUnread(d *reports.Diff, sides []*diffSide) (all, ofOldFile errUnscanned) {
	for i, image := range []*reports.DiffImage{&d.Old, &d.New} {
		side := sides[i]
		list := &all
		if side.file != "" && i == 0 {
			list = &ofOldFile
		}
		for _, u := range side.Inventory.UnreadLayers(side.Image) {
			image.Unread = append(image.Unread, u)
			if !slices.Contains(*list, u) {
				*list = append(*list, u)
			}
		}
		if len(image.Unread) > 0 {
			d.Doubts = append(d.Doubts, image.UnreadWords()+".")
		}
	}
	return all, ofOldFile
}

// diffSide is OLD or NEW on its way from the command line to an image.
type diffSide struct {
	cachebench.DiffSide
	// reference is empty when a file is to hold one image.
	reference, platform string
	file                string
	input               simulate.Input
}

// readSide reads an argument: a reference, or an inventory's file.
func readSide(arg, platform string) (*diffSide, error) {
	name, reference, _ := strings.Cut(arg, "#")
	if !isInventoryName(name) {
		return &diffSide{reference: arg, platform: platform}, nil
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, usagef("read inventory: %w (an image of this name is written docker://%s)", err, arg)
	}
	kind, err := document.Header(name, data)
	if err != nil {
		return nil, err
	}
	if kind != layers.InventoryKind {
		return nil, usagef("%s is a %s: OLD and NEW are images, or files of kind %s", name, kind, layers.InventoryKind)
	}
	inv, err := layers.Read(name, data)
	if err != nil {
		return nil, err
	}
	side := &diffSide{reference: reference, platform: platform, file: name, input: cachebench.InputOf(filepath.Base(name), data)}
	side.Inventory, side.File = inv, filepath.ToSlash(name)
	return side, nil
}

// isInventoryName tells a file from a reference by its ending.
func isInventoryName(name string) bool {
	for _, prefix := range []string{"docker://", "oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "containerd:"} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	switch strings.ToLower(filepath.Ext(name)) {
	case ".json", ".yaml", ".yml":
		return true
	}
	return false
}

// sought are the references of the sides without an inventory.
func sought(sides []*diffSide) []string {
	var references []string
	for _, side := range sides {
		if side.Inventory == nil {
			references = append(references, side.reference)
		}
	}
	return references
}

// lookUp gives the sides without an inventory that of a lookup, one for both
// unless their platforms differ.
func lookUp(cmd *cobra.Command, in *inputs, s *cachebench.Scenario, sides []*diffSide) error {
	for _, first := range sides {
		if first.Inventory != nil {
			continue
		}
		s.Platform, s.Platforms, s.Images = first.platform, nil, nil
		var group []*diffSide
		for _, side := range sides {
			if side.Inventory == nil && side.platform == first.platform {
				group = append(group, side)
				s.Images = append(s.Images, side.reference)
			}
		}
		inv, err := in.lookUp(cmd, s)
		if err != nil {
			return err
		}
		for _, side := range group {
			side.Inventory = inv
		}
	}
	return nil
}

// find finds the side's image in its inventory.
func (s *diffSide) find(now time.Time) error {
	if s.reference == "" {
		if err := s.only(); err != nil {
			return err
		}
	}
	var have []string
	for _, img := range s.Inventory.Images {
		if img.Reference != s.reference {
			continue
		}
		if layers.SamePlatform(img.Platform, s.platform) {
			if s.Image = s.Inventory.Find(s.reference, img.Platform, now); s.Image >= 0 {
				return nil
			}
		}
		if !slices.Contains(have, img.Platform) {
			have = append(have, img.Platform)
		}
	}
	for _, u := range s.Inventory.Unresolved {
		if u.Reference == s.reference {
			return fmt.Errorf("%s could not be read: %s", s.reference, u.Reason)
		}
	}
	if len(have) > 0 {
		return fmt.Errorf("%s has no image %s for %s, only for %s: see --platform", s.where(), s.reference, s.platform, strings.Join(have, ", "))
	}
	return fmt.Errorf("%s has no image %s; it has %s", s.where(), s.reference, someReferences(s.Inventory.Images))
}

// only takes the one reference that the file has for the platform.
func (s *diffSide) only() error {
	var references []string
	for _, img := range s.Inventory.Images {
		if layers.SamePlatform(img.Platform, s.platform) && !slices.Contains(references, img.Reference) {
			references = append(references, img.Reference)
		}
	}
	switch {
	case len(references) == 1:
		s.reference = references[0]
		return nil
	case len(references) > 1:
		return usagef("%s holds %d images for %s: name one as %s#REFERENCE (%s)", s.file, len(references), s.platform, s.file, someReferences(s.Inventory.Images))
	case len(s.Inventory.Unresolved) > 0:
		return fmt.Errorf("%s has no image for %s; %w", s.file, s.platform, errNothing(s.Inventory.Unresolved))
	}
	return fmt.Errorf("%s has no image for %s; it has %s", s.file, s.platform, someReferences(s.Inventory.Images))
}

func (s *diffSide) where() string {
	if s.file != "" {
		return s.file
	}
	return "the inventory"
}

// someReferences lists a few images with their platforms.
func someReferences(images []layers.Image) string {
	var words []string
	for _, img := range images {
		if len(words) == 5 {
			words = append(words, "…")
			break
		}
		words = append(words, img.Reference+" ("+img.Platform+")")
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
