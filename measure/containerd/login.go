//go:build linux

package containerd

import (
	"context"
	"encoding/base64"
	"fmt"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/cachebench/cachebench/layers/distribution"
)

// logins are what registries are shown that ask for a login. They are looked up
// before a run, for a helper's time is not the pull's, and handed to the daemon when
// it asks for them.
type logins struct {
	access *Access
	// anywhere: a directory of registry hosts may name hosts that are not known here.
	anywhere bool

	mu    sync.Mutex
	found map[string]login // by host
	// missing is why the last one that was asked for is not there.
	missing error
}

type login struct {
	credentials registry.Credentials
	err         error
}

var _ registry.CredentialHelper = (*logins)(nil)

// renew looks all logins up anew, since tokens of helpers have an end.
func (l *logins) renew(ctx context.Context, registries []registryHost) error {
	found := make(map[string]login)
	for _, r := range registries {
		for _, asked := range r.asked {
			if _, known := found[asked.host]; known {
				continue
			}
			who, err := l.lookUp(ctx, asked)
			if ctx.Err() != nil {
				return ctx.Err()
			}
			found[asked.host] = login{who, err}
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.found, l.missing = found, nil
	return nil
}

func (l *logins) lookUp(ctx context.Context, asked askedHost) (registry.Credentials, error) {
	if l.access.Username != "" && !asked.mirror {
		return registry.Credentials{Host: asked.host, Username: l.access.Username, Secret: l.access.Password}, nil
	}
	who, err := distribution.Login(ctx, l.access.Keychain, hubName(asked.host))
	if err != nil {
		return registry.Credentials{}, err
	}
	return credentialsOf(asked.host, who)
}

// credentialsOf words a login of docker's for containerd: a secret without a user is
// an identity token.
func credentialsOf(host string, who authn.AuthConfig) (registry.Credentials, error) {
	c := registry.Credentials{Host: host, Username: who.Username, Secret: who.Password}
	switch {
	case who.RegistryToken != "":
		return registry.Credentials{}, fmt.Errorf("the docker configuration has a registry token for %s, which containerd takes from nobody: log in with docker login", host)
	case who.IdentityToken != "":
		return registry.Credentials{Host: host, Secret: who.IdentityToken}, nil
	case who.Username == "<token>":
		return registry.Credentials{Host: host, Secret: who.Password}, nil
	case who.Username == "" && who.Auth != "":
		raw, err := base64.StdEncoding.DecodeString(who.Auth)
		user, password, ok := strings.Cut(string(raw), ":")
		if err != nil || !ok {
			return registry.Credentials{}, fmt.Errorf("the login for %s in the docker configuration is no user and password: log in again with docker login", host)
		}
		c.Username, c.Secret = user, password
	}
	return c, nil
}

// any says whether there is anything to hand over.
func (l *logins) any() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.anywhere {
		return true
	}
	for _, found := range l.found {
		if found.err != nil || found.credentials.Secret != "" {
			return true
		}
	}
	return false
}

// GetCredentials implements registry.CredentialHelper. It never fails, for then the
// daemon would wait for an answer for good: without a login it asks as anybody, and
// why there is none is told by why.
func (l *logins) GetCredentials(ctx context.Context, _, host string) (registry.Credentials, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	host = strings.ToLower(host)
	found, known := l.found[host]
	if !known && l.anywhere {
		// The login that was given for the registry is for no other host.
		found.credentials, found.err = l.lookUp(ctx, askedHost{host: host, mirror: true})
		l.found[host] = found
	}
	if found.err != nil {
		l.missing = found.err
	}
	return found.credentials, nil
}

// why adds to the error of a pull why a login that was asked for was not there.
func (l *logins) why(err error) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil || l.missing == nil {
		return err
	}
	return fmt.Errorf("%w; %w", err, l.missing)
}
