package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/image-spec/identity"
	v1 "github.com/opencontainers/image-spec/specs-go/v1"
)

// facts are what a program says of one image, by name: "config", "layer 2".
type facts map[string]string

// none are the facts of an image that a program does not have for a platform.
var none = facts{"has the platform": "no"}

// factsOf reads the documents that a client gives of an image.
func factsOf(manifest, config []byte) (facts, error) {
	f := facts{}
	if err := f.addManifest(manifest); err != nil {
		return nil, err
	}
	if named, given := f["config"], digestOf(config); named != given {
		return nil, fmt.Errorf("the manifest names the config %s, the client gives %s", named, given)
	}
	return f, f.addConfig(config)
}

// addManifest adds what a manifest states.
func (f facts) addManifest(raw []byte) error {
	var m v1.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return fmt.Errorf("read a manifest: %w", err)
	}
	f["manifest"], f["media type"], f["config"] = digestOf(raw), m.MediaType, string(m.Config.Digest)
	f["layers"] = fmt.Sprint(len(m.Layers))
	distinct := map[string]int64{}
	for i, l := range m.Layers {
		f[nth("layer", i)] = layerFact(string(l.Digest), l.MediaType, l.Size)
		distinct[string(l.Digest)] = l.Size
	}
	f["compressed bytes"] = fmt.Sprint(sum(maps.Values(distinct)))
	return nil
}

// addConfig adds what a config states. Its chainIDs are computed by image-spec.
func (f facts) addConfig(raw []byte) error {
	var c v1.Image
	if err := json.Unmarshal(raw, &c); err != nil {
		return fmt.Errorf("read a config: %w", err)
	}
	f["has the platform"], f["platform"], f["config"] = "yes", c.OS+"/"+c.Architecture, digestOf(raw)
	f["created"] = timeFact(c.Created)
	f["layers"] = fmt.Sprint(len(c.RootFS.DiffIDs))
	for i, diffID := range c.RootFS.DiffIDs {
		f[nth("diffID", i)] = string(diffID)
	}
	var chains []string
	for _, chain := range identity.ChainIDs(c.RootFS.DiffIDs) { // which it writes over
		chains = append(chains, string(chain))
	}
	f["chains"] = strings.Join(chains, " ")
	steps := slices.DeleteFunc(slices.Clone(c.History), func(h v1.History) bool { return h.EmptyLayer })
	for i, h := range steps {
		f[nth("step", i)] = h.CreatedBy
	}
	return nil
}

// on are the facts as they hold for a platform: clients hand over an image that
// is no index whatever platform is asked for, and its config tells.
func (f facts) on(platform string) facts {
	if f["platform"] != platform {
		return none
	}
	return f
}

// without leaves facts out.
func (f facts) without(names ...string) facts {
	rest := maps.Clone(f)
	for _, name := range names {
		delete(rest, name)
	}
	return rest
}

// differences names each of f that is otherwise in other.
func (f facts) differences(who string, other facts, whose string) []string {
	var all []string
	for _, name := range slices.Sorted(maps.Keys(f)) {
		switch got, ok := other[name]; {
		case !ok:
			all = append(all, fmt.Sprintf("%s: %s says %q, %s nothing", name, who, f[name], whose))
		case got != f[name]:
			all = append(all, fmt.Sprintf("%s: %s says %q, %s %q", name, who, f[name], whose, got))
		}
	}
	return all
}

// nth names a fact of a layer, counted from 1, so that the names sort.
func nth(what string, i int) string { return fmt.Sprintf("%s %02d", what, i+1) }

// layerFact leaves the media type out but for the compression: an Inventory has
// one for a blob that images give OCI's and Docker's.
func layerFact(digest, mediaType string, bytes int64) string {
	compression := mediaType[strings.LastIndexAny(mediaType, ".+")+1:]
	return fmt.Sprintf("%s %s %d bytes", digest, compression, bytes)
}

func timeFact(t *time.Time) string {
	if t == nil || t.IsZero() {
		return "not stated"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func digestOf(raw []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(raw)) }

func sum(sizes func(func(int64) bool)) (total int64) {
	for n := range sizes {
		total += n
	}
	return total
}
