package matcher

import (
	"fmt"
	"strings"
)

// refusal is why a cache may not be picked for a group.
type refusal int

const (
	qualified refusal = iota
	notReady
	expired
	otherRegion
	otherArchitecture
	otherOS
	tooLarge
	notPerfect
	tooFew
	notWhole
	otherVersions
	noImages
	noLayers
)

// refusal says why the policies keep a cache from being picked: it must be
// usable (eci §1.3), of the region, platform and size (eci §1.9 step A), hold
// what is asked for (imc-perfect-match, imc-match-count-request; perfect match
// wins) and enough to count as a match (eci §6 #4).
func (p *Picker) refusal(q *query, r *rival) refusal {
	c, policy := &p.caches[r.cache], &p.m.policy
	full, wanted := r.full, len(q.counted)
	if policy.FullMatch == fullLayers {
		full = r.fullByLayers
	}
	if barred := p.barred(&q.group, c); barred != qualified {
		return barred
	}
	switch {
	case c.SizeGiB > q.storageGiB && (c.Automatic || policy.StrictSize):
		return tooLarge
	case q.group.PerfectMatch && full < wanted:
		return notPerfect
	case !q.group.PerfectMatch && full < q.group.MatchCount:
		return tooFew
	case r.full == 0 && policy.Threshold == thresholdImage:
		if r.repositories > 0 {
			return otherVersions
		}
		return noImages
	case r.full == 0 && r.layerFraction == 0:
		return noLayers
	case full < wanted && !policy.UsePartial:
		return notWhole
	}
	return qualified
}

// barred says why a cache is of no use to a group whatever it holds: it is not
// Ready, or of another region or platform.
func (p *Picker) barred(g *Group, c *Cache) refusal {
	equal := p.m.policy.Platform == platformEqual
	switch {
	case !p.usable(c):
		return notReady
	case !c.ExpireTime.IsZero() && !c.ExpireTime.After(p.m.at):
		return expired
	case differ(c.Region, g.Region):
		return otherRegion
	case equal && differ(c.Architecture, g.Architecture):
		return otherArchitecture
	case equal && differ(c.OSType, g.OSType):
		return otherOS
	}
	return qualified
}

// elsewhere says that a cache is of another region or platform: also one that is
// asked for explicitly cannot be used.
func (r refusal) elsewhere() bool {
	return r == otherRegion || r == otherArchitecture || r == otherOS
}

// usable says whether a cache's state lets it be used.
func (p *Picker) usable(c *Cache) bool {
	return c.Status == StatusReady || c.Status == StatusUpdating && p.m.policy.States == statesUpdating
}

// differ compares what both state; where one states nothing they agree.
func differ(have, want string) bool {
	return have != "" && want != "" && !strings.EqualFold(have, want)
}

// words says a refusal.
func (p *Picker) words(q *query, r *rival) string {
	c, g := &p.caches[r.cache], &q.group
	full, of := r.full, len(q.counted)
	how := "by name"
	if p.m.policy.FullMatch == fullLayers {
		full, how = r.fullByLayers, "by layers"
	}
	switch r.refusal {
	case notReady:
		return fmt.Sprintf("is %s, not Ready", c.Status)
	case expired:
		return "has expired"
	case otherRegion:
		return fmt.Sprintf("is in region %s, not %s", c.Region, g.Region)
	case otherArchitecture:
		return fmt.Sprintf("is for %s, not %s", c.Architecture, g.Architecture)
	case otherOS:
		return fmt.Sprintf("is for %s, not %s", c.OSType, g.OSType)
	case tooLarge:
		return fmt.Sprintf("has %g GiB, more than the instance's temporary storage of %g GiB", c.SizeGiB, q.storageGiB)
	case notPerfect:
		return fmt.Sprintf("holds %d of %d images %s, a perfect match is asked for", full, of, how)
	case tooFew:
		return fmt.Sprintf("holds %d of %d images %s, at least %d are asked for", full, of, how, g.MatchCount)
	case notWhole:
		return fmt.Sprintf("holds %d of %d images %s, and policy use-partial=false wants all", full, of, how)
	case otherVersions:
		return "holds other versions only"
	case noImages:
		return "holds none of the images"
	case noLayers:
		return "holds none of the layers"
	}
	return ""
}
