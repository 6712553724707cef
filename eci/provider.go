package eci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
)

// sdkProvider is one of the SDK's, which know no context but have timeouts.
type sdkProvider struct {
	credentials.CredentialsProvider
}

// ofSDK takes what the SDK's builders give.
func ofSDK(made credentials.CredentialsProvider, err error) (provider, error) {
	if err != nil {
		return nil, err
	}
	return sdkProvider{made}, nil
}

func (p sdkProvider) key(context.Context) (AccessKey, error) {
	given, err := p.GetCredentials()
	if err != nil || given == nil {
		return AccessKey{}, err
	}
	return AccessKey{Secret(given.AccessKeyId), Secret(given.AccessKeySecret), Secret(given.SecurityToken)}, nil
}

// key makes a key its own provider.
func (k AccessKey) key(context.Context) (AccessKey, error) { return k, nil }

// uriProvider asks the URL in ALIBABA_CLOUD_CREDENTIALS_URI (eci §2.9). The SDK's own
// prints that URL, which is as good as a key, when it cannot be reached.
type uriProvider struct {
	uri     string
	client  *http.Client
	last    AccessKey
	expires time.Time
}

// uriError is an answer that is no key. Nothing of the answer is in it.
type uriError struct {
	problem string
	passing bool
}

func (e *uriError) Error() string { return e.problem }

func newURIProvider() (provider, error) {
	uri := os.Getenv("ALIBABA_CLOUD_CREDENTIALS_URI")
	if uri == "" {
		return nil, errors.New("no URI")
	}
	return &uriProvider{uri: uri, client: newHTTPClient(nil, 5*time.Second)}, nil // the SDK's time to connect
}

// renewBefore is how long before their end keys are replaced, as the SDK does it.
const renewBefore = 3 * time.Minute

func (p *uriProvider) key(ctx context.Context) (AccessKey, error) {
	if time.Until(p.expires) > renewBefore {
		return p.last, nil
	}
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second) // the SDK's, as a whole
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.uri, nil)
	if err != nil {
		return AccessKey{}, &uriError{"ALIBABA_CLOUD_CREDENTIALS_URI is not a URL", false}
	}
	response, err := p.client.Do(request)
	if err != nil {
		return AccessKey{}, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return AccessKey{}, &uriError{fmt.Sprintf("ALIBABA_CLOUD_CREDENTIALS_URI answers HTTP %d", response.StatusCode), response.StatusCode >= 500}
	}
	var given struct {
		AccessKeyID, AccessKeySecret, SecurityToken string
		Expiration                                  time.Time
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, 1<<20)).Decode(&given); err != nil || given.AccessKeyID == "" ||
		given.AccessKeySecret == "" || given.SecurityToken == "" || given.Expiration.IsZero() {
		return AccessKey{}, &uriError{"ALIBABA_CLOUD_CREDENTIALS_URI does not answer with temporary keys and their expiration", false}
	}
	p.last = AccessKey{Secret(given.AccessKeyID), Secret(given.AccessKeySecret), Secret(given.SecurityToken)}
	p.expires = given.Expiration
	return p.last, nil
}
