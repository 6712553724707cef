package document

import (
	"fmt"
	"strings"
)

// Suggestion ends a message about a name that is not known: with the nearest of
// the known ones, as readers of files get it for a key; empty when none is near
// and there are too many to list.
func Suggestion(name string, known []string) string { return suggestion(name, known) }

// Nearest is the known name that is likely meant; empty when none is near.
func Nearest(name string, known []string) string { return nearest(name, known) }

// NoneOf is the end of a message about a value that is not one of a closed set: that it is
// none of them, all of them, and which may be meant.
func NoneOf(value string, known ...string) string {
	list := strings.Join(known[:len(known)-1], ", ") + " and " + known[len(known)-1]
	which := "none of "
	if len(known) == 2 {
		list, which = known[0]+" nor "+known[1], "neither "
	}
	return fmt.Sprintf("%q is %s%s%s", value, which, list, DidYouMean(value, known))
}

// DidYouMean follows a name that is not known in a message that goes on: " (did you mean
// …?)", or nothing where none is near.
func DidYouMean(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return fmt.Sprintf(" (did you mean %s?)", best)
	}
	return ""
}
