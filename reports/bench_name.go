package reports

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// BenchKeys are the parts of a benchmark's name after the first, from keys and
// values in turn: /app=web/arm=cached. Those without a value are left out.
//
// In a value a space, control character, slash, equals sign, per cent sign,
// quotation mark or byte that is no UTF-8 is written %XX, byte by byte, as in
// addresses. So is a hyphen before the digits that end the name, which would be
// read as a number of processors. Values that differ have names that differ.
func BenchKeys(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			b.WriteString("/" + pairs[i] + "=" + benchEscape(pairs[i+1]))
		}
	}
	name := b.String()
	stem := strings.TrimRight(name, "0123456789")
	if before, ok := strings.CutSuffix(stem, "-"); ok && stem != name {
		return before + "%2D" + name[len(stem):]
	}
	return name
}

func benchEscape(text string) string {
	var b strings.Builder
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		if r == utf8.RuneError && n == 1 || strings.ContainsRune(`/=%"`, r) || !unicode.IsPrint(r) || unicode.IsSpace(r) {
			for _, c := range []byte(text[i : i+n]) {
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(text[i : i+n])
		}
		i += n
	}
	return b.String()
}
