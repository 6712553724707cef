package distribution

import "strings"

// challenge is one way to log in that a server offers.
type challenge struct {
	// scheme is in lower case.
	scheme string
	// parameters have names in lower case; the first of a name stands.
	parameters map[string]string
}

// maxChallengeParameters is more than any scheme has.
const maxChallengeParameters = 32

// parseChallenges reads WWW-Authenticate fields (RFC 9110 section 11.6.1): a field
// may hold several challenges, each with parameters, a token68, or nothing. It
// stops at what it cannot read and returns the challenges before that.
func parseChallenges(fields []string) (all []challenge) {
	for _, field := range fields {
		p := challengeParser{rest: field}
		for {
			c, ok := p.challenge()
			if !ok {
				break
			}
			all = append(all, c)
		}
	}
	return all
}

type challengeParser struct{ rest string }

func (p *challengeParser) space() { p.rest = strings.TrimLeft(p.rest, " \t") }

func (p *challengeParser) separators() { p.rest = strings.TrimLeft(p.rest, " \t,") }

// token reads an RFC 9110 token, empty where there is none.
func (p *challengeParser) token() string {
	n := 0
	for n < len(p.rest) && isTokenByte(p.rest[n]) {
		n++
	}
	token := p.rest[:n]
	p.rest = p.rest[n:]
	return token
}

func (p *challengeParser) challenge() (challenge, bool) {
	p.separators()
	scheme := p.token()
	if scheme == "" {
		return challenge{}, false
	}
	c := challenge{scheme: strings.ToLower(scheme), parameters: make(map[string]string)}
	for {
		before := p.rest
		p.separators()
		name := p.token()
		p.space()
		if name == "" || !strings.HasPrefix(p.rest, "=") || len(c.parameters) == maxChallengeParameters {
			// It is the next challenge's scheme, or a token68, which no scheme here uses.
			p.rest = before
			p.skipToken68()
			return c, true
		}
		p.rest = p.rest[1:]
		p.space()
		value, ok := p.value()
		if !ok && strings.HasPrefix(p.rest, `"`) {
			p.rest = ""
			return c, true
		}
		if !ok {
			p.rest = before
			p.skipToken68()
			return c, true
		}
		name = strings.ToLower(name)
		if _, twice := c.parameters[name]; !twice {
			c.parameters[name] = value
		}
	}
}

// skipToken68 passes over what stands between a scheme and the next comma.
func (p *challengeParser) skipToken68() {
	p.space()
	if strings.HasPrefix(p.rest, ",") || p.rest == "" {
		return
	}
	_, p.rest, _ = strings.Cut(p.rest, ",")
}

// value reads a token or a quoted string.
func (p *challengeParser) value() (string, bool) {
	if !strings.HasPrefix(p.rest, `"`) {
		v := p.token()
		return v, v != ""
	}
	var b strings.Builder
	for i := 1; i < len(p.rest); i++ {
		switch p.rest[i] {
		case '"':
			p.rest = p.rest[i+1:]
			return b.String(), true
		case '\\':
			i++
			if i == len(p.rest) {
				return "", false
			}
		}
		b.WriteByte(p.rest[i])
	}
	return "", false
}

func isTokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$%&'*+-.^_`|~", c) >= 0
}
