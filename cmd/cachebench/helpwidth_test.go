package main

import (
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// TestHelpWidth: no line of a command's help but its examples is wider than a terminal of 100
// columns.
func TestHelpWidth(t *testing.T) {
	const columns = 100
	seen := 0
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		seen++
		for _, line := range strings.Split(cmd.Long, "\n") {
			if n := utf8.RuneCountInString(line); n > columns {
				t.Errorf("%s: a line of %d columns: %q", cmd.CommandPath(), n, line)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
	}
	walk(newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}))
	if seen < 20 {
		t.Errorf("%d commands have been looked at", seen)
	}
}
