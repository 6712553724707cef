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

// generations are how often a creation is given another token.
const generations = 5

// create makes a cache once, whoever applies the file how often. The token is derived
// from what is created, so that an apply whose answer was lost, or two at once, make one
// cache. ECI gives the first result of a token again though that cache is gone by now:
// then the next token's turn has come.
func (a *cacheApply) create(ctx context.Context, s *cacheStep, change *reports.CacheChange) error {
	spec, err := specOf(ctx, s.wanted)
	if err != nil {
		fails(change, err)
		return err
	}
	for generation := range generations {
		spec.ClientToken = derivedToken(a.client.RegionID(), &spec, s.failed, generation)
		var made eci.CreatedImageCache
		made, err = a.client.CreateImageCache(ctx, spec)
		if errors.Is(err, eci.ErrIdempotentMismatch) {
			continue
		}
		if err != nil {
			break
		}
		gone, lookErr := a.gone(ctx, made.ID)
		if gone {
			err = fmt.Errorf("ECI gives %s again, which is gone", made.ID)
			continue
		}
		succeeds(change, made)
		return lookErr
	}
	fails(change, err)
	return err
}

// listedWithin is how long a new cache is looked for before it is taken for one that was
// deleted. How soon the service lists a new one is not documented.
const listedWithin = 3

// gone says whether there is no such cache. An error of looking is not one of creating:
// the cache is then taken to be there.
func (a *cacheApply) gone(ctx context.Context, id string) (bool, error) {
	for range listedWithin {
		_, err := a.client.ImageCache(ctx, id)
		if !errors.Is(err, eci.ErrNotFound) {
			return false, ctx.Err()
		}
		if err := pause(ctx, min(a.wait.every, 2*time.Second)); err != nil {
			return false, err
		}
	}
	return true, nil
}

// derivedToken is a client token of at most 64 characters (eci §2.8) that is the same
// for the same creation. No password goes into it, for it is shown.
func derivedToken(region string, spec *eci.ImageCacheSpec, failed []string, generation int) string {
	open := *spec
	open.ClientToken, open.RegistryCredentials = "", nil
	for _, c := range spec.RegistryCredentials {
		open.RegistryCredentials = append(open.RegistryCredentials, eci.RegistryCredential{Server: c.Server, UserName: c.UserName})
	}
	text, err := json.Marshal(struct {
		Region     string
		Spec       eci.ImageCacheSpec
		Failed     []string
		Generation int
	}{region, open, failed, generation})
	if err != nil {
		// Nothing in it can fail; without a token the client makes one.
		return ""
	}
	sum := sha256.Sum256(text)
	return "cachebench-" + hex.EncodeToString(sum[:16])
}
