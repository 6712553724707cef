package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"time"

	"github.com/cachebench/cachebench/eci"
)

// retryLine is a line on a terminal that tells why a call to ECI is asked again: that
// may go on for minutes, and would look as if the program hung.
type retryLine struct{ to io.Writer }

func (l retryLine) Enabled(context.Context, slog.Level) bool { return true }
func (l retryLine) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l retryLine) WithGroup(string) slog.Handler            { return l }

// Handle shows what the client logs of a call that it repeats. That a call is throttled
// once is nothing to tell.
func (l retryLine) Handle(_ context.Context, r slog.Record) error {
	said := make(map[string]slog.Value)
	r.Attrs(func(a slog.Attr) bool {
		said[a.Key] = a.Value
		return true
	})
	attempt, pause := said["attempt"], said["pause"]
	if attempt.Kind() != slog.KindInt64 || pause.Kind() != slog.KindDuration || pause.Duration() == 0 {
		return nil
	}
	why := said["why"].String()
	if attempt.Int64() < 2 && strings.HasPrefix(why, eci.ErrThrottled.Error()) {
		return nil
	}
	_, err := fmt.Fprintf(l.to, "%s%s is asked again in %s, after attempt %d: %s", clearLine, said["action"].String(), pause.Duration().Round(100*time.Millisecond), attempt.Int64(), why)
	return err
}

// logger is who is told of attempts: a terminal, unless it is to be quiet.
func (e *eciFlags) logger() *slog.Logger {
	if e.quiet != nil && *e.quiet || !isLive(e.io.err) {
		return nil
	}
	return slog.New(retryLine{to: e.io.err})
}
