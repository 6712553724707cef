package eci

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
)

// keyring gives the access key of the moment. The SDK's providers renew keys that
// expire but are not safe for concurrent use and know no context: one goroutine at
// a time asks, and whoever waits may leave.
type keyring struct {
	source func(context.Context) (AccessKey, error)
	make   func() (credentials.CredentialsProvider, error)
	advice string
	// busy holds one value while provider is in use.
	busy     chan struct{}
	provider credentials.CredentialsProvider
}

const chainAdvice = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, log in with the aliyun CLI (~/.aliyun/config.json), " +
	"write ~/.alibabacloud/credentials, or run where OIDC or an ECS RAM role gives them"

func newKeyring(from Credentials) (*keyring, error) {
	k := &keyring{source: from.Source, busy: make(chan struct{}, 1)}
	key, kinds := from.AccessKey, 0
	for _, given := range []bool{key != AccessKey{}, from.ECSRole != "", from.Profile != "", from.Source != nil} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds > 1:
		return nil, &Error{Kind: ErrCredentials, Problem: "several kinds are given", Advice: "give one of an access key, an ECS role, a profile and a source"}
	case key != AccessKey{} && (key.ID == "" || key.Secret == ""):
		return nil, &Error{Kind: ErrCredentials, Problem: "half an access key is given", Advice: "give its ID and its secret"}
	case from.Role != nil && key == AccessKey{}:
		return nil, &Error{Kind: ErrCredentials, Problem: "a role is given without an access key to assume it with", Advice: "give both, or use a profile of mode RamRoleArn"}
	}
	k.advice = chainAdvice
	switch {
	case from.Role != nil:
		k.make, k.advice = func() (credentials.CredentialsProvider, error) { return from.Role.provider(key) }, "check the role, and who may assume it"
	case key != AccessKey{}:
		k.make, k.advice = func() (credentials.CredentialsProvider, error) { return key.provider(), nil }, "check the access key"
	case from.ECSRole != "":
		k.make, k.advice = func() (credentials.CredentialsProvider, error) {
			return credentials.NewECSRAMRoleCredentialsProvider(from.ECSRole), nil
		}, "check that this is an ECS instance with the RAM role"
	case from.Profile != "":
		k.make, k.advice = func() (credentials.CredentialsProvider, error) {
			return credentials.NewCLIProfileCredentialsProviderBuilder().WithProfileName(from.Profile).Build(), nil
		}, "check the profile in ~/.aliyun/config.json"
	default:
		k.make = func() (credentials.CredentialsProvider, error) {
			return credentials.NewDefaultCredentialsProvider(), nil
		}
	}
	return k, nil
}

func (r *Role) provider(key AccessKey) (credentials.CredentialsProvider, error) {
	return credentials.NewRAMRoleARNCredentialsProviderBuilder().
		WithCredentialsProvider(key.provider()).
		WithRoleArn(r.ARN).WithRoleSessionName(r.SessionName).
		WithDurationSeconds(int(r.Duration / time.Second)).
		WithExternalId(r.ExternalID).WithPolicy(r.Policy).WithStsRegion(r.STSRegion).
		Build()
}

// key is the access key of the moment; its error is an *Error or the context's.
func (k *keyring) key(ctx context.Context) (AccessKey, error) {
	if k.source != nil {
		return k.fromSource(ctx)
	}
	select {
	case k.busy <- struct{}{}:
	case <-ctx.Done():
		return AccessKey{}, ctx.Err()
	}
	type answer struct {
		key AccessKey
		err error
	}
	answered := make(chan answer, 1)
	go func() {
		defer func() { <-k.busy }()
		key, err := k.ask()
		answered <- answer{key, err}
	}()
	select {
	case a := <-answered:
		return a.key, a.err
	case <-ctx.Done():
		return AccessKey{}, ctx.Err()
	}
}

func (k *keyring) fromSource(ctx context.Context) (AccessKey, error) {
	key, err := k.source(ctx)
	switch {
	case ctx.Err() != nil:
		return AccessKey{}, ctx.Err()
	case err != nil:
		// Its text is not ours to show: it may hold what it failed with.
		return AccessKey{}, &Error{Kind: ErrCredentials, Problem: "the source of credentials failed"}
	case key.ID == "" || key.Secret == "":
		return AccessKey{}, &Error{Kind: ErrCredentials, Problem: "the source of credentials gave none"}
	}
	return key, nil
}

// ask goes to the provider. What the SDK says when it fails is not repeated: it
// quotes whole files and answers, with the secrets in them.
func (k *keyring) ask() (key AccessKey, err error) {
	defer func() {
		// The SDK dereferences fields that an answer may lack.
		if recover() != nil {
			key, err = AccessKey{}, k.failed("their provider's answer lacks a part", false)
		}
		if err != nil {
			// The chain goes on with its last link after all have failed: begin anew.
			k.provider = nil
		}
	}()
	if k.provider == nil {
		if k.provider, err = k.make(); err != nil {
			return AccessKey{}, k.failed(reasonOf(err))
		}
	}
	given, err := k.provider.GetCredentials()
	if err != nil {
		return AccessKey{}, k.failed(reasonOf(err))
	}
	if given == nil || given.AccessKeyId == "" || given.AccessKeySecret == "" {
		return AccessKey{}, k.failed("their provider gives none", false)
	}
	return AccessKey{Secret(given.AccessKeyId), Secret(given.AccessKeySecret), Secret(given.SecurityToken)}, nil
}

func (k *keyring) failed(problem string, passing bool) *Error {
	return &Error{Kind: ErrCredentials, Problem: problem, Advice: k.advice, passing: passing}
}

// renew forgets the provider, so that the next key is a new one.
func (k *keyring) renew(ctx context.Context) {
	select {
	case k.busy <- struct{}{}:
		k.provider = nil
		<-k.busy
	case <-ctx.Done():
	}
}

// reasonOf says why a provider failed, as far as that is safe to say, and whether
// it may pass.
func reasonOf(err error) (problem string, passing bool) {
	var server *sdkerrors.ServerError
	if errors.As(err, &server) && codeForm.MatchString(server.ErrorCode()) {
		return "they are refused: " + server.ErrorCode(), server.HttpStatus() >= 500
	}
	var network net.Error
	if errors.As(err, &network) {
		if network.Timeout() {
			return "their provider does not answer in time", true
		}
		return "their provider cannot be reached", true
	}
	return "none are found", false
}
