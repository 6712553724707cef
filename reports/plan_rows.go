package reports

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/cost"
	"github.com/cachebench/cachebench/matcher/plan"
)

// planCSV is a line for each cache to build, in order. Images and apps are separated by
// spaces; seconds and money are of a month.
func planCSV(p *plan.Plan) ([]byte, error) {
	lines := [][]string{{
		"order", "cache", "images", "apps", "size_gib", "unpacked_bytes", "saved_seconds", "cumulative_seconds", "cumulative_unpacked_bytes",
		"build", "keep", "use", "cost", "cumulative_cost", "net_saved", "currency",
	}}
	amount := func(m cost.Money) string { return strconv.FormatFloat(m.Amount, 'g', -1, 64) }
	for i := range p.Caches {
		c := &p.Caches[i]
		lines = append(lines, []string{
			strconv.Itoa(i + 1), c.Name, strings.Join(c.Images, " "), strings.Join(c.Apps, " "), exact(c.SizeGiB), strconv.FormatInt(c.UnpackedBytes, 10),
			exact(c.SavedSeconds.Seconds()), exact(c.CumulativeSeconds.Seconds()), strconv.FormatInt(c.CumulativeUnpackedBytes, 10),
			amount(c.Cost.Build), amount(c.Cost.Keep), amount(c.Cost.Use), amount(c.Cost.Total), amount(c.CumulativeCost), amount(c.Cost.NetSaved), c.Cost.Total.Currency,
		})
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	if err := w.WriteAll(lines); err != nil {
		return nil, fmt.Errorf("write CSV: %w", err)
	}
	return b.Bytes(), nil
}

// maxMarkdownCaches bounds the caches of a comment; the other formats have them all.
const maxMarkdownCaches = 20

// planMarkdown lists the caches to build, and the apps to prime.
func planMarkdown(b *bytes.Buffer, p *plan.Plan) {
	if p == nil {
		return
	}
	if len(p.Primes) > 0 {
		b.WriteString("\nApps to prime, by a short start after each release and before each burst (estimated, per month of 30 days):\n\n| app | starts to make | saves | cost |\n|---|--:|--:|--:|\n")
		for _, prime := range p.Primes {
			fmt.Fprintf(b, "| %s | %s | %s | %s |\n", codeSpan(prime.App), number(prime.StartsPerMonth), longTime(prime.SavedSeconds), money(prime.Cost))
		}
	}
	if len(p.Caches) == 0 {
		return
	}
	fmt.Fprintf(b, "\nWhat to build, in this order (estimated, per month of 30 days%s):\n\n", budgetWords(p))
	b.WriteString("| # | cache | size | saves | so far | cost so far | net saved | for |\n|--:|---|--:|--:|--:|--:|--:|---|\n")
	for i := range p.Caches[:min(len(p.Caches), maxMarkdownCaches)] {
		c := &p.Caches[i]
		fmt.Fprintf(b, "| %d | %s | %s | %s | %s | %s | %s | %s |\n", i+1, codeSpan(c.Name), gibibytes(c.SizeGiB), longTime(c.SavedSeconds), longTime(c.CumulativeSeconds),
			money(c.CumulativeCost), signedMoney(c.Cost.NetSaved), markdownText(some(c.Apps, 6)))
	}
	if rest := len(p.Caches) - maxMarkdownCaches; rest > 0 {
		fmt.Fprintf(b, "\nAnd %d more.\n", rest)
	}
}
