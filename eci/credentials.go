package eci

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
)

// provider gives keys, and renews those that expire. One goroutine at a time asks.
type provider interface {
	key(ctx context.Context) (AccessKey, error)
}

// link is a place where keys may be.
type link struct {
	make func() (provider, error)
	// made is the provider in use; nil before the first use, after a failure and when
	// its key was refused.
	made provider
}

const chainAdvice = "set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET, log in with the aliyun CLI (~/.aliyun/config.json), " +
	"write ~/.alibabacloud/credentials, or run where OIDC or an ECS RAM role gives them"

func newKeyring(from Credentials) (*keyring, error) {
	if err := from.check(); err != nil {
		return nil, err
	}
	links, advice := from.links()
	return &keyring{source: from.Source, links: links, advice: advice, now: time.Now}, nil
}

// leastSession is the SDK's.
const leastSession = 15 * time.Minute

func (c Credentials) check() error {
	key, kinds := c.AccessKey, 0
	for _, given := range []bool{key != AccessKey{}, c.ECSRole != "", c.Profile != "", c.Source != nil} {
		if given {
			kinds++
		}
	}
	problem, advice := "", ""
	switch {
	case kinds > 1:
		problem, advice = "several kinds are given", "give one of an access key, an ECS role, a profile and a source"
	case key != AccessKey{} && (key.ID == "" || key.Secret == ""):
		problem, advice = "half an access key is given", "give its ID and its secret"
	case c.Role != nil && key == AccessKey{}:
		problem, advice = "a role is given without an access key to assume it with", "give both, or use a profile of mode RamRoleArn"
	case c.Role != nil && c.Role.ARN == "":
		problem, advice = "a role is given without its ARN", "give it: acs:ram::<account>:role/<name>"
	case c.Role != nil && c.Role.Duration != 0 && (c.Role.Duration < leastSession || c.Role.Duration%time.Second != 0):
		problem, advice = c.Role.Duration.String()+" is no duration of a role's session", "give at least 15 min, in whole seconds"
	default:
		return nil
	}
	return &Error{Kind: ErrCredentials, Problem: problem, Advice: advice}
}

func (c Credentials) links() (links []*link, advice string) {
	switch {
	case c.Role != nil:
		return []*link{{make: func() (provider, error) { return ofSDK(c.Role.provider(c.AccessKey)) }}}, "check the role, and who may assume it"
	case c.AccessKey != AccessKey{}:
		return []*link{{make: func() (provider, error) { return c.AccessKey, nil }}}, "check the access key"
	case c.ECSRole != "":
		return []*link{{make: func() (provider, error) {
			return ofSDK(credentials.NewECSRAMRoleCredentialsProvider(c.ECSRole), nil)
		}}}, "check that this is an ECS instance with the RAM role"
	case c.Profile != "":
		return []*link{profileLink(c.Profile)}, "check the profile in ~/.aliyun/config.json"
	}
	return chain(), chainAdvice
}

// chain has the links of the SDK's default chain, in its order (eci §2.9). The SDK's
// own goes on with its last link after all have failed, cannot say which of them
// failed how, and forgets which it had used when it is made anew.
func chain() []*link {
	return []*link{
		{make: func() (provider, error) {
			return ofSDK(credentials.NewEnvironmentVariableCredentialsProvider(), nil)
		}},
		{make: func() (provider, error) { return ofSDK(credentials.NewOIDCCredentialsProviderBuilder().Build()) }},
		profileLink(""),
		{make: func() (provider, error) {
			return ofSDK(credentials.NewProfileCredentialsProviderBuilder().Build(), nil)
		}},
		{make: func() (provider, error) { return ofSDK(credentials.NewECSRAMRoleCredentialsProviderBuilder().Build()) }},
		{make: newURIProvider},
	}
}

// profileLink is a profile of the CLI. Without a name it is the current one, which
// somebody may switch while we run: the name is looked up once.
func profileLink(name string) *link {
	return &link{make: func() (provider, error) {
		if name == "" {
			name = currentProfile()
		}
		return ofSDK(credentials.NewCLIProfileCredentialsProviderBuilder().WithProfileName(name).Build(), nil)
	}}
}

// currentProfile is empty where there is none.
func currentProfile() string {
	if name := os.Getenv("ALIBABA_CLOUD_PROFILE"); name != "" {
		return name
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	content, err := os.ReadFile(filepath.Join(home, ".aliyun", "config.json"))
	if err != nil {
		return ""
	}
	var config struct{ Current string }
	if json.Unmarshal(content, &config) != nil {
		return ""
	}
	return config.Current
}

func (r *Role) provider(key AccessKey) (credentials.CredentialsProvider, error) {
	return credentials.NewRAMRoleARNCredentialsProviderBuilder().
		WithCredentialsProvider(key.provider()).
		WithRoleArn(r.ARN).WithRoleSessionName(r.SessionName).
		WithDurationSeconds(int(r.Duration / time.Second)).
		WithExternalId(r.ExternalID).WithPolicy(r.Policy).WithStsRegion(r.STSRegion).
		Build()
}
