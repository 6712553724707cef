package reports

import (
	"bytes"
	"fmt"
	"strings"
)

// reportMarkdown writes what a comment or a page has room for: by what it was made, the
// verdict, the startup times by arm with their margins, what is in doubt; and folded what is
// assumed and from where every kind of number comes.
func reportMarkdown(r *Report) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n\n", markdownText(strings.Join(openingWords(r), " · ")))
	if r.Gate != nil {
		fmt.Fprintf(&b, "**%s.**\n\n", markdownText(r.Gate.headline()))
	}
	if r.Bill != nil {
		fmt.Fprintf(&b, "**%s**\n\n", markdownText(billSentence(r.Bill)))
	}
	fmt.Fprintf(&b, "**%s**\n", markdownText(r.Verdict.Headline))
	for _, s := range r.Verdict.Sentences {
		fmt.Fprintf(&b, "\n- %s", markdownText(s))
	}
	b.WriteString("\n")
	planMarkdown(&b, r.Plan)
	poolsMarkdown(&b, r.Plan)
	if len(r.Arms) > 0 {
		armsMarkdown(&b, r)
	}
	if list := r.overall(); len(list) > 0 {
		fmt.Fprintf(&b, "\n%s:\n\n| ready sooner | mean | p50 | p90 | p99 |\n|---|--:|--:|--:|--:|\n", differencesCaption(list))
		for i := range list {
			d := &list[i]
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", codeSpan(r.pairWords(d)), withMargin(d.Mean), withMargin(d.P50), withMargin(d.P90), withMargin(d.P99))
		}
	}
	for _, s := range r.peakSentences() {
		fmt.Fprintf(&b, "\n%s\n", markdownText(s))
	}
	for i := range r.Explanations {
		fmt.Fprintf(&b, "\n%s\n", markdownText(r.explanationSentence(i)))
	}
	if r.Verdict.Sure != "" {
		fmt.Fprintf(&b, "\nHow sure: %s\n", markdownText(r.Verdict.Sure))
	}
	listMarkdown(&b, "\n**Doubts**\n", r.Doubts)
	detailsMarkdown(&b, r)
	gateMarkdown(&b, r.Gate)
	return b.Bytes()
}

func listMarkdown(b *bytes.Buffer, title string, items []string) {
	if len(items) == 0 {
		return
	}
	b.WriteString(title)
	for _, item := range items {
		fmt.Fprintf(b, "\n- %s", markdownText(item))
	}
	b.WriteString("\n")
}

// detailsMarkdown folds what few look at: what is assumed, where the numbers come from, what
// went in.
func detailsMarkdown(b *bytes.Buffer, r *Report) {
	var words []string
	if n := len(r.Assumptions); n > 0 {
		words = append(words, count(n, "assumption"))
	}
	if len(r.Sources) > 0 {
		words = append(words, "where the numbers come from")
	}
	if n := len(r.Provenance.Inputs); n > 0 {
		words = append(words, count(n, "input"))
	}
	if words == nil {
		return
	}
	fmt.Fprintf(b, "\n<details><summary>%s</summary>\n", sentenceWord(join(words)))
	listMarkdown(b, "\n**Assumed**\n", r.Assumptions)
	if len(r.Sources) > 0 {
		b.WriteString("\n| number | source | from |\n|---|---|---|\n")
		for _, s := range r.Sources {
			fmt.Fprintf(b, "| %s | %s | %s |\n", markdownText(s.Number), markdownText(s.Source), markdownText(s.From))
		}
	}
	if len(r.Provenance.Inputs) > 0 {
		b.WriteString("\n| input | digest |\n|---|---|\n")
		for _, input := range r.Provenance.Inputs {
			fmt.Fprintf(b, "| %s | %s |\n", codeSpan(input.Name), codeSpan(string(input.Digest)))
		}
	}
	b.WriteString("\n</details>\n")
}

func armsMarkdown(b *bytes.Buffer, r *Report) {
	caption := "Startup times by arm" + armsOf(r.Arms) + " (" + r.sourceWords() + ")"
	if list := r.repeated(); len(list) > 0 {
		caption = repeatsCaption(list)
	}
	fmt.Fprintf(b, "\n%s:\n\n| arm | starts | p50 | p90 | p99 | mean | last ready |\n|---|--:|--:|--:|--:|--:|--:|\n", caption)
	for i := range r.Arms {
		s := &r.Arms[i]
		cells := []string{seconds(s.P50), seconds(s.P90), seconds(s.P99), seconds(s.Mean), longTime(s.Makespan)}
		if x := r.repeatsOf(s); x != nil {
			cells = []string{withMargin(x.P50), withMargin(x.P90), withMargin(x.P99), withMargin(x.Mean), longWithMargin(x.Makespan)}
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", codeSpan(r.seriesLabel(s.Arm, s.Source)), number(float64(s.Starts)), strings.Join(cells, " | "))
	}
	if note := r.armsNote(); note != "" {
		fmt.Fprintf(b, "\n%s.\n", note)
	}
}

// markdownText keeps names in a sentence from being read as markup.
func markdownText(s string) string {
	s = strings.Join(strings.Fields(printable(s)), " ")
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`, "|", `\|`, "@", "&#64;", "~", `\~`).Replace(s)
}
