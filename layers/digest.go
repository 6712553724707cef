package layers

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
)

// Digest is a content hash as registries write it, "sha256:" and 64 hex digits.
type Digest string

// Validate refuses what is not sha256 and 64 hex digits.
func (d Digest) Validate() error {
	if _, ok := parseHash([]byte(d)); !ok {
		return fmt.Errorf("digest %q is not sha256: and 64 hex digits", string(d))
	}
	return nil
}

// digestOf hashes content as registries do.
func digestOf(content []byte) Digest { return hash(sha256.Sum256(content)).digest() }

// hash is a Digest's 32 bytes: a quarter of its text, and what tables of layers
// are keyed by.
type hash [sha256.Size]byte

const digestPrefix = "sha256:"

// parseHash reads a digest's text. Upper-case hex is no digest (OCI image
// specification, descriptor.md).
func parseHash(text []byte) (h hash, ok bool) {
	if len(text) != len(digestPrefix)+2*len(h) || string(text[:len(digestPrefix)]) != digestPrefix {
		return h, false
	}
	for i := range h {
		high, low := nibbles[text[len(digestPrefix)+2*i]], nibbles[text[len(digestPrefix)+2*i+1]]
		if high|low > 15 {
			return h, false
		}
		h[i] = high<<4 | low
	}
	return h, true
}

// nibbles are the values of the lower-case hex digits, and 255 of all else.
var nibbles = func() (values [256]byte) {
	for c := range values {
		values[c] = 255
		if i := strings.IndexByte("0123456789abcdef", byte(c)); i >= 0 {
			values[c] = byte(i)
		}
	}
	return values
}()

func (h hash) digest() Digest {
	var text [len(digestPrefix) + 2*sha256.Size]byte
	copy(text[:], digestPrefix)
	hex.Encode(text[len(digestPrefix):], h[:])
	return Digest(text[:])
}

func (h hash) String() string { return string(h.digest()) }
