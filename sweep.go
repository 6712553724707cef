package cachebench

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/cachebench/cachebench/internal/document"
)

// SweepKind is the kind of a sweep file.
const SweepKind = "Sweep"

// Sweep is a grid of runs: every scenario with every combination of parameter
// values and every seed.
type Sweep struct {
	// Scenarios are scenario files, relative to the sweep's directory.
	Scenarios []string `json:"scenarios" document:"required"`
	// Parameters are what varies, with the values of each.
	Parameters []SweepParameter `json:"parameters,omitempty"`
	// Seeds are used with every combination; 1 when not given.
	Seeds []uint64 `json:"seeds,omitempty"`

	whole document.Raw
}

// SweepParameter is one key of the scenario file, or of its profile, with the values
// that it takes.
type SweepParameter struct {
	// Key is a key of the scenario, such as budgetPerMonth or plan.goal, or after profile. one of
	// the profile's, such as profile.network.registryBytesPerSecond.
	Key string `json:"key" document:"required"`
	// Values are written as in the scenario or profile file; a rule of scale, such as *=2x,
	// also by itself.
	Values []string `json:"values" document:"required"`
}

// MaxSweepRuns bounds the runs of a sweep.
const MaxSweepRuns = 1_000_000

// ReadSweep reads a sweep from the bytes of the file called name.
func ReadSweep(name string, data []byte) (*Sweep, error) {
	var s Sweep
	if err := document.Read(name, data, SweepKind, &s); err != nil {
		return nil, err
	}
	var err error
	s.whole, err = document.Whole(name, data)
	return &s, err
}

// Validate reports an empty grid, what stands in it twice, and a grid that is too large.
func (s *Sweep) Validate() error {
	if len(s.Scenarios) == 0 {
		return document.At("scenarios", "a sweep needs at least one scenario")
	}
	if err := eachOnce("scenarios", "scenario", s.Scenarios); err != nil {
		return err
	}
	if err := eachOnce("seeds", "seed", s.Seeds); err != nil {
		return err
	}
	first := make(map[string]int)
	runs := float64(len(s.Scenarios)) * float64(max(1, len(s.Seeds)))
	for i, p := range s.Parameters {
		at := fmt.Sprintf("parameters[%d]", i)
		if j, ok := first[p.Key]; ok {
			return document.At(at+".key", "parameter %s stands already at parameters[%d]", p.Key, j)
		}
		first[p.Key] = i
		for j, other := range s.Parameters[:i] {
			key := other.Key
			if strings.HasPrefix(p.Key, key+".") || strings.HasPrefix(key, p.Key+".") {
				return document.At(at+".key", "%s and %s (parameters[%d]) are one within the other", p.Key, key, j)
			}
		}
		if err := p.validate(); err != nil {
			return document.Under(at, err)
		}
		runs *= float64(len(p.Values))
	}
	if runs > MaxSweepRuns {
		return document.At("scenarios", "the grid has %.0f runs, more than %d: split the sweep", runs, MaxSweepRuns)
	}
	for i, seed := range s.Seeds {
		if seed == 0 {
			return document.At(fmt.Sprintf("seeds[%d]", i), "a seed of 0 stands for none: give 1 or more")
		}
	}
	return nil
}

func eachOnce[T comparable](list, what string, values []T) error {
	first := make(map[T]int)
	for i, v := range values {
		if j, ok := first[v]; ok {
			return document.At(fmt.Sprintf("%s[%d]", list, i), "%s %v stands already at %s[%d]", what, v, list, j)
		}
		first[v] = i
	}
	return nil
}

func (p *SweepParameter) validate() error {
	switch {
	case len(p.Values) == 0:
		return document.At("values", "parameter %s has no values", p.Key)
	case p.Key == "seed":
		return document.At("key", "seeds are no parameter: list them under seeds")
	case p.Key == "outputs" || strings.HasPrefix(p.Key, "outputs."):
		return document.At("key", "a run of a sweep writes no outputs of its own: leave %s out", p.Key)
	}
	for part := range strings.SplitSeq(p.Key, ".") {
		if part == "" || strings.ContainsAny(part, " \t\r\n:{}[]#\"'&*!|>%@`,") {
			return document.At("key", "%q is no key: write it as budgetPerMonth, plan.goal or profile.network.registryBytesPerSecond", p.Key)
		}
	}
	for i, v := range p.Values {
		if strings.ContainsAny(v, "\r\n") {
			return document.At(fmt.Sprintf("values[%d]", i), "a value stands on one line")
		}
	}
	return eachOnce("values", "value", p.Values)
}

// SweepPoint is one run of the grid.
type SweepPoint struct {
	// Run is its place in the grid, from 0: by scenario, then by the values of the first
	// parameter, and so on, at last by seed.
	Run int
	// Scenario is a place in Scenarios; Values are places in the values of each parameter.
	Scenario int
	Values   []int
	Seed     uint64
}

// Runs is how many runs the grid has.
func (s *Sweep) Runs() int {
	runs := len(s.Scenarios) * max(1, len(s.Seeds))
	for i := range s.Parameters {
		runs *= len(s.Parameters[i].Values)
	}
	return runs
}

// Point is a run of the grid, 0 to Runs()-1.
func (s *Sweep) Point(run int) SweepPoint {
	p := SweepPoint{Run: run, Seed: 1, Values: make([]int, len(s.Parameters))}
	rest := run
	if n := len(s.Seeds); n > 0 {
		p.Seed, rest = s.Seeds[rest%n], rest/n
	}
	for i := len(s.Parameters) - 1; i >= 0; i-- {
		n := len(s.Parameters[i].Values)
		p.Values[i], rest = rest%n, rest/n
	}
	p.Scenario = rest
	return p
}

// prepare is the Scenario of a run of the scenario file at path.
func (s *Sweep) prepare(p SweepPoint, file *ScenarioFile, path string, read ReadFunc) (*Scenario, error) {
	f := *file
	f.Seed, f.Outputs = p.Seed, nil
	if err := s.put(p, false, &f); err != nil {
		return nil, err
	}
	scenario, err := f.Scenario(path, read)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.Words(p), err)
	}
	profile := *scenario.Profile
	if err := s.put(p, true, &profile); err != nil {
		return nil, err
	}
	scenario.Profile = &profile
	if scenario.PlanOptions.TimeLimit > 0 {
		return nil, fmt.Errorf("%s: a run of a sweep comes to the same on every machine, which a search that a clock ends does not: leave plan.timeLimitSeconds out and bound it by plan.effort", path)
	}
	if scenario.Now.IsZero() {
		return nil, fmt.Errorf("%s: a scenario of a sweep needs the key now: runs that begin at other times would else look at other tags and caches", path)
	}
	return scenario, nil
}

const ofProfile = "profile."

// put decodes the values of a run over what they change: the scenario, or its profile.
// All are put in together, for some are of no use without others.
func (s *Sweep) put(p SweepPoint, profile bool, into any) error {
	root := &sweepKey{parameter: -1}
	for i := range s.Parameters {
		if key, is := strings.CutPrefix(s.Parameters[i].Key, ofProfile); is == profile {
			root.add(strings.Split(key, "."), i)
		}
	}
	if len(root.below) == 0 {
		return nil
	}
	var text strings.Builder
	var lines []int // the parameter of each line, from the first
	root.write(s, p, -1, &text, &lines)
	raw, err := document.Whole("value.yaml", []byte(text.String()))
	if err == nil {
		err = raw.Decode(into)
	}
	var fault *document.Error
	if err == nil || !errors.As(err, &fault) {
		return err
	}
	parameter := -1
	if fault.Line >= 1 && fault.Line <= len(lines) {
		parameter = lines[fault.Line-1]
	}
	if parameter < 0 {
		return s.whole.At("parameters", "with %s: %s: %s", s.Words(p), fault.Path, fault.Message)
	}
	return s.whole.At(fmt.Sprintf("parameters[%d].values[%d]", parameter, p.Values[parameter]), "%s: %s", s.Parameters[parameter].Key, fault.Message)
}

// sweepKey is a key with those below it, or with the parameter that gives its value.
type sweepKey struct {
	name      string
	parameter int
	below     []*sweepKey
}

func (k *sweepKey) add(parts []string, parameter int) {
	if len(parts) == 0 {
		k.parameter = parameter
		return
	}
	i := slices.IndexFunc(k.below, func(b *sweepKey) bool { return b.name == parts[0] })
	if i < 0 {
		i = len(k.below)
		k.below = append(k.below, &sweepKey{name: parts[0], parameter: -1})
	}
	k.below[i].add(parts[1:], parameter)
}

// write writes what is below as YAML.
func (k *sweepKey) write(s *Sweep, p SweepPoint, depth int, to *strings.Builder, lines *[]int) {
	if depth >= 0 {
		to.WriteString(strings.Repeat("  ", depth) + k.name + ":")
		if k.parameter >= 0 {
			to.WriteString(" " + s.Parameters[k.parameter].text(p.Values[k.parameter]))
		}
		to.WriteByte('\n')
		*lines = append(*lines, k.parameter)
	}
	for _, b := range k.below {
		b.write(s, p, depth+1, to, lines)
	}
}

// text is a value as the scenario file has it. One rule of scale is a list of one: as it
// stands, *=2x would be read as a reference.
func (p *SweepParameter) text(value int) string {
	text := p.Values[value]
	if p.Key == "scale" && !strings.HasPrefix(strings.TrimSpace(text), "[") {
		return "[" + strconv.Quote(text) + "]"
	}
	return text
}

// Words are the values of a run, for people.
func (s *Sweep) Words(p SweepPoint) string {
	words := []string{s.Scenarios[p.Scenario]}
	for i := range s.Parameters {
		words = append(words, s.Parameters[i].Key+"="+s.Parameters[i].Values[p.Values[i]])
	}
	words = append(words, fmt.Sprintf("seed %d", p.Seed))
	return strings.Join(words, ", ")
}
