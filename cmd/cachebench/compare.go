package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/measure"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/reports/compare"
)

func newCompare(io *streams) *cobra.Command {
	out := &outputs{io: io, formats: reports.ComparisonFormats()}
	rules := &gates{flag: "gate", known: reports.BenchQuantities()}
	var opt compare.Options
	var rename []string
	cmd := &cobra.Command{
		Use:   "compare OLD NEW",
		Short: "How two results differ; a gate for pull requests",
		Long: `Compare says how NEW differs from OLD, app by app, arm by arm and figure by
figure. Each is a saved timeline, report, diff, plan, matches, calibration, answer of
capacity or sweep, the text of benchmarks that --output benchfmt writes, or what go test
-bench prints (also with -json).

Simulated and estimated values are exact and compared as they are. Measured runs
are compared by their medians, with the Mann-Whitney U test as benchstat does; a
difference that is not significant is marked with ~.

--gate is a list of rules, as diff has it: NAME<=AMOUNT (also <, >=, >, ==), or
NAME:+AMOUNT and NAME:-AMOUNT for how far it may grow or shrink from OLD (in per
cent, or in a unit); |NAME| is a figure's size without its sign. Every rule holds for
each benchmark that has its figure.
Figures are the units of the benchmarks; those of startups are:

` + figuresHelp(rules.known) + `
A rule that is broken by a measured difference that may be chance warns and does
not fail, and one of too few runs to tell is not judged; --judge-medians lets the
medians decide. The output says by what each rule was judged.

Results of another source, profile (or other values of it), platform, model, seed,
coverage, faults or machine are not compared, nor plans of another budget or worth
of an hour, answers to another question or limit, or sweeps whose runs were made
under other conditions. Nor are results of which NEW lacks benchmarks that OLD has,
of which one side does not state what the other does, or whose go test was cut off.
--allow names what may differ. --rename says what OLD calls otherwise, such as the
tag of a measured image, or an arm; a measurement of both versions is compared with
itself so.

The exit code is 0 when all rules are met, 3 when one is not, 1 when the results
cannot be compared or a rule not judged, 2 for wrong usage or a file that is no
result. With rules, the last line of the text output is for programs; without, there
is one where the results cannot be compared. Other formats than text and Markdown
have it on the standard error:

  verdict: pass|fail|error rules=N passed=N failed=N warned=N errors=N`,
		Example: `  cachebench compare old.json new.json
  cachebench compare old.txt new.txt --gate 'startup-sec:+5%,pulled-B:+60MB'
  cachebench compare main.txt pr.txt --budget budget.yaml --output markdown
  cachebench compare plan-main.json plan.json --gate 'saved-sec:-5%,cost-USD:+10USD'
  cachebench compare measured.json measured.json --rename web:1=web:2
  go test -bench . -count 10 > new.txt; cachebench compare old.txt new.txt --gate 'sec/op:+10%'`,
		Args: exactly(2, "OLD and NEW"),
		RunE: func(_ *cobra.Command, args []string) error {
			var err error
			if opt.Rename, err = renames(rename); err != nil {
				return err
			}
			opt.RenameToo = madeNames(opt.Rename)
			return compareResults(args, out, rules, opt)
		},
	}
	rules.addFlags(cmd, "'startup-sec:+5%,pulled-B:+60MB'")
	rules.addBudgetFlag(cmd)
	f := cmd.Flags()
	allowed := compare.Allowable()
	f.StringSliceVar(&opt.Allow, "allow", nil, "compare nevertheless where `this` differs: "+strings.Join(allowed, ", ")+"; repeatable")
	f.StringArrayVar(&rename, "rename", nil, "what OLD calls an app, image or other word of an arm, and NEW another, as `OLD=NEW`; repeatable")
	f.Float64Var(&opt.Alpha, "alpha", 0.05, "`probability` of a chance difference above which one of measured runs is not significant")
	f.BoolVar(&opt.MediansJudge, "judge-medians", false, "let rules judge measured medians, whether or not their difference is significant")
	onCommandLineOnly(f, "allow", "rename", "alpha", "judge-medians")
	cmd.RegisterFlagCompletionFunc("allow", cobra.FixedCompletions(allowed, cobra.ShellCompDirectiveNoFileComp))
	out.addFlags(cmd, "the comparison")
	return cmd
}

// renames reads OLD=NEW.
func renames(list []string) (map[string]string, error) {
	names := make(map[string]string)
	for _, text := range list {
		old, new, ok := strings.Cut(text, "=")
		if !ok || old == "" || new == "" || strings.ContainsRune(text, ' ') {
			return nil, usagef("--rename %q: write OLD=NEW, one word for another", text)
		}
		if its := names[old]; its != "" && its != new {
			return nil, usagef("--rename %s: %s is to be %s already", text, old, its)
		}
		names[old] = new
	}
	return names, nil
}

// madeNames are the names that measurements made for images on this machine that are
// renamed, so that the user need not know them.
func madeNames(names map[string]string) map[string]string {
	made := make(map[string]string)
	for old, new := range names {
		if from, to := measure.MadeName(old), measure.MadeName(new); from != "" && to != "" {
			made[from] = to
		}
	}
	return made
}

func compareResults(args []string, out *outputs, rules *gates, opt compare.Options) (err error) {
	if err := out.check(); err != nil {
		return err
	}
	isRead := false
	defer func() {
		if err != nil && !isRead {
			err = errors.Join(err, rules.unjudged(out, "the results could not be read"))
		}
	}()
	if err := errors.Join(rules.read(), out.spares(rules.file, args[0], args[1])); err != nil {
		return err
	}
	if allowed := compare.Allowable(); slices.ContainsFunc(opt.Allow, func(s string) bool { return !slices.Contains(allowed, s) }) {
		return usagef("--allow %s: known are %s", strings.Join(opt.Allow, ","), strings.Join(allowed, ", "))
	}
	if !(opt.Alpha > 0 && opt.Alpha < 1) {
		return usagef("--alpha must be between 0 and 1, as 0.05")
	}
	var sides [2]*compare.Result
	for i, name := range args {
		data, err := readInput(name)
		if err != nil {
			return err
		}
		if sides[i], err = compare.Read(name, data); err != nil {
			return err
		}
		digest := cachebench.InputOf(name, data).Digest
		if i == 0 {
			opt.OldDigest = digest
		} else {
			opt.NewDigest = digest
		}
	}
	isRead = true
	c := compare.Compare(sides[0], sides[1], opt)
	rules.known = c.Quantities()
	if rules.budget != nil {
		rules.budget.LeaveTo("diff", c.OwnOfDiff())
	}
	if err := c.Judge(rules.of); err != nil {
		return err
	}
	c.Unmatched(filepath.Base(rules.file), rules.budget)
	if c.Gate == nil && rules.file != "" {
		return rules.nothing("any benchmark of "+args[1], "other apps")
	}
	if err := errors.Join(out.comparison(c), out.verdict(c.Gate)); err != nil {
		return err
	}
	return compare.Err(c)
}

// comparison writes a comparison in its format, and saves it where asked to.
func (o *outputs) comparison(c *reports.Comparison) error {
	return o.tables(reports.ComparisonKind, c, func(b *bytes.Buffer, f reports.Format, opt reports.Options) error {
		return reports.WriteComparison(b, f, c, opt)
	})
}

// savedComparison writes a saved comparison again, as it was.
func (o *outputs) savedComparison(name string, data []byte) error {
	if o.formats = reports.ComparisonFormats(); o.check() != nil {
		return usagef("%s is a %s: %w", name, reports.ComparisonKind, o.check())
	}
	if err := o.noPlots(name + ", a " + reports.ComparisonKind + ","); err != nil {
		return err
	}
	c, err := reports.ReadComparison(name, data)
	if err != nil {
		return err
	}
	return o.comparison(c)
}
