package reports

import (
	"bytes"
	"fmt"
	"strings"
)

// reportMarkdown writes what a comment has room for: the verdict, and the startup
// times by arm with their margins.
func reportMarkdown(r *Report) []byte {
	var b bytes.Buffer
	if r.Gate != nil {
		fmt.Fprintf(&b, "**%s.**\n\n", markdownText(r.Gate.headline()))
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
	gateMarkdown(&b, r.Gate)
	return b.Bytes()
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
	if note := r.sketchNote(); note != "" {
		fmt.Fprintf(b, "\n%s.\n", note)
	}
}

// markdownText keeps names in a sentence from being read as markup.
func markdownText(s string) string {
	s = strings.Join(strings.Fields(printable(s)), " ")
	return strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "_", `\_`, "<", "&lt;", "[", `\[`, "|", `\|`, "@", "&#64;", "~", `\~`).Replace(s)
}
