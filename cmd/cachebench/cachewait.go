package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/reports"
)

// The Terraform provider asks every 10 s, for an hour at most (eci §1.3).
const (
	pollEvery   = 10 * time.Second
	waitTimeout = time.Hour
)

// unlisted is for how long a cache that was just created may not be listed yet, and one
// that was just updated may be listed as it was. How soon the service shows what it did
// is not documented. Tests make it shorter.
var unlisted = time.Minute

// cacheWait waits until caches are Ready or have failed, and tells their events.
type cacheWait struct {
	io      *streams
	wait    bool
	every   time.Duration
	timeout time.Duration
	quiet   *bool

	client *eci.Client
	// same are the names of caches that changed found as they were before their update.
	same []string
	// told are events that were shown.
	told map[string]bool
	// now and sleep are the clock; nil are this machine's.
	now   func() time.Time
	sleep func(context.Context, time.Duration) error
}

// clock makes sure that there is one.
func (w *cacheWait) clock() {
	if w.now == nil {
		w.now = time.Now
	}
	if w.sleep == nil {
		w.sleep = pause
	}
}

func (w *cacheWait) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.DurationVar(&w.timeout, "timeout", waitTimeout, "wait no longer than this")
	f.DurationVar(&w.every, "poll", pollEvery, "ask this often")
	onCommandLineOnly(f, "timeout", "poll")
}

func (w *cacheWait) check() error {
	if w.every <= 0 || w.timeout <= 0 {
		return usagef("--poll and --timeout must be above 0")
	}
	return nil
}

// settled asks until every cache is settled and gives them as they are then. It is an
// error if one has failed; the caches are good all the same. With fresh not nil they were
// created or updated just now, and fresh says how those looked that were there before.
func (w *cacheWait) settled(ctx context.Context, client *eci.Client, ids []string, fresh map[string]string) (map[string]eci.ImageCache, error) {
	w.client, w.told = client, make(map[string]bool)
	w.clock()
	begun := w.now()
	last := make(map[string]eci.ImageCache, len(ids))
	var failed []error
	for open := ids; ; {
		var still []string
		young := fresh != nil && w.now().Sub(begun) < unlisted
		for i, id := range open {
			c, err := client.ImageCache(ctx, id)
			switch {
			case errors.Is(err, eci.ErrNotFound) && young:
				still = append(still, id)
				continue
			case err != nil && ctx.Err() != nil:
				return last, errors.Join(append(failed, w.left(ctx.Err(), append(still, open[i:]...), last))...)
			case err != nil:
				failed = append(failed, err)
				continue
			}
			last[id] = c
			w.tell(&c)
			if !c.Status.Settled() || young && looks(&c) == fresh[id] {
				still = append(still, id)
			} else if c.Status != eci.CacheReady {
				failed = append(failed, failure(&c))
			}
		}
		if open = still; len(open) == 0 {
			return last, errors.Join(failed...)
		}
		if w.now().Sub(begun) >= w.timeout {
			return last, errors.Join(append(failed, w.left(fmt.Errorf("not Ready after %s", w.timeout), open, last))...)
		}
		w.progress(open, last, w.now().Sub(begun))
		if err := w.sleep(ctx, w.every); err != nil {
			return last, errors.Join(append(failed, w.left(err, open, last))...)
		}
	}
}

// looks is what an update changes of a cache whatever it is: a build is another helper
// with another snapshot, and has events.
func looks(c *eci.ImageCache) string {
	return strings.Join([]string{string(c.Status), c.ContainerGroupID, c.SnapshotID, c.FlashSnapshotID, settledAt(c).String()}, " ")
}

// changed waits for the caches that were created or updated, and notes how they are.
// before is how the updated ones looked.
func (w *cacheWait) changed(ctx context.Context, client *eci.Client, changes *reports.CacheChanges, before map[string]string) error {
	var ids []string
	for i := range changes.Changes {
		change := &changes.Changes[i]
		if change.Outcome == reports.OutcomeDone && (change.Action == reports.ChangeCreate || change.Action == reports.ChangeUpdate) {
			ids = append(ids, change.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	last, err := w.settled(ctx, client, ids, before)
	for i := range changes.Changes {
		change := &changes.Changes[i]
		c, ok := last[change.ID]
		if !ok {
			continue
		}
		if change.Status = string(c.Status); c.Status.Settled() && c.Status != eci.CacheReady {
			change.Outcome, change.Error, change.Events = reports.OutcomeFailed, failure(&c).Error(), cacheEvents(c.Events)
		} else if change.Action == reports.ChangeUpdate && looks(&c) == before[c.ID] {
			w.same = append(w.same, change.Name)
			change.Reason = joined(change.Reason, "ECI shows no sign that it was built anew")
		}
	}
	return err
}

// unproven says of which caches the state may be that of before their update: nothing
// that cannot be undone may rest on it.
func (w *cacheWait) unproven() string {
	if len(w.same) == 0 {
		return ""
	}
	return fmt.Sprintf("%s may be yet to be updated, for ECI shows no sign that it was: apply again when it does", strings.Join(w.same, ", "))
}

// left says which caches go on without anybody waiting.
func (w *cacheWait) left(why error, open []string, last map[string]eci.ImageCache) error {
	id := open[0]
	status := string(last[id].Status)
	if status == "" {
		status = "not listed"
	}
	return fmt.Errorf("wait for %s: %w; %s is %s and goes on being made: cachebench cache wait %s waits on, cachebench cache delete %s ends it",
		strings.Join(open, ", "), why, id, status, id, id)
}

// failure says that a cache failed, and why.
func failure(c *eci.ImageCache) error {
	return fmt.Errorf("cache %s (%s) is %s: %s", c.ID, c.Name, c.Status, whyFailed(c))
}

// whyFailed says why a cache failed, by its last warnings.
func whyFailed(c *eci.ImageCache) string {
	var words []string
	for _, e := range eci.InOrder(c.Events) {
		if e.Type != "" && e.Type != "Normal" {
			words = append(words, strings.TrimSpace(e.Reason+": "+e.Message))
		}
	}
	if n := len(words); n > 0 {
		return strings.Join(words[max(0, n-3):], "; ")
	}
	return "its events do not say why"
}

// tell shows events that are new, on stderr.
func (w *cacheWait) tell(c *eci.ImageCache) {
	if *w.quiet {
		return
	}
	for _, e := range cacheEvents(c.Events) {
		key := c.ID + e.Reason + e.Message + e.Time.String()
		if w.told[key] {
			continue
		}
		w.told[key] = true
		w.io.clear()
		fmt.Fprintf(w.io.err, "%s %s %s\n", c.Name, e.Time.UTC().Format(time.RFC3339), strings.TrimSpace(e.Reason+": "+e.Message))
	}
}

// progress is a line on a terminal.
func (w *cacheWait) progress(open []string, last map[string]eci.ImageCache, waited time.Duration) {
	if *w.quiet || !isLive(w.io.err) {
		return
	}
	c := last[open[0]]
	words := fmt.Sprintf("%s is %s", open[0], strings.TrimSpace(string(c.Status)+" "+c.Progress))
	if len(open) > 1 {
		words += fmt.Sprintf(", and %d more", len(open)-1)
	}
	fmt.Fprintf(w.io.err, "%s%s, %s", clearLine, words, waited.Round(time.Second))
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

func newCacheWait(io *streams) *cobra.Command {
	e, out := &eciFlags{io: io}, &outputs{io: io, formats: accountFormats()}
	quiet := false
	e.quiet = &quiet
	w := &cacheWait{io: io, quiet: &quiet}
	cmd := &cobra.Command{
		Use:   "wait ID|NAME...",
		Short: "Wait until caches are Ready or have failed",
		Long: `Wait asks for caches until each is Ready, or has failed, and tells their events on
stderr. It exits with 1 if one failed or is not Ready in time; nothing is changed.`,
		Example: `  cachebench cache wait imc-2zebxkiifuyzzlhl3rpm
  cachebench cache wait web api --timeout 20m`,
		Args: someCaches,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := errors.Join(out.check(), w.check()); err != nil {
				return err
			}
			client, err := e.client()
			if err != nil {
				return err
			}
			found, err := findCaches(cmd.Context(), client, args)
			if err != nil {
				return err
			}
			var ids []string
			for _, c := range found {
				ids = append(ids, c.ID)
			}
			last, waitErr := w.settled(cmd.Context(), client, ids, nil)
			a := &reports.AccountCaches{Region: client.RegionID(), At: time.Now().UTC().Truncate(time.Second)}
			for _, id := range ids {
				if c, ok := last[id]; ok {
					a.At = latest(a.At, settledAt(&c))
					a.Caches = append(a.Caches, accountCache(&c))
				}
			}
			return errors.Join(out.document(reports.AccountCachesKind, a, func() []byte { return reports.CacheText(a) }), waitErr)
		},
	}
	e.addFlags(cmd)
	w.addFlags(cmd)
	cmd.Flags().BoolVarP(&quiet, "quiet", "q", false, "no events and no progress on stderr")
	out.addFlags(cmd, "")
	return cmd
}
