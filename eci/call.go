package eci

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"time"
)

// call is one action on one input.
type call struct {
	action string
	// input is what errors name it by.
	input      string
	parameters query
	// read: the call changes nothing, and may be repeated at will.
	read bool
	// token makes a repeated call the same call.
	token string
	// secrets are what the parameters hold that no text may show.
	secrets []Secret
}

// repeatable says whether a call may be sent again although an earlier attempt
// may have taken effect.
func (k *call) repeatable() bool { return k.read || k.token != "" }

// do makes a call until it is answered, and decodes the answer. Its error is
// always an *Error.
func (c *Client) do(ctx context.Context, k *call, into reply) error {
	var begun time.Time
	renewed, uncertain := false, false
	for attempt := 1; ; attempt++ {
		if err := c.admit(ctx, k); err != nil {
			return c.ended(ctx, k, attempt-1, uncertain, err)
		}
		if attempt == 1 {
			begun = c.now()
		}
		body, fault := c.attempt(ctx, k)
		if fault == nil {
			if fault = decode(body, into); fault == nil {
				return nil
			}
			uncertain = uncertain || !k.read
		}
		uncertain = uncertain || fault.repeat == unanswered && !k.read
		if ctx.Err() != nil {
			return c.ended(ctx, k, attempt, uncertain, ctx.Err())
		}
		e := fault.Error
		e.Action, e.Input, e.Attempts, e.ClientToken = k.action, k.input, attempt, k.token
		e.Uncertain = uncertain
		again := c.again(k, fault.repeat, attempt, &renewed)
		pause := c.retry.wait(attempt, c.jitter())
		if !again || c.now().Add(pause).Sub(begun) > c.retry.Total {
			c.tell(ctx, "failed", k, &e, 0)
			return &e
		}
		c.tell(ctx, "repeats", k, &e, pause)
		if fault.repeat == renewing {
			c.keys.renew(ctx)
			continue
		}
		if err := c.sleep(ctx, pause); err != nil {
			return c.ended(ctx, k, attempt, uncertain, err)
		}
	}
}

// again says whether a fault may be tried again.
func (c *Client) again(k *call, r repeat, attempt int, renewed *bool) bool {
	if attempt >= c.retry.Attempts {
		return false
	}
	switch r {
	case later:
		return true
	case unanswered:
		return k.repeatable()
	case renewing:
		first := !*renewed
		*renewed = true
		return first
	}
	return false
}

// admit waits until the documented rate lets the call through.
func (c *Client) admit(ctx context.Context, k *call) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return c.limiter.wait(ctx, k.action, c.now(), c.sleep)
}

// ended is the error of a call whose context ended, or whose sleeper gave why.
func (c *Client) ended(ctx context.Context, k *call, attempts int, uncertain bool, why error) *Error {
	if ctx.Err() != nil {
		why = ctx.Err()
	}
	e := &Error{
		Action: k.action, Input: k.input, Attempts: attempts, ClientToken: k.token,
		Uncertain: uncertain, Problem: "stopped", cause: why,
	}
	if errors.Is(why, context.DeadlineExceeded) {
		e.Problem = "the time for it ran out"
	}
	return e
}

func (c *Client) tell(ctx context.Context, what string, k *call, e *Error, pause time.Duration) {
	c.log.LogAttrs(ctx, slog.LevelDebug, "eci call "+what,
		slog.String("action", k.action), slog.String("input", k.input), slog.Int("attempt", e.Attempts),
		slog.String("why", e.happened()), slog.String("request", e.RequestID), slog.Duration("pause", pause))
}

// reply is an answer to be decoded into. It has a request's ID, which tells it from
// what something else on the way answers.
type reply interface{ id() string }

// wireReply is what all answers have.
type wireReply struct{ RequestID wireText }

func (w *wireReply) id() string { return string(w.RequestID) }

// decode reads an answer with the standard decoder, which takes keys in either
// case, as the service writes them (eci §0.4, §3.2).
func decode(body []byte, into reply) *fault {
	problem := ""
	switch {
	case json.Unmarshal(body, into) != nil:
		problem = "the answer is not the JSON of the API"
	case into.id() == "":
		problem = "the answer has no RequestId"
	default:
		return nil
	}
	return &fault{Error{Kind: ErrReply, HTTPStatus: 200, Problem: problem, Advice: "check the endpoint, and proxies on the way"}, never}
}
