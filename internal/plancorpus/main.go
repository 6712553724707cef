// Command plancorpus plans for the images of a data directory, and prints how near to the
// best each plan is proven to be, and what it took.
//
// The directory has *.jsonl.gz, an image a line (ref, platform, digest, config, and layers
// with digest, size and mediaType), and base-image-from.csv.gz, which says how many projects
// name an image as their base (ref, projects). An app of an image has as many starts a day;
// corpus.go says what else is taken. Each plan is a run of the command line on files in a
// directory of its own; nothing of the data is kept.
//
// usage: go run ./internal/plancorpus -data DIR -cachebench PROGRAM [flags]
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"text/tabwriter"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/workload"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "plancorpus:", err)
		os.Exit(1)
	}
}

// table is under way.
type table struct {
	data, program, platform string
	rest, budget, disk      float64
	rows                    *tabwriter.Writer
}

func run(ctx context.Context, args []string, out io.Writer) error {
	flags := flag.NewFlagSet("plancorpus", flag.ContinueOnError)
	t := &table{rows: tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)}
	flags.StringVar(&t.data, "data", "", "`directory` of the images and of base-image-from.csv.gz")
	flags.StringVar(&t.program, "cachebench", filepath.Join("build", "cachebench"), "the `program` that plans")
	flags.StringVar(&t.platform, "platform", "linux/amd64", "os/arch of the images")
	flags.Float64Var(&t.rest, "rest", 0, "starts a day of images that no project names; at 0 they are left out")
	flags.Float64Var(&t.budget, "budget", 20, "of goal seconds, in USD a month")
	flags.Float64Var(&t.disk, "disk-gib", 20, "disk for images on each node of a pool of 20")
	only := flags.String("plans", "explicit,auto,pool", "which plans: starts get their cache by name or by ECI's matching, or run on nodes")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if t.data == "" {
		return fmt.Errorf("-data is missing: a directory with *.jsonl.gz and base-image-from.csv.gz")
	}
	files, err := corpora(t.data)
	if err != nil {
		return err
	}
	demand, err := readDemand(filepath.Join(t.data, "base-image-from.csv.gz"))
	if err != nil {
		return err
	}
	fmt.Fprintln(t.rows, "corpus\tapps\timages\tplan\tgoal\tcandidates\tobjective\tbound\tgap\tended\tchosen\tCPU s\tMiB\t")
	for _, file := range files {
		if err := t.corpus(ctx, file, demand, strings.Split(*only, ",")); err != nil {
			return err
		}
	}
	return t.rows.Flush()
}

// corpus adds the rows of one.
func (t *table) corpus(ctx context.Context, file string, demand map[string]float64, plans []string) error {
	images, err := readImages(file, t.platform)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "plancorpus-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	starts := weigh(images, demand, t.rest)
	if err := save(filepath.Join(dir, "inventory.json"), "Inventory", inventory(images, t.platform)); err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(file), ".jsonl.gz")
	for _, plan := range plans {
		w := workload.Workload{}
		var ways [][]string
		switch plan {
		case "explicit", "auto":
			w.Apps = apps(images, starts, "")
			for _, goal := range [][]string{{"seconds", "--budget", fmt.Sprint(t.budget)}, {"net"}} {
				ways = append(ways, append([]string{"--assign", plan, "--goal"}, goal...))
			}
		case "pool":
			w.NodePools = []workload.NodePool{{Name: "nodes", Platform: t.platform, Count: 20, LifetimeHours: 168}}
			w.Apps = apps(images, starts, "nodes")
			ways = [][]string{{"--profile", "containerd", "--disk-gib", fmt.Sprint(t.disk)}}
		default:
			return fmt.Errorf("-plans: %q is none of explicit, auto, pool", plan)
		}
		if len(w.Apps) == 0 {
			return fmt.Errorf("%s: no project names an image of it for %s; -rest 1 plans for those that none names", name, t.platform)
		}
		if err := save(filepath.Join(dir, "workload.json"), "Workload", &w); err != nil {
			return err
		}
		for _, flags := range ways {
			r, err := t.plan(ctx, dir, flags)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", name, strings.Join(flags, " "), err)
			}
			fmt.Fprintf(t.rows, "%s\t%d\t%d\t%s\t%s\n", name, len(w.Apps), len(images), plan, r)
		}
	}
	return nil
}

func save(path, kind string, v any) error {
	data, err := document.Marshal(kind, v)
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
