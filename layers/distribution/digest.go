package distribution

import (
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"strings"
)

// digestOf is the digest of body by the algorithm of like, sha256 where like is
// not a digest (image specification, "Digests").
func digestOf(body []byte, like string) string {
	if strings.HasPrefix(like, "sha512:") {
		sum := sha512.Sum512(body)
		return "sha512:" + hex.EncodeToString(sum[:])
	}
	sum := sha256.Sum256(body)
	var text [len("sha256:") + 2*sha256.Size]byte
	copy(text[:], "sha256:")
	hex.Encode(text[len("sha256:"):], sum[:])
	return string(text[:])
}

// isDigest is true for the algorithms that the image specification registers.
func isDigest(s string) bool {
	switch {
	case strings.HasPrefix(s, "sha256:"):
		return isHex(s[len("sha256:"):], 2*sha256.Size)
	case strings.HasPrefix(s, "sha512:"):
		return isHex(s[len("sha512:"):], 2*sha512.Size)
	}
	return false
}

func isHex(s string, length int) bool {
	if len(s) != length {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}
