package cachebench

import (
	"fmt"

	"github.com/cachebench/cachebench/internal/document"
)

// SweepKind is the kind of a sweep file.
const SweepKind = "Sweep"

// Sweep is a grid of runs: every scenario with every combination of parameter
// values and every seed.
type Sweep struct {
	// Scenarios are scenario files, relative to the sweep's directory.
	Scenarios []string `json:"scenarios" document:"required"`
	// Parameters are the scenario's keys that vary, with the values of each.
	Parameters []SweepParameter `json:"parameters,omitempty"`
	// Seeds are used with every combination; 1 when not given.
	Seeds []uint64 `json:"seeds,omitempty"`
}

// SweepParameter is one key of the scenario file with the values that it takes.
type SweepParameter struct {
	// Key is a key of the scenario, such as budgetPerMonth.
	Key string `json:"key" document:"required"`
	// Values are written as in the scenario file.
	Values []string `json:"values" document:"required"`
}

// ReadSweep reads a sweep from the bytes of the file called name.
func ReadSweep(name string, data []byte) (*Sweep, error) {
	var s Sweep
	if err := document.Read(name, data, SweepKind, &s); err != nil {
		return nil, err
	}
	return &s, nil
}

// Validate reports an empty grid and a parameter that stands twice.
func (s *Sweep) Validate() error {
	if len(s.Scenarios) == 0 {
		return document.At("scenarios", "a sweep needs at least one scenario")
	}
	first := make(map[string]int)
	for i, p := range s.Parameters {
		at := fmt.Sprintf("parameters[%d]", i)
		if j, ok := first[p.Key]; ok {
			return document.At(at+".key", "parameter %s stands already at parameters[%d]", p.Key, j)
		}
		first[p.Key] = i
		if len(p.Values) == 0 {
			return document.At(at+".values", "parameter %s has no values", p.Key)
		}
	}
	return nil
}
