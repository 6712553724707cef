package main

import (
	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/reports"
)

// readBudget reads rules from a file of kind Budget or, where scenarios may be given, those
// that the budgets of a scenario's apps come to for their images; byImage says that it is
// these.
func readBudget(name string, data []byte, scenarios bool) (budget *reports.Budget, byImage bool, err error) {
	kind, err := document.Header(name, data)
	if err != nil || kind != cachebench.ScenarioKind {
		budget, err := reports.ReadBudget(name, data)
		return budget, false, err
	}
	whole, err := document.Whole(name, data)
	if err != nil {
		return nil, false, err
	}
	if !scenarios {
		return nil, false, whole.At("budget", "a Scenario's budget is about its apps, not about results: run --check holds all of it, diff --budget its newBytes; give compare a file of kind %s", reports.BudgetKind)
	}
	f, err := cachebench.ReadScenarioFile(name, data)
	if err != nil {
		return nil, false, err
	}
	s, err := f.Scenario(name, readInput)
	if err != nil {
		return nil, false, usageError{err}
	}
	if budget = s.ImageBudget(); budget == nil {
		return nil, false, whole.At("budget", "limits the new bytes of no app: give it budget: {APP: {newBytes: 60MB, base: REFERENCE}}")
	}
	return budget, true, nil
}
