package ecitest

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"hash/fnv"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// An AccessKey may call the server.
type AccessKey struct {
	ID     string `json:"id" document:"required"`
	Secret string `json:"secret" document:"required"`
	// SecurityToken makes it a temporary key (STS), which must send it; Expires is
	// until when it may be used, absent for ever.
	SecurityToken string    `json:"securityToken,omitempty"`
	Expires       time.Time `json:"expires,omitzero"`
}

// TestKey is the key of a server that is given none.
func TestKey() AccessKey { return AccessKey{ID: "ecitest-id", Secret: "ecitest-secret"} }

// maxAge is how far a Timestamp may be from the server's time, and how long a
// nonce is remembered at least: the gateway's 15 minutes, common to its services.
const maxAge = 15 * time.Minute

// authenticate says why a request is not one of a known key, or nil. The time
// stamped is that of the client, so it is compared with the time of signatures,
// whatever time the server's resources live in.
func (s *Server) authenticate(method string, given url.Values) *refusal {
	for _, name := range []string{"AccessKeyId", "Signature", "SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"} {
		if given.Get(name) == "" {
			return missing(name)
		}
	}
	i := slices.IndexFunc(s.opt.AccessKeys, func(k AccessKey) bool { return k.ID == given.Get("AccessKeyId") })
	if i < 0 {
		return refuse(http.StatusNotFound, codeNoKey, "Specified access key is not found.")
	}
	key := &s.opt.AccessKeys[i]
	now := s.opt.SignatureTime().Add(s.faults.skew())
	stamped, err := time.Parse("2006-01-02T15:04:05Z", given.Get("Timestamp"))
	token := given.Get("SecurityToken")
	switch {
	case given.Get("SignatureMethod") != "HMAC-SHA1" || given.Get("SignatureVersion") != "1.0":
		return invalid("SignatureMethod", "only HMAC-SHA1 of version 1.0 is known here")
	case err != nil || stamped.Sub(now).Abs() > maxAge:
		return refuse(http.StatusBadRequest, codeTimestamp, "Specified time stamp or date value is expired.")
	case key.SecurityToken != "" && token == "":
		return refuse(http.StatusBadRequest, codeNoToken, "SecurityToken is mandatory for this action.")
	case token != key.SecurityToken:
		return refuse(http.StatusBadRequest, codeTokenMismatch, "Specified SecurityToken mismatched with the AccessKey.")
	case !key.Expires.IsZero() && !now.Before(key.Expires):
		return refuse(http.StatusBadRequest, codeTokenExpired, "Specified SecurityToken is expired.")
	}
	text := stringToSign(method, given)
	if !hmac.Equal([]byte(given.Get("Signature")), []byte(signature(text, key.Secret))) {
		return refuse(http.StatusBadRequest, codeSignature, "Specified signature is not matched with our calculation. server string to sign is:%s", text)
	}
	if !s.nonces.take(key.ID+" "+given.Get("SignatureNonce"), now) {
		return refuse(http.StatusBadRequest, codeNonce, "Specified signature nonce was used already.")
	}
	return nil
}

// stringToSign is what a client signs (eci §2.1): all parameters of query and form
// but the signature.
func stringToSign(method string, given url.Values) string {
	names := make([]string, 0, len(given))
	for name := range given {
		if name != "Signature" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	var all strings.Builder
	for _, name := range names {
		for _, value := range given[name] {
			if all.Len() > 0 {
				all.WriteByte('&')
			}
			all.WriteString(percentEncode(name) + "=" + percentEncode(value))
		}
	}
	return method + "&" + percentEncode("/") + "&" + percentEncode(all.String())
}

func signature(text, secret string) string {
	mac := hmac.New(sha1.New, []byte(secret+"&"))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// percentEncode leaves only the unreserved characters of RFC 3986 as they are.
func percentEncode(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("-_.~", c) >= 0:
			b.WriteByte(c)
		default:
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

// nonces are those used lately, by a hash, in two halves of which the older is
// forgotten when no Timestamp of its time is accepted any more.
type nonces struct {
	newer, older map[uint64]struct{}
	since        time.Time
}

// take says whether a nonce is new, and remembers it.
func (n *nonces) take(nonce string, now time.Time) bool {
	if n.newer == nil || now.Sub(n.since) > 2*maxAge {
		n.older, n.newer, n.since = n.newer, make(map[uint64]struct{}), now
	}
	h := fnv.New64a()
	h.Write([]byte(nonce))
	key := h.Sum64()
	_, newer := n.newer[key]
	_, older := n.older[key]
	n.newer[key] = struct{}{}
	return !newer && !older
}
