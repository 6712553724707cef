package cachebench_test

import (
	"strings"
	"testing"

	"github.com/cachebench/cachebench"
)

// TestReadSweep: a grid is read; an empty or repeated part of it is refused with
// its line.
func TestReadSweep(t *testing.T) {
	const header = "apiVersion: cachebench/v1\nkind: Sweep\n"
	s, err := cachebench.ReadSweep("s.yaml", []byte(header+"scenarios: [a.yaml]\nparameters:\n  - {key: budgetPerMonth, values: [\"5\", \"50\"]}\nseeds: [1, 2]\n"))
	if err != nil || len(s.Scenarios) != 1 || s.Parameters[0].Values[1] != "50" || len(s.Seeds) != 2 {
		t.Errorf("read %+v, %v", s, err)
	}
	for _, test := range []struct{ text, want string }{
		{"scenarios: []\n", "s.yaml:3: scenarios: a sweep needs at least one scenario"},
		{"scenarios: [a]\nparameters:\n  - {key: k, values: []}\n", "s.yaml:5: parameters[0].values: parameter k has no values"},
		{"scenarios: [a]\nparameters:\n  - {key: k, values: [\"1\"]}\n  - {key: k, values: [\"2\"]}\n", "s.yaml:6: parameters[1].key: parameter k stands already at parameters[0]"},
	} {
		if _, err := cachebench.ReadSweep("s.yaml", []byte(header+test.text)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}
