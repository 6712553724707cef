package eci

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// queryOf finds what follows a question mark in a URL, userOf what precedes an at
// sign, signedOf a signed query by itself.
var (
	signedOf = regexp.MustCompile(`[^\s"']*(?:AccessKeyId|Signature)(?:=|%3D|%253D)[^\s"']*`)
	queryOf  = regexp.MustCompile(`(https?://[^\s"'?]*|/)\?[^\s"']*`)
	userOf   = regexp.MustCompile(`://[^\s/@"']*@`)
)

const (
	// leastWhole is the length from which a secret is looked for within words, too.
	leastWhole = 4
	// leastMaybe is that of texts that need not be secrets, such as the values of
	// variables. Below are levels, numbers, flags: masking them would make errors
	// unreadable and hide little.
	leastMaybe = 8
)

// hider gives a function that masks secrets in a text from outside: as they are, and
// encoded once or twice as in URLs and in what is signed. Short ones, and those that
// may be none, are masked only where they are words of their own: else they would be
// found everywhere.
func hider(secrets, maybe []Secret) func(string) string {
	var whole, words []string
	for _, secret := range secrets {
		if len(secret) >= leastWhole {
			whole = append(whole, encodings(string(secret))...)
		} else if secret != "" {
			words = append(words, encodings(string(secret))...)
		}
	}
	for _, text := range maybe {
		if len(text) >= leastMaybe {
			words = append(words, encodings(string(text))...)
		}
	}
	longestFirst(whole) // a secret may begin another
	longestFirst(words)
	replacer := replacerOf(whole)
	return func(text string) string {
		text = replacer.Replace(text)
		for _, word := range words {
			text = maskWord(text, word)
		}
		text = queryOf.ReplaceAllString(text, "$1?"+masked)
		text = signedOf.ReplaceAllString(text, masked)
		return userOf.ReplaceAllString(text, "://"+masked+"@")
	}
}

func longestFirst(forms []string) {
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
}

func replacerOf(forms []string) *strings.Replacer {
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, masked)
	}
	return strings.NewReplacer(pairs...)
}

// maskWord masks a word where it is none of a longer one.
func maskWord(text, word string) string {
	var b strings.Builder
	done := 0
	for from := 0; ; {
		i := strings.Index(text[from:], word)
		if i < 0 {
			b.WriteString(text[done:])
			return b.String()
		}
		at, end := from+i, from+i+len(word)
		if begun(text[:at], word) || continued(word, text[end:]) {
			from = at + 1
			continue
		}
		b.WriteString(text[done:at] + masked)
		from, done = end, end
	}
}

// escaped ends a text before a word in a URL: %3D, or %253D encoded twice.
var escaped = regexp.MustCompile(`%(?:25)*[0-9A-Fa-f]{2}$`)

func begun(before, word string) bool {
	left, _ := utf8.DecodeLastRuneInString(before)
	right, _ := utf8.DecodeRuneInString(word)
	return inWord(left) && inWord(right) && !escaped.MatchString(before[max(0, len(before)-12):])
}

func continued(word, after string) bool {
	left, _ := utf8.DecodeLastRuneInString(word)
	right, _ := utf8.DecodeRuneInString(after)
	return inWord(left) && inWord(right)
}

func inWord(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

// encodings are a text, and it encoded once and twice, with either way to write a
// space.
func encodings(text string) []string {
	all, last := []string{text}, []string{text}
	for range 2 {
		var next []string
		for _, form := range last {
			escaped := url.QueryEscape(form)
			next = append(next, escaped, strings.ReplaceAll(escaped, "+", "%20"))
		}
		all, last = append(all, next...), next
	}
	return all
}
