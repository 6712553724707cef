package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/cachebench/cachebench/eci"
	"github.com/cachebench/cachebench/reports"
)

// attempts are how many tokens a creation is tried with in one run. Two are what a cache
// takes that expires and is made anew; more would only build, and pay for, one cache after
// another where the account does not show what it has.
const attempts = 3

// create makes a cache once, whoever applies the file how often. The token is derived
// from what is created, so that an apply whose answer was lost, or two at once, make one
// cache. ECI gives the first result of a token again though that cache is gone by now;
// or it knows the token with other parameters, such as a login that was renewed since:
// the cache is then there, or it is the next token's turn.
func (a *cacheApply) create(ctx context.Context, s *cacheStep, change *reports.CacheChange) error {
	a.wait.clock()
	spec, past := s.spec, pastTokens{failed: s.failed}
	var err error
	for range attempts {
		spec.ClientToken = derivedToken(a.client.RegionID(), &spec, past)
		var made eci.CreatedImageCache
		made, err = a.client.CreateImageCache(ctx, spec)
		if errors.Is(err, eci.ErrIdempotentMismatch) {
			there, lookErr := a.madeAlready(ctx, s)
			switch {
			case lookErr != nil:
				fails(change, lookErr)
				return lookErr
			case there != nil:
				succeeds(change, eci.CreatedImageCache{ID: there.ID, HelperGroupID: there.ContainerGroupID, ClientToken: spec.ClientToken})
				change.Status, change.Reason = string(there.Status), joined(change.Reason, "another apply has made it")
				return nil
			}
			past.add(spec.ClientToken, a.wait.now())
			continue
		}
		if err != nil {
			break
		}
		gone, lookErr := a.gone(ctx, made.ID)
		if gone {
			err = fmt.Errorf("ECI answers that it has made %s, and does not list it: look in the console, or list it with other permissions, before trying again", made.ID)
			past.add(made.ID, a.wait.now())
			continue
		}
		succeeds(change, made)
		return lookErr
	}
	fails(change, err)
	return err
}

// pastTokens are what becomes part of a token because earlier ones are used up.
type pastTokens struct {
	// failed are caches whose creation failed, gone those that ECI gives again though they
	// are gone, or tokens that it knows with other parameters.
	failed, gone []string
	// day is today where there are such: a cache that expires and is made anew each night
	// then needs two tokens each time, not one more every night.
	day string
}

func (p *pastTokens) add(used string, now time.Time) {
	p.gone, p.day = append(p.gone, used), now.UTC().Format(time.DateOnly)
}

// gone says whether there is no such cache: the service does not list it for a time in
// which it lists new ones. An error of listing says nothing of the cache, which is then
// taken to be there.
func (a *cacheApply) gone(ctx context.Context, id string) (bool, error) {
	there, err := a.look(ctx, eci.ImageCacheQuery{ID: id}, func(c *eci.ImageCache) bool { return c.ID == id })
	if err != nil {
		return false, ctx.Err()
	}
	return there == nil, nil
}

// madeAlready is the cache of a step, of the same set, that somebody made after the
// account was compared.
func (a *cacheApply) madeAlready(ctx context.Context, s *cacheStep) (*eci.ImageCache, error) {
	return a.look(ctx, eci.ImageCacheQuery{Name: s.wanted.Name}, func(c *eci.ImageCache) bool {
		return c.Name == s.wanted.Name && c.Status != eci.CacheFailed && tagMap(c.Tags)[setTag] == s.wanted.Tags[setTag]
	})
}

// look lists caches until one is there that is looked for; nil if for the time unlisted
// there is none.
func (a *cacheApply) look(ctx context.Context, query eci.ImageCacheQuery, wanted func(*eci.ImageCache) bool) (*eci.ImageCache, error) {
	begun := a.wait.now()
	for every := unlisted / 60; ; every = min(2*every, unlisted/6) {
		listed, err := a.client.AllImageCaches(ctx, query)
		if err != nil {
			return nil, err
		}
		for i := range listed {
			if wanted(&listed[i]) {
				return &listed[i], nil
			}
		}
		if a.wait.now().Sub(begun) >= unlisted {
			return nil, nil
		}
		if err := a.wait.sleep(ctx, every); err != nil {
			return nil, err
		}
	}
}

// derivedToken is a client token of at most 64 characters (eci §2.8) that is the same
// for the same creation. No password goes into it, for it is shown.
func derivedToken(region string, spec *eci.ImageCacheSpec, past pastTokens) string {
	open := *spec
	open.ClientToken, open.RegistryCredentials = "", nil
	for _, c := range spec.RegistryCredentials {
		open.RegistryCredentials = append(open.RegistryCredentials, eci.RegistryCredential{Server: c.Server, UserName: c.UserName})
	}
	text, err := json.Marshal(struct {
		Region       string
		Spec         eci.ImageCacheSpec
		Failed, Gone []string
		Day          string
	}{region, open, past.failed, past.gone, past.day})
	if err != nil {
		// Nothing in it can fail; without a token the client makes one.
		return ""
	}
	sum := sha256.Sum256(text)
	return "cachebench-" + hex.EncodeToString(sum[:16])
}
