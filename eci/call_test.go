package eci

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

type answers []*http.Response

func (a *answers) RoundTrip(*http.Request) (*http.Response, error) {
	first := (*a)[0]
	*a = (*a)[1:]
	if first == nil {
		return nil, io.ErrUnexpectedEOF
	}
	return first, nil
}

func responded(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Body: io.NopCloser(strings.NewReader(body))}
}

// TestNoBlindRepeats: a call that changes something and has no token is repeated
// only if it cannot have taken effect. No action of the package is such a call
// today; the next may be.
func TestNoBlindRepeats(t *testing.T) {
	for _, test := range []struct {
		name  string
		first *http.Response
		call  call
		tries int
	}{
		{"lost", nil, call{action: "RestartContainerGroup"}, 1},
		{"failing", responded(500, `{"Code":"InternalError"}`), call{action: "RestartContainerGroup"}, 1},
		{"throttled", responded(400, `{"Code":"Throttling"}`), call{action: "RestartContainerGroup"}, 2},
		{"lost with a token", nil, call{action: "RestartContainerGroup", token: "t"}, 2},
		{"lost read", nil, call{action: "RestartContainerGroup", read: true}, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			transport := answers{test.first, responded(200, `{"RequestId":"R"}`)}
			c, err := New(Config{
				RegionID: "cn-hangzhou", Transport: &transport, Credentials: Credentials{AccessKey: AccessKey{ID: "i", Secret: "s"}},
				Sleep: func(context.Context, time.Duration) error { return nil },
			})
			if err != nil {
				t.Fatal(err)
			}
			err = c.do(context.Background(), &test.call, &wireReply{})
			if tries := 2 - len(transport); tries != test.tries || (err == nil) != (tries == 2) {
				t.Errorf("%d attempts, %v, want %d", tries, err, test.tries)
			}
			var e *Error
			if errors.As(err, &e) && !e.Uncertain {
				t.Errorf("%v may have taken effect, which is not said", err)
			}
		})
	}
}
