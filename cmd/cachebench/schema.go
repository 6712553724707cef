package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench/docs/schema"
	"github.com/cachebench/cachebench/internal/document"
)

func newSchema(io *streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema KIND",
		Short: "The JSON Schema of a file kind",
		Long: `Schema prints the JSON Schema of a file kind:

` + kindLines() + `

Editors that know JSON Schema complete and check YAML files with it.`,
		Example:           "  cachebench schema Workload > workload.schema.json",
		ValidArgs:         schema.Kinds(),
		Args:              exactly(1, "the name of one file kind ("+strings.Join(schema.Kinds(), ", ")+")"),
		ValidArgsFunction: cobra.FixedCompletions(schema.Kinds(), cobra.ShellCompDirectiveNoFileComp),
		RunE: func(_ *cobra.Command, args []string) error {
			kinds := schema.Kinds()
			i := slices.IndexFunc(kinds, func(kind string) bool { return strings.EqualFold(kind, args[0]) })
			if i < 0 {
				return usagef("no file kind is called %q%s; there are %s", args[0], document.DidYouMean(args[0], kinds), strings.Join(kinds, ", "))
			}
			data, _ := schema.Of(kinds[i])
			_, err := fmt.Fprintf(io.out, "%s", data)
			return err
		},
	}
	cmd.ValidArgs = nil
	return cmd
}

// kindLines are the kinds of files, on lines as wide as others of a help text.
func kindLines() string {
	const columns = 80
	var lines []string
	line := " "
	for _, kind := range schema.Kinds() {
		if len(line)+len(" ")+len(kind) > columns {
			lines, line = append(lines, line), " "
		}
		line += " " + kind
	}
	return strings.Join(append(lines, line), "\n")
}
