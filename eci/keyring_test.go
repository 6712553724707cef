package eci

import (
	"context"
	"errors"
	"testing"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
)

// provider gives keys, fails or panics, as its turn says.
type provider func() (*credentials.Credentials, error)

func (p provider) GetCredentials() (*credentials.Credentials, error) { return p() }
func (provider) GetProviderName() string                             { return "test" }

// TestKeyring: a provider that failed, in whichever way, is not asked again but
// made anew, as is one whose keys the service calls expired.
func TestKeyring(t *testing.T) {
	var made int
	good := &credentials.Credentials{AccessKeyId: "i", AccessKeySecret: "s"}
	turns := []provider{
		func() (*credentials.Credentials, error) {
			var missing *credentials.Credentials
			return &credentials.Credentials{AccessKeyId: missing.AccessKeyId}, nil
		},
		func() (*credentials.Credentials, error) { return nil, errors.New("quoting a whole file: secret") },
		func() (*credentials.Credentials, error) { return &credentials.Credentials{}, nil },
		func() (*credentials.Credentials, error) { return good, nil },
		func() (*credentials.Credentials, error) { return good, nil },
	}
	k, err := newKeyring(Credentials{})
	if err != nil {
		t.Fatal(err)
	}
	k.make = func() (credentials.CredentialsProvider, error) { made++; return turns[made-1], nil }
	ctx := context.Background()
	for turn := range 3 {
		if _, err := k.key(ctx); !errors.Is(err, ErrCredentials) || made != turn+1 {
			t.Errorf("turn %d: %v by provider %d", turn+1, err, made)
		}
	}
	for range 2 {
		if key, err := k.key(ctx); err != nil || key.ID != "i" || made != 4 {
			t.Errorf("%v by provider %d", err, made)
		}
	}
	k.renew(ctx)
	if _, err := k.key(ctx); err != nil || made != 5 {
		t.Errorf("after renewal: %v by provider %d", err, made)
	}
}
