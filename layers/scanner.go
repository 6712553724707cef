package layers

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"unicode/utf16"
	"unicode/utf8"
)

// A scanner walks a JSON text (RFC 8259) once and hands out the parts that its
// caller asks for, without building the rest. A manifest and a config are read
// so for every image: encoding/json takes as long for them as fetching them
// does. What is not asked for is checked all the same. Keys are compared as they
// stand; of a key that stands twice, the last value holds.
//
// The first fault stays in err, and everything after it reads as nothing.
type scanner struct {
	data  []byte
	pos   int
	depth int
	err   error
}

// maxDepth is encoding/json's own.
const maxDepth = 10000

// jsonText is a string of a JSON text as it stands there, between its quotes.
// The zero jsonText is an absent one.
type jsonText struct {
	raw     []byte
	escaped bool
}

// String copies the text out of the document. Bytes that are not UTF-8 become
// one replacement character each, as encoding/json does.
func (t jsonText) String() string {
	switch {
	case t.escaped:
		return string(t.unescaped())
	case !utf8.Valid(t.raw):
		return string([]rune(string(t.raw)))
	}
	return string(t.raw)
}

// hash reads the text of a digest.
func (t jsonText) hash() (hash, bool) {
	if t.escaped {
		return parseHash(t.unescaped())
	}
	return parseHash(t.raw)
}

// is says whether the text is s, without a copy where there is nothing to change.
func (t jsonText) is(s string) bool {
	if t.escaped {
		return string(t.unescaped()) == s
	}
	return string(t.raw) == s
}

// unescaped returns the text with its escapes resolved (RFC 8259, section 7); a
// surrogate without its other half is a replacement character.
func (t jsonText) unescaped() []byte {
	out := make([]byte, 0, len(t.raw))
	for rest := t.raw; len(rest) > 0; {
		n := bytes.IndexByte(rest, '\\')
		if n < 0 {
			n = len(rest)
		}
		out, rest = append(out, rest[:n]...), rest[n:]
		if len(rest) == 0 {
			break
		}
		if rest[1] != 'u' {
			out, rest = append(out, escapes[rest[1]]), rest[2:]
			continue
		}
		r := hexRune(rest[2:6])
		rest = rest[6:]
		if utf16.IsSurrogate(r) && len(rest) >= 6 && rest[0] == '\\' && rest[1] == 'u' {
			if whole := utf16.DecodeRune(r, hexRune(rest[2:6])); whole != utf8.RuneError {
				r, rest = whole, rest[6:]
			}
		}
		out = utf8.AppendRune(out, r)
	}
	if !utf8.Valid(out) {
		return []byte(string([]rune(string(out))))
	}
	return out
}

// escapes are what a backslash and a letter stand for.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// hexRune reads four hex digits.
func hexRune(digits []byte) (r rune) {
	for _, c := range digits {
		switch {
		case c <= '9':
			r = r<<4 | rune(c-'0')
		default:
			r = r<<4 | (rune(c|0x20) - 'a' + 10)
		}
	}
	return r
}

func (s *scanner) fail(format string, args ...any) {
	if s.err == nil {
		s.err = fmt.Errorf("byte %d: %w", s.pos, fmt.Errorf(format, args...))
	}
	s.pos = len(s.data)
}

// peek returns the next byte that is not white space, 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// take steps over c.
func (s *scanner) take(c byte) bool {
	if s.peek() == c && s.pos < len(s.data) {
		s.pos++
		return true
	}
	return false
}

// unexpected says what stands where want should.
func (s *scanner) unexpected(want string) {
	if c := s.peek(); s.pos < len(s.data) {
		s.fail("%q stands where %s should", rune(c), want)
		return
	}
	s.fail("the text ends where %s should stand", want)
}

// end wants nothing more.
func (s *scanner) end() error {
	if s.peek(); s.err == nil && s.pos < len(s.data) {
		s.unexpected("the end")
	}
	return s.err
}

// object calls field with every key, as it stands but for escapes; field must
// take the value. It reports whether there was an object: null is none.
func (s *scanner) object(field func(key []byte)) bool {
	if s.null() {
		return false
	}
	if !s.enter('{', "an object") {
		return false
	}
	if s.take('}') {
		s.depth--
		return true
	}
	for s.err == nil {
		key := s.quoted()
		if !s.take(':') {
			s.unexpected("a colon")
		}
		if s.err != nil {
			return false
		}
		if key.escaped {
			field(key.unescaped())
		} else {
			field(key.raw)
		}
		if s.take(',') {
			continue
		}
		if !s.take('}') {
			s.unexpected("a comma or a closing brace")
		}
		break
	}
	s.depth--
	return s.err == nil
}

// array calls element for every element, which it must take.
func (s *scanner) array(element func()) {
	if s.null() || !s.enter('[', "an array") {
		return
	}
	if s.take(']') {
		s.depth--
		return
	}
	for s.err == nil {
		element()
		if s.take(',') {
			continue
		}
		if !s.take(']') {
			s.unexpected("a comma or a closing bracket")
		}
		break
	}
	s.depth--
}

func (s *scanner) enter(open byte, what string) bool {
	if s.err != nil {
		return false
	}
	if !s.take(open) {
		s.unexpected(what)
		return false
	}
	if s.depth++; s.depth > maxDepth {
		s.fail("the text is nested more than %d deep", maxDepth)
	}
	return s.err == nil
}

// null steps over null.
func (s *scanner) null() bool {
	return s.peek() == 'n' && s.literal("null")
}

func (s *scanner) literal(word string) bool {
	if len(s.data)-s.pos >= len(word) && string(s.data[s.pos:s.pos+len(word)]) == word {
		s.pos += len(word)
		return true
	}
	s.unexpected("a value")
	return false
}

// text takes a string; null is an absent one.
func (s *scanner) text() jsonText {
	if s.null() {
		return jsonText{}
	}
	return s.quoted()
}

func (s *scanner) quoted() jsonText {
	if s.err != nil {
		return jsonText{}
	}
	if !s.take('"') {
		s.unexpected("a string")
		return jsonText{}
	}
	t := jsonText{}
	for start := s.pos; ; {
		s.pos += plainBytes(s.data[s.pos:])
		if s.pos >= len(s.data) {
			s.fail("the text ends within a string")
			return jsonText{}
		}
		switch s.data[s.pos] {
		case '"':
			t.raw = s.data[start:s.pos:s.pos]
			s.pos++
			return t
		case '\\':
			t.escaped = true
			s.escape()
		default:
			s.fail("a control character stands in a string")
		}
		if s.err != nil {
			return jsonText{}
		}
	}
}

// plainBytes counts the bytes up to the next quote, backslash or control
// character. It looks at eight at once: a byte of x has its high bit set in
// (x - 0x01…) &^ x just where it is zero, if no lower byte borrows; a false
// alarm only costs the slow look at single bytes.
func plainBytes(data []byte) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	n := 0
	for len(data)-n >= 8 {
		w := binary.LittleEndian.Uint64(data[n:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		if ((quote-ones)&^quote|(slash-ones)&^slash|(w-ones*0x20)&^w)&highs != 0 {
			break
		}
		n += 8
	}
	for n < len(data) && data[n] >= 0x20 && data[n] != '"' && data[n] != '\\' {
		n++
	}
	return n
}

func (s *scanner) escape() {
	s.pos++
	if s.pos >= len(s.data) {
		s.fail("the text ends within a string")
		return
	}
	c := s.data[s.pos]
	s.pos++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return
	case 'u':
		for i := range 4 {
			if s.pos+i >= len(s.data) || !isHex(s.data[s.pos+i]) {
				s.fail("a \\u in a string lacks its four hex digits")
				return
			}
		}
		s.pos += 4
	default:
		s.fail("\\%c in a string means nothing", c)
	}
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// integer takes a whole number; null is 0.
func (s *scanner) integer() int64 {
	if s.err != nil || s.null() {
		return 0
	}
	start := s.pos
	negative := s.take('-')
	digits := s.pos
	n := uint64(0)
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		d := uint64(s.data[s.pos] - '0')
		if n > (math.MaxInt64-d)/10 {
			s.fail("a number is too large")
			return 0
		}
		n = n*10 + d
		s.pos++
	}
	switch {
	case s.pos == digits, s.data[digits] == '0' && s.pos > digits+1:
		s.pos = start
		s.unexpected("a whole number")
		return 0
	case s.pos < len(s.data) && (s.data[s.pos] == '.' || s.data[s.pos]|0x20 == 'e'):
		s.fail("a number with a fraction or an exponent stands where a whole one should")
		return 0
	case negative:
		return -int64(n)
	}
	return int64(n)
}

// boolean takes true or false; null is false.
func (s *scanner) boolean() bool {
	switch s.peek() {
	case 't':
		return s.literal("true")
	case 'f':
		s.literal("false")
	default:
		if !s.null() {
			s.unexpected("true or false")
		}
	}
	return false
}

// skip takes any value and checks it.
func (s *scanner) skip() {
	if s.err != nil {
		return
	}
	switch c := s.peek(); c {
	case '{':
		s.object(func([]byte) { s.skip() })
	case '[':
		s.array(s.skip)
	case '"':
		s.quoted()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

// number takes any number.
func (s *scanner) number() {
	s.take('-')
	switch {
	case s.pos < len(s.data) && s.data[s.pos] == '0':
		s.pos++
	case !s.digits():
		s.unexpected("a value")
		return
	}
	if s.pos < len(s.data) && s.data[s.pos] == '.' {
		s.pos++
		if !s.digits() {
			s.unexpected("a digit")
			return
		}
	}
	if s.pos < len(s.data) && s.data[s.pos]|0x20 == 'e' {
		s.pos++
		if s.pos < len(s.data) && (s.data[s.pos] == '+' || s.data[s.pos] == '-') {
			s.pos++
		}
		if !s.digits() {
			s.unexpected("a digit")
		}
	}
}

func (s *scanner) digits() bool {
	start := s.pos
	for s.pos < len(s.data) && '0' <= s.data[s.pos] && s.data[s.pos] <= '9' {
		s.pos++
	}
	return s.pos > start
}
