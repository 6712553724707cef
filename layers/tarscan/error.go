package tarscan

import (
	"fmt"
	"strings"
)

// Reason is the kind of an Error.
type Reason string

// Reasons.
const (
	// Truncated: the blob, or the compressed stream or tar in it, ends early.
	Truncated Reason = "truncated"
	// TooLong: the blob goes on after its stated size.
	TooLong Reason = "too long"
	// ReadFailed: the reader of the blob returned an error, or the context ended.
	ReadFailed Reason = "unreadable"
	// CorruptCompression: the gzip or zstd stream or one of its checksums is
	// wrong, or something else follows it.
	CorruptCompression Reason = "corrupt compression"
	// CorruptTar: a tar header is wrong.
	CorruptTar Reason = "corrupt tar"
	// UnsupportedCompression: a format that the OCI specification does not know.
	UnsupportedCompression Reason = "unsupported compression"
	// LimitExceeded: one of the Limits was passed.
	LimitExceeded Reason = "limit exceeded"
	// InflaterFailed: Options.Inflater is unknown or could not be run.
	InflaterFailed Reason = "inflater failed"
)

// Error says why a blob could not be read to its end, and where.
type Error struct {
	Reason Reason
	// InTar says that Offset counts the bytes of the tar, not of the blob.
	InTar bool
	// Offset is where it was noticed: for CorruptTar the header's own, for
	// CorruptCompression how much of the blob had been taken (approximate with
	// zstd and with programs, which read ahead).
	Offset int64
	// Entry is the name, as it stands in the tar, of the entry that was being read
	// or, between two, the one before; empty before the first and after the tar's
	// end.
	Entry string
	// Limit names the limit passed, with what was met (Value) and what is allowed
	// (Max).
	Limit      string
	Value, Max int64
	// Err is the cause; never nil.
	Err error
}

func (e *Error) Error() string {
	var b strings.Builder
	stream := "blob"
	if e.InTar {
		stream = "tar"
	}
	fmt.Fprintf(&b, "%s: byte %d of the %s", e.Reason, e.Offset, stream)
	if e.Entry != "" {
		fmt.Fprintf(&b, ", entry %s", quote(e.Entry))
	}
	fmt.Fprintf(&b, ": %v", e.Err)
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// quote makes a name from outside fit for a terminal.
func quote(name string) string {
	const longest = 120
	if len(name) > longest {
		return fmt.Sprintf("%q and %d bytes more", name[:longest], len(name)-longest)
	}
	return fmt.Sprintf("%q", name)
}

func exceeded(limit string, value, max, offset int64) *Error {
	return &Error{
		Reason: LimitExceeded, InTar: true, Offset: offset,
		Limit: limit, Value: value, Max: max,
		Err: fmt.Errorf("%s: %d, at most %d are allowed", limit, value, max),
	}
}
