package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/measure/ecigroup"
	"github.com/cachebench/cachebench/reports"
	"github.com/cachebench/cachebench/simulate"
)

// eciPlanKind is the kind of what --dry-run writes in JSON.
const eciPlanKind = "ECIMeasurePlan"

// eciPlan is what an experiment will do and cost.
type eciPlan struct {
	Steps []eciPlanStep `json:"steps"`
	// Expected and Most are of all steps, Limit is what the experiment may spend in all,
	// Spent what of it what is gone on with may have spent already.
	Expected cost.Money `json:"expected"`
	Most     cost.Money `json:"most"`
	Limit    cost.Money `json:"limit"`
	Spent    cost.Money `json:"spent"`
	// Notes are what is to be known besides, a sentence each.
	Notes []string `json:"notes,omitempty"`
}

// eciPlanStep is one thing that is done count times.
type eciPlanStep struct {
	What     string     `json:"what"`
	Count    int        `json:"count"`
	Expected cost.Money `json:"expected"`
	Most     cost.Money `json:"most"`
}

// plan is what will be done, and the limit of what it may cost.
func (m *eciMeasuring) plan(book cost.Book, resume *simulate.Timeline) (*eciPlan, error) {
	estimate, err := m.exp.Estimate(book, m.maxDuration, m.retryCount(), resume)
	var missing *cost.MissingPriceError
	switch {
	case errors.As(err, &missing):
		return nil, usagef("what it will cost is not known: %w", err)
	case err != nil:
		return nil, err
	case m.maxCurrency != "" && m.maxCurrency != book.Currency:
		return nil, usagef("maxCost of %s is in %s, and the prices are in %s: give other --prices, or --max-cost", m.file, m.maxCurrency, book.Currency)
	case len(estimate.Steps) == 0:
		return &eciPlan{Steps: []eciPlanStep{}, Expected: book.Money(0), Most: book.Money(0), Limit: book.Money(0), Spent: book.Money(0)}, nil
	}
	p := &eciPlan{Expected: estimate.Expected, Most: estimate.Most, Notes: estimate.Notes, Spent: book.Money(0)}
	for _, s := range estimate.Steps {
		p.Steps = append(p.Steps, eciPlanStep{s.What, s.Count, s.Expected, s.Most})
	}
	if spent, known := ecigroup.SpentOf(resume); known {
		p.Spent = spent
	}
	if p.Limit, err = p.Most.Plus(p.Spent); m.maxCost > 0 {
		p.Limit, err = book.Money(m.maxCost), nil
	}
	if err == nil && p.Spent.Amount == 0 && p.Limit.Amount < estimate.First.Amount {
		return nil, usagef("--max-cost %v lets nothing be done: the first step (%s) may cost %v", m.maxCost, p.Steps[0].What, estimate.First)
	}
	return p, err
}

// notPlaced tells that a network is not given: the service's pages require one of caches, its
// schema does not (eci §2.2), so it is not refused here.
func (m *eciMeasuring) notPlaced() []string {
	if len(m.vSwitches) > 0 && m.securityGroup != "" {
		return nil
	}
	return []string{"The service may refuse what is made without --vswitch and --security-group."}
}

// writePlan writes what --dry-run shows: a document for who gates on it, else words.
func (m *eciMeasuring) writePlan(p *eciPlan) error {
	if m.out.format != string(reports.JSON) {
		return m.out.write([]byte(p.words()))
	}
	data, err := document.Marshal(eciPlanKind, p)
	if err != nil {
		return err
	}
	return m.out.write(data)
}

// planWidth is how long a line may be before its cost goes to the next.
const planWidth = 100

// words show the steps and what they cost.
func (p *eciPlan) words() string {
	if len(p.Steps) == 0 {
		return "All is done already; nothing is spent.\n"
	}
	var b strings.Builder
	b.WriteString("What will be done, and what it costs; at most where all of it takes until its timeout, and\nstarts are made again as often as they may be:\n")
	for _, s := range p.Steps {
		what, costs := fmt.Sprintf("  %4d × %s:", s.Count, s.What), fmt.Sprintf("about %v, at most %v", s.Expected, s.Most)
		if len([]rune(what))+1+len(costs) > planWidth {
			what += "\n        "
		}
		fmt.Fprintf(&b, "%s %s\n", what, costs)
	}
	fmt.Fprintf(&b, "In all about %v, at most %v (prices of %s, without traffic).\nNo more than %v is spent.\n", p.Expected, p.Most, p.Most.PriceDate, p.Limit)
	if p.Spent.Amount > 0 {
		fmt.Fprintf(&b, "Of that %v may be spent already, by what is gone on with.\n", p.Spent)
	}
	for _, note := range p.Notes {
		b.WriteString(note + "\n")
	}
	b.WriteString("All that is made is deleted at the end.\n")
	return b.String()
}
