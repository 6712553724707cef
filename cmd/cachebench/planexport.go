package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/matcher/plan/export"
)

// planExport is one run of plan export.
type planExport struct {
	io                      *streams
	format                  string
	file, caches, inventory string
	selectors               []string
	opt                     export.Options
}

func newPlanExport(io *streams) *cobra.Command {
	x := &planExport{io: io}
	cmd := &cobra.Command{
		Use:   "export PLAN --as FORMAT",
		Short: "A saved plan in the form that another program takes",
		Long: `Export writes a saved plan in a form in which it can be applied, in the order of
what its parts gain; --first N takes the first N only. The plan is of plan --save, or
of a report in JSON that run or plan wrote.

` + formatTable() + `
Images for nodes are those of the plan's node pools. docs/export.md says what each form
holds, how it is applied and what to beware of.`,
		Example: `  cachebench plan --scenario scenario.yaml --save plan.json
  cachebench plan export plan.json --as cache-apply --output-file caches.yaml
  cachebench plan export plan.json --as imagecache-crd --reuse | kubectl create -f -
  cachebench plan export plan.json --as pod-patches --caches account.yaml
  cachebench plan export plan.json --as daemonset --node-selector example.com/pool=general
  cachebench plan export plan.json --as image-pull-job --node-selector general:pool=general --parallelism 10
  cachebench plan export plan.json --as image-list --pin digest
  cachebench run scenario.yaml --output-file report.json
  cachebench plan export report.json --as cache-apply`,
		Args: exactly(1, "a saved plan"),
		RunE: func(cmd *cobra.Command, args []string) error { return x.run(cmd.Flags(), args[0]) },
	}
	x.addFlags(cmd)
	return cmd
}

// formatTable lists the formats for the help.
func formatTable() string {
	var b strings.Builder
	for _, d := range export.Formats() {
		fmt.Fprintf(&b, "  %-15s %s\n", d.Format, d.About)
	}
	return b.String()
}

func (x *planExport) addFlags(cmd *cobra.Command) {
	var names []string
	for _, d := range export.Formats() {
		names = append(names, string(d.Format))
	}
	f := cmd.Flags()
	f.StringVar(&x.format, "as", "", "`format` to write: one of those above")
	f.StringVar(&x.file, "output-file", "", "write to this `file` instead of stdout; - is stdout")
	f.IntVar(&x.opt.First, "first", 0, "take only the first `N` caches, and the first N images of each pool (default all)")
	f.StringVar(&x.inventory, "inventory", "", "saved inventory `file` that tells the digests of images which the plan does not")
	f.StringVar(&x.opt.Namespace, "namespace", "", "`namespace` of what is made in one, and of apps whose names have none (default kubectl's)")
	f.StringArrayVar(&x.opt.ImagePullSecrets, "image-pull-secret", nil, "`secret` for private registries, NAMESPACE:NAME for imagecache-crd; repeatable")

	f.IntVar(&x.opt.Caches.RetentionDays, "retention-days", 0, "caches: delete them after so many `days` (default never)")
	f.BoolVar(&x.opt.Caches.Reuse, "reuse", false, "caches: reuse layers of those that exist when they are built")
	f.BoolVar(&x.opt.Caches.Flash, "flash", false, "caches: usable sooner, from a local snapshot (Flash)")

	f.StringVar(&x.opt.Caches.Set, "set", "", "cache-apply: `name` of the set, by which cache apply --prune tells its caches from others (default none)")

	f.StringVar(&x.caches, "caches", "", "pod-patches: `file` of the account's caches, which tells their IDs")
	f.StringVar(&x.opt.Patches.Kind, "kind", "", "pod-patches: `kind` of apps of which neither the plan nor the name tells it (default Deployment)")
	f.BoolVar(&x.opt.Patches.AllowPlaceholders, "allow-placeholders", false, "pod-patches: write those of unknown IDs too, so that Kubernetes refuses them")

	f.StringArrayVar(&x.opt.Pools, "pool", nil, "nodes: only the pool of this `name`; repeatable (default all)")
	f.StringArrayVar(&x.selectors, "node-selector", nil, "nodes: a label that the pool's nodes have, as `[POOL:]KEY=VALUE`; repeatable")
	f.BoolVar(&x.opt.Nodes.AllNodes, "all-nodes", false, "nodes: a pool without a label is all nodes of its platform")
	f.StringVar(&x.opt.Nodes.Pin, "pin", "", "nodes: `name` images by digest, tag, or both (default both, in lists digest)")
	f.StringVar(&x.opt.Nodes.MaxUnavailable, "max-unavailable", "10%", "daemonset: change it on so many `nodes` at once, a number or a percentage")
	f.BoolVar(&x.opt.Nodes.Empty, "empty", false, "daemonset: without its images, to be made so first and then changed")
	f.IntVar(&x.opt.Nodes.Parallelism, "parallelism", 5, "image-pull-job: pull each image on so many `nodes` at once")
	f.StringVar(&x.opt.Nodes.PriorityClass, "priority-class", "", "daemonset: a priority class that exists (default one is made, below all others)")
	f.StringVar(&x.opt.Nodes.HelperImage, "helper-image", export.DefaultHelperImage, "daemonset: `image` with a static /bin/busybox")
	f.StringVar(&x.opt.Nodes.PauseImage, "pause-image", export.DefaultPauseImage, "daemonset: `image` that waits until it is stopped")
	// They would mean something else in other commands.
	onCommandLineOnly(f, "first", "namespace", "pool", "kind", "pin", "reuse", "flash", "set")
	for flag, values := range map[string][]string{"as": names, "pin": {export.PinDigest, export.PinTag, export.PinBoth}} {
		cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
	}
}

func (x *planExport) run(flags *pflag.FlagSet, file string) error {
	if x.format == "" {
		return usagef("say in which form the plan is to be written: --as FORMAT; see cachebench plan export --help")
	}
	format, err := export.ParseFormat(x.format)
	if err != nil {
		return usageError{err}
	}
	if err := fitting(flags, format); err != nil {
		return err
	}
	if err := x.opt.Check(); err != nil {
		return usageError{err}
	}
	out := &outputs{io: x.io, file: x.file, format: "text"}
	if err := out.check(); err != nil {
		return err
	}
	if err := out.spares(file, x.caches, x.inventory); err != nil {
		return err
	}
	p, err := x.plan(&file)
	if err != nil {
		return err
	}
	if p.Advice() == plan.TurnOnAutomatic && len(p.Caches) > 0 {
		fmt.Fprintf(x.io.err, "cachebench: %s: automatic caches alone do better (pods ask for them by annotation k8s.aliyun.com/eci-image-cache: \"true\"); this exports the plan that is made without them\n", file)
	}
	in := export.Input{Plan: p, Pools: exportedPools(p)}
	if err := x.read(&in); err != nil {
		return err
	}
	data, err := export.Render(format, in, x.opt)
	if err != nil {
		return fmt.Errorf("%s as %s: %w", file, format, err)
	}
	return out.write(data)
}

// plan reads the plan in a file; - is standard input, which it calls stdin then.
func (x *planExport) plan(file *string) (*plan.Plan, error) {
	if *file != "-" {
		return readPlan(*file)
	}
	data, err := x.io.readStdin()
	if err != nil {
		return nil, err
	}
	*file = "stdin"
	return planOf(*file, data)
}

// read adds what other files and flags tell.
func (x *planExport) read(in *export.Input) error {
	for _, text := range x.selectors {
		s, err := export.ParseSelector(text)
		if err != nil {
			return usagef("--node-selector: %w", err)
		}
		if err := in.Select(s); err != nil {
			return usagef("--node-selector %s: %w", text, err)
		}
	}
	if x.caches != "" {
		data, err := readInput(x.caches)
		if err != nil {
			return err
		}
		c, err := matcher.ReadCaches(x.caches, data)
		if err != nil {
			return err
		}
		in.Existing = c.Caches
	}
	if x.inventory != "" {
		data, err := readInput(x.inventory)
		if err != nil {
			return err
		}
		inv, err := layers.Read(x.inventory, data)
		if err != nil {
			return err
		}
		in.Digests = export.DigestsOf(inv)
	}
	return nil
}

// exportedPools are the plan's node pools as they are exported.
func exportedPools(p *plan.Plan) []export.Pool {
	var pools []export.Pool
	for i := range p.Pools {
		from := &p.Pools[i]
		to := export.Pool{Name: from.Name, Platform: from.Platform, Verdict: from.Verdict, Reason: from.Reason, Warnings: from.Warnings}
		for _, image := range from.Images {
			to.Images = append(to.Images, export.Image{Reference: image.Reference, Digest: layers.Digest(image.Digest)})
		}
		pools = append(pools, to)
	}
	return pools
}
