package document

import "fmt"

// Suggestion ends a message about a name that is not known: with the nearest of
// the known ones, as readers of files get it for a key; empty when none is near
// and there are too many to list.
func Suggestion(name string, known []string) string { return suggestion(name, known) }

// Nearest is the known name that is likely meant; empty when none is near.
func Nearest(name string, known []string) string { return nearest(name, known) }

// DidYouMean follows a name that is not known in a message that goes on: " (did you mean
// …?)", or nothing where none is near.
func DidYouMean(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return fmt.Sprintf(" (did you mean %s?)", best)
	}
	return ""
}
