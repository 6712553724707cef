package layers

import (
	"fmt"
	"slices"
	"strings"
)

// DefaultPlatform is what is looked for when no platform is given; output always
// shows the platform.
const DefaultPlatform = "linux/amd64"

// platform is os/arch[/variant] as indexes and configs state it.
type platform struct {
	OS, Architecture, Variant string
}

// read reports whether there is a platform at all.
func (p *platform) read(s *scanner) bool {
	s.object(func(key []byte) {
		if !p.field(key, s) {
			s.skip()
		}
	})
	return p.OS != ""
}

// field takes the value of a key of a platform.
func (p *platform) field(key []byte, s *scanner) bool {
	switch string(key) {
	case "os":
		p.OS = platformWord(s.text())
	case "architecture":
		p.Architecture = platformWord(s.text())
	case "variant":
		p.Variant = platformWord(s.text())
	default:
		return false
	}
	return true
}

// platformWord copies a word of a platform; the common ones are not copied.
func platformWord(t jsonText) string {
	switch string(t.raw) {
	case "linux":
		return "linux"
	case "amd64":
		return "amd64"
	case "arm64":
		return "arm64"
	case "v8":
		return "v8"
	}
	return t.String()
}

func parsePlatform(s string) (platform, error) {
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || parts[0] == "" || parts[1] == "" {
		return platform{}, fmt.Errorf("platform %q is not os/arch[/variant], such as linux/amd64 or linux/arm64/v8", s)
	}
	p := platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// CheckPlatform says what is wrong with a platform's name; the empty one is
// DefaultPlatform.
func CheckPlatform(s string) error {
	if s == "" {
		return nil
	}
	_, err := parsePlatform(s)
	return err
}

func (p platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// normal spells out the variant that an architecture has when none is stated
// (containerd's platforms package, database.go: arm64 is v8, arm is v7).
func (p platform) normal() platform {
	switch {
	case p.Architecture == "arm64" && p.Variant == "":
		p.Variant = "v8"
	case p.Architecture == "arm" && p.Variant == "":
		p.Variant = "v7"
	case p.Architecture == "amd64" && p.Variant == "v1":
		p.Variant = ""
	}
	return p
}

// SamePlatform says whether two names mean the same platform: linux/arm64 is
// linux/arm64/v8.
func SamePlatform(a, b string) bool {
	p, err := parsePlatform(a)
	q, errB := parsePlatform(b)
	return a == b || err == nil && errB == nil && p.equal(q)
}

// BestPlatform returns the position of the platform in offered that a machine of
// asked runs best, as a runtime chooses it from an index; -1 where it runs none.
// What offered names may be anything.
func BestPlatform(offered []string, asked string) int {
	p, err := parsePlatform(asked)
	if err != nil {
		return -1
	}
	for _, runs := range p.compatible() {
		for i, name := range offered {
			if q, err := parsePlatform(name); err == nil && q.equal(runs) {
				return i
			}
		}
	}
	return -1
}

func (p platform) equal(q platform) bool { return p.normal() == q.normal() }

// variants are those of an architecture, the newest first: a machine of one runs
// images of those after it (containerd's platforms package, compare.go).
var variants = map[string][]string{
	"arm":   {"v8", "v7", "v6", "v5"},
	"amd64": {"v4", "v3", "v2", ""},
}

// compatible lists what a machine of the platform runs, the best first.
func (p platform) compatible() []platform {
	p = p.normal()
	all := []platform{p}
	names := variants[p.Architecture]
	if at := slices.Index(names, p.Variant); at >= 0 {
		for _, variant := range names[at+1:] {
			all = append(all, platform{p.OS, p.Architecture, variant})
		}
	}
	return all
}

// serves compares a config's platform with the one asked for; the variant, which
// a config may leave out, only where it states one.
func (p platform) serves(asked platform) bool {
	if p.Variant == "" {
		return p.OS == asked.OS && p.Architecture == asked.Architecture
	}
	return slices.Contains(asked.compatible(), p.normal())
}
