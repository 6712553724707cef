package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/layers/docstore"
	"github.com/cachebench/cachebench/matcher/plan"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/reports/compare"
)

// The exit codes (design: command line).
const (
	exitDone        = 0
	exitFailed      = 1
	exitUsage       = 2
	exitThreshold   = 3
	exitInterrupted = 130
)

// usageError is a fault of the command line.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }

// streams are where a command reads and writes.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	// line tells how far the looking up is, where err is a terminal; else nil.
	line *progressLine
	// stage tells what is done after that, likewise.
	stage *stageLine
	// store is what keeps documents for later runs, once it is open.
	store *docstore.Store
	// partial: the work was stopped and its result is not all that it could be.
	partial bool
	// verdict is written last, to verdictTo: behind the reason of a failure too, where a
	// shell sends both streams to one file.
	verdict   []byte
	verdictTo io.Writer
}

// verdictAt is where the verdict for programs begins, which is the last line of a text or
// of Markdown; -1 where there is none. Results can be large: only that line is looked at.
func verdictAt(data []byte) int {
	text, ended := bytes.CutSuffix(data, []byte("\n"))
	at := bytes.LastIndexByte(text, '\n') + 1
	if !ended || !bytes.HasPrefix(bytes.TrimPrefix(text[at:], []byte("<!-- ")), []byte("verdict: ")) {
		return -1
	}
	return at
}

// write writes to one of the streams, and keeps a verdict at the end for conclude.
func (s *streams) write(to io.Writer, data []byte) error {
	if at := verdictAt(data); at >= 0 && s.verdict == nil {
		s.verdict, s.verdictTo = bytes.Clone(data[at:]), to
		data = data[:at]
	}
	_, err := to.Write(data)
	return err
}

// conclude writes the verdict.
func (s *streams) conclude() error {
	if s.verdict == nil {
		return nil
	}
	_, err := s.verdictTo.Write(s.verdict)
	s.verdict = nil
	return err
}

// close closes what the command opened. What could not be kept is no failure.
func (s *streams) close() {
	if s.store == nil {
		return
	}
	if err := s.store.Close(); err != nil {
		fmt.Fprintln(s.err, "cachebench: not all is kept for later runs:", err)
	}
	s.store = nil
}

// clear removes a line of progress.
func (s *streams) clear() {
	if s.line != nil {
		s.line.pause()
	}
	if s.stage != nil {
		s.stage.pause()
	}
	if isLive(s.err) {
		fmt.Fprint(s.err, clearLine)
	}
}

// run is the whole program but for the process: it returns the exit code.
func run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	io := &streams{in: in, out: out, err: errOut}
	defer io.close()
	root := newRoot(io)
	root.SetArgs(args)
	root.SetIn(in)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	io.clear()
	if ctx.Err() != nil {
		err = interrupted(err, io.partial)
	}
	if err != nil {
		message := strings.Replace(err.Error(), context.Canceled.Error(), "interrupted", 1)
		fmt.Fprintln(errOut, "cachebench:", message)
	}
	io.close()
	if concluded := io.conclude(); concluded != nil {
		fmt.Fprintln(errOut, "cachebench: write the verdict:", concluded)
		if err == nil {
			err = concluded
		}
	}
	return exitCode(ctx, err)
}

// interrupted says of a command's error that a signal came, and whether its result is all that
// it could be: what the error says of a partial one may be for want of time.
func interrupted(err error, partial bool) error {
	const found = "the result is what was found by then"
	switch {
	case err == nil && partial:
		return fmt.Errorf("%w; %s", context.Canceled, found)
	case err == nil:
		return fmt.Errorf("%w; all was done and written", context.Canceled)
	case partial && !errors.Is(err, context.Canceled):
		return fmt.Errorf("%w; %s: %w", context.Canceled, found, err)
	}
	return err
}

func exitCode(ctx context.Context, err error) int {
	var usage usageError
	var file *document.Error
	switch {
	case ctx.Err() != nil || errors.Is(err, context.Canceled):
		return exitInterrupted
	case err == nil:
		return exitDone
	case errors.As(err, &usage), errors.As(err, &file), errors.Is(err, cachebench.ErrTooMuch), errors.Is(err, cachebench.ErrNoWorkload), errors.Is(err, cachebench.ErrTrace), errors.Is(err, cachebench.ErrUnfit), errors.Is(err, plan.ErrInvalid), errors.Is(err, compare.ErrResult):
		return exitUsage
	case errors.Is(err, reports.ErrRule), errors.Is(err, cachebench.ErrLimit), errors.Is(err, errDiffers):
		return exitThreshold
	}
	return exitFailed
}

func newRoot(io *streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "cachebench",
		Short: "Which images to cache, what that saves, and how sure that is",
		Long: `cachebench says which container images to cache, how much startup time and
money that saves, and how sure that is.

It looks images up in a registry, finds the layers that they share, matches
them against image caches as Alibaba Cloud ECI does, plans which caches to
build under a budget, and simulates starts with and without them.`,
		Example: `  cachebench run scenario.yaml
  cachebench analyze nginx:1.27 redis:7 --save inventory.json
  cachebench diff app:main oci:build/app --gate 'new-B<=60MB,cold-sec:+5%'
  kubectl get pods -A -o json | cachebench init --from-kubernetes -`,
		Version:       builtFrom(),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "cachebench --help lists them"
			if below := commandsBelow(cmd, args[0]); len(below) > 0 {
				hint = "there is " + listed(below)
			} else if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
				hint = "did you mean " + strings.Join(near, " or ") + "?"
			}
			return usagef("no command is called %q; %s", args[0], hint)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return applyDefaults(cmd, os.LookupEnv)
		},
	}
	root.SuggestionsMinimumDistance = 2
	root.SetVersionTemplate("cachebench {{.Version}}\n")
	root.SetUsageTemplate(strings.ReplaceAll(root.UsageTemplate(), ".FlagUsages", ".FlagUsagesWrapped 100"))
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		newRun(io), newInit(io), newAnalyze(io), newDiff(io), newCompare(io), newMatch(io), newPlan(io),
		newSimulate(io), newSweep(io), newCapacity(io), newCache(io), newMeasure(io), newCalibrate(io), newWorkload(io), newReport(io), newSchema(io), newMan(io), newVersion(io),
	)
	addHelp(root)
	addCompletion(root)
	return root
}

// config is the user's file of flag defaults.
type config struct {
	// Flags are flags' names with their values.
	Flags map[string]string `json:"flags"`
}

// Annotations of flags. commandLineOnly: no default is looked up for it. fromDefault:
// it has its value from one, not from the command line.
const (
	commandLineOnly = "command-line-only"
	fromDefault     = "from-default"
)

// onCommandLineOnly marks flags of which no default is looked up: most of them mean
// something else in other commands, and a default for those is none for this one.
func onCommandLineOnly(flags *pflag.FlagSet, names ...string) {
	for _, name := range names {
		flags.SetAnnotation(name, commandLineOnly, []string{"true"})
	}
}

// given says whether the command line itself has a flag. pflag's Changed holds of those
// too that have their value from a default.
func given(flags *pflag.FlagSet, name string) bool {
	f := flags.Lookup(name)
	return f != nil && f.Changed && f.Annotations[fromDefault] == nil
}

// applyDefaults sets the flags that the command line leaves open from the
// environment (CACHEBENCH_FLAG_NAME), then from the user's configuration.
func applyDefaults(cmd *cobra.Command, env func(string) (string, bool)) error {
	flags := cmd.Flags()
	file, err := readConfig(env)
	if err != nil {
		return err
	}
	for name := range file.Flags {
		if flags.Lookup(name) == nil && !knownFlag(cmd.Root(), name) {
			return usagef("the configuration file's flag %q is no flag of any command", name)
		}
	}
	flags.VisitAll(func(f *pflag.Flag) {
		if f.Changed || err != nil || f.Annotations[commandLineOnly] != nil {
			return
		}
		name := "CACHEBENCH_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		value, _ := env(name)
		if value == "" {
			name, value = "the configuration file's flag "+f.Name, file.Flags[f.Name]
		}
		if value == "" {
			return
		}
		if e := flags.Set(f.Name, value); e != nil {
			err = usagef("%s: %w", name, e)
		}
		flags.SetAnnotation(f.Name, fromDefault, []string{"true"})
	})
	return err
}

// knownFlag says whether a command, or one below it at whatever level, has a flag.
func knownFlag(cmd *cobra.Command, name string) bool {
	return cmd.Flags().Lookup(name) != nil ||
		slices.ContainsFunc(cmd.Commands(), func(c *cobra.Command) bool { return knownFlag(c, name) })
}

func readConfig(env func(string) (string, bool)) (config, error) {
	var c config
	dir, ok := env("XDG_CONFIG_HOME")
	if !ok || dir == "" {
		home, ok := env("HOME")
		if !ok || home == "" {
			return c, nil
		}
		dir = filepath.Join(home, ".config")
	}
	name := filepath.Join(dir, "cachebench", "config.yaml")
	data, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return c, fmt.Errorf("read the configuration: %w", err)
	}
	return c, document.Read(name, data, "Config", &c)
}
