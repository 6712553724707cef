package measure

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// setupOf is what a timeline says of an arm's conditions. Its profile values are
// those of the arm's link and limits and of the runner's settings, which go first
// where both name one, for the runner knows what it made of the arm.
func setupOf(a *Arm, r Runner) (simulate.ArmSetup, error) {
	setup := simulate.ArmSetup{Arm: a.Name, Kept: slices.Clone(a.Keep), DropPageCache: a.DropPageCache}
	values := a.values()
	if err := mergeSettings(values, r.Tool()+"'s settings", r.Settings(a)); err != nil {
		return setup, fmt.Errorf("arm %s: %w", a.Name, err)
	}
	if len(values) == 0 {
		return setup, nil
	}
	text, err := json.Marshal(values)
	if err != nil {
		return setup, fmt.Errorf("arm %s: %w", a.Name, err)
	}
	if setup.Profile, err = document.Whole("conditions of arm "+a.Name, text); err != nil {
		return setup, err
	}
	if err := setup.Profile.Decode(simulate.Containerd()); err != nil {
		return setup, fmt.Errorf("arm %s: its conditions are no values of a profile: %w", a.Name, err)
	}
	return setup, nil
}

// values are the profile values that an arm sets, by group and key.
func (a *Arm) values() map[string]map[string]any {
	v := map[string]map[string]any{}
	set := func(group, key string, value any) {
		if v[group] == nil {
			v[group] = map[string]any{}
		}
		v[group][key] = value
	}
	if l := a.Link; l != nil {
		if l.Rate != network.Unlimited {
			set("network", "registryBytesPerSecond", float64(l.Rate))
		}
		if l.Delay > 0 {
			set("network", "roundTripSeconds", l.Delay.Seconds())
		}
	}
	if a.MaxConcurrentDownloads > 0 {
		set("pull", "maxConcurrentDownloads", a.MaxConcurrentDownloads)
	}
	if n := a.MaxConcurrentUnpacks; n > 0 {
		set("unpack", "parallel", n > 1)
		set("unpack", "maxConcurrent", n)
	}
	return v
}

// mergeSettings puts the values of a document over v.
func mergeSettings(v map[string]map[string]any, name, text string) error {
	if text == "" {
		return nil
	}
	whole, err := document.Whole(name, []byte(text))
	if err != nil {
		return err
	}
	var groups map[string]map[string]document.Raw
	if err := whole.Decode(&groups); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	for group, keys := range groups {
		for key, raw := range keys {
			if v[group] == nil {
				v[group] = map[string]any{}
			}
			v[group][key] = raw
		}
	}
	return nil
}
