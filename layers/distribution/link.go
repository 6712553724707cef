package distribution

import "strings"

// nextLink finds the target of rel="next" in Link fields (RFC 8288 section 3).
func nextLink(fields []string) (target string, ok bool) {
	for _, field := range fields {
		for field != "" {
			var parameters string
			target, parameters, field, ok = cutLink(field)
			if !ok {
				break
			}
			if isNext(parameters) {
				return target, true
			}
		}
	}
	return "", false
}

// cutLink splits "<target>; parameters, rest".
func cutLink(field string) (target, parameters, rest string, ok bool) {
	field = strings.TrimLeft(field, " \t,")
	if !strings.HasPrefix(field, "<") {
		return "", "", "", false
	}
	target, field, ok = strings.Cut(field[1:], ">")
	if !ok {
		return "", "", "", false
	}
	end := outsideQuotes(field, ',')
	return target, field[:end], field[end:], true
}

// outsideQuotes is the index of the first c that no quoted string holds, or the
// length of s.
func outsideQuotes(s string, c byte) int {
	quoted := false
	for i := 0; i < len(s); i++ {
		switch {
		case quoted && s[i] == '\\':
			i++
		case s[i] == '"':
			quoted = !quoted
		case s[i] == c && !quoted:
			return i
		}
	}
	return len(s)
}

func isNext(parameters string) bool {
	for parameters != "" {
		end := outsideQuotes(parameters, ';')
		name, value, _ := strings.Cut(parameters[:end], "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			relations := strings.Fields(strings.Trim(strings.TrimSpace(value), `"`))
			for _, r := range relations {
				if strings.EqualFold(r, "next") {
					return true
				}
			}
			return false
		}
		parameters = strings.TrimPrefix(parameters[end:], ";")
	}
	return false
}
