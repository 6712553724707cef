package eci

import (
	"errors"
	"fmt"
	"strconv"
)

// maxTokenLength is of eci §2.8.
const maxTokenLength = 64

// tokenFor gives a call its client token, the caller's or a new one.
func (c *Client) tokenFor(k *call, given string) error {
	if given == "" {
		made, err := c.NewClientToken()
		k.token = made
		return err
	}
	if len(given) > maxTokenLength {
		return invalid("clientToken", "%d characters: at most %d", len(given), maxTokenLength).of(k)
	}
	for _, r := range given {
		if r <= ' ' || r > '~' {
			return invalid("clientToken", "only printable ASCII characters are allowed").of(k)
		}
	}
	k.token = given
	return nil
}

// gone takes a missing thing for deleted, if an attempt before may have done it.
func gone(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Kind == ErrNotFound && e.Uncertain {
		return nil
	}
	return err
}

// passwords are the secrets of logins.
func passwords(credentials []RegistryCredential) []Secret {
	var secrets []Secret
	for _, credential := range credentials {
		secrets = append(secrets, credential.Password)
	}
	return secrets
}

// invalid is a parameter that is refused before it is sent.
func invalid(field, format string, arguments ...any) *Error {
	return &Error{Kind: ErrInvalid, Field: field, Problem: fmt.Sprintf(format, arguments...)}
}

func required(field string) *Error { return invalid(field, "it is required") }

// of says which call it was.
func (e *Error) of(k *call) *Error {
	e.Action, e.Input = k.action, k.input
	return e
}

func quote(text string) string { return strconv.Quote(text) }
