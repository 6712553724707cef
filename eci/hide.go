package eci

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// queryOf finds what follows a question mark in a URL, userOf what precedes an at
// sign, signedOf a signed query by itself.
var (
	signedOf = regexp.MustCompile(`[^\s"']*(?:AccessKeyId|Signature)(?:=|%3D|%253D)[^\s"']*`)
	queryOf  = regexp.MustCompile(`(https?://[^\s"'?]*|/)\?[^\s"']*`)
	userOf   = regexp.MustCompile(`://[^\s/@"']*@`)
)

// hider gives a function that masks secrets in a text from outside: as they are,
// and encoded once or twice as in URLs and in what is signed. Those of fewer than
// four characters are not looked for; they would be found everywhere.
func hider(secrets []Secret) func(string) string {
	return func(text string) string {
		text = replacer(secrets).Replace(text)
		text = queryOf.ReplaceAllString(text, "$1?"+masked)
		text = signedOf.ReplaceAllString(text, masked)
		return userOf.ReplaceAllString(text, "://"+masked+"@")
	}
}

func replacer(secrets []Secret) *strings.Replacer {
	var forms []string
	for _, secret := range secrets {
		if len(secret) >= 4 {
			forms = append(forms, encodings(string(secret))...)
		}
	}
	// Longer ones first: a secret may begin another.
	slices.SortStableFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range forms {
		pairs = append(pairs, form, masked)
	}
	return strings.NewReplacer(pairs...)
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
