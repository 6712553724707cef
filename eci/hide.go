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
	var forms []string
	for _, secret := range secrets {
		if len(secret) < 4 {
			continue
		}
		form := string(secret)
		for range 3 {
			forms = append(forms, form, strings.ReplaceAll(form, "+", "%20"))
			form = url.QueryEscape(form)
		}
	}
	// Longer ones first: a secret may begin another.
	slices.SortFunc(forms, func(a, b string) int { return len(b) - len(a) })
	pairs := make([]string, 0, 2*len(forms))
	for _, form := range slices.Compact(forms) {
		pairs = append(pairs, form, masked)
	}
	replacer := strings.NewReplacer(pairs...)
	return func(text string) string {
		text = replacer.Replace(text)
		text = queryOf.ReplaceAllString(text, "$1?"+masked)
		text = signedOf.ReplaceAllString(text, masked)
		return userOf.ReplaceAllString(text, "://"+masked+"@")
	}
}
