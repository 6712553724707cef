package matcher

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cachebench/cachebench/internal/document"
)

// Policy is one reading of every rule that ECI does not document. Its fields are
// set by the keys of Rules, which say what each means, what else it can be, and
// why the default is what it is. The zero value is not valid; start from
// DefaultPolicy.
type Policy struct {
	// Degree, InitImages, Repositories, FullMatch, StaleTags and Registries are
	// about what of a group a cache is said to hold.
	Degree, InitImages, Repositories, FullMatch, StaleTags, Registries string
	// Size, Ties and Kinds order caches that hold as much.
	Size, Ties, Kinds string
	// StrictSize, Threshold, UsePartial, States, Platform and Jobs are about
	// which caches may be used at all.
	StrictSize, UsePartial            bool
	Threshold, States, Platform, Jobs string
	// PullPolicy is what an image without a pull policy has.
	PullPolicy string
	// CreateOnPartial, AutomaticReady and RepeatAutomatic are about the automatic
	// caches that a start makes.
	CreateOnPartial, RepeatAutomatic bool
	AutomaticReady                   string
	// Retention, Eviction and the quotas end the life of caches.
	Retention, Eviction         string
	AutomaticQuota, ManualQuota int
	// Base and ReuseSeveral say from what a new cache reuses layers.
	Base         string
	ReuseSeveral bool
	// Aliases equate registries, FROM with TO, as the public and the VPC name of
	// one. They are given by the user, not a reading of a rule.
	Aliases map[string]string
}

// A Rule is a point that ECI does not document, with the readings it can have.
type Rule struct {
	// Key names it, as in --policy KEY=VALUE.
	Key string
	// Values are the readings, the default first; a rule that is a number has
	// the default alone.
	Values []string
	// Question is what is not documented; Why is the reason of the default, with
	// its source.
	Question, Why string
	// Matching rules bear on which cache is picked and on what follows.
	Matching bool
	field    func(*Policy) any
}

// Default is the reading that DefaultPolicy has.
func (r *Rule) Default() string { return r.Values[0] }

// Readings of the rules that the code asks for; the others are true and false.
const (
	degreeImages, degreeLayers             = "images", "layers"
	initCount, initIgnore                  = "count", "ignore"
	repositoriesPartial, repositoriesNone  = "partial", "ignore"
	fullImages, fullLayers                 = "images", "layers"
	staleMatch, staleDiffer                = "match", "differ"
	registriesDistinct, registriesEqual    = "distinct", "equal"
	sizeClosest, sizeMatchedBytes          = "closest", "matched-bytes"
	tiesMatch, tiesSmaller, tiesID         = "larger-match", "smaller-cache", "id"
	kindsEqual, kindsManual, kindsAuto     = "equal", "manual-first", "automatic-first"
	thresholdImage, thresholdLayer         = "image", "layer"
	statesReady, statesUpdating            = "ready", "ready-or-updating"
	platformEqual, platformAny             = "equal", "any"
	jobsRefuse, jobsIgnore                 = "refuse", "ignore"
	pullKubernetes, pullPresent, pullFresh = "kubernetes", "if-not-present", "always"
	readyBuilt, readyAtOnce                = "built", "at-once"
	retentionNewer, retentionOlder         = "newer", "older"
	evictMatched, evictCreated             = "last-matched", "creation"
	baseBytes, baseDegree, baseNewest      = "shared-bytes", "match-degree", "newest"
)

// Rules are all points that ECI does not document and that the matcher reads in
// one way or another, in the order in which they bear on an answer.
func Rules() []Rule {
	return []Rule{
		{"degree", []string{degreeImages, degreeLayers},
			"how the match degree counts", "images held by repository and version, as the documentation words it; layers takes the share of compressed bytes", // eci §1.9, §6 #1
			true, func(p *Policy) any { return &p.Degree }},
		{"init-images", []string{initCount, initIgnore},
			"whether init containers count in the match degree", "their images are pulled before the start as well", // eci §6 #1
			true, func(p *Policy) any { return &p.InitImages }},
		{"repositories", []string{repositoriesPartial, repositoriesNone},
			"whether another version of an image counts at all", "after whole images: the documentation names repository and version", // eci §1.9, §6 #1
			true, func(p *Policy) any { return &p.Repositories }},
		{"full-match", []string{fullImages, fullLayers},
			"when an image is fully matched", "by its name: the API reference says images, a comment of the SDK says layers", // eci §1.9, S10 against S9
			true, func(p *Policy) any { return &p.FullMatch }},
		{"stale-tags", []string{staleMatch, staleDiffer},
			"whether a tag that moved since the cache was built still matches", "by the reference as written: a cache's reply has no digests", // eci §6 #11
			true, func(p *Policy) any { return &p.StaleTags }},
		{"registry-names", []string{registriesDistinct, registriesEqual},
			"whether the public and the VPC name of one registry are one", "the names differ; --registry-alias equates two of them", // eci §6 #10
			true, func(p *Policy) any { return &p.Registries }},
		{"size", []string{sizeClosest, sizeMatchedBytes},
			"what the second key, size, compares", "closest to the instance's storage in the overview; the size of the matched images in the Kubernetes pages", // S2 against S11; eci §1.9, §6 #2
			true, func(p *Policy) any { return &p.Size }},
		{"ties", []string{tiesMatch, tiesSmaller, tiesID},
			"what decides between caches made in the same second", "larger matched images, then the smaller cache, then the ID, so that an answer repeats", // eci §6 #6
			true, func(p *Policy) any { return &p.Ties }},
		{"kinds", []string{kindsEqual, kindsManual, kindsAuto},
			"whether manual and automatic caches compete as equals", "both are qualified caches of the region", // eci §6 #7
			true, func(p *Policy) any { return &p.Kinds }},
		{"strict-size", []string{"false", "true"},
			"whether a manual cache must fit the instance's storage too", "a manual cache brings its own disk", // eci §6 #3
			true, func(p *Policy) any { return &p.StrictSize }},
		{"threshold", []string{thresholdImage, thresholdLayer},
			"how little a cache may hold and still be used", "one whole image; layer takes any shared layer", // eci §6 #4
			true, func(p *Policy) any { return &p.Threshold }},
		{"use-partial", []string{"true", "false"},
			"whether a cache that lacks some of the images is used", "missing layers are pulled: a hit avoids or reduces downloads", // eci §1.10, §6 #5
			true, func(p *Policy) any { return &p.UsePartial }},
		{"states", []string{statesReady, statesUpdating},
			"whether a cache serves its old images while it is updated", "usable only when Ready", // eci §1.3, §6 #8
			true, func(p *Policy) any { return &p.States }},
		{"platform", []string{platformEqual, platformAny},
			"whether architecture and OS must be equal", "another platform's layers do not run", // eci §4.2, §6 #9
			true, func(p *Policy) any { return &p.Platform }},
		{"jobs", []string{jobsRefuse, jobsIgnore},
			"what matching does for a Job-type instance", "refused as an explicit cache is: JobInstanceImageCacheNotSupport", // eci §1.10
			true, func(p *Policy) any { return &p.Jobs }},
		{"pull-policy", []string{pullKubernetes, pullPresent, pullFresh},
			"the pull policy of an image that has none", "Kubernetes' rule: Always for :latest, else IfNotPresent", // eci §1.10
			true, func(p *Policy) any { return &p.PullPolicy }},
		{"create-on-partial", []string{"true", "false"},
			"whether a start that a cache served in part makes an automatic cache", "one is created when not fully matched", // eci §1.10 S11, §6 #5
			true, func(p *Policy) any { return &p.CreateOnPartial }},
		{"automatic-ready", []string{readyBuilt, readyAtOnce},
			"when an automatic cache is of use", "built from the start on, as long as a manual one takes", // eci §6 #17
			false, func(p *Policy) any { return &p.AutomaticReady }},
		{"repeat-automatic", []string{"false", "true"},
			"whether starts that miss while a cache of the same images is made each make another", "one is enough; nothing is published",
			false, func(p *Policy) any { return &p.RepeatAutomatic }},
		{"retention", []string{retentionNewer, retentionOlder},
			"how long an automatic cache is kept", "newer: 7 days if never used, else 30 days after the last use; older: 3 days unused", // S2 and S5 against S1; eci §0 point 10, §1.2
			false, func(p *Policy) any { return &p.Retention }},
		{"eviction", []string{evictMatched, evictCreated},
			"by what the least recently used cache is found", "the last match, else creation", // eci §1.3, §6 #15
			false, func(p *Policy) any { return &p.Eviction }},
		{"automatic-quota", []string{"50"},
			"how many automatic caches a region may have", "not published; the documentation's example says 50", // eci §1.5, §6 #15
			false, func(p *Policy) any { return &p.AutomaticQuota }},
		{"manual-quota", []string{"50"},
			"how many manual caches a region may have", "not published; the documentation's example says 50", // eci §1.5, §6 #15
			false, func(p *Policy) any { return &p.ManualQuota }},
		{"reuse-base", []string{baseBytes, baseDegree, baseNewest},
			"which cache a new one reuses layers from", "the one that shares most bytes: only duplicate layers are named", // eci §1.8, §6 #12
			false, func(p *Policy) any { return &p.Base }},
		{"reuse-several", []string{"false", "true"},
			"whether a new cache reuses layers of several", "a disk is made from one snapshot", // eci §1.1, §6 #12
			false, func(p *Policy) any { return &p.ReuseSeveral }},
	}
}

// DefaultPolicy returns the assumptions of eci §6, with no aliases.
func DefaultPolicy() Policy {
	var p Policy
	for _, r := range Rules() {
		if err := r.set(&p, r.Default()); err != nil {
			// The table's own defaults are among their values; a test sets them all.
			panic(err)
		}
	}
	return p
}

// set changes the policy's reading of the rule.
func (r *Rule) set(p *Policy, value string) error {
	switch field := r.field(p).(type) {
	case *int:
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 {
			return fmt.Errorf("policy %s: %q is not a number of caches", r.Key, value)
		}
		*field = n
		return nil
	case *bool:
		if slices.Contains(r.Values, value) {
			*field = value == "true"
			return nil
		}
	case *string:
		if slices.Contains(r.Values, value) {
			*field = value
			return nil
		}
	}
	return fmt.Errorf("policy %s: %s", r.Key, document.NoneOf(value, r.Values...))
}

// value is the policy's reading of the rule.
func (r *Rule) value(p *Policy) string {
	switch field := r.field(p).(type) {
	case *int:
		return strconv.Itoa(*field)
	case *bool:
		return strconv.FormatBool(*field)
	case *string:
		return *field
	}
	return ""
}

// Set changes one policy, written KEY=VALUE.
func (p *Policy) Set(keyValue string) error {
	key, value, ok := strings.Cut(keyValue, "=")
	if !ok {
		return fmt.Errorf("policy %q is not KEY=VALUE", keyValue)
	}
	rules := Rules()
	i := slices.IndexFunc(rules, func(r Rule) bool { return r.Key == key })
	if i < 0 {
		return fmt.Errorf("no policy is called %q%s; there are %s", key, document.DidYouMean(key, policyNames()), strings.Join(policyNames(), ", "))
	}
	return rules[i].set(p, value)
}

func policyNames() []string {
	var names []string
	for _, r := range Rules() {
		names = append(names, r.Key)
	}
	slices.Sort(names)
	return names
}

// Map returns the policies by name, for results to carry.
func (p Policy) Map() map[string]string {
	m := make(map[string]string)
	for _, r := range Rules() {
		m[r.Key] = r.value(&p)
	}
	return m
}

const day = 24 * time.Hour

// expiry returns when an automatic cache is deleted, given when it was created
// and last matched (never: negative).
func (p Policy) expiry(created, matched time.Duration) time.Duration {
	switch {
	case p.Retention == retentionOlder && matched < created:
		return created + 3*day
	case p.Retention == retentionOlder:
		return matched + 3*day
	case matched < created:
		return created + 7*day
	default:
		return matched + 30*day
	}
}
