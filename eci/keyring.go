package eci

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
)

// keyring gives the access key of the moment. Providers are slow, not safe for
// concurrent use, and some know no context: one goroutine asks for all who wait, and
// whoever waits may leave.
//
// The first link that gives a key is the only one that is asked thereafter: another
// may be of another account, where a repeated call would make a second resource.
type keyring struct {
	source func(context.Context) (AccessKey, error)
	links  []*link
	advice string
	now    func() time.Time

	lock   sync.Mutex
	flight *flight
	// last is the newest key that was given, refused the one that the service last
	// called expired.
	last, refused AccessKey
	// bound is the link that gave last. It and the links belong to the flight.
	bound *link
	// restsUntil is when a provider that failed is asked again while last is good.
	restsUntil time.Time
	// sourced: the source has given a key.
	sourced bool
}

// flight is one question to the providers, for all who wait for its answer.
type flight struct {
	done chan struct{}
	key  AccessKey
	err  error
}

const (
	// askTimeout is above what the SDK's providers take at most (eci §2.9).
	askTimeout = 20 * time.Second
	// providerRest keeps a provider that is away from slowing down every call.
	providerRest = 10 * time.Second
)

// key is the access key of the moment; its error is an *Error or the context's.
func (k *keyring) key(ctx context.Context) (AccessKey, error) {
	if k.source != nil {
		return k.fromSource(ctx)
	}
	f := k.join()
	select {
	case <-f.done:
		return f.key, f.err
	case <-ctx.Done():
		return AccessKey{}, ctx.Err()
	}
}

// join is the flight under way, or a new one.
func (k *keyring) join() *flight {
	k.lock.Lock()
	defer k.lock.Unlock()
	if k.flight == nil {
		f := &flight{done: make(chan struct{})}
		k.flight = f
		go k.fly(f)
	}
	return k.flight
}

func (k *keyring) fly(f *flight) {
	// Not the context of whoever came first: others wait for the answer, too.
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	for landed := false; !landed; {
		k.lock.Lock()
		last, refused := k.last, k.refused
		k.lock.Unlock()
		f.key, f.err = k.next(ctx, last, refused)
		k.lock.Lock()
		if f.err == nil {
			k.last = f.key
		}
		// The key may have been refused while it was on its way.
		if landed = f.err != nil || f.key != k.refused || k.refused == refused; landed {
			k.flight = nil
		}
		k.lock.Unlock()
	}
	close(f.done)
}

// next is the key to use now. A provider that fails after it once gave a key is away
// for a while: its last key goes on until the service calls that expired, and then
// the failure is one that may pass.
func (k *keyring) next(ctx context.Context, last, refused AccessKey) (AccessKey, error) {
	good := last != AccessKey{} && last != refused
	if good && k.now().Before(k.restsUntil) {
		return last, nil
	}
	key, err := k.ask(ctx)
	if err == nil && key == refused {
		k.bound.made = nil // it holds the key that the service calls expired
		key, err = k.ask(ctx)
	}
	switch {
	case err == nil:
		return key, nil
	case good:
		k.restsUntil = k.now().Add(providerRest)
		return last, nil
	}
	err.passing = err.passing || k.bound != nil
	return AccessKey{}, err
}

// ask goes to the link that is bound, else from one to the next.
func (k *keyring) ask(ctx context.Context) (AccessKey, *Error) {
	if k.bound != nil {
		key, problem, passing := k.bound.key(ctx)
		if problem == "" {
			return key, nil
		}
		return AccessKey{}, k.failed(problem, passing)
	}
	telling, passing := nothingFound, false
	for _, l := range k.links {
		key, problem, mayPass := l.key(ctx)
		if problem == "" {
			k.bound = l
			return key, nil
		}
		if problem != nothingFound && telling == nothingFound {
			telling = problem
		}
		passing = passing || mayPass
	}
	return AccessKey{}, k.failed(telling, passing)
}

func (k *keyring) failed(problem string, passing bool) *Error {
	return &Error{Kind: ErrCredentials, Problem: problem, Advice: k.advice, passing: passing}
}

const nothingFound = "none are found"

// key asks a provider; problem is empty if it gave a key. A provider that failed is
// made anew: some of the SDK's are broken thereafter. What the SDK says is not
// repeated: it quotes whole files and answers, with the secrets in them.
func (l *link) key(ctx context.Context) (key AccessKey, problem string, passing bool) {
	defer func() {
		// The SDK dereferences fields that an answer may lack.
		if recover() != nil {
			key, problem, passing = AccessKey{}, "their provider's answer lacks a part", false
		}
		if problem != "" {
			l.made = nil
		}
	}()
	var err error
	if l.made == nil {
		if l.made, err = l.make(); err != nil {
			return AccessKey{}, nothingFound, false
		}
	}
	if key, err = l.made.key(ctx); err != nil {
		problem, passing = reasonOf(err)
		return AccessKey{}, problem, passing
	}
	if key.ID == "" || key.Secret == "" {
		return AccessKey{}, "their provider gives none", false
	}
	return key, "", false
}

// renew is told that the service calls a key expired. Of many calls that find it so,
// the first has it replaced.
func (k *keyring) renew(refused AccessKey) {
	k.lock.Lock()
	defer k.lock.Unlock()
	if refused == k.last {
		k.refused = refused
	}
}

func (k *keyring) fromSource(ctx context.Context) (AccessKey, error) {
	key, err := k.source(ctx)
	problem := ""
	switch {
	case ctx.Err() != nil:
		return AccessKey{}, ctx.Err()
	case err != nil:
		// Its text is not ours to show: it may hold what it failed with.
		problem = "the source of credentials failed"
	case key.ID == "" || key.Secret == "":
		problem = "the source of credentials gave none"
	}
	k.lock.Lock()
	defer k.lock.Unlock()
	if problem == "" {
		k.sourced = true
		return key, nil
	}
	return AccessKey{}, &Error{Kind: ErrCredentials, Problem: problem, passing: k.sourced}
}

// reasonOf says why a provider failed, as far as that is safe to say, and whether
// it may pass.
func reasonOf(err error) (problem string, passing bool) {
	var server *sdkerrors.ServerError
	if errors.As(err, &server) && codeForm.MatchString(server.ErrorCode()) {
		return "they are refused: " + server.ErrorCode(), server.HttpStatus() >= 500
	}
	var uri *uriError
	if errors.As(err, &uri) {
		return uri.problem, uri.passing
	}
	var network net.Error
	if errors.As(err, &network) {
		if network.Timeout() {
			return "their provider does not answer in time", true
		}
		return "their provider cannot be reached", true
	}
	return nothingFound, false
}
