package eci

import (
	"context"
	"errors"
	"log/slog"
	"time"
)

// call is one action on one input.
type call struct {
	action string
	// input is what errors name it by.
	input string
	// subject is what the input is the ID of.
	subject    subject
	parameters query
	// read: the call changes nothing, and may be repeated at will.
	read bool
	// token makes a repeated call the same call.
	token string
	// secrets are what the parameters hold that no text may show, maybe what may be
	// secret.
	secrets, maybe []Secret

	// What is known of the last attempt: the key that it was signed with, what masks
	// its secrets, and its HTTP status. sent is how many attempts there were.
	key    AccessKey
	hide   func(string) string
	status int
	sent   int
}

// repeatable says whether a call may be sent again although an earlier attempt
// may have taken effect.
func (k *call) repeatable() bool { return k.read || k.token != "" }

// tries is how far a call has come.
type tries struct {
	attempt int
	// throttled counts the attempts that were throttled.
	throttled int
	// waited is the sum of the waits between attempts.
	waited  time.Duration
	renewed bool
	// unlikely counts faults that hardly pass.
	unlikely int
	// uncertain: an attempt may have taken effect unseen.
	uncertain bool
	// last is how the attempt before ended, if there was one.
	last *Error
}

// do makes a call until it is answered, and decodes the answer. Its error is
// always an *Error.
func (c *Client) do(ctx context.Context, k *call, into reply) error {
	var so tries
	for {
		if err := c.admit(ctx, k); err != nil {
			return c.ended(ctx, k, so, err)
		}
		so.attempt++
		fault := c.try(ctx, k, into)
		if fault == nil {
			return nil
		}
		so.uncertain = so.uncertain || fault.uncertain && !k.read
		if ctx.Err() != nil && fault.repeat != refused {
			return c.ended(ctx, k, so, ctx.Err())
		}
		e := fault.Error
		e.Action, e.Input, e.Attempts, e.ClientToken, e.Uncertain = k.action, k.input, k.sent, k.token, so.uncertain
		if fault.Kind == ErrThrottled {
			so.throttled++
		}
		if fault.repeat == renewing { // for the next call, if not for this one
			c.keys.renew(k.key)
		}
		pause, again := c.again(k, fault.repeat, &so)
		if !again {
			c.tell(ctx, "failed", k, &e, 0)
			return &e
		}
		so.last = &e
		c.tell(ctx, "repeats", k, &e, pause)
		if pause > 0 {
			if err := c.sleep(ctx, pause); err != nil {
				return c.ended(ctx, k, so, err)
			}
		}
	}
}

// try is one attempt, to the decoded answer.
func (c *Client) try(ctx context.Context, k *call, into reply) *fault {
	body, fault := c.attempt(ctx, k)
	if fault == nil {
		fault = k.decode(body, into)
	}
	return fault
}

// again says whether a fault may be tried again, and after which wait.
func (c *Client) again(k *call, r repeat, so *tries) (time.Duration, bool) {
	if c.retry.Attempts == 1 || so.attempt-so.throttled >= c.retry.Attempts || r == unanswered && !k.repeatable() {
		return 0, false
	}
	switch r {
	case renewing:
		first := !so.renewed
		so.renewed = true
		return 0, first
	case twice:
		so.unlikely++
		if so.unlikely > 2 {
			return 0, false
		}
		fallthrough
	case later, unanswered:
		pause := c.retry.wait(so.attempt, c.jitter())
		so.waited += pause
		return pause, so.waited <= c.retry.Total
	}
	return 0, false
}

// admit waits until the documented rate lets the call through.
func (c *Client) admit(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.limiter.wait(ctx, k.action, c.now(), c.sleep)
}

// ended is the error of a call whose context ended, or whose sleeper gave why.
func (c *Client) ended(ctx context.Context, k *call, so tries, why error) *Error {
	if ctx.Err() != nil {
		why = ctx.Err()
	}
	e := &Error{
		Action: k.action, Input: k.input, Attempts: k.sent, ClientToken: k.token,
		Uncertain: so.uncertain, Problem: "stopped", cause: why,
	}
	if errors.Is(why, context.DeadlineExceeded) {
		e.Problem = "the time for it ran out"
	}
	if so.last != nil {
		e.Problem += " while waiting out " + so.last.happened()
		e.RequestID = so.last.RequestID
	}
	return e
}

func (c *Client) tell(ctx context.Context, what string, k *call, e *Error, pause time.Duration) {
	c.log.LogAttrs(ctx, slog.LevelDebug, "eci call "+what,
		slog.String("action", k.action), slog.String("input", k.input), slog.Int("attempt", e.Attempts),
		slog.String("why", e.happened()), slog.String("request", e.RequestID), slog.Duration("pause", pause))
}
