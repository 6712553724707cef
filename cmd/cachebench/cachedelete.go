package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/reports"
)

// cacheDelete is one run of cache delete.
type cacheDelete struct {
	io                           *streams
	eci                          eciFlags
	out                          *outputs
	yes, dryRun, ifExists, quiet bool
}

func newCacheDelete(io *streams) *cobra.Command {
	d := &cacheDelete{io: io, eci: eciFlags{io: io}, out: &outputs{io: io, formats: accountFormats()}}
	d.eci.quiet = &d.quiet
	cmd := &cobra.Command{
		Use:   "delete ID|NAME...",
		Short: "Remove image caches",
		Long: `Delete removes caches and their snapshots, after it has shown them and asked. Where
nobody can be asked it needs --yes. Instances that were started from them go on; pods
that name one of them explicitly can no longer be created.`,
		Example: `  cachebench cache delete imc-2zebxkiifuyzzlhl3rpm
  cachebench cache delete web api --yes
  cachebench cache delete web --yes --if-exists`,
		Args: someCaches,
		RunE: func(cmd *cobra.Command, args []string) error { return d.run(cmd.Context(), args) },
	}
	d.eci.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVarP(&d.yes, "yes", "y", false, "do not ask")
	f.BoolVar(&d.dryRun, "dry-run", false, "show what would be removed, and do nothing")
	f.BoolVar(&d.ifExists, "if-exists", false, "take a cache that is not there for removed")
	f.BoolVarP(&d.quiet, "quiet", "q", false, "do not show the caches before, nor progress on stderr")
	onCommandLineOnly(f, "yes", "dry-run", "if-exists")
	d.out.addFlags(cmd, "")
	return cmd
}

func (d *cacheDelete) run(ctx context.Context, args []string) error {
	if err := d.out.check(); err != nil {
		return err
	}
	client, err := d.eci.client()
	if err != nil {
		return err
	}
	changes := &reports.CacheChanges{Region: client.RegionID(), At: time.Now().UTC().Truncate(time.Second)}
	for _, arg := range args {
		c, err := findCache(ctx, client, arg)
		switch {
		case err == nil && slices.ContainsFunc(changes.Changes, func(change reports.CacheChange) bool { return change.ID == c.ID }):
			// It is named by its ID and its name.
		case err == nil:
			changes.Changes = append(changes.Changes, deletion(&c, ""))
		case !d.ifExists || !errors.Is(err, eci.ErrNotFound):
			return err
		}
	}
	if d.dryRun || len(changes.Changes) == 0 {
		changes.DryRun = d.dryRun
		return d.out.changes(changes)
	}
	if !d.yes && (!d.quiet || d.io.asks()) {
		d.io.err.Write(reports.CacheChangesText(changes))
	}
	if err := d.io.agrees(fmt.Sprintf("Delete %s?", counted(len(changes.Changes), "image cache")), d.yes, true); err != nil {
		return err
	}
	var errs []error
	for i := range changes.Changes {
		errs = append(errs, remove(ctx, client, &changes.Changes[i], d.ifExists))
		if ctx.Err() != nil {
			skipRest(changes)
			break
		}
	}
	return errors.Join(append(errs, d.out.changes(changes))...)
}

// deletion is a cache that is to be removed.
func deletion(c *eci.ImageCache, why string) reports.CacheChange {
	reason := why
	if !c.LastMatchedAt.IsZero() {
		reason = joined(reason, "it last matched at "+c.LastMatchedAt.UTC().Format("2006-01-02 15:04")+" UTC")
	}
	return reports.CacheChange{
		Action: reports.ChangeDelete, Outcome: reports.OutcomePlanned, Name: c.Name, ID: c.ID, Images: c.Images, SizeGiB: c.SizeGiB,
		Status: string(c.Status), Reason: reason,
	}
}

// joined puts two parts of a reason together.
func joined(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}

func counted(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}

// remove deletes one cache, and says in an error which command does it again. goneIsDone:
// that somebody else has deleted it since is as good.
func remove(ctx context.Context, client *eci.Client, change *reports.CacheChange, goneIsDone bool) error {
	err := client.DeleteImageCache(ctx, change.ID, "")
	if goneIsDone && errors.Is(err, eci.ErrNotFound) {
		change.Reason, err = joined(change.Reason, "it was gone already"), nil
	}
	if err == nil {
		change.Outcome = reports.OutcomeDone
		return nil
	}
	fails(change, err)
	return fmt.Errorf("%w; once more: cachebench cache delete %s --region %s", err, change.ID, client.RegionID())
}
