package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"github.com/cachebench/cachebench"
)

func newMan(io *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages of all commands",
		Long: `Man writes a manual page of each command, cachebench.1 and so on, to a directory,
which is made when it is not there. The pages say what --help says, and are the same
whenever they are written.`,
		Example: `  cachebench man share/man/man1
  man -l share/man/man1/cachebench-run.1`,
		Args: exactly(1, "the directory to write to"),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(_ *cobra.Command, args []string) error {
			names, err := writeManPages(args[0])
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(io.out, "wrote %d pages to %s\n", names, args[0])
			return err
		},
	}
}

// writeManPages writes a page of each command to a directory, and says how many.
func writeManPages(dir string) (int, error) {
	if dir == "" {
		return 0, usagef("the directory is empty: name one, or . for the current one")
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, fmt.Errorf("make the directory: %w", err)
	}
	// Commands of their own, for the texts are changed.
	root := newRoot(&streams{})
	root.DisableAutoGenTag = true
	pages := 0
	var write func(cmd *cobra.Command) error
	write = func(cmd *cobra.Command) error {
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				if err := write(c); err != nil {
					return err
				}
			}
		}
		data, err := manPage(cmd)
		if err != nil {
			return fmt.Errorf("page of %s: %w", cmd.CommandPath(), err)
		}
		pages++
		return os.WriteFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"), data, 0o644)
	}
	return pages, write(root)
}

// manPage is a command's page, without a date: the same input gives the same page.
func manPage(cmd *cobra.Command) ([]byte, error) {
	if cmd.Long != "" {
		cmd.Long = manText(cmd.Long)
	}
	var b bytes.Buffer
	never := time.Time{}
	err := doc.GenMan(cmd, &doc.GenManHeader{Section: "1", Date: &never, Source: "cachebench " + cachebench.Version, Manual: "cachebench"}, &b)
	if err != nil {
		return nil, err
	}
	return bytes.Replace(b.Bytes(), []byte(`"`+never.Format("Jan 2006")+`"`), []byte(`""`), 1), nil
}

// manText makes Markdown of a help text: lines that are indented stay as they are, and
// nothing in the others is markup.
func manText(text string) string {
	escape := strings.NewReplacer("\\", "\\\\", "*", "\\*", "_", "\\_", "<", "\\<", "`", "\\`", "[", "\\[")
	var b strings.Builder
	was := false
	for _, line := range strings.Split(text, "\n") {
		is := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "\t")
		if is != was && is {
			b.WriteString("\n")
		}
		if is != was && !is && line != "" {
			b.WriteString("\n")
		}
		was = is
		if is {
			line = "    " + strings.TrimPrefix(line, "\t")
		} else {
			line = escape.Replace(line)
		}
		b.WriteString(line + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}
