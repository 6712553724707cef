package eci

import (
	"errors"
	"fmt"
	"io"
)

// masked is what is seen of a secret.
const masked = "***"

// Secret is text that is never shown: fmt with every verb, JSON, YAML and slog
// show *** instead. string(s) is the text itself.
//
// fmt cannot ask an unexported field how it prints itself: keep secrets in
// exported fields, or behind a pointer.
type Secret string

// Format implements fmt.Formatter: *** for every verb.
func (s Secret) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// String is ***, or empty.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return masked
}

// GoString is ***, or empty.
func (s Secret) GoString() string { return s.String() }

// MarshalText gives ***, or empty.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText takes the text itself. It refuses ***, which is a secret that was
// written by MarshalText and cannot be had back.
func (s *Secret) UnmarshalText(text []byte) error {
	if string(text) == masked {
		return errors.New("a masked secret (" + masked + ") cannot be read back: give the secret again")
	}
	*s = Secret(text)
	return nil
}
