package eci

import (
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
)

// repeat is what may help against a fault.
type repeat int

const (
	never repeat = iota
	// refused: never, and the call took no effect.
	refused
	// later: it took no effect, and may pass.
	later
	// twice: it took no effect, and hardly passes.
	twice
	// unanswered: it may have taken effect; it is repeated only if that is harmless.
	unanswered
	// renewing: new credentials may help.
	renewing
)

// fault is an attempt that failed.
type fault struct {
	Error
	repeat repeat
	// uncertain: the attempt may have taken effect.
	uncertain bool
}

func keyFault(err error) *fault {
	var e *Error
	if !errors.As(err, &e) {
		return &fault{repeat: never} // the context's, which the caller sees
	}
	f := &fault{Error: *e, repeat: refused}
	if e.passing {
		f.repeat = later
	}
	return f
}

// codeForm is what codes of the service look like.
var codeForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9._-]{0,127}$`)

// replyFault is an answer that is an error (eci §2.1).
func (k *call) replyFault(status int, body []byte, hide func(string) string) *fault {
	var reply struct{ RequestID, Code, Message wireText }
	understood := json.Unmarshal(body, &reply) == nil
	f := &fault{Error: Error{HTTPStatus: status, Message: message(hide(string(reply.Message))), RequestID: requestID(string(reply.RequestID), hide)}}
	code := string(reply.Code)
	if !codeForm.MatchString(code) {
		code = ""
	}
	// A code that is known is no secret, whatever the secrets are.
	if f.Code = code; verdicts[code].kind == nil {
		f.Code = hide(code)
	}
	v := k.verdictOf(code, status, string(reply.RequestID))
	f.Kind, f.Advice = v.kind, v.advice
	if f.Code == "" {
		f.Problem = "the answer is not an error of the API"
		if !understood {
			f.Problem = "the answer is not the JSON of the API"
		}
		if status/100 == 3 {
			f.Problem = "the endpoint redirects elsewhere"
		}
		if f.Advice == "" {
			f.Advice = "check the endpoint, and proxies on the way"
		}
	}
	f.repeat = repeatOf(v.kind, code, status)
	f.uncertain = f.repeat == unanswered
	return f
}

// uuidForm is that of the service's own request IDs, which must not be masked for a
// part that happens to be somebody's short password.
var uuidForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

func requestID(text string, hide func(string) string) string {
	if uuidForm.MatchString(text) {
		return text
	}
	return message(hide(text))
}

func repeatOf(kind error, code string, status int) repeat {
	switch {
	case kind == ErrThrottled:
		return later
	case kind == ErrExpiredToken:
		return renewing
	case kind == ErrUnavailable, status >= http.StatusInternalServerError:
		return unanswered
	case code == "IdempotentProcessing", code == "LastTokenProcessing":
		return unanswered
	}
	return refused
}

// stringToSign begins what the service adds to a signature that is wrong: what it signed,
// which tells nothing once it is masked.
const stringToSign = " server string to sign"

// message is the service's text as one line of ours.
func message(text string) string {
	text, _, _ = strings.Cut(text, stringToSign)
	text = strings.Join(strings.Fields(text), " ")
	const most = 400
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "..."
	}
	return text
}
