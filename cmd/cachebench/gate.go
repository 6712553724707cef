package main

import (
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/layers"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// gates are the flags of rules that a result must meet.
type gates struct {
	// flag is what a rule is given with: gate or check.
	flag   string
	known  []reports.Quantity
	rules  []string
	file   string
	budget *reports.Budget
	// byImage says that the budget is that of a scenario's apps: it is about images that
	// it names, and says nothing of others.
	byImage bool
	// scenarios says that a budget may be a scenario's.
	scenarios bool
	// other is the command to which rules of the budget on the figures of others are left.
	other  string
	others []reports.Quantity
	// inputs has the budget's file, if there is one.
	inputs []simulate.Input
}

func (g *gates) addFlags(cmd *cobra.Command, example string) {
	f := cmd.Flags()
	f.StringArrayVar(&g.rules, g.flag, nil, "exit with 3 unless these `RULES` are met, as "+example+"; repeatable")
	cmd.RegisterFlagCompletionFunc(g.flag, func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		var list []string
		for _, q := range g.known {
			list = append(list, q.Name+"<=\t"+q.Means)
		}
		return list, cobra.ShellCompDirectiveNoSpace | cobra.ShellCompDirectiveNoFileComp
	})
}

// addBudgetFlag adds the flag of rules in a file. Elsewhere --budget is an amount
// of money, so a default that is set for all commands is not meant for it.
func (g *gates) addBudgetFlag(cmd *cobra.Command) {
	or := ""
	if g.scenarios {
		or = ", or newBytes of a Scenario's budget"
	}
	cmd.Flags().StringVar(&g.file, "budget", "", "rules from this `file` of kind Budget"+or+"; --"+g.flag+" replaces those on the same figure")
	cmd.Flags().SetAnnotation("budget", commandLineOnly, []string{"true"})
}

// any says whether something is to be judged.
func (g *gates) any() bool { return len(g.rules) > 0 || g.file != "" }

// load reads the rules and refuses what is wrong with them before any work is
// done.
func (g *gates) load() error {
	if err := g.read(); err != nil {
		return err
	}
	_, err := g.of()
	return err
}

// read reads the budget's file, whose rules may be about figures that are not
// known yet.
func (g *gates) read() error {
	if g.file == "" {
		return nil
	}
	data, err := readInput(g.file)
	if err != nil {
		return err
	}
	g.inputs = []simulate.Input{cachebench.InputOf(filepath.Base(g.file), data)}
	if g.budget, g.byImage, err = readBudget(g.file, data, g.scenarios); err == nil {
		g.budget.LeaveTo(g.other, g.others)
	}
	return err
}

// nothing refuses a budget of which no rule is left for what is judged.
func (g *gates) nothing(of, others string) error {
	if left := g.budget.Left(); len(left) > 0 {
		others += ", or its rules are of another command: " + strings.Join(left, "; ")
	}
	return usagef("%s has no rule for %s, so nothing would be judged: its overrides name %s", g.file, of, others)
}

// of returns the rules for something with these names.
func (g *gates) of(names ...string) ([]reports.Rule, error) {
	rules, err := reports.RulesOf(g.budget, g.rules, g.known, names...)
	if err != nil {
		return nil, usageError{err}
	}
	if g.byImage && len(rules) == 0 && len(names) > 0 {
		if transport, _, _ := strings.Cut(names[0], ":"); slices.Contains(localTransports, transport) {
			names = names[:1] // the others are ways to match it
		}
		return nil, usagef("%s limits the new bytes of no app whose image is OLD or NEW (%s), so nothing would be judged: name one of them by the app's repository, as oci:DIR:registry.example.com/shop/web:1, or OLD as FILE#REFERENCE", g.file, strings.Join(slices.Compact(names), ", "))
	}
	return rules, nil
}

// unjudged writes a verdict of rules that were not judged, for the reason, so that the last
// line is one then too. The rules are those for OLD and NEW, of which nothing but their
// references is known; where a budget could not be read there are none.
func (g *gates) unjudged(out *outputs, reason string, references ...string) error {
	if !g.any() {
		return nil
	}
	var names []string
	for _, reference := range references {
		if _, in, ok := strings.Cut(reference, "#"); ok {
			reference = in
		}
		names = append(names, budgetNames(reference)...)
	}
	var rules []reports.Rule
	if g.file == "" || g.budget != nil {
		rules, _ = g.of(names...) // of rules that are wrong there are none
	}
	gate := &reports.Gate{Verdict: reports.Unjudged}
	for _, r := range rules {
		gate.Outcomes = append(gate.Outcomes, reports.Outcome{Rule: r.String(), Figure: r.Name, Unit: r.Unit, Result: reports.Unjudged, Reason: reason})
	}
	text := []byte(gate.Line() + "\n")
	if !out.textToStdout() {
		return out.io.write(out.io.err, text)
	}
	if len(rules) > 0 {
		text = reports.GateText(gate)
	}
	return out.io.write(out.io.out, text)
}

// figuresHelp lists the figures that rules can be about.
func figuresHelp(known []reports.Quantity) string {
	var b strings.Builder
	for _, q := range known {
		old := ""
		if q.HasOld {
			old = " *"
		}
		fmt.Fprintf(&b, "  %-16s %s%s\n", q.Name, q.Means, old)
	}
	return b.String()
}

// localTransports are those of images that may state no registry's name.
var localTransports = []string{"oci", "oci-archive", "docker-archive"}

// budgetNames are what a budget may call an image: its name without tag and
// digest, in full, as Docker Hub's images are usually written, and by its last part, which
// is the app to compare. Of a layout that names none its directory is.
func budgetNames(reference string) []string {
	n, err := layers.ParseName(reference)
	if err != nil {
		return []string{reference, reports.ImageApp(reference)}
	}
	full := n.RepositoryName()
	if slices.Contains(localTransports, n.Registry) { // which names none
		return []string{n.Registry + ":" + n.Repository, full, filepath.Base(n.Repository), reports.ImageApp(reference)}
	}
	short := strings.TrimPrefix(strings.TrimPrefix(full, "index.docker.io/"), "library/")
	return []string{full, short, path.Base(n.Repository), reports.ImageApp(reference)}
}
