package measure

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
	"github.com/cachebench/cachebench/simulate"
	"github.com/cachebench/cachebench/simulate/network"
)

// setupOf is what a timeline says of an arm's conditions. Its profile values are
// those of the arm's link and limits and of the runner's settings, which go first
// where both name one, for the runner knows what it made of the arm.
func setupOf(a *Arm, r Runner) (simulate.ArmSetup, error) {
	setup := simulate.ArmSetup{Arm: a.Name, Kept: slices.Clone(a.Keep), Starts: startWords(a.Starts), DropPageCache: a.DropPageCache}
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

// startWords say what is special about each start, nil where nothing is. Arguments
// may hold what is not to be shown, so their digest stands for them.
func startWords(starts []Start) []string {
	words, special := make([]string, len(starts)), false
	for i, s := range starts {
		var parts []string
		if s.PullOnly {
			parts = append(parts, "pull only")
		}
		if len(s.Args) > 0 {
			parts = append(parts, fmt.Sprintf("arguments of digest sha256:%x", sha256.Sum256([]byte(strings.Join(s.Args, "\x00")))))
		}
		if r := s.Readiness; r != nil {
			parts = append(parts, r.Words())
		}
		words[i] = strings.Join(parts, ", ")
		special = special || words[i] != ""
	}
	if !special {
		return nil
	}
	return words
}

// words are "ready by http, port 8080, /healthz, within 2m0s".
// Words are as "ready by tcp, port 8080, within 3s".
func (r *Readiness) Words() string {
	text := "ready by " + r.By
	if r.Pattern != "" {
		text += fmt.Sprintf(", %q", r.Pattern)
	}
	if r.Port != 0 {
		text += fmt.Sprintf(", port %d", r.Port)
	}
	if r.Path != "" {
		text += ", " + r.Path
	}
	return fmt.Sprintf("%s, within %v", text, cmp.Or(r.Timeout, DefaultReadyTimeout))
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
		if n > 1 {
			// At 1 containerd has no limit over images (core/transfer/local/transfer.go of
			// 2.4.2), only one layer of an image after another.
			set("unpack", "maxConcurrent", n)
		}
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
