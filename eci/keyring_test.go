package eci

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
)

// provider gives keys, fails or panics, as its turn says.
type provider func() (*credentials.Credentials, error)

func (p provider) GetCredentials() (*credentials.Credentials, error) { return p() }
func (provider) GetProviderName() string                             { return "test" }

// TestReasons: of what a provider says when it fails, the code of an answer and the
// kind of a network's fault are told, and nothing else.
func TestReasons(t *testing.T) {
	for _, test := range []struct {
		err     error
		want    string
		passing bool
	}{
		{sdkerrors.NewServerError(403, `{"Code":"NoPermission","Message":"of LTAI-secret"}`, ""), "they are refused: NoPermission", false},
		{sdkerrors.NewServerError(503, `{"Code":"ServiceUnavailable"}`, ""), "they are refused: ServiceUnavailable", true},
		{sdkerrors.NewServerError(403, `{"Code":"key LTAI-secret"}`, ""), "none are found", false},
		{&url.Error{Op: "Get", URL: "http://x/?LTAI-secret", Err: context.DeadlineExceeded}, "their provider does not answer in time", true},
		{&url.Error{Op: "Get", URL: "http://x/?LTAI-secret", Err: errors.New("refused")}, "their provider cannot be reached", true},
		{errors.New("unmarshal failed: LTAI-secret"), "none are found", false},
	} {
		if got, passing := reasonOf(test.err); got != test.want || passing != test.passing {
			t.Errorf("%v: got %q, %v, want %q", test.err, got, passing, test.want)
		}
	}
	for _, role := range []Role{{}, {ARN: "acs:ram::1:role/r", Duration: time.Minute}} {
		t.Setenv("ALIBABA_CLOUD_ROLE_ARN", "")
		k, err := newKeyring(Credentials{AccessKey: AccessKey{ID: "i", Secret: "s"}, Role: &role})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := k.key(context.Background()); !errors.Is(err, ErrCredentials) {
			t.Errorf("%+v: %v", role, err)
		}
	}
}

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

// TestProviderComesBack: a call waits for a provider that is away for a while.
func TestProviderComesBack(t *testing.T) {
	transport := answers{responded(200, `{"RequestId":"R"}`)}
	var waits int
	c, err := New(Config{
		RegionID: "cn-hangzhou", Transport: &transport,
		Sleep: func(context.Context, time.Duration) error { waits++; return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.keys.make = func() (credentials.CredentialsProvider, error) {
		return provider(func() (*credentials.Credentials, error) {
			if waits < 3 {
				return nil, &url.Error{Op: "Get", URL: "http://x", Err: errors.New("refused")}
			}
			return &credentials.Credentials{AccessKeyId: "i", AccessKeySecret: "s"}, nil
		}), nil
	}
	if err := c.do(context.Background(), &call{action: "CreateImageCache", token: "t"}, &wireReply{}); err != nil || waits != 3 {
		t.Errorf("%v after %d waits", err, waits)
	}
}
