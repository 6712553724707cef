package workload

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth bounds how deep values may stand in values, as encoding/json does.
const maxJSONDepth = 10000

// A jsonText goes through texts of JSON that are in memory, without a copy. It takes what
// encoding/json takes, at a few hundred MB/s: histories of events are large, and of each
// line only a few keys matter.
type jsonText struct {
	// plain holds texts that had escapes, until reset.
	plain []byte
}

func (j *jsonText) reset() { j.plain = j.plain[:0] }

// object hands over the keys of an object, each with the text of its value. It returns
// false where the text is no JSON object, or where visit does.
func (j *jsonText) object(text []byte, visit func(key, value []byte) bool) bool {
	at := skipSpace(text, 0)
	if at == len(text) || text[at] != '{' {
		return false
	}
	if at = skipSpace(text, at+1); at < len(text) && text[at] == '}' {
		return skipSpace(text, at+1) == len(text)
	}
	for {
		end := skipString(text, at)
		if end < 0 {
			return false
		}
		key := j.text(text[at:end])
		if at = skipSpace(text, end); at == len(text) || text[at] != ':' {
			return false
		}
		at = skipSpace(text, at+1)
		if end = skipValue(text, at, 1); end < 0 || !visit(key, text[at:end]) {
			return false
		}
		if at = skipSpace(text, end); at == len(text) {
			return false
		}
		switch text[at] {
		case ',':
			at = skipSpace(text, at+1)
		case '}':
			return skipSpace(text, at+1) == len(text)
		default:
			return false
		}
	}
}

// array hands over the values of an array.
func (j *jsonText) array(text []byte, visit func(value []byte) bool) bool {
	at := skipSpace(text, 0)
	if at == len(text) || text[at] != '[' {
		return false
	}
	if at = skipSpace(text, at+1); at < len(text) && text[at] == ']' {
		return skipSpace(text, at+1) == len(text)
	}
	for {
		end := skipValue(text, at, 1)
		if end < 0 || !visit(text[at:end]) {
			return false
		}
		if at = skipSpace(text, end); at == len(text) {
			return false
		}
		switch text[at] {
		case ',':
			at = skipSpace(text, at+1)
		case ']':
			return skipSpace(text, at+1) == len(text)
		default:
			return false
		}
	}
}

// text is what a JSON string says; nil where the value is none. It holds until reset.
func (j *jsonText) text(value []byte) []byte {
	if len(value) < 2 || value[0] != '"' {
		return nil
	}
	value = value[1 : len(value)-1]
	escape := bytes.IndexByte(value, '\\')
	if escape < 0 {
		return value
	}
	begin := len(j.plain)
	for escape >= 0 {
		j.plain = append(j.plain, value[:escape]...)
		value = j.unescape(value[escape:])
		escape = bytes.IndexByte(value, '\\')
	}
	j.plain = append(j.plain, value...)
	return j.plain[begin:len(j.plain):len(j.plain)]
}

// unescape adds what the escape at the start of a valid text stands for, and returns
// what is behind it.
func (j *jsonText) unescape(text []byte) []byte {
	switch c := text[1]; c {
	case 'b':
		j.plain = append(j.plain, '\b')
	case 'f':
		j.plain = append(j.plain, '\f')
	case 'n':
		j.plain = append(j.plain, '\n')
	case 'r':
		j.plain = append(j.plain, '\r')
	case 't':
		j.plain = append(j.plain, '\t')
	case 'u':
		r := hexRune(text[2:])
		text = text[6:]
		if utf16.IsSurrogate(r) {
			if len(text) >= 6 && text[0] == '\\' && text[1] == 'u' {
				if pair := utf16.DecodeRune(r, hexRune(text[2:])); pair != utf8.RuneError {
					j.plain = utf8.AppendRune(j.plain, pair)
					return text[6:]
				}
			}
			r = utf8.RuneError
		}
		j.plain = utf8.AppendRune(j.plain, r)
		return text
	default:
		j.plain = append(j.plain, c)
	}
	return text[2:]
}

func hexRune(text []byte) rune {
	var r rune
	for _, c := range text[:4] {
		r = r<<4 | rune(hexDigit(c))
	}
	return r
}

// hexDigit is the value of a digit; 16 of none.
func hexDigit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 16
}

func skipSpace(text []byte, at int) int {
	for at < len(text) && (text[at] == ' ' || text[at] == '\n' || text[at] == '\t' || text[at] == '\r') {
		at++
	}
	return at
}

// skipValue is the end of the value that begins at a place; -1 where there is none.
func skipValue(text []byte, at, depth int) int {
	if at >= len(text) || depth > maxJSONDepth {
		return -1
	}
	switch text[at] {
	case '"':
		return skipString(text, at)
	case '{', '[':
		return skipNested(text, at, depth)
	case 't':
		return skipWord(text, at, "true")
	case 'f':
		return skipWord(text, at, "false")
	case 'n':
		return skipWord(text, at, "null")
	}
	return skipNumber(text, at)
}

// skipNested is the end of an object or an array.
func skipNested(text []byte, at, depth int) int {
	isObject, last := text[at] == '{', byte(']')
	if isObject {
		last = '}'
	}
	if at = skipSpace(text, at+1); at < len(text) && text[at] == last {
		return at + 1
	}
	for {
		if isObject {
			if at = skipString(text, at); at < 0 {
				return -1
			}
			if at = skipSpace(text, at); at == len(text) || text[at] != ':' {
				return -1
			}
			at = skipSpace(text, at+1)
		}
		if at = skipValue(text, at, depth+1); at < 0 {
			return -1
		}
		if at = skipSpace(text, at); at == len(text) {
			return -1
		}
		switch text[at] {
		case last:
			return at + 1
		case ',':
			at = skipSpace(text, at+1)
		default:
			return -1
		}
	}
}

func skipWord(text []byte, at int, word string) int {
	if !bytes.HasPrefix(text[at:], []byte(word)) {
		return -1
	}
	return at + len(word)
}

func skipString(text []byte, at int) int {
	if at >= len(text) || text[at] != '"' {
		return -1
	}
	for at++; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			return at + 1
		case c < ' ':
			return -1
		case c == '\\':
			if at++; at == len(text) {
				return -1
			}
			switch text[at] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				for range 4 {
					if at++; at == len(text) || hexDigit(text[at]) > 15 {
						return -1
					}
				}
			default:
				return -1
			}
		}
	}
	return -1
}

func skipNumber(text []byte, at int) int {
	digits := func() bool {
		begin := at
		for at < len(text) && '0' <= text[at] && text[at] <= '9' {
			at++
		}
		return at > begin
	}
	if text[at] == '-' {
		at++
	}
	switch {
	case at < len(text) && text[at] == '0':
		at++
	case !digits():
		return -1
	}
	if at < len(text) && text[at] == '.' {
		if at++; !digits() {
			return -1
		}
	}
	if at < len(text) && (text[at] == 'e' || text[at] == 'E') {
		if at++; at < len(text) && (text[at] == '+' || text[at] == '-') {
			at++
		}
		if !digits() {
			return -1
		}
	}
	return at
}
