package eci

import (
	"encoding/json"
	"errors"
	"reflect"
	"strconv"
	"strings"
)

// reply is an answer to be decoded into. It has a request's ID, which tells it from
// what something else on the way answers.
type reply interface {
	id() string
	// refusal is the code of an answer that is an error.
	refusal() string
}

// wireReply is what all answers have.
type wireReply struct{ RequestID, Code wireText }

func (w *wireReply) id() string { return string(w.RequestID) }

// refusal leaves out what other services of Alibaba write into good answers.
func (w *wireReply) refusal() string {
	switch strings.ToLower(string(w.Code)) {
	case "200", "ok", "success":
		return ""
	}
	return string(w.Code)
}

// decode reads the answer of a good HTTP status with the standard decoder, which
// takes keys in either case, as the service writes them (eci §0.4, §3.2).
func (k *call) decode(body []byte, into reply) *fault {
	reflect.ValueOf(into).Elem().SetZero() // of what an attempt before has left
	err := json.Unmarshal(body, into)
	problem := ""
	switch {
	case cut(body, err):
		return &fault{
			Error:  Error{Kind: ErrUnavailable, HTTPStatus: k.status, Problem: "the answer ends before its end"},
			repeat: unanswered, uncertain: true,
		}
	case err != nil:
		problem = "the answer is not the JSON of the API"
	case into.refusal() != "":
		return k.refusedWell(body)
	case into.id() == "":
		problem = "the answer has no RequestId"
	default:
		return nil
	}
	return &fault{
		Error: Error{Kind: ErrReply, HTTPStatus: k.status, Problem: problem, Advice: "check the endpoint, and proxies on the way"},
		// It was a good answer, of whomever.
		repeat: never, uncertain: true,
	}
}

// cut says whether a text is the beginning of JSON.
func cut(body []byte, err error) bool {
	var syntax *json.SyntaxError
	return errors.As(err, &syntax) && syntax.Offset >= int64(len(body))
}

// refusedWell is an error in an answer whose HTTP status is good. Of a code that
// nothing is known of, who knows whether the call took effect.
func (k *call) refusedWell(body []byte) *fault {
	f := k.replyFault(k.status, body, k.hide)
	if f.Kind == nil {
		f.repeat, f.uncertain = never, true
	}
	return f
}

// unreadRows is a good answer some of whose rows are no objects; nil if there are none
// such. What such a row would have told of is not known, so the list is not whole.
func (k *call) unreadRows(name string, unread []string, rows int, requestID wireText) error {
	if len(unread) == 0 {
		return nil
	}
	e := k.lacking(name, requestID)
	e.Problem = "row " + strings.Join(unread, ", ") + " of " + strconv.Itoa(rows) + " in " + name + " is no object, so that it is not known what it tells of"
	e.Advice, e.unread = "look in the console what is there beside the others", true
	return e
}

// lacking is a good answer without what it must have.
func (k *call) lacking(name string, requestID wireText) *Error {
	return &Error{
		Action: k.action, Input: k.input, Kind: ErrReply, RequestID: string(requestID), HTTPStatus: k.status, Attempts: k.sent,
		ClientToken: k.token, Uncertain: !k.read, Problem: "the answer has no " + name,
	}
}
