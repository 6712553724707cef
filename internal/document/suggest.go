package document

// Suggestion ends a message about a name that is not known: with the nearest of
// the known ones, as readers of files get it for a key; empty when none is near
// and there are too many to list.
func Suggestion(name string, known []string) string { return suggestion(name, known) }
