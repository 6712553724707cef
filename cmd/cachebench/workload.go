package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
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
	"github.com/cachebench/cachebench/simulate/calibrate"
	"github.com/cachebench/cachebench/workload"
)

func newWorkload(io *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "workload",
		Short:   "Workloads from what clusters tell, or made up",
		Long:    "Workload makes workloads, and timelines of measured pulls, of what clusters tell;\nor makes workloads up.",
		Example: "  kubectl get pods,events,nodes -A -o json | cachebench workload import -",
		Args:    none,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newWorkloadImport(io), newWorkloadGenerate(io))
	return cmd
}

func newWorkloadImport(io *streams) *cobra.Command {
	i := &pullImport{io: io, out: &outputs{io: io, formats: reports.PullFormats()}, fit: calibratePulls}
	cmd := &cobra.Command{
		Use:   "import FILE|-...",
		Short: "How long a cluster's own pulls took, and what starts when: from kubectl, histories, metrics, ECI, traces",
		Long: `Import reads what kubectl get pods,events,nodes -A -o json prints: the kubelet's
messages about pulls, the pods with their images, digests and times, and the
nodes, if they are there. It says how fast images came and how often they were
there already; --save writes the workload, --save-timeline the pulls as measured
startups, for calibrate, and --save-lock what the references meant.

It reads as well histories of events (kube-eventer, log services; one in a line),
results of Prometheus' range queries, crictl images -o json, the answer of ECI's
DescribeContainerGroups, and traces of starts, of which apps with their rates by
hour of the week, bursts, run times and releases are made. Each file may be packed
with gzip or zstd; what it is its text tells, or --format.

Events live an hour, unless the API server's --event-ttl says otherwise: say so then.
Take a snapshot every 50 minutes and name them all, in any order: what stands in
several counts once. The output of a watch (kubectl get --watch -o json, with
--output-watch-events or without) will do too.

Less than a day is not scaled to startsPerDay unless --scale-to-day asks for it;
without, no workload is written. What cannot be (a pull longer than the time
between its events, faster than 10 GB/s, ...) is dropped and counted by reason.
docs/import.md says what is read and how.`,
		Example: `  kubectl get pods,events,nodes -A -o json | cachebench workload import -
  cachebench workload import snapshots/*.json --save workload.yaml --save-timeline pulls.json
  cachebench workload import events-*.jsonl.gz --save workload.yaml
  cachebench workload import snapshot.json --scale-to-day --save workload.yaml --save-lock lock.yaml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return usagef("name the files of kubectl get pods,events,nodes -A -o json, or - for stdin")
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error { return i.run(cmd.Context(), args) },
	}
	f := cmd.Flags()
	f.StringVar(&i.timeline, "save-timeline", "", "save the pulls and starts, as measured, to this `file`")
	f.StringVar(&i.lock, "save-lock", "", "save the digests that references meant to this `file`")
	f.Var((*days)(&i.opt.Window), "window", "how long the input is known to cover, up to its newest time, as 12h or 2d; what is older is left out (default what the snapshots tell)")
	f.Var((*days)(&i.opt.EventLife), "event-ttl", "how long the cluster keeps events: a snapshot tells of so long before it (default the API server's, 1h)")
	f.StringVar(&i.format, "format", "", "what all files are: "+inputFormatNames()+" (default what the text of each tells)")
	cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(strings.Split(inputFormatNames(), ", "), cobra.ShellCompDirectiveNoFileComp))
	f.BoolVar(&i.opt.ScaleToDay, "scale-to-day", false, "give startsPerDay though less than a day is covered, as if the whole day were like it")
	onCommandLineOnly(f, "window") // simulate's is how long is simulated
	i.out.addFlags(cmd, "the workload")
	return cmd
}

// pullImport is one run of workload import.
type pullImport struct {
	io             *streams
	out            *outputs
	timeline, lock string
	format         string
	opt            workload.PullOptions
	fit            fitPulls
	formats        []reports.PullInput
}

// inputFormatNames are those of --format.
func inputFormatNames() string {
	var names []string
	for _, f := range workload.InputFormats() {
		names = append(names, string(f))
	}
	return strings.Join(names, ", ")
}

func (i *pullImport) run(ctx context.Context, files []string) error {
	if err := i.check(files); err != nil {
		return err
	}
	h, inputs, err := i.read(ctx, files)
	if err != nil {
		return err
	}
	t := cachebench.PullTimeline(h)
	t.Provenance.Inputs = inputs
	// Files come first: the fit may take a while and be interrupted, and who reads the
	// result may stop.
	saved := i.save(h, t)
	s := reports.NewPullSummary(h)
	if slices.ContainsFunc(i.formats, func(f reports.PullInput) bool { return f.Format != workload.KubectlInput }) {
		s.Inputs = i.formats
	}
	if err := i.addPrediction(ctx, s, t); err != nil {
		if saved == nil && (i.out.save != "" || i.timeline != "" || i.lock != "") {
			return fmt.Errorf("%w; the files that were asked for are written", err)
		}
		return errors.Join(err, saved)
	}
	var b bytes.Buffer
	if err := reports.WritePulls(&b, reports.Format(i.out.format), s, reports.Options{Color: i.out.file == "" && useColor(i.io.out)}); err != nil {
		return errors.Join(err, saved)
	}
	return errors.Join(i.out.write(b.Bytes()), saved)
}

// fitPulls calibrates with a timeline of pulls; tests replace it.
type fitPulls func(ctx context.Context, t *simulate.Timeline) (*calibrate.Calibration, error)

func calibratePulls(ctx context.Context, t *simulate.Timeline) (*calibrate.Calibration, error) {
	data, err := calibrate.Load([]calibrate.File{{Name: "the pulls", Timeline: t}}, calibrate.Options{Seed: 1})
	if err != nil {
		return nil, err
	}
	c, _, err := data.Fit(ctx)
	if errors.Is(err, calibrate.ErrNothing) && len(t.Measurement.PullCounts) > 0 { // nothing but counts
		return data.Check(ctx)
	}
	return c, err
}

// addPrediction says how far predictions are from a cluster's own pulls: with the built-in
// profile, and on pulls held out after fitting. It is the first thing that the user
// sees. Too few pulls for that are no fault of the import, and what goes wrong with it
// is but a doubt. It ends with ctx, however long the fit takes.
func (i *pullImport) addPrediction(ctx context.Context, s *reports.PullSummary, t *simulate.Timeline) error {
	type result struct {
		c   *calibrate.Calibration
		err error
	}
	done := make(chan result, 1)
	go func() {
		c, err := i.fit(ctx, t)
		done <- result{c, err}
	}()
	var r result
	select {
	case <-ctx.Done():
		return ctx.Err()
	case r = <-done:
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(r.err, calibrate.ErrNothing), errors.Is(r.err, calibrate.ErrVoid):
		return nil
	case r.err != nil:
		s.Doubts = append(slices.Clone(s.Doubts), fmt.Sprintf("how wrong predictions of these pulls are could not be told: %v", r.err))
		return nil
	}
	s.Prediction = reports.NewPullPrediction(r.c, s.Pulls, s.MedianBytesPerSecond)
	s.PullChecks = r.c.Counts
	if len(r.c.Counts) > 0 {
		s.CheckedProfile = r.c.Profile
	}
	s.Doubts = slices.Clone(s.Doubts)
	for _, d := range r.c.Doubts { // sentences there, phrases here
		s.Doubts = append(s.Doubts, strings.ToLower(d[:1])+strings.TrimSuffix(d[1:], "."))
	}
	return nil
}

// check refuses what cannot be done before anything is read.
func (i *pullImport) check(files []string) error {
	if err := i.out.check(); err != nil {
		return err
	}
	if i.format != "" {
		if _, err := workload.ParseInputFormat(i.format); err != nil {
			return usagef("--format: %w", err)
		}
	}
	if i.opt.Window < 0 {
		return usagef("--window %v is negative: say how long the input covers, as 12h", i.opt.Window)
	}
	if err := i.out.spares(files...); err != nil {
		return err
	}
	written := map[string]string{"--output-file": i.out.file, "--save": i.out.save, "--save-timeline": i.timeline, "--save-lock": i.lock}
	flags := []string{"--output-file", "--save", "--save-timeline", "--save-lock"}
	for n, flag := range flags {
		name := written[flag]
		if name == "" {
			continue
		}
		for _, other := range flags[:n] {
			if written[other] != "" && sameFile(name, written[other]) {
				return usagef("%s and %s are both %s: one would replace the other", other, flag, name)
			}
		}
		if n < 2 {
			continue
		}
		for _, input := range files {
			if input != "-" && sameFile(name, input) {
				return usagef("%s %s would replace an input: give it another name", flag, name)
			}
		}
		if i.out.toStdout(name) {
			if i.out.file == "" || i.out.toStdout(i.out.file) {
				return usagef("%s %s and the result would both go to stdout: name a file for one of them", flag, name)
			}
			continue
		}
		if err := checkPlace(name); err != nil {
			return err
		}
	}
	return nil
}

// read makes a history of the files.
func (i *pullImport) read(ctx context.Context, files []string) (*workload.PullHistory, []simulate.Input, error) {
	if err := eachOnce(files); err != nil {
		return nil, nil, err
	}
	var importer workload.HistoryImporter
	var inputs []simulate.Input
	for _, name := range files {
		input, err := i.readFile(ctx, &importer, name)
		if err != nil {
			return nil, nil, err
		}
		inputs = append(inputs, input)
	}
	h, err := importer.History(i.opt)
	if errors.Is(err, workload.ErrNothing) {
		return nil, nil, usageError{err}
	}
	if errors.Is(err, workload.ErrNoPulls) {
		return nil, nil, usagef("%s: %w", strings.Join(files, ", "), err)
	}
	return h, inputs, err
}

// readFile reads one input, given up when ctx ends: a read from a terminal, or a
// pipe that nobody opens, would wait for ever.
func (i *pullImport) readFile(ctx context.Context, importer *workload.HistoryImporter, name string) (simulate.Input, error) {
	type result struct {
		input  simulate.Input
		format workload.InputFormat
		err    error
	}
	done := make(chan result, 1)
	go func() {
		input, format, err := readSnapshot(ctx, importer, name, i.io.in, workload.InputFormat(i.format))
		done <- result{input, format, err}
	}()
	select {
	case <-ctx.Done():
		return simulate.Input{}, ctx.Err()
	case r := <-done:
		i.formats = append(i.formats, reports.PullInput{Name: r.input.Name, Format: r.format})
		return r.input, r.err
	}
}

func readSnapshot(ctx context.Context, importer *workload.HistoryImporter, name string, stdin io.Reader, format workload.InputFormat) (simulate.Input, workload.InputFormat, error) {
	from, called := stdin, "stdin"
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return simulate.Input{}, format, usageError{fmt.Errorf("read input: %w", err)}
		}
		defer f.Close()
		if info, err := f.Stat(); err == nil && info.IsDir() {
			return simulate.Input{}, format, usagef("read input: %s is a directory: name the files in it", name)
		}
		from, called = f, name
	}
	digest := sha256.New()
	format, err := importer.Read(called, &stoppable{ctx, io.TeeReader(from, digest)}, format)
	if err != nil {
		return simulate.Input{}, format, err
	}
	return simulate.Input{Name: filepath.Base(called), Digest: layers.Digest(fmt.Sprintf("sha256:%x", digest.Sum(nil)))}, format, nil
}

// stoppable is a reader that ends with ctx.
type stoppable struct {
	ctx  context.Context
	from io.Reader
}

func (s *stoppable) Read(into []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.from.Read(into)
}

// save writes the files that were asked for. A workload without startsPerDay is
// not one.
func (i *pullImport) save(h *workload.PullHistory, t *simulate.Timeline) error {
	var failed error
	if i.timeline != "" {
		data, err := document.Marshal(simulate.TimelineKind, t)
		if err == nil {
			err = i.out.writeTo(i.timeline, data)
		}
		failed = errors.Join(failed, err)
	}
	d := pullDraft(h)
	if i.lock != "" {
		if len(d.Locked) == 0 {
			failed = errors.Join(failed, fmt.Errorf("%s is not written: no pod's status tells a digest", i.lock))
		} else if data, err := d.fill("lock.yaml", lockText, d.checkLock); err != nil {
			failed = errors.Join(failed, err)
		} else {
			failed = errors.Join(failed, i.out.writeTo(i.lock, data))
		}
	}
	if i.out.save != "" {
		failed = errors.Join(failed, i.saveWorkload(h, d))
	}
	return failed
}

func (i *pullImport) saveWorkload(h *workload.PullHistory, d *draft) error {
	switch {
	case len(h.Workload.Apps) == 0:
		return fmt.Errorf("%s is not written: no pods are in the input, only events, or no starts; write it with: kubectl get pods,events,nodes -A -o json", i.out.save)
	case h.NoStarts != "":
		return fmt.Errorf("%s is not written: %s, from which startsPerDay does not follow; read more snapshots, or give --scale-to-day to take the whole day as being like it", i.out.save, h.NoStarts)
	}
	data, err := d.fill("workload.yaml", workloadText, d.checkWorkload)
	if err == nil && strings.EqualFold(filepath.Ext(i.out.save), ".json") {
		data, err = document.Marshal(workload.Kind, &h.Workload)
	}
	if err != nil {
		return err
	}
	return i.out.writeTo(i.out.save, data)
}

// pullDraft is what init's templates make files of.
func pullDraft(h *workload.PullHistory) *draft {
	source := ""
	if t := h.History; t != nil {
		source = fmt.Sprintf("Made from the %d starts that histories tell of, which cover %s up to %s; each number says where it comes from.", t.Starts, workload.SpellTime(t.Window.Covered), t.Window.To.UTC().Format(time.RFC3339))
	}
	return &draft{
		Source: cmp.Or(source, fmt.Sprintf("Made from %d pods and %d events about pulls, which cover %s up to %s; each number says where it comes from.",
			h.Pods, h.Events, workload.SpellTime(h.Window.Covered), h.Window.To.UTC().Format(time.RFC3339))),
		Notes: slices.Concat(h.Doubts, h.Notes), Locked: h.Digests,
		workload: h.Workload, origins: h.Origins, pulled: h.PulledLives,
	}
}
