package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
)

func newSweepMerge(io *streams) *cobra.Command {
	out := &outputs{io: io, formats: reports.SweepFormats()}
	cmd := &cobra.Command{
		Use:   "merge DIR|SHARD...",
		Short: "Put the shards of a sweep together",
		Long: `Merge puts the shards of a sweep together, from the directories that they are in or
as files. The result has the same bytes as sweep writes on one machine. Each shard counts
once; one that is missing, or that is of another sweep, is an error. One shard at a
time is in memory.`,
		Example: `  cachebench sweep merge results
  cachebench sweep merge results --output json --output-file whole.json
  cachebench sweep merge a/shard-0-of-2.json b/shard-1-of-2.json --output csv`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("%s wants the directory of the shards, or their files; see %s --help", cmd.CommandPath(), cmd.CommandPath())
			}
			return mergeSweep(cmd, args, out)
		},
	}
	out.addFlags(cmd, "")
	out.addPlotsFlag(cmd)
	return cmd
}

// shardFile is a shard's file, of which only the head is kept.
type shardFile struct {
	name   string
	head   *reports.SweepResult
	digest [sha256.Size]byte
	failed int
}

func mergeSweep(cmd *cobra.Command, args []string, out *outputs) error {
	if err := out.check(); err != nil {
		return err
	}
	names, err := shardFiles(args)
	if err != nil {
		return err
	}
	if err := out.spares(names...); err != nil {
		return err
	}
	shards, err := readShards(cmd, names)
	if err != nil {
		return err
	}
	head := *shards[0].head
	head.Shard = nil
	if err := out.sweep(&head, shardRuns(cmd, shards)); err != nil {
		return err
	}
	failed := 0
	for i := range shards {
		failed += shards[i].failed
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d %w: the result says why", failed, head.GridRuns, errRunsFailed)
	}
	return nil
}

// shardFiles are the files named, and those of shards in the directories named.
func shardFiles(args []string) ([]string, error) {
	var names []string
	for _, arg := range args {
		info, err := os.Stat(arg)
		if err != nil {
			return nil, usageError{fmt.Errorf("read shards: %w", err)}
		}
		if !info.IsDir() {
			names = append(names, arg)
			continue
		}
		found, err := filepath.Glob(filepath.Join(globLiteral(arg), "shard-*-of-*.json"))
		if err != nil {
			return nil, fmt.Errorf("read shards in %s: %w", arg, err)
		}
		if len(found) == 0 {
			return nil, usagef("there are no shards (shard-I-of-N.json) in %s", arg)
		}
		names = append(names, found...)
	}
	return names, nil
}

// globLiteral is a directory's name as a pattern that means it alone.
func globLiteral(dir string) string {
	return strings.NewReplacer(`\`, `\\`, "*", `\*`, "?", `\?`, "[", `\[`).Replace(dir)
}

// readShards reads the heads of all shards, in order; each is to be there once.
func readShards(cmd *cobra.Command, names []string) ([]shardFile, error) {
	var shards []shardFile
	for _, name := range names {
		if err := cmd.Context().Err(); err != nil {
			return nil, err
		}
		r, digest, err := readShard(name)
		if err != nil {
			return nil, err
		}
		if r.Shard == nil {
			return nil, usagef("%s is no shard but a whole result", name)
		}
		if !r.Whole() {
			return nil, usagef("%s: shard %d of %d has %d runs, and is not whole: run it again", name, r.Shard.Index, r.Shard.Of, len(r.Runs))
		}
		next := shardFile{name: name, digest: digest, failed: r.Failed()}
		// What was read is part of the file's text, which a copy lets go.
		next.head = &reports.SweepResult{Version: strings.Clone(r.Version), Model: r.Model, Sweep: layers.Digest(strings.Clone(string(r.Sweep))), GridRuns: r.GridRuns, Shard: &reports.SweepShard{Index: r.Shard.Index, Of: r.Shard.Of}}
		if len(shards) > 0 && (!sameSweep(shards[0].head, r) || shards[0].head.Shard.Of != r.Shard.Of) {
			return nil, usagef("%s (shard %d of %d) and %s (shard %d of %d) are of two sweeps, of other input files or of two versions: merge each by itself",
				shards[0].name, shards[0].head.Shard.Index, shards[0].head.Shard.Of, name, r.Shard.Index, r.Shard.Of)
		}
		if i := slices.IndexFunc(shards, func(s shardFile) bool { return s.head.Shard.Index == r.Shard.Index }); i >= 0 {
			if shards[i].digest != digest {
				return nil, usagef("%s and %s are both shard %d of %d and differ: which one counts? leave the other out", shards[i].name, name, r.Shard.Index, r.Shard.Of)
			}
			continue // the same, and counted once
		}
		shards = append(shards, next)
	}
	slices.SortFunc(shards, func(a, b shardFile) int { return a.head.Shard.Index - b.head.Shard.Index })
	return shards, missingShards(shards)
}

// missingShards says which shards are not there.
func missingShards(shards []shardFile) error {
	of := shards[0].head.Shard.Of
	if len(shards) == of {
		return nil
	}
	there := make(map[int]bool)
	for i := range shards {
		there[shards[i].head.Shard.Index] = true
	}
	const most = 10
	var missing []string
	first := -1
	for i := 0; i < of && len(missing) < most; i++ {
		if !there[i] {
			if first < 0 {
				first = i
			}
			missing = append(missing, fmt.Sprint(i))
		}
	}
	text := strings.Join(missing, ", ")
	if rest := of - len(shards) - len(missing); rest > 0 {
		text += fmt.Sprintf(" and %d more", rest)
	}
	return fmt.Errorf("%d of %d shards are missing: %s: make them, as with cachebench sweep SWEEP --shard %d/%d", of-len(shards), of, text, first, of)
}

func readShard(name string) (*reports.SweepResult, [sha256.Size]byte, error) {
	data, err := readInput(name)
	if err != nil {
		return nil, [sha256.Size]byte{}, err
	}
	if kind, err := document.Header(name, data); err == nil && kind != reports.SweepResultKind {
		return nil, [sha256.Size]byte{}, usagef("%s is of kind %s: a shard is of kind %s", name, kind, reports.SweepResultKind)
	}
	r, err := reports.ReadSweepResult(name, bytes.Clone(data))
	return r, sha256.Sum256(data), err
}

// shardRuns are the runs of the shards in order, one shard in memory at a time.
func shardRuns(cmd *cobra.Command, shards []shardFile) iter.Seq2[*reports.SweepRun, error] {
	return func(yield func(*reports.SweepRun, error) bool) {
		for i := range shards {
			r, digest, err := readShard(shards[i].name)
			switch {
			case cmd.Context().Err() != nil:
				err = cmd.Context().Err()
			case err == nil && digest != shards[i].digest:
				err = fmt.Errorf("%s changed while it was merged: merge again", shards[i].name)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			for k := range r.Runs {
				if !yield(&r.Runs[k], nil) {
					return
				}
			}
		}
	}
}
