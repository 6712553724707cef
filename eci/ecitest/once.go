package ecitest

import (
	"crypto/sha256"
	"maps"
	"net/http"
)

// tokenUse is what a client token was used for, and what came of it.
type tokenUse struct {
	fingerprint [sha256.Size]byte
	body        any
	effect      string
}

// maxToken is the longest client token (eci §2.8).
const maxToken = 64

// once does a call, or gives the first result again where its ClientToken was used
// for the same before; for something else it is refused (eci §2.8). What failed
// was not done, so that its token may be tried again. How long a token is
// remembered is not documented: here always.
func (s *Server) once(c *call, do action) (any, *refusal) {
	token := c.given.text("ClientToken")
	if token == "" {
		return do(s, c)
	}
	for i := range len(token) {
		if len(token) > maxToken || token[i] > '~' || token[i] < ' ' {
			return nil, invalid("ClientToken", "it is not at most %d ASCII characters", maxToken)
		}
	}
	key := c.action + " " + token
	if used := s.tokens[key]; used != nil {
		if used.fingerprint != c.given.fingerprint() {
			return nil, refuse(http.StatusBadRequest, codeIdempotent, "The specified parameters differ from those of the first request with this ClientToken.")
		}
		c.effect = "repeated " + used.effect
		return again(used.body), nil
	}
	body, refused := do(s, c)
	if refused == nil {
		s.tokens[key] = &tokenUse{c.given.fingerprint(), body, c.effect}
		body = again(body)
	}
	return body, refused
}

// again is a body for another answer, which will have a request ID of its own.
func again(body any) any {
	first, ok := body.(object)
	if !ok {
		return body
	}
	return maps.Clone(first)
}
