package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/reports"
)

// errRunsFailed is wrapped where runs of a sweep have no result.
var errRunsFailed = errors.New("runs failed")

// sweepFlags are those of the command sweep.
type sweepFlags struct {
	shard   string
	shards  int
	dir     string
	workers int
	quiet   bool
}

// completionIndex is where Kubernetes tells a pod of an Indexed Job which one it is.
const completionIndex = "JOB_COMPLETION_INDEX"

func newSweep(io *streams) *cobra.Command {
	out := &outputs{io: io, formats: reports.SweepFormats()}
	var flags sweepFlags
	cmd := &cobra.Command{
		Use:   "sweep SWEEP",
		Short: "Many runs: scenarios × parameters × seeds, on one machine or many",
		Long: `Sweep makes the runs of a sweep file: every scenario with every combination of
parameter values and every seed.

  apiVersion: cachebench/v1
  kind: Sweep
  scenarios: [scenario.yaml]
  parameters:
    - {key: budgetPerMonth, values: ["0", "20", "100"]}
    - {key: profile.network.registryBytesPerSecond, values: [1Gbit/s, 10Gbit/s]}
  seeds: [1, 2, 3]

Runs do not depend on one another. With --shard I/N only a part of them is made, counted
from 0, and written to --dir as shard-I-of-N.json: whole or not at all, so that a
shard that died is simply run again, which removes what it left. A shard that is there
already is kept. sweep merge puts shards together, to the same bytes as one machine
writes. In the pods of a Kubernetes Indexed Job --shards N is enough: ` + completionIndex + `
says which one; a --shard of another part is refused there.
HTML has a chart for each parameter whose values are numbers, and a table.
deploy/kubernetes has such a Job (docs/sweep.md).`,
		Example: `  cachebench sweep sweep.yaml
  cachebench sweep sweep.yaml --output csv --output-file runs.csv
  cachebench sweep sweep.yaml --output html --output-file sweep.html
  cachebench sweep sweep.yaml --shard 0/4 --dir results
  cachebench sweep merge results --output json --output-file whole.json`,
		Args: exactly(1, "a sweep file"),
		RunE: func(cmd *cobra.Command, args []string) error { return runSweep(cmd, args[0], &flags, out) },
	}
	f := cmd.Flags()
	f.StringVar(&flags.shard, "shard", "", "make only part `I/N` of the runs, I from 0 to N-1, and write it to --dir")
	f.IntVar(&flags.shards, "shards", 0, "the same in a pod of an Indexed Job of so many completions: "+completionIndex+" is the part")
	f.StringVar(&flags.dir, "dir", ".", "`directory` of the shards' files")
	f.IntVar(&flags.workers, "workers", 0, "simulate this many repeats of a run at once; changes no result (default: one for each processor)")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "no progress on stderr")
	cmd.MarkFlagDirname("dir")
	onCommandLineOnly(f, "shard")
	out.addFlags(cmd, "")
	out.addPlotsFlag(cmd)
	cmd.AddCommand(newSweepMerge(io))
	return cmd
}

// part is the shard that the flags ask for; nil where they ask for all.
func (f *sweepFlags) part(env func(string) (string, bool)) (*reports.SweepShard, error) {
	index, _ := env(completionIndex)
	inJob := index != ""
	if at, err := strconv.Atoi(index); inJob && (err != nil || at < 0) {
		return nil, usagef("%s is %q, and Kubernetes sets it to a number from 0 on, in the pods of an Indexed Job: set it so, or unset it where this is no such pod", completionIndex, index)
	}
	switch {
	case f.shards < 0:
		return nil, usagef("--shards must be above 0")
	case f.shard != "" && f.shards > 0:
		return nil, usagef("--shard %s and --shards %d say the same in two ways: leave one out", f.shard, f.shards)
	case f.shard == "" && f.shards == 0 && inJob:
		return nil, usagef("%s is %s, so this is a pod of an Indexed Job, and it is not known how many completions the Job has: write --shards N with its completions, for without it each pod would make all runs (where this is no such pod, unset %[1]s)", completionIndex, index)
	case f.shard == "" && f.shards == 0:
		return nil, nil
	case f.shards > 0 && !inJob:
		return nil, usagef("--shards %d is for the pods of an Indexed Job, and %s is not set: write --shard I/%d", f.shards, completionIndex, f.shards)
	}
	text := f.shard
	if f.shards > 0 {
		text = fmt.Sprintf("%s/%d", index, f.shards)
	}
	i, n, _ := strings.Cut(text, "/")
	shard, err := strconv.Atoi(i)
	of, ofErr := strconv.Atoi(n)
	switch {
	case err != nil || ofErr != nil || of < 1:
		return nil, usagef("shard %q is not of the form I/N, such as 0/4", text)
	case f.shard != "" && inJob && i != index:
		return nil, usagef("--shard %s is part %d, and %s, which Kubernetes sets in the pods of an Indexed Job, is %s: write --shards %d and every pod makes its own part (where this is no such pod, unset %[3]s)", f.shard, shard, completionIndex, index, of)
	case shard < 0 || shard >= of:
		return nil, usagef("shard %q: shards are counted from 0: of %d they are 0 to %d", text, of, of-1)
	}
	return &reports.SweepShard{Index: shard, Of: of}, nil
}

func runSweep(cmd *cobra.Command, name string, flags *sweepFlags, out *outputs) error {
	if err := out.check(); err != nil {
		return err
	}
	if flags.workers < 0 || flags.workers == 0 && given(cmd.Flags(), "workers") {
		return usagef("--workers must be above 0")
	}
	part, err := flags.part(os.LookupEnv)
	if err != nil {
		return err
	}
	if part != nil && (out.file != "" || out.plots != "" || given(cmd.Flags(), "output")) {
		return usagef("a shard is written to --dir as JSON: leave --output, --output-file and --plots to sweep merge")
	}
	data, err := readInput(name)
	if err != nil {
		return err
	}
	sweep, err := cachebench.ReadSweep(name, data)
	if err != nil {
		return err
	}
	runner := &cachebench.SweepRunner{Sweep: sweep, Name: name, Read: readInput, Workers: flags.workers}
	head, err := runner.Check(data)
	if err != nil {
		return usageError{err}
	}
	if err := out.spares(name); err != nil {
		return err
	}
	head.Shard = part
	made := &sweepRuns{ctx: cmd.Context(), runner: runner, head: head, flags: flags, io: out.io}
	if part != nil {
		return made.shard()
	}
	if err := out.sweep(head, made.each()); err != nil {
		return err
	}
	out.io.partial = cmd.Context().Err() != nil
	return made.end()
}

// sweepRuns makes the runs of a sweep, or of a shard of it.
type sweepRuns struct {
	ctx    context.Context
	runner *cachebench.SweepRunner
	head   *reports.SweepResult
	flags  *sweepFlags
	io     *streams
	// failed counts the runs without a result; first says why the first has none.
	done, failed int
	first        string
}

// each makes the runs one after another. When ctx ends, so do they.
func (s *sweepRuns) each() iter.Seq2[*reports.SweepRun, error] {
	return func(yield func(*reports.SweepRun, error) bool) {
		from, to := s.head.Shard.Range(s.head.GridRuns)
		for run := from; run < to; run++ {
			if s.ctx.Err() != nil {
				return
			}
			s.tell(run, from, to)
			made, err := s.runner.Run(s.ctx, run)
			if s.ctx.Err() != nil {
				return // a run that was stopped is none
			}
			s.done++
			if made != nil && made.Failed() {
				if s.failed++; s.first == "" {
					s.first = fmt.Sprintf("run %d (%s): %s", run, s.runner.Sweep.Words(s.runner.Sweep.Point(run)), made.Failure)
				}
			}
			if !yield(made, err) {
				return
			}
		}
	}
}

func (s *sweepRuns) tell(run, from, to int) {
	if s.flags.quiet || !isLive(s.io.err) {
		return
	}
	fmt.Fprintf(s.io.err, "%srun %d of %d: %s…", clearLine, run-from+1, to-from, s.runner.Sweep.Words(s.runner.Sweep.Point(run)))
}

// end says which runs failed.
func (s *sweepRuns) end() error {
	if s.failed == 0 {
		return nil
	}
	return fmt.Errorf("%d of %d %w, the first: %s", s.failed, s.done, errRunsFailed, s.first)
}

// shard makes a shard and writes it whole, unless it is there already.
func (s *sweepRuns) shard() error {
	part := s.head.Shard
	name := filepath.Join(s.flags.dir, shardName(part))
	from, to := part.Range(s.head.GridRuns)
	what := fmt.Sprintf("shard %d of %d (%d runs from run %d)", part.Index, part.Of, to-from, from)
	kept, err := s.kept(name)
	if err != nil {
		return err
	}
	removeErr := removeBeside(name)
	if kept {
		fmt.Fprintf(s.io.err, "cachebench: %s is in %s already: kept\n", what, name)
		if removeErr != nil { // the shard is whole all the same
			fmt.Fprintf(s.io.err, "cachebench: warning: %v\n", removeErr)
		}
		return nil
	}
	if removeErr != nil {
		return removeErr
	}
	if err := os.MkdirAll(s.flags.dir, 0o755); err != nil {
		return usagef("--dir %s: make the directory: %w", s.flags.dir, cause(err))
	}
	if err := checkPlace(name); err != nil {
		return err
	}
	err = streamFile(name, func(w io.Writer) error {
		if err := reports.WriteSweep(w, reports.JSON, s.head, s.each()); err != nil {
			return err
		}
		if err := s.ctx.Err(); err != nil {
			return fmt.Errorf("%s: %w: %d of its runs were made; it is written whole or not at all: run it again", what, err, s.done)
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.io.clear()
	fmt.Fprintf(s.io.err, "cachebench: %s is in %s\n", what, name)
	return s.end()
}

// kept says that a shard is there already, whole and without a run that failed.
func (s *sweepRuns) kept(name string) (bool, error) {
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for the shard: %w", err)
	}
	there, err := reports.ReadSweepResult(name, data)
	if err != nil {
		return false, usagef("%s stands where the shard is to be written: %w: remove it, or name another --dir", name, err)
	}
	if !sameSweep(s.head, there) || there.Shard == nil || *there.Shard != *s.head.Shard {
		return false, usagef("%s is a shard of another sweep, of other input files or of another version: remove it, or name another --dir", name)
	}
	return there.Whole() && there.Failed() == 0, nil
}

func shardName(part *reports.SweepShard) string {
	return fmt.Sprintf("shard-%d-of-%d.json", part.Index, part.Of)
}

// sameSweep says that two results are of one grid, of the same files, by the same program.
func sameSweep(a, b *reports.SweepResult) bool {
	return a.Sweep == b.Sweep && a.GridRuns == b.GridRuns && a.Version == b.Version && a.Model == b.Model
}
