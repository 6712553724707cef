package eci

import (
	"errors"
	"fmt"
	"strings"
)

// What callers act on; see Error.
var (
	// ErrNotFound: there is no such cache, group or snapshot.
	ErrNotFound = errors.New("not found")
	// ErrInvalid: a parameter is missing or wrong. This client refuses some before it
	// sends them.
	ErrInvalid = errors.New("invalid parameter")
	// ErrIncorrectStatus: the resource is in a state that does not allow this.
	ErrIncorrectStatus = errors.New("incorrect status")
	// ErrConflict: another operation on the resource is not done yet.
	ErrConflict = errors.New("operation conflict")
	// ErrNothingToUpdate: an update would change nothing.
	ErrNothingToUpdate = errors.New("nothing to update")
	// ErrIdempotentMismatch: the client token was used with other parameters.
	ErrIdempotentMismatch = errors.New("client token used with other parameters")
	// ErrNotSupported: the service does not do this, or not for this account.
	ErrNotSupported = errors.New("not supported")

	// ErrQuota: a quota of the account is used up, or the vCPUs of a day.
	ErrQuota = errors.New("quota exceeded")
	// ErrNoStock: the zone has no instances, or sells none, of what is wanted.
	ErrNoStock = errors.New("no stock")
	// ErrNoAddress: the vSwitch or the pool has no free IP address.
	ErrNoAddress = errors.New("no free IP address")
	// ErrThrottled: the service wants fewer calls, and went on wanting it until the
	// client gave up.
	ErrThrottled = errors.New("throttled")
	// ErrUnavailable: the service failed (5xx), or could not be reached.
	ErrUnavailable = errors.New("service unavailable")
	// ErrReply: the service answered what this client does not understand.
	ErrReply = errors.New("reply not understood")

	// ErrNoPermission: the user or role may not do this.
	ErrNoPermission = errors.New("no permission")
	// ErrCredentials: there are no credentials, or they are refused.
	ErrCredentials = errors.New("credentials missing or refused")
	// ErrExpiredToken: the credentials were good but are no longer.
	ErrExpiredToken = errors.New("security token expired")
	// ErrClock: this machine's clock differs too much from the service's.
	ErrClock = errors.New("clock differs from the service's")
	// ErrServiceNotEnabled: ECI is not enabled for the account.
	ErrServiceNotEnabled = errors.New("service not enabled")
	// ErrArrears: the account owes money.
	ErrArrears = errors.New("account in arrears")
	// ErrAccount: the account is restricted (identity, risk control, business status).
	ErrAccount = errors.New("account restricted")

	// ErrDryRun: the request was only checked and would have succeeded.
	ErrDryRun = errors.New("dry run succeeded")
	// ErrNoRegion: no region was given and none is in the environment.
	ErrNoRegion = errors.New("no region")
)

// Error is a call that failed. Neither its text nor its fields hold secrets, the
// access key's ID, signatures or URLs with a query. errors.Is finds its Kind, and
// the context's error where the context ended the call.
type Error struct {
	// Action is the API's name, such as CreateImageCache; empty for errors of New.
	Action string
	// Input is what it was about: a name or an ID.
	Input string
	// Field is the parameter that was refused before sending, as in a spec's JSON;
	// else empty.
	Field string
	// Kind is one of the package's Err values, or nil for a code that it does not
	// know.
	Kind error
	// Code and Message are the service's; empty without an answer of it.
	Code    string
	Message string
	// RequestID is what the service's support asks for.
	RequestID string
	// HTTPStatus is 0 without an answer.
	HTTPStatus int
	// Attempts is how often sending was tried: not where there was no key to sign with.
	Attempts int
	// ClientToken is the one of a call that changes something.
	ClientToken string
	// Uncertain: the call may have taken effect although no answer came. Calling
	// again with ClientToken and the same parameters tells, as long as the service
	// remembers the token, which is not documented (eci §2.8): do it soon.
	Uncertain bool
	// Problem is what happened, in this package's words.
	Problem string
	// Advice is what to do about it.
	Advice string

	cause error
	// passing: of credentials, whose provider may answer another time.
	passing bool
	// unread: of rows of a list alone, whose others are good.
	unread bool
}

// Error says what was tried on what, how it ended, the request and what to do.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("eci")
	if e.Action != "" {
		b.WriteString(": " + e.Action)
	}
	if e.Input != "" {
		b.WriteString(" " + e.Input)
	}
	b.WriteString(": " + e.Reason())
	return b.String()
}

// GoString is Error: what %#v would else print is not meant for eyes.
func (e *Error) GoString() string { return e.Error() }

// Reason is the error without what was tried, for lists that say it elsewhere.
func (e *Error) Reason() string {
	parts := []string{e.happened()}
	if e.RequestID != "" {
		parts = append(parts, "request "+e.RequestID)
	}
	if e.Attempts > 1 {
		parts = append(parts, fmt.Sprintf("after %d attempts", e.Attempts))
	}
	text := parts[0]
	if len(parts) > 1 {
		text += " (" + strings.Join(parts[1:], ", ") + ")"
	}
	if e.Uncertain && e.ClientToken != "" {
		text += "; it may have taken effect: call again with client token " + e.ClientToken
	}
	if e.Advice != "" {
		text += "; " + e.Advice
	}
	return text
}

func (e *Error) happened() string {
	var parts []string
	add := func(text string) {
		if text != "" {
			parts = append(parts, text)
		}
	}
	if e.Kind != nil {
		add(e.Kind.Error())
	}
	add(e.Field)
	switch {
	case e.Code != "" && e.HTTPStatus != 0:
		add(fmt.Sprintf("%s (HTTP %d)", e.Code, e.HTTPStatus))
	case e.Code != "":
		add(e.Code)
	case e.HTTPStatus >= 300:
		add(fmt.Sprintf("HTTP %d", e.HTTPStatus))
	}
	add(e.Message)
	add(e.Problem)
	if len(parts) == 0 {
		return "failed"
	}
	return strings.Join(parts, ": ")
}

// Unwrap gives the kind and the context's error.
func (e *Error) Unwrap() []error {
	var errs []error
	if e.Kind != nil {
		errs = append(errs, e.Kind)
	}
	if e.cause != nil {
		errs = append(errs, e.cause)
	}
	return errs
}
