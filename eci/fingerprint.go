package eci

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
)

// KeyFingerprint tells access keys apart without telling them: half of a SHA-256 of the
// salt and the ID of the access key of the moment. Of one account there may be many keys,
// and those of a role are new each time: that it is the same says more than that it is
// not. Its error is that of a call without credentials.
func (c *Client) KeyFingerprint(ctx context.Context, salt string) (string, error) {
	key, err := c.keys.key(ctx)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256([]byte(salt + "\x00" + string(key.ID)))
	return hex.EncodeToString(sum[:16]), nil
}
