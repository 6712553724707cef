package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/measure/ecigroup"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// measureECI shows what the experiment does and costs, asks, and makes it.
func (m *eciMeasuring) measureECI(cmd *cobra.Command, images []string) (err error) {
	if err := errors.Join(m.out.check(), m.out.spares(m.inventory, m.file), m.experiment(cmd, images)); err != nil {
		return err
	}
	if m.maxDuration == 0 {
		m.maxDuration = ecigroup.DefaultMaxDuration
	}
	book, err := m.book()
	if err != nil {
		return err
	}
	release, err := m.lockSaved()
	if err != nil {
		return err
	}
	defer release()
	resume, err := m.saved()
	if err != nil {
		return err
	}
	inventory, found, err := m.readInventory()
	inputs := slices.Concat(m.inputs, found)
	if err == nil {
		err = m.checkSizes(inventory)
	}
	if err != nil {
		return err
	}
	var client *eci.Client
	var clock *waitClock
	if m.fileRegion != "" || m.exp.CacheID != "" { // a wrong region is refused by --dry-run too
		if client, clock, err = m.client(); err != nil {
			return err
		}
	}
	if m.exp.CacheID != "" { // what it costs depends on its size; to ask is free
		cache, err := client.ImageCache(cmd.Context(), m.exp.CacheID)
		if err != nil {
			return fmt.Errorf("look at --cache %s: %w", m.exp.CacheID, err)
		}
		m.exp.CacheGiB = cache.SizeGiB
	}
	plan, err := m.plan(book, resume)
	if err != nil {
		return err
	}
	plan.Notes = slices.Concat(plan.Notes, m.notPlaced(), m.notLookedUp(inventory))
	if m.dryRun {
		return m.writePlan(plan)
	}
	if client == nil {
		if client, clock, err = m.client(); err != nil {
			return err
		}
	}
	dir, err := m.journalDir()
	if err != nil {
		return err
	}
	m.tellLeft(dir, resume)
	if !m.in.quiet || !m.yes {
		fmt.Fprint(m.in.io.err, plan.words())
	}
	if err := m.in.io.agrees(fmt.Sprintf("Start, in %s at %s?", client.RegionID(), client.Endpoint()), m.yes, true); err != nil {
		return err
	}
	// Who reads along may go before the end: what was made is removed nevertheless.
	gone := make(chan os.Signal, 1)
	signal.Notify(gone, syscall.SIGPIPE)
	defer signal.Stop(gone)
	hurry, settled := secondSignal(cmd.Context(), doubled)
	defer settled()
	t, err := ecigroup.Run(cmd.Context(), client, &m.exp, ecigroup.Options{
		Version: cachebench.Version, Inputs: inputs, Inventory: inventory, JournalDir: dir, Resume: resume, Save: m.save,
		Book: book, MaxCost: &plan.Limit, MaxDuration: m.maxDuration, Retries: m.retryCount(),
		Poll: m.poll, Now: clock.now, Sleep: clock.sleep, Compare: compareMatches(client.RegionID()),
		Progress: m.progress(), Log: m.log, Warn: m.warn, Spent: m.tellSpent, Hurry: hurry,
	})
	if t == nil {
		return err
	}
	if err != nil && m.savesToFile() && len(t.Measurement.Runs) > 0 {
		err = fmt.Errorf("%w; what was measured until then is in %s: with --resume the experiment goes on", err, m.out.save)
	}
	counts := func(r simulate.MeasuredRun) bool { return r.Void == "" }
	if err != nil && m.out.format == string(reports.Text) && !slices.ContainsFunc(t.Measurement.Runs, counts) {
		return errors.Join(err, m.save(t)) // a page of nothing would only hide why
	}
	return errors.Join(err, m.write(t))
}

// doubled is how long after a signal the same is taken for it: timeout, for one, sends each
// to the program and to its group.
const doubled = time.Second

// secondSignal is closed by a signal to end that comes after the one that ended the
// context: what is left is listed before the program ends. A third ends it at once. It
// listens from the beginning, for between the first signal and a listener that came after
// it a second would end the program.
func secondSignal(ctx context.Context, alike time.Duration) (hurry <-chan struct{}, stop func()) {
	again := make(chan os.Signal, 8)
	signal.Notify(again, os.Interrupt, syscall.SIGTERM)
	closed, over := make(chan struct{}), make(chan struct{})
	go func() {
		defer signal.Stop(again)
		select {
		case <-ctx.Done():
		case <-over:
			return
		}
		for first := time.After(alike); ; {
			select {
			case <-again:
				continue
			case <-over:
				return
			case <-first:
			}
			break
		}
		select {
		case <-again:
			close(closed)
		case <-over:
		}
	}()
	return closed, sync.OnceFunc(func() { close(over) })
}

// warn tells what nobody may miss, also who wants to hear nothing else.
func (m *eciMeasuring) warn(format string, args ...any) {
	if isLive(m.in.io.err) {
		format = clearLine + format
	}
	fmt.Fprintf(m.in.io.err, format+"\n", args...)
}

func (m *eciMeasuring) tellSpent(spent cost.Money) {
	if !m.in.quiet {
		m.in.say([]string{fmt.Sprintf("%v at most was spent, by prices of %s", spent, spent.PriceDate)})
	}
}

func (m *eciMeasuring) book() (cost.Book, error) {
	file := cachebench.ScenarioFile{Prices: m.prices}
	s, err := file.Scenario("", readInput)
	if err != nil {
		return cost.Book{}, usageError{err}
	}
	return s.Prices, nil
}

func (m *eciMeasuring) readInventory() (*layers.Inventory, []simulate.Input, error) {
	if m.inventory == "" {
		return nil, nil, nil
	}
	data, err := readInput(m.inventory)
	if err != nil {
		return nil, nil, err
	}
	inv, err := layers.Read(m.inventory, data)
	return inv, []simulate.Input{cachebench.InputOf(filepath.ToSlash(m.inventory), data)}, err
}

// journalDir is where journals are: not in the cache directory, which people empty.
func (m *eciMeasuring) journalDir() (string, error) {
	if m.journal != "" {
		return m.journal, nil
	}
	state := os.Getenv("XDG_STATE_HOME")
	if state == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("find the directory of journals: %w; name one with --journal", err)
		}
		state = filepath.Join(home, ".local", "state")
	}
	return filepath.Join(state, "cachebench", "eci"), nil
}

// tellLeft tells of runs that were killed, but for the one that is gone on with.
func (m *eciMeasuring) tellLeft(dir string, resume *simulate.Timeline) {
	runs, err := ecigroup.LeftRuns(dir)
	if err != nil {
		m.in.say([]string{err.Error()})
		return
	}
	runs = slices.DeleteFunc(runs, func(run string) bool { return run == ecigroup.RunOf(resume) })
	if len(runs) > 0 {
		m.in.say([]string{"earlier runs may have left something that costs money: " + strings.Join(runs, ", ") + "; cachebench measure eci --clean-up deletes it"})
	}
}

// cleanUpECI deletes what killed runs left.
func (m *eciMeasuring) cleanUpECI(cmd *cobra.Command, args []string) error {
	if m.file != "" {
		return usagef("--clean-up goes by journals and tags, not by an experiment: leave --experiment out")
	}
	if len(args) > 0 {
		return usagef("--clean-up goes by journals and tags, not by images: leave %s out", strings.Join(args, " "))
	}
	if m.thisAccount && m.run == "" {
		return usagef("--this-account can be said of one run: name it with --run")
	}
	client, clock, err := m.client()
	if err != nil {
		return err
	}
	dir, err := m.journalDir()
	if err != nil {
		return err
	}
	var kept []string
	removed, err := ecigroup.CleanUp(cmd.Context(), client, ecigroup.CleanUpOptions{
		JournalDir: dir, Run: m.run, ThisAccount: m.thisAccount, DryRun: m.dryRun, Poll: m.poll, Now: clock.now, Sleep: clock.sleep,
		Confirm: func(run string, what []string) (bool, error) {
			if m.dryRun {
				for _, words := range what {
					fmt.Fprintln(m.in.io.out, "would delete", words)
				}
				return false, nil
			}
			for _, words := range what {
				fmt.Fprintf(m.in.io.err, "  %s\n", words)
			}
			return true, m.in.io.agrees(fmt.Sprintf("Delete these, which run %s left?", run), m.yes, true)
		},
		Kept: func(run string) { kept = append(kept, run) },
		Log:  func(format string, args ...any) { fmt.Fprintf(m.in.io.err, format+"\n", args...) },
	})
	for _, words := range removed {
		fmt.Fprintln(m.in.io.out, "deleted", words)
	}
	switch {
	case len(removed) > 0 || err != nil:
	case len(kept) > 0:
		fmt.Fprintf(m.in.io.out, "nothing is deleted in %s; what these runs made may be there: %s\n", client.RegionID(), strings.Join(kept, ", "))
	default:
		fmt.Fprintf(m.in.io.out, "nothing was left behind in %s\n", client.RegionID())
	}
	return err
}

// client makes a client, and the clock of waits.
func (m *eciMeasuring) client() (*eci.Client, *waitClock, error) {
	clock := &waitClock{virtual: m.virtual, at: time.Now()}
	c, err := m.clientOf(m.file, m.fileRegion, func(config *eci.Config) { config.Sleep, config.Now = clock.sleep, clock.now })
	return c, clock, err
}
