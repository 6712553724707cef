package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/matcher/plan"
)

// planHeads are the columns of a plan's table for programs. The first says what a line is
// of: a cache to build, an app to prime, or an app with what it gets.
var planHeads = []string{
	"row", "order", "cache", "images", "apps", "size_gib", "unpacked_bytes", "saved_seconds", "cumulative_seconds", "cumulative_unpacked_bytes",
	"build", "keep", "use", "cost", "cumulative_cost", "net_saved", "currency",
	"starts", "primes", "missed", "cold_seconds", "baseline_seconds", "planned_seconds", "break_even", "break_even_seconds", "break_even_of",
}

// planCSV is a line for each cache to build, in order, for each app to prime and for each
// app. Images and apps are separated by spaces; seconds, money and starts are of a month,
// those of an app the mean of one start. What breaks even is the cache of the line, or a best
// one of the images break_even_of. What a line does not have is empty.
func planCSV(p *plan.Plan) ([]byte, error) {
	lines := [][]string{planHeads}
	for i := range p.Caches {
		lines = append(lines, planLine(cacheFields(i, &p.Caches[i])))
	}
	for i := range p.Primes {
		prime := &p.Primes[i]
		lines = append(lines, planLine(map[string]string{
			"row": "prime", "apps": prime.App, "saved_seconds": exact(prime.SavedSeconds.Seconds()),
			"cost": exact(prime.Cost.Amount), "net_saved": exact(prime.NetSaved.Amount), "currency": prime.Cost.Currency, "primes": exact(prime.StartsPerMonth),
		}))
	}
	for i := range p.Assignments {
		a := &p.Assignments[i]
		lines = append(lines, planLine(map[string]string{
			"row": "app", "cache": a.Cache, "apps": a.App, "starts": exact(a.StartsPerMonth), "missed": exact(a.MissedPerMonth),
			"cold_seconds": exact(a.ColdSeconds.Seconds()), "baseline_seconds": exact(a.BaselineSeconds.Seconds()), "planned_seconds": exact(a.PlannedSeconds.Seconds()),
			"break_even": a.BreakEven, "break_even_seconds": secondsField(a.BreakEvenSeconds),
			"break_even_of": strings.Join(a.BreakEvenOf, " "),
		}))
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(lines); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return b.Bytes(), nil
}

func cacheFields(i int, c *plan.PlannedCache) map[string]string {
	return map[string]string{
		"row": "cache", "order": strconv.Itoa(i + 1), "cache": c.Name, "images": strings.Join(c.Images, " "), "apps": strings.Join(c.Apps, " "),
		"size_gib": exact(c.SizeGiB), "unpacked_bytes": strconv.FormatInt(c.UnpackedBytes, 10),
		"saved_seconds": exact(c.SavedSeconds.Seconds()), "cumulative_seconds": exact(c.CumulativeSeconds.Seconds()),
		"cumulative_unpacked_bytes": strconv.FormatInt(c.CumulativeUnpackedBytes, 10),
		"build":                     exact(c.Cost.Build.Amount), "keep": exact(c.Cost.Keep.Amount), "use": exact(c.Cost.Use.Amount), "cost": exact(c.Cost.Total.Amount),
		"cumulative_cost": exact(c.CumulativeCost.Amount), "net_saved": exact(c.Cost.NetSaved.Amount), "currency": c.Cost.Total.Currency,
	}
}

// planLine puts fields in the order of the columns.
func planLine(fields map[string]string) []string {
	line := make([]string, len(planHeads))
	for i, head := range planHeads {
		line[i] = fields[head]
	}
	return line
}

// maxMarkdownCaches bounds the caches of a comment; the other formats have them all.
const maxMarkdownCaches = 20

// planMarkdown lists the caches to build, the apps to prime, for which run times caches pay
// for themselves, what other budgets would bring, and what would change the verdict.
func planMarkdown(b *bytes.Buffer, p *plan.Plan) {
	if p == nil {
		return
	}
	if len(p.Primes) > 0 {
		fmt.Fprintf(b, "\nApps to prime, by a short start %s (estimated, per month of 30 days):\n\n| app | starts to make | saves | cost | net saved |\n|---|--:|--:|--:|--:|\n", whenPrimed(p))
		for _, prime := range p.Primes {
			fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", codeSpan(prime.App), number(prime.StartsPerMonth), longTime(prime.SavedSeconds), money(prime.Cost), signedMoney(prime.NetSaved))
		}
	}
	cachesMarkdown(b, p)
	if words := ofTrace(p); words != "" {
		fmt.Fprintf(b, "\nA month here is%s.\n", strings.TrimPrefix(words, ";"))
	}
	for i := range p.HeldOut {
		fmt.Fprintf(b, "\n%s\n", markdownText(heldOutSentence(p, &p.HeldOut[i])))
	}
	for _, even := range []string{breakEvenSentence(p), bestEvenSentence(p), noEvenSentence(p)} {
		if even != "" {
			fmt.Fprintf(b, "\n%s\n", markdownText(even))
		}
	}
	tablesMarkdown(b, tables(curveTable(p), moreTable(p), leversTable(p)))
}

func cachesMarkdown(b *bytes.Buffer, p *plan.Plan) {
	if len(p.Caches) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s, in this order (estimated, per month of 30 days%s):\n\n", buildWords(p), budgetWords(p))
	b.WriteString("| # | cache | size | saves | so far | cost so far | net saved | for |\n|--:|---|--:|--:|--:|--:|--:|---|\n")
	saves, soFar := cacheTimes(p)
	for i := range p.Caches[:min(len(p.Caches), maxMarkdownCaches)] {
		c := &p.Caches[i]
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | %s | %s |\n", i+1, codeSpan(c.Name), gibibytes(c.SizeGiB), saves[i], soFar[i],
			money(c.CumulativeCost), signedMoney(c.Cost.NetSaved), markdownText(some(c.Apps, 6)))
	}
	if rest := len(p.Caches) - maxMarkdownCaches; rest > 0 {
		fmt.Fprintf(b, "\nAnd %d more.\n", rest)
	}
}
