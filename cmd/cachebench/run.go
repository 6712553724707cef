package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/reports"
)

func newRun(io *streams) *cobra.Command {
	in, out := &inputs{io: io}, &outputs{io: io, formats: append(startFormats(), reports.GitHub)}
	var check bool
	cmd := &cobra.Command{
		Use:   "run SCENARIO",
		Short: "The main job: analyze, match, plan, simulate, report",
		Long: `Run does the main job of a scenario file: it looks the images up, matches each
app against the existing caches, plans which caches to build, simulates every
start with and without them, prints a summary and writes the scenario's outputs.

With --check it holds every app to its budget in the scenario:

  budget:
    web:
      coldP50Seconds: 8s       # also coldP99Seconds, cachedP50Seconds, cachedP99Seconds
      newBytes: 60MB           # compressed bytes against base
      base: registry.example.com/shop/web:1.4.0
      costPerMonth: 20 USD     # of the planned caches that serve it

Text, Markdown and HTML list the rules with value, limit and margin; JSON has them under
gate; github are annotations of a GitHub Actions run at the scenario's lines. The exit
code is 0 when all limits are kept, 3 when one is not, 1 when a figure is not known, 2
when there is no budget. The last line of the text output, of the standard error with
other formats, is for programs:

  verdict: pass|fail|error rules=N passed=N failed=N warned=N errors=N`,
		Example: `  cachebench run scenario.yaml
  cachebench run scenario.yaml --output html --output-file report.html
  cachebench run scenario.yaml --check
  cachebench run scenario.yaml --check --output github
  cachebench run scenario.yaml --registry-alias registry-vpc.example.com=registry.example.com`,
		Args: exactly(1, "a scenario file (cachebench init writes one)"),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.scenario = args[0]
			return runScenario(cmd, in, out, check)
		},
	}
	in.addImageFlags(cmd)
	in.addWorkloadFlags(cmd)
	in.addModelFlags(cmd)
	in.addTraceFlags(cmd)
	in.addBillFlag(cmd)
	in.addRepeatFlags(cmd)
	in.addStartFlags(cmd)
	cmd.Flags().MarkHidden("image")
	cmd.Flags().MarkHidden("scenario")
	cmd.Flags().TextVar(&in.budget, "budget", cachebench.MoneyLimit{}, "most that the planned caches may cost a month: an `amount` in the prices' currency, which it may name (50 USD)")
	cmd.Flags().Float64Var(&in.worth, "worth-per-hour", cachebench.DefaultWorthPerHour, "what an hour of waiting saved is worth; at 0 only the budget counts")
	cmd.Flags().BoolVar(&check, "check", false, "exit with 3 unless every app keeps its budget in the scenario")
	out.addFlags(cmd, "")
	out.addPlotsFlag(cmd)
	return cmd
}

func runScenario(cmd *cobra.Command, in *inputs, out *outputs, check bool) error {
	s, err := in.load(cmd, out)
	if err != nil {
		return err
	}
	if !check && out.format == string(reports.GitHub) {
		return usagef("--output github has what became of budgets: give --check, and a budget in the scenario")
	}
	if check && len(s.Budget) == 0 {
		return usagef("--check: %s: %w", in.scenario, cachebench.ErrNoBudget)
	}
	files, err := in.outputFiles(out.io)
	if err != nil {
		return err
	}
	if err := in.lookups.apply(in, s); err != nil {
		return err
	}
	s.Resolve.Present = check
	results, err := cachebench.Run(cmd.Context(), s)
	in.io.partial = cmd.Context().Err() != nil
	if perr := in.pin(s, results.Inventory); perr != nil {
		return errors.Join(err, perr)
	}
	if err != nil && !errors.Is(err, cachebench.ErrCoverage) && !errors.Is(err, cachebench.ErrLimit) {
		if check {
			err = errors.Join(err, unjudged(s.UnjudgedBudget(err), out))
		}
		return err
	}
	if check {
		gate, noBudget := results.CheckBudget(s)
		if noBudget != nil {
			return noBudget
		}
		results.Report.Gate = gate
	}
	out.timeline = results.Timeline
	if werr := out.report(results.Report); werr != nil {
		return werr
	}
	for _, file := range files {
		if err := file.report(results.Report); err != nil {
			return err
		}
	}
	if !check {
		return err
	}
	return checkBudget(results.Report.Gate, out, err)
}

// unjudged writes the rules of a run that ended before it had a report, so that the last
// line is a verdict then too.
func unjudged(gate *reports.Gate, out *outputs) error {
	to := out.io.err
	if out.textToStdout() {
		to = out.io.out
	}
	if gate != nil && out.format == string(reports.GitHub) {
		if err := out.write(reports.GateAnnotations(gate)); err != nil {
			return err
		}
	}
	err := out.io.write(to, reports.GateText(gate))
	return err
}

// checkBudget ends a run that ended with err as its budgets were kept. What could not be
// judged is said before what is above a limit: the exit code is that of the graver.
func checkBudget(gate *reports.Gate, out *outputs, err error) error {
	judged := gate.Err()
	if !out.textToStdout() { // which has the rules in it
		if werr := out.io.write(out.io.err, reports.GateText(gate)); werr != nil {
			return werr
		}
	}
	switch {
	case errors.Is(err, cachebench.ErrCoverage):
		return err
	case err != nil && errors.Is(judged, reports.ErrUnjudged):
		return fmt.Errorf("%w; %v", judged, err)
	}
	return errors.Join(judged, err)
}

// outputFiles are the files that the scenario names; one that cannot be written or
// would replace an input is refused.
func (in *inputs) outputFiles(io *streams) ([]*outputs, error) {
	var files []*outputs
	for _, o := range in.outputs {
		to := &outputs{io: io, format: o.Format, file: o.File, formats: reports.StartupFormats()}
		if err := errors.Join(to.check(), to.spares(in.read...)); err != nil {
			return nil, err
		}
		files = append(files, to)
	}
	return files, nil
}

// exactly wants n arguments.
func exactly(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usagef("%s wants %s; see %s --help", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

// none wants no arguments.
func none(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		if cmd.HasAvailableSubCommands() {
			return noCommand(cmd, args[0])
		}
		return usagef("%s takes no argument, got %q; see %s --help", cmd.CommandPath(), args[0], cmd.CommandPath())
	}
	return nil
}
