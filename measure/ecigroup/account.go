package ecigroup

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/eci"
)

// isHere says with an error that what was made with another access key is not known to
// be of this account: that a service does not know it says nothing then. Who deletes it
// untold may be told that it is gone, where an answer was lost.
func (c *custody) isHere(ctx context.Context, r *resource) error {
	group := r.ID
	if r.Kind == Cache {
		_, err := c.client.ImageCache(ctx, r.ID)
		if err == nil {
			c.prove(r.key)
		}
		if !errors.Is(err, eci.ErrNotFound) {
			return err
		}
		if group = r.Helper; group == "" { // which may be there without it
			return errUnknownHere
		}
	}
	groups, err := c.client.AllContainerGroups(ctx, eci.ContainerGroupQuery{IDs: []string{group}})
	if err != nil {
		return err
	}
	if !slices.ContainsFunc(groups, func(g eci.ContainerGroup) bool { return g.ID == group }) {
		return errUnknownHere
	}
	c.prove(r.key)
	return nil
}

// foreign says of the key that something was made with that it may be of another account.
// Of one account there are many, and those of a role are new each time: that it is
// another one says only that nothing is proven yet.
func (c *custody) foreign(key string) bool {
	if key == "" || key == c.key || c.trusted {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.proven[key]
}

// prove notes that a key is of this account, for what was made with it is here.
func (c *custody) prove(key string) {
	if key == keyUnknown {
		return // of which there may be several
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.proven[key] = true
}

// unknownHere is what was asked for with the key of what may be another account, and has
// no ID by which it could be asked about, and the automatic caches of such groups.
func (c *custody) unknownHere() (left []Left) {
	for _, r := range c.journal.resources() {
		if r.ID == "" && c.foreign(r.key) {
			left = append(left, Left{r.Kind, "", r.Name, errUnknownHere})
		}
	}
	groups := slices.DeleteFunc(c.journal.causes(), func(g cause) bool { return !c.foreign(g.key) })
	switch n := len(groups); n {
	case 0:
	case 1:
		left = append(left, Left{Cache, "", eci.AutomaticCachePrefix + groups[0].id, errUnknownHere})
	default:
		left = append(left, Left{Cache, "", fmt.Sprintf("%s… of %d groups, the first %s", eci.AutomaticCachePrefix, n, groups[0].id), errUnknownHere})
	}
	return left
}
