package calibrate

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
)

// isOfExperiment says whether a value is an experiment's alone and says nothing of the
// host or its runtime: the link that it set, the protocol of its own registry, and that
// no kubelet lines its pulls up.
func isOfExperiment(name string) bool {
	switch name {
	case "network.registryBytesPerSecond", "network.uplinkBytesPerSecond", "network.nodeBytesPerSecond", "network.connectionBytesPerSecond",
		"network.roundTripSeconds", "network.registryRequestsPerSecond", "network.links", "network.attach",
		"network.connectRoundTrips", "network.tokenRequests", "network.blobRequests",
		"pull.maxParallelPulls", "start.admitBurst", "start.admitPerSecond":
		return true
	}
	return false
}

// isLimit says whether a value is one that experiments vary to see what comes of it.
func isLimit(name string) bool {
	switch name {
	case "pull.maxConcurrentDownloads", "unpack.parallel", "unpack.maxConcurrent":
		return true
	}
	return false
}

// settle finds what the experiment set alike in all arms that start on one node: of
// several nodes on one host each has but a share of its cores. It is what the host and
// its runtime were in the runs, so that the profile is not without it.
func (d *Data) settle() {
	cells, _ := split(d.cells, func(c *cell) bool { return len(c.nodes) == 1 })
	named := make(map[string]bool)
	for _, c := range d.cells {
		for name := range c.set {
			named[name] = !isOfExperiment(name)
		}
	}
	d.settings = make(map[string]document.Raw)
	var differ []string
	for _, name := range slices.Sorted(maps.Keys(named)) {
		switch {
		case !named[name]:
		case len(cells) > 0 && setAlike(cells, name):
			d.settings[name] = cells[0].set[name]
		case !isLimit(name) && name != "unpack.decoder": // of decoders the one that most arms use is fitted
			differ = append(differ, name)
		}
	}
	switch {
	case differ == nil:
	case len(cells) == 0:
		d.doubts = append(d.doubts, fmt.Sprintf("All arms are on several nodes of one host, so that what was set of %s is not a node's of its own and not in the profile.", strings.Join(differ, ", ")))
	default:
		d.doubts = append(d.doubts, fmt.Sprintf("Not all arms have the same %s: what the experiment set of it is not in the profile.", strings.Join(differ, ", ")))
	}
}

func setAlike(cells []*cell, name string) bool {
	first := cells[0].set[name]
	return !first.IsZero() && !slices.ContainsFunc(cells, func(c *cell) bool { return !c.set[name].Equal(first) })
}

// put gives a profile the settings. What it has so already keeps its source, where
// that is more than an assumption.
func (d *Data) put(p *simulate.Profile) error {
	source := "measured: as set in all runs of " + d.where()
	had, err := valuesOf(p)
	if err != nil {
		return err
	}
	groups := make(map[string]map[string]any)
	for name, raw := range d.settings {
		group, key, _ := strings.Cut(name, ".")
		if isFounded(had[group][key], raw) {
			continue
		}
		if groups[group] == nil {
			groups[group] = make(map[string]any)
		}
		groups[group][key] = raw
		if raw.Keys() == nil { // a constant
			groups[group][key] = map[string]any{"value": raw, "source": source}
		}
	}
	text, err := json.Marshal(groups)
	if err != nil {
		return fmt.Errorf("put what the experiment set into the profile: %w", err)
	}
	whole, err := document.Whole("what the experiment set", text)
	if err != nil {
		return err
	}
	return whole.Decode(p)
}

// valuesOf are a profile's values, by group and key, as its file has them.
func valuesOf(p *simulate.Profile) (map[string]map[string]document.Raw, error) {
	text, err := document.Marshal(simulate.ProfileKind, p)
	if err != nil {
		return nil, err
	}
	whole, err := document.Whole("profile "+p.Name, text)
	if err != nil {
		return nil, err
	}
	var groups map[string]document.Raw
	if err := whole.Decode(&groups); err != nil {
		return nil, err
	}
	values := make(map[string]map[string]document.Raw)
	for group, keys := range groups {
		var of map[string]document.Raw
		if keys.Keys() != nil && keys.Decode(&of) == nil {
			values[group] = of
		}
	}
	return values, nil
}

// isFounded says whether a profile has a value already, and not only assumed.
func isFounded(had, value document.Raw) bool {
	var p struct {
		Value  document.Raw `json:"value"`
		Source string       `json:"source"`
	}
	return had.Keys() != nil && had.Decode(&p) == nil && p.Value.Equal(value) && p.Source != "" && !strings.HasPrefix(p.Source, "assumed")
}

// settingsOf are the settings for people.
func (d *Data) settingsOf() []Setting {
	var list []Setting
	for _, name := range slices.Sorted(maps.Keys(d.settings)) {
		text, err := d.settings[name].MarshalJSON()
		if err != nil {
			continue // it was read from a document, and so can be written
		}
		list = append(list, Setting{name, strings.Trim(string(text), `"`)})
	}
	return list
}
