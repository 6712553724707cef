package export

import (
	"crypto/sha256"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// The lengths of names in Kubernetes (RFC 1123 labels and subdomains).
const (
	maxLabel     = 63
	maxSubdomain = 253
)

var (
	labelForm     = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)
	subdomainForm = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`)
	// Keys and values of labels: Kubernetes, "Labels and Selectors", syntax.
	qualifiedForm = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)
	notInLabel    = regexp.MustCompile(`[^a-z0-9]+`)
)

func isLabel(name string) bool { return len(name) <= maxLabel && labelForm.MatchString(name) }

func isSubdomain(name string) bool {
	return len(name) <= maxSubdomain && subdomainForm.MatchString(name)
}

func isLabelValue(value string) bool {
	return value == "" || len(value) <= maxLabel && qualifiedForm.MatchString(value)
}

func isLabelKey(key string) bool {
	if prefix, name, ok := strings.Cut(key, "/"); ok {
		if !isSubdomain(prefix) {
			return false
		}
		key = name
	}
	return len(key) <= maxLabel && qualifiedForm.MatchString(key)
}

// names gives texts names that Kubernetes takes, no two alike.
type names map[string]bool

// of returns text where it is such a name itself, of at most max characters. Another
// is made one, with a hash of the text at its end: the same text has the same name
// in every file, and texts that differ only in what is lost do not get one name.
func (n names) of(text string, max int) string {
	if isLabel(text) && len(text) <= max && !n[text] {
		n[text] = true
		return text
	}
	plain := strings.Trim(notInLabel.ReplaceAllString(strings.ToLower(text), "-"), "-")
	if plain == "" {
		plain = "x"
	}
	hash := fmt.Sprintf("%x", sha256.Sum256([]byte(text)))
	for digits := 8; ; digits++ {
		base := strings.TrimRight(plain[:min(len(plain), max-digits-1)], "-")
		name := strings.TrimLeft(base+"-"+hash[:digits], "-")
		if !n[name] {
			n[name] = true
			return name
		}
	}
}

// said is a name as it stands in a comment or a message: as it is, or quoted where
// that could end the line or hide what it is.
func said(name string) string {
	odd := strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
	if odd || name == "" || strings.TrimSpace(name) != name {
		return strconv.QuoteToASCII(name)
	}
	return name
}
