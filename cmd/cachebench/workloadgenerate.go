package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/workload"
)

func newWorkloadGenerate(io *streams) *cobra.Command {
	g := &workloadGenerate{io: io, out: &outputs{io: io}}
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "A workload made up from a seed, after what was published of real ones",
		Long: `Generate makes a workload up: popularity by Zipf's law, a daily rhythm, bursts
(roll-outs, scale-outs from zero, a lost node) and releases that replace part of an
image. The file says of each parameter where it is from. The same seed gives the
same file.

Apps take the images of an inventory or of a list, in order; without, their names
are made up too. --save-inventory makes up their layers as well, so that simulate and
plan need no registry: families that share a base, sizes as published, and upper
layers that make up the part that a release replaces. --save-trace writes the single
starts as a trace.`,
		Example: `  cachebench workload generate --apps 200 --starts-per-day 20000 > workload.yaml
  cachebench workload generate --inventory inventory.json --save workload.yaml
  cachebench workload generate --apps 100 --save workload.yaml --save-inventory inventory.json
  cachebench workload generate --seed 7 --save workload.yaml --save-trace starts.csv --span 1d`,
		Args: none,
		RunE: func(cmd *cobra.Command, _ []string) error { return g.run(cmd) },
	}
	f := cmd.Flags()
	f.Uint64Var(&g.opt.Seed, "seed", 1, "seed of every draw")
	f.IntVar(&g.opt.Apps, "apps", 0, "how many apps there are (default one for each image, else 50)")
	f.Float64Var(&g.opt.StartsPerDay, "starts-per-day", 2000, "of all apps together, besides bursts")
	f.Float64Var(&g.opt.Zipf, "zipf", workload.DefaultZipf, "exponent of popularity: the k-th app starts k^`S` less often than the first")
	f.Float64Var(&g.swing, "swing", workload.DefaultSwing, "how far the hourly rate goes above and below the mean, 0 to 1")
	f.Float64Var(&g.opt.ReleaseDays, "release-days", workload.DefaultReleaseDays, "median time between an app's releases, in days")
	f.StringSliceVar(&g.bursts, "bursts", workload.BurstKinds(), "kinds of bursts; none is without")
	f.StringVar(&g.inventory, "inventory", "", "take the images of this saved inventory `file`, in its order")
	f.StringVar(&g.images, "images", "", "take the references in this `file`, one a line, the most popular first")
	f.StringVar(&g.out.save, "save", "", "save the workload to this `file` (default the standard output)")
	f.StringVar(&g.made, "save-inventory", "", "make the layers of the images up, and save them to this `file` as an inventory")
	f.StringVar(&g.trace, "save-trace", "", "save the single starts of --span to this CSV `file`")
	f.Var((*days)(&g.span), "span", "how much time the trace has, as 12h or 2d (default 1d)")
	for _, name := range []string{"seed", "inventory"} { // other commands' are of what they read
		onCommandLineOnly(f, name)
	}
	return cmd
}

// workloadGenerate is one run of workload generate.
type workloadGenerate struct {
	io                       *streams
	out                      *outputs
	opt                      workload.GenerateOptions
	swing                    float64
	bursts                   []string
	inventory, images, trace string
	made                     string
	span                     time.Duration
}

func (g *workloadGenerate) run(cmd *cobra.Command) error {
	if err := g.check(cmd); err != nil {
		return err
	}
	made, err := workload.Generate(g.opt)
	if err != nil {
		return usageError{fmt.Errorf("generate a workload: %w", err)}
	}
	d := &draft{Source: "Made up; run: cachebench workload generate --help", Notes: made.Notes, workload: made.Workload, origins: made.Origins}
	data, err := d.fill("workload.yaml", workloadText, d.checkWorkload)
	if err == nil && strings.EqualFold(filepath.Ext(g.out.save), ".json") {
		data, err = document.Marshal(workload.Kind, &made.Workload)
	}
	if err != nil {
		return err
	}
	if g.made != "" {
		if err := g.saveInventory(&made.Workload); err != nil {
			return err
		}
	}
	if g.trace != "" {
		var b bytes.Buffer
		if _, err := made.Workload.WriteTrace(&b, g.opt.Seed, g.span); err != nil {
			return usageError{fmt.Errorf("%s is not written: %w", g.trace, err)}
		}
		if err := g.out.writeTo(g.trace, b.Bytes()); err != nil {
			return err
		}
	}
	if g.out.save == "" && (g.trace != "" || g.made != "") {
		return nil
	}
	return g.out.writeTo(g.out.save, data)
}

// madePlatform is that of made-up images.
const madePlatform = "linux/amd64"

// madeAt is when made-up images are taken to be resolved: the same file again has the same
// time.
var madeAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// saveInventory makes the images' layers up.
func (g *workloadGenerate) saveInventory(w *workload.Workload) error {
	inv := &layers.Inventory{ResolvedAt: madeAt, Doubts: workload.ImageNotes()}
	digest := func(format string, args ...any) layers.Digest {
		return layers.Digest(fmt.Sprintf("sha256:%x", sha256.Sum256(fmt.Appendf(nil, "made up, seed %d: %s", g.opt.Seed, fmt.Sprintf(format, args...)))))
	}
	places := map[string]int{}
	for _, made := range w.Images(g.opt.Seed) {
		image := layers.Image{
			Reference: made.Reference, Platform: madePlatform, MediaType: "application/vnd.oci.image.manifest.v1+json",
			Digest: digest("manifest of %s", made.Reference), ConfigDigest: digest("config of %s", made.Reference),
			Layers: []int{},
		}
		for _, l := range made.Layers {
			place, ok := places[l.Name]
			if !ok {
				place = len(inv.Layers)
				places[l.Name] = place
				inv.Layers = append(inv.Layers, layers.Layer{
					Digest: digest("blob of %s", l.Name), DiffID: digest("tar of %s", l.Name), MediaType: "application/vnd.oci.image.layer.v1.tar+gzip",
					CompressedBytes: l.CompressedBytes, CompressedSource: layers.Estimated,
					UnpackedBytes: new(l.UnpackedBytes), UnpackedSource: layers.Estimated, UnpackedMethod: layers.ByRatio,
				})
			}
			image.Layers = append(image.Layers, place)
		}
		inv.Images = append(inv.Images, image)
	}
	data, err := document.Marshal(layers.InventoryKind, inv)
	if err != nil {
		return err
	}
	return g.out.writeTo(g.made, data)
}

// check refuses what cannot be done, and reads the images.
func (g *workloadGenerate) check(cmd *cobra.Command) error {
	g.opt.Swing, g.opt.Bursts = &g.swing, g.bursts
	if slices.Equal(g.bursts, []string{"none"}) {
		g.opt.Bursts = []string{}
	}
	for name, value := range map[string]float64{"apps": float64(g.opt.Apps), "starts-per-day": g.opt.StartsPerDay, "zipf": g.opt.Zipf, "release-days": g.opt.ReleaseDays, "span": g.span.Seconds()} {
		if given(cmd.Flags(), name) && !(value > 0) {
			return usagef("--%s must be above 0", name)
		}
	}
	switch {
	case g.inventory != "" && g.images != "":
		return usagef("--inventory and --images both say which images there are: leave one out")
	case g.inventory != "" && g.made != "":
		return usagef("--inventory %s has the images' layers already: leave --save-inventory out, or give the names alone with --images", g.inventory)
	case g.span > 0 && g.trace == "":
		return usagef("--span is of the trace: give --save-trace FILE")
	case g.out.save != "" && sameFile(g.out.save, g.trace):
		return usagef("--save and --save-trace are both %s: one would replace the other", g.trace)
	case g.made != "" && sameFile(g.made, g.trace):
		return usagef("--save-inventory and --save-trace are both %s: one would replace the other", g.made)
	case g.made != "" && g.out.save != "" && sameFile(g.made, g.out.save):
		return usagef("--save and --save-inventory are both %s: one would replace the other", g.made)
	}
	if g.span == 0 {
		g.span = 24 * time.Hour
	}
	for flag, name := range map[string]string{"save": g.out.save, "save-trace": g.trace, "save-inventory": g.made} {
		for _, input := range []string{g.inventory, g.images} {
			if name != "" && input != "" && sameFile(name, input) {
				return usagef("--%s %s would replace an input: give it another name", flag, name)
			}
		}
		if name != "" && !g.out.toStdout(name) {
			if err := checkPlace(name); err != nil {
				return err
			}
		}
	}
	return g.readImages()
}

func (g *workloadGenerate) readImages() error {
	switch {
	case g.inventory != "":
		data, err := readInput(g.inventory)
		if err != nil {
			return err
		}
		inv, err := layers.Read(g.inventory, data)
		if err != nil {
			return err
		}
		for _, i := range inv.Images {
			if !slices.Contains(g.opt.Images, i.Reference) {
				g.opt.Images = append(g.opt.Images, i.Reference)
			}
		}
		if len(g.opt.Images) == 0 {
			return usageError{errors.New(g.inventory + " has no images")}
		}
	case g.images != "":
		data, err := readInput(g.images)
		if err != nil {
			return err
		}
		for n, line := range strings.Split(string(data), "\n") {
			line = strings.TrimSpace(line)
			switch {
			case line == "", strings.HasPrefix(line, "#"):
			case len(strings.Fields(line)) != 1:
				return &document.Error{File: g.images, Line: n + 1, Message: fmt.Sprintf("%q is no reference: give one a line", line)}
			default:
				g.opt.Images = append(g.opt.Images, line)
			}
		}
		if len(g.opt.Images) == 0 {
			return usageError{errors.New(g.images + " has no references")}
		}
	}
	return nil
}
