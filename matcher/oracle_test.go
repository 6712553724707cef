package matcher

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/cachebench/cachebench/layers"
)

// plain is a matcher written from the fact sheet's paragraphs (eci §1.9 and the
// suggested emulator of §6), on texts and maps, for comparison: slow, and sharing
// no code with the one that is tested but the reading of a reference's parts.
type plain struct {
	inv    *layers.Inventory
	policy Policy
}

type plainKeys struct {
	qualified           bool
	full, repositories  int
	distance            float64
	matched             int64
	share               float64
	created             time.Time
	manual              bool
	size                float64
	id                  string
	byLayers, ofCounted int
}

// latest is the image that a reference of r.example means at a time.
func (p *plain) latest(ref string, at time.Time) *layers.Image {
	var found *layers.Image
	for i := range p.inv.Images {
		img := &p.inv.Images[i]
		if img.Reference == ref && !img.From.After(at) && (found == nil || img.From.After(found.From)) {
			found = img
		}
	}
	return found
}

func (p *plain) meantBy(c *Cache, ref string) *layers.Image {
	for _, content := range c.Contents {
		if content.Reference == ref {
			for i := range p.inv.Images {
				if string(p.inv.Images[i].Digest) == content.Digest {
					return &p.inv.Images[i]
				}
			}
			return nil
		}
	}
	return p.latest(ref, c.CreationTime)
}

func split(ref string) (repository, tag, digest string) {
	if repository, digest, ok := strings.Cut(ref, "@"); ok {
		return repository, "", digest
	}
	i := strings.LastIndex(ref, ":")
	return ref[:i], ref[i+1:], ""
}

// degree is 2 for the image, 1 for another version, 0 for nothing.
func (p *plain) degree(want, held string, c *Cache) int {
	wantRepository, wantTag, wantDigest := split(want)
	heldRepository, heldTag, heldDigest := split(held)
	if wantRepository != heldRepository {
		return 0
	}
	content := p.meantBy(c, held)
	if heldDigest == "" && content != nil {
		heldDigest = string(content.Digest)
	}
	current := p.latest(want, now)
	if wantTag != "" && wantTag == heldTag {
		if p.policy.StaleTags == "differ" && content != nil && current != nil && content.Digest != current.Digest {
			return 1
		}
		return 2
	}
	if wantTag != "" && heldTag != "" {
		return 1
	}
	if wantDigest == "" && current != nil {
		wantDigest = string(current.Digest)
	}
	if wantDigest != "" && wantDigest == heldDigest {
		return 2
	}
	return 1
}

// chains names each layer with all those below it.
func (p *plain) chains(img *layers.Image) []string {
	var names []string
	name := ""
	for _, l := range img.Layers {
		name += "/" + string(p.inv.Layers[l].DiffID)
		names = append(names, name)
	}
	return names
}

func (p *plain) image(ref string) *layers.Image {
	if _, _, digest := split(ref); digest != "" {
		for i := range p.inv.Images {
			if p.inv.Images[i].Reference == ref {
				return &p.inv.Images[i]
			}
		}
		return nil
	}
	return p.latest(ref, now)
}

func (p *plain) keys(g *Group, c *Cache) plainKeys {
	all := slices.Concat(g.InitImages, g.Images)
	slices.Sort(all)
	all = slices.Compact(all)
	k := plainKeys{
		distance: math.Abs(c.SizeGiB - 30 - g.ExtraStorageGiB), created: c.CreationTime, manual: !c.Automatic, size: c.SizeGiB, id: c.ID,
	}
	present := make(map[string]bool)
	for _, held := range c.Images {
		if img := p.meantBy(c, held); img != nil {
			for _, chain := range p.chains(img) {
				present[chain] = true
			}
		}
	}
	for _, want := range all {
		asks := g.PullPolicy == "Always"
		for _, held := range c.Images {
			wr, wt, wd := split(want)
			hr, ht, _ := split(held)
			content := p.meantBy(c, held)
			named := wr == hr && (wt != "" && wt == ht || wd != "" && content != nil && string(content.Digest) == wd)
			if img := p.image(want); named && !asks && img != nil {
				for _, chain := range p.chains(img) {
					present[chain] = true
				}
			}
		}
	}
	matched, blobs := make(map[int]bool), make(map[int]bool)
	fetch, seen := make(map[int]bool), make(map[string]bool)
	for _, want := range all {
		counted := p.policy.InitImages == "count" || slices.Contains(g.Images, want)
		best := 0
		for _, held := range c.Images {
			best = max(best, p.degree(want, held, c))
		}
		img := p.image(want)
		if counted {
			k.ofCounted++
			k.full += best / 2
			k.repositories += best % 2
		}
		if img == nil {
			continue
		}
		whole := true
		for j, chain := range p.chains(img) {
			l := img.Layers[j]
			if counted && best == 2 {
				matched[l] = true
			}
			whole = whole && present[chain]
			if seen[chain] {
				continue
			}
			seen[chain] = true
			blobs[l] = true
			if !present[chain] {
				fetch[l] = true
			}
		}
		if counted && whole {
			k.byLayers++
		}
	}
	for l := range matched {
		k.matched += p.inv.Layers[l].CompressedBytes
	}
	var total, missing int64
	for l := range blobs {
		total += p.inv.Layers[l].CompressedBytes
	}
	for l := range fetch {
		missing += p.inv.Layers[l].CompressedBytes
	}
	if total > 0 {
		k.share = float64(total-missing) / float64(total)
	}
	k.qualified = p.qualifies(g, c, &k)
	return k
}

func (p *plain) qualifies(g *Group, c *Cache, k *plainKeys) bool {
	whole := k.full
	if p.policy.FullMatch == "layers" {
		whole = k.byLayers
	}
	least := g.MatchCount
	if g.PerfectMatch {
		least = k.ofCounted
	}
	if !p.policy.UsePartial {
		least = max(least, k.ofCounted)
	}
	ready := c.Status == "Ready" || c.Status == "Updating" && p.policy.States == "ready-or-updating"
	place := c.Region == "" || g.Region == "" || c.Region == g.Region
	kind := c.Architecture == "" || c.Architecture == "amd64" || p.policy.Platform == "any"
	fits := c.SizeGiB <= 30+g.ExtraStorageGiB || !c.Automatic && !p.policy.StrictSize
	alive := c.ExpireTime.IsZero() || c.ExpireTime.After(now)
	enough := k.full > 0 || p.policy.Threshold == "layer" && k.share > 0
	return ready && place && kind && fits && alive && enough && whole >= least
}

func (p *plain) less(x, y plainKeys) int {
	truth := func(b bool) int {
		if b {
			return 1
		}
		return 0
	}
	order := []int{truth(y.qualified) - truth(x.qualified)}
	switch {
	case p.policy.Degree == "layers":
		order = append(order, cmp.Compare(y.share, x.share))
	case p.policy.Repositories == "ignore":
		order = append(order, y.full-x.full)
	default:
		order = append(order, y.full-x.full, y.repositories-x.repositories)
	}
	switch p.policy.Kinds {
	case "manual-first":
		order = append(order, truth(y.manual)-truth(x.manual))
	case "automatic-first":
		order = append(order, truth(x.manual)-truth(y.manual))
	}
	if p.policy.Size == "closest" {
		order = append(order, cmp.Compare(x.distance, y.distance))
	} else {
		order = append(order, cmp.Compare(y.matched, x.matched))
	}
	order = append(order, y.created.Compare(x.created))
	switch p.policy.Ties {
	case "larger-match":
		order = append(order, cmp.Compare(y.matched, x.matched), cmp.Compare(x.size, y.size))
	case "smaller-cache":
		order = append(order, cmp.Compare(x.size, y.size), cmp.Compare(y.matched, x.matched))
	}
	return cmp.Or(append(order, strings.Compare(x.id, y.id))...)
}

// randomGroup and randomCaches are small, so that keys are often equal.
func randomGroup(t *rapid.T, refs []string) Group {
	draw := rapid.SliceOfN(rapid.SampledFrom(refs), 0, 2)
	g := Group{
		Name: "app", Images: append(draw.Draw(t, "images"), rapid.SampledFrom(refs).Draw(t, "image")), InitImages: draw.Draw(t, "init"),
		Region:          rapid.SampledFrom([]string{"", "near"}).Draw(t, "region"),
		ExtraStorageGiB: float64(rapid.IntRange(0, 1).Draw(t, "extra") * 10),
		PullPolicy:      rapid.SampledFrom([]string{"Always", "IfNotPresent", "Never"}).Draw(t, "pull"),
		PerfectMatch:    rapid.IntRange(0, 5).Draw(t, "perfect") == 0, MatchCount: rapid.IntRange(0, 2).Draw(t, "count"),
	}
	return g
}

func randomCaches(t *rapid.T, inv *layers.Inventory, refs []string) []Cache {
	var caches []Cache
	for i := range rapid.IntRange(0, 7).Draw(t, "caches") {
		c := Cache{
			ID: fmt.Sprint("imc-", i), Images: rapid.SliceOfNDistinct(rapid.SampledFrom(refs), 1, 4, rapid.ID[string]).Draw(t, "held"),
			SizeGiB:      float64(20 + 10*rapid.IntRange(0, 2).Draw(t, "size")),
			Status:       rapid.SampledFrom([]string{"Ready", "Ready", "Ready", "Ready", "Creating", "Updating"}).Draw(t, "status"),
			CreationTime: now.Add(-time.Duration(rapid.IntRange(0, 3).Draw(t, "age")) * 12 * time.Hour),
			Region:       rapid.SampledFrom([]string{"", "near", "near", "far"}).Draw(t, "place"),
			Architecture: rapid.SampledFrom([]string{"", "amd64", "amd64", "arm64"}).Draw(t, "architecture"),
			Automatic:    rapid.Bool().Draw(t, "automatic"),
		}
		if rapid.IntRange(0, 5).Draw(t, "expiry") == 0 {
			c.ExpireTime = now.Add(time.Duration(rapid.IntRange(-1, 1).Draw(t, "expires")) * time.Hour)
		}
		for _, ref := range c.Images {
			if _, _, digest := split(ref); digest == "" && rapid.IntRange(0, 3).Draw(t, "content") == 0 {
				c.Contents = append(c.Contents, Content{ref, string(rapid.SampledFrom(inv.Images).Draw(t, "meant").Digest)})
			}
		}
		caches = append(caches, c)
	}
	return caches
}

func randomPolicy(t *rapid.T) Policy {
	p := DefaultPolicy()
	for _, rule := range Rules() {
		if rule.Matching && rule.Key != "pull-policy" && rapid.IntRange(0, 2).Draw(t, "change") == 0 {
			if err := rule.set(&p, rapid.SampledFrom(rule.Values).Draw(t, rule.Key)); err != nil {
				t.Fatal(err)
			}
		}
	}
	return p
}

// TestAgainstPlain: on random small worlds and under random readings, the order
// of all caches and the pick are those of the plain matcher; and every answer is
// the same whether it is looked up, listed or explained.
func TestAgainstPlain(t *testing.T) {
	inv := documentedWorld()
	for i := range inv.Images {
		inv.Images[i].Digest = layers.Digest(fmt.Sprintf("sha256:%064x", i+1))
	}
	refs := []string{"r.example/a:1", "r.example/a:2", "r.example/b:1", "r.example/c:1", "r.example/moved:1", "r.example/base:1"}
	for _, i := range []int{0, 1, 6, 7} { // a:1, a:2 and both meanings of moved:1, by digest
		repository, _, _ := split(inv.Images[i].Reference)
		img := inv.Images[i]
		img.Reference, img.From = repository+"@"+string(img.Digest), time.Time{}
		inv.Images = append(inv.Images, img)
		refs = append(refs, img.Reference)
	}
	picked := 0
	rapid.Check(t, func(t *rapid.T) {
		g, caches, policy := randomGroup(t, refs), randomCaches(t, inv, refs), randomPolicy(t)
		oracle := plain{inv, policy}
		keys := make([]plainKeys, len(caches))
		for i := range caches {
			keys[i] = oracle.keys(&g, &caches[i])
		}
		slices.SortFunc(keys, oracle.less)
		m := New(inv, "linux/amd64", now, policy)
		first, second := m.Picker(caches[:len(caches)/2]), m.Picker(caches[len(caches)/2:])
		for i := range first.caches {
			for j := range second.caches {
				want := oracle.less(oracle.keys(&g, &first.caches[i]), oracle.keys(&g, &second.caches[j])) < 0
				if got := first.Before(first.Query(g), i, second, j); got != want {
					t.Fatalf("%s before %s: %t, want %t", first.caches[i].ID, second.caches[j].ID, got, want)
				}
			}
		}
		for i, c := range m.Rank(g, caches) {
			if k := keys[i]; c.CacheID != k.id || c.Qualified != k.qualified || c.FullImages != k.full || c.RepositoryImages != k.repositories ||
				c.MatchedBytes != k.matched || math.Abs(c.LayerFraction-k.share) > 1e-12 {
				t.Fatalf("%d: %+v, want %+v", i, c, k)
			}
		}
		want := ""
		if len(keys) > 0 && keys[0].qualified && !(g.Job || g.NoMatching) {
			want, picked = keys[0].id, picked+1
		}
		p := m.Picker(caches)
		if i := p.Pick(p.Query(g)); want == "" && i >= 0 || want != "" && (i < 0 || caches[i].ID != want) {
			t.Fatalf("looked up %d, want %q", i, want)
		}
		listed, explained := p.Match(g), p.Explain(g)
		if listed.CacheID != want || explained.CacheID != want || listed.Overlap != explained.Overlap ||
			listed.CreatesAutomatic != explained.CreatesAutomatic || listed.Fails != explained.Fails {
			t.Fatalf("listed %+v, explained %+v, want %q", listed, explained, want)
		}
		if len(explained.Candidates) != len(caches) || len(listed.Candidates)+listed.MoreCandidates+listed.OtherCaches != len(caches) {
			t.Fatalf("%d candidates of %d", len(explained.Candidates), len(caches))
		}
		checkLacks(t, &explained)
	})
	if picked == 0 {
		t.Error("no cache was ever picked")
	}
}

// checkLacks: what the picked cache lacks adds up to what is still pulled.
func checkLacks(t *rapid.T, match *Match) {
	for _, c := range match.Candidates {
		if c.CacheID != match.CacheID {
			continue
		}
		var unpack int64
		for _, l := range c.Lacks {
			unpack += *l.UnpackedBytes
		}
		if unpack != match.Overlap.ByChain.UnpackBytes || len(c.Lacks) != match.Overlap.ByChain.MissingLayers {
			t.Fatalf("lacks %d layers, %d bytes to unpack, want %+v", len(c.Lacks), unpack, match.Overlap.ByChain)
		}
	}
}
