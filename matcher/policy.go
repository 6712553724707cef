package matcher

import (
	"fmt"
	"sort"
	"strings"
	"time"
)

// Policy is one reading of every rule that ECI does not document. The zero
// value is not valid; start from DefaultPolicy.
type Policy struct {
	// Degree is how caches are compared first: "images" counts images held by
	// repository and tag or digest, then images of which another version is
	// held; "layers" takes the share of compressed bytes (eci §6 #1).
	Degree string
	// Size is the second key: "closest" to the instance's temporary storage
	// (eci §1.9, S2), or "matched-bytes", the size of the matched images
	// (eci §1.9, S11; eci §6 #2).
	Size string
	// StrictSize filters manual caches by size too; automatic ones always are
	// (eci §6 #3).
	StrictSize bool
	// Threshold is what a cache must at least hold to be used: an "image" by
	// name, or any "layer" (eci §6 #4).
	Threshold string
	// CreateOnPartial makes an automatic cache also when the picked cache does
	// not hold every image (eci §6 #5).
	CreateOnPartial bool
	// Retention is how long automatic caches live: "newer" (7 days if never
	// used, else 30 days after the last use; eci §1.2, S2 and S5) or "older"
	// (3 days unused; S1).
	Retention string
	// AutomaticQuota is the most automatic caches of a region; the number is
	// not published (eci §1.5, placeholder of eci §6 #15).
	AutomaticQuota int
	// Aliases equate registries, FROM with TO, as the public and the VPC name of
	// one; without it they differ (eci §6 #10).
	Aliases map[string]string
}

// DefaultPolicy returns the assumptions of eci §6.
func DefaultPolicy() Policy {
	return Policy{
		Degree: "images", Size: "closest", Threshold: "image",
		CreateOnPartial: true, Retention: "newer", AutomaticQuota: 50,
	}
}

// policyKeys are the names of the policies with how to set each.
var policyKeys = map[string]func(*Policy, string) error{
	"degree":    func(p *Policy, v string) error { return oneOf(&p.Degree, v, "images", "layers") },
	"size":      func(p *Policy, v string) error { return oneOf(&p.Size, v, "closest", "matched-bytes") },
	"threshold": func(p *Policy, v string) error { return oneOf(&p.Threshold, v, "image", "layer") },
	"retention": func(p *Policy, v string) error { return oneOf(&p.Retention, v, "newer", "older") },
	"strict-size": func(p *Policy, v string) error {
		return boolean(&p.StrictSize, v)
	},
	"create-on-partial": func(p *Policy, v string) error {
		return boolean(&p.CreateOnPartial, v)
	},
	"automatic-quota": func(p *Policy, v string) error {
		var n int
		if _, err := fmt.Sscanf(v, "%d", &n); err != nil || n < 0 {
			return fmt.Errorf("%q is not a number of caches", v)
		}
		p.AutomaticQuota = n
		return nil
	},
}

func oneOf(field *string, value string, allowed ...string) error {
	for _, a := range allowed {
		if value == a {
			*field = value
			return nil
		}
	}
	return fmt.Errorf("%q is none of %s", value, strings.Join(allowed, ", "))
}

func boolean(field *bool, value string) error {
	switch value {
	case "true":
		*field = true
	case "false":
		*field = false
	default:
		return fmt.Errorf("%q is neither true nor false", value)
	}
	return nil
}

// Set changes one policy, written KEY=VALUE.
func (p *Policy) Set(keyValue string) error {
	key, value, ok := strings.Cut(keyValue, "=")
	if !ok {
		return fmt.Errorf("policy %q is not KEY=VALUE", keyValue)
	}
	set, ok := policyKeys[key]
	if !ok {
		return fmt.Errorf("no policy is called %q; there are %s", key, strings.Join(policyNames(), ", "))
	}
	if err := set(p, value); err != nil {
		return fmt.Errorf("policy %s: %w", key, err)
	}
	return nil
}

func policyNames() []string {
	names := make([]string, 0, len(policyKeys))
	for k := range policyKeys {
		names = append(names, k)
	}
	sort.Strings(names)
	return names
}

// Map returns the policies by name, for results to carry.
func (p Policy) Map() map[string]string {
	return map[string]string{
		"degree": p.Degree, "size": p.Size, "threshold": p.Threshold, "retention": p.Retention,
		"strict-size": fmt.Sprint(p.StrictSize), "create-on-partial": fmt.Sprint(p.CreateOnPartial),
		"automatic-quota": fmt.Sprint(p.AutomaticQuota),
	}
}

const day = 24 * time.Hour

// expiry returns when an automatic cache is deleted, given when it was created
// and last matched (never: negative).
func (p Policy) expiry(created, matched time.Duration) time.Duration {
	switch {
	case p.Retention == "older" && matched < created:
		return created + 3*day
	case p.Retention == "older":
		return matched + 3*day
	case matched < created:
		return created + 7*day
	default:
		return matched + 30*day
	}
}
