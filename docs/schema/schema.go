// Package schema holds the JSON Schema of every file kind. The files are
// generated from the Go types and their comments; go test -update writes them.
package schema

import (
	"embed"
	"slices"
	"strings"
)

//go:embed *.json
var files embed.FS

// Kinds lists the file kinds in order of name.
func Kinds() []string {
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil
	}
	kinds := make([]string, 0, len(entries))
	for _, e := range entries {
		kinds = append(kinds, strings.TrimSuffix(e.Name(), ".json"))
	}
	slices.Sort(kinds)
	return kinds
}

// Of returns the schema of a kind; ok is false when there is none.
func Of(kind string) (data []byte, ok bool) {
	data, err := files.ReadFile(kind + ".json")
	return data, err == nil
}
