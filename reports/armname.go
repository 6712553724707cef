package reports

import (
	"slices"
	"strings"

	"github.com/cachebench/cachebench/measure"
)

// sharedOf are the words that the names of all arms have, as what is measured on ECI
// names its image in each: a page tells them once (armsOf), tables leave them out.
func sharedOf(arms []Summary) []string {
	var names []measure.ArmSpread
	for i := range arms {
		// An arm of two sources stands twice.
		if !slices.ContainsFunc(names, func(a measure.ArmSpread) bool { return a.Arm == arms[i].Arm }) {
			names = append(names, measure.ArmSpread{Arm: arms[i].Arm})
		}
	}
	return sharedWords(names)
}

// armsOf says what all arms have in common, as " of web:1.4"; nothing where that is
// nothing.
func armsOf(arms []Summary) string {
	if shared := sharedOf(arms); len(shared) > 0 {
		return " of " + strings.Join(shared, " ")
	}
	return ""
}
