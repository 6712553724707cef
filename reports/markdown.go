package reports

import "strings"

// codeSpan writes text of other people's as a Markdown code span, in which
// nothing is read as markup, mention or link. The fence is longer than any run
// of backticks inside (CommonMark 0.31, section 6.1); a bar is written as a
// look-alike, for GitHub's tables end a cell at one even inside a code span.
func codeSpan(s string) string {
	s = strings.Join(strings.Fields(printable(s)), " ")
	s = strings.ReplaceAll(s, "|", "¦")
	if s == "" {
		return "(empty)"
	}
	longest, run := 0, 0
	for _, r := range s {
		if r != '`' {
			run = 0
			continue
		}
		run++
		longest = max(longest, run)
	}
	fence := strings.Repeat("`", longest+1)
	if strings.HasPrefix(s, "`") || strings.HasSuffix(s, "`") {
		s = " " + s + " "
	}
	return fence + s + fence
}
