package eci

import (
	"context"
	"io"
	"net/http"
)

// maxReplyBytes is far above any page of the API.
const maxReplyBytes = 32 << 20

// attempt sends a call once and gives the body of a good answer.
func (c *Client) attempt(ctx context.Context, k *call) ([]byte, *fault) {
	key, err := c.keys.key(ctx)
	if err != nil {
		return nil, keyFault(err)
	}
	k.key, k.status = key, 0
	out, err := c.sign(k.action, k.parameters, key)
	if err != nil {
		return nil, &fault{Error: Error{Kind: ErrCredentials, Problem: "the request cannot be signed"}, repeat: refused}
	}
	k.sent++
	k.hide = hider(append([]Secret{key.ID, key.Secret, key.SecurityToken, out.signature}, k.secrets...), k.maybe)
	ctx, cancel := context.WithTimeoutCause(ctx, c.timeout, errNoAnswer)
	defer cancel()
	var on connecting
	request, err := http.NewRequestWithContext(on.trace(ctx), http.MethodPost, out.url, nil)
	if err != nil {
		return nil, &fault{Error: Error{Kind: ErrInvalid, Problem: "the request cannot be made into a URL"}, repeat: refused}
	}
	for name, value := range out.headers {
		request.Header.Set(name, value)
	}
	request.Header.Set("User-Agent", c.userAgent)
	return c.send(k, request, &on)
}

// send sends a request and reads the answer to its end.
func (c *Client) send(k *call, request *http.Request, on *connecting) ([]byte, *fault) {
	response, err := c.http.Do(request)
	if err != nil {
		return nil, networkFault(request.Context(), err, on.none(), k.hide)
	}
	defer response.Body.Close()
	k.status = response.StatusCode
	body, err := io.ReadAll(io.LimitReader(response.Body, maxReplyBytes+1))
	switch {
	case err != nil:
		f := networkFault(request.Context(), err, on.none(), k.hide)
		f.HTTPStatus = response.StatusCode
		return nil, f
	case len(body) > maxReplyBytes:
		return nil, &fault{
			Error:  Error{Kind: ErrReply, HTTPStatus: response.StatusCode, Problem: "the answer is endless"},
			repeat: never, uncertain: true,
		}
	case response.StatusCode/100 == 2:
		return body, nil
	}
	return nil, k.replyFault(response.StatusCode, body, k.hide)
}
