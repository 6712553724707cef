package main

import (
	"io"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// TestExamples: every command's help has examples, and each is a command line that the
// program takes: the command is there, its flags are, and it has as many arguments as it
// wants.
func TestExamples(t *testing.T) {
	commands := func() *cobra.Command {
		return newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard})
	}
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		if cmd.IsAvailableCommand() || !cmd.HasParent() || cmd.Name() == "help" {
			lines := exampleLines(cmd.Example)
			if len(lines) == 0 {
				t.Errorf("%s --help has no example", cmd.CommandPath())
			}
			for _, line := range lines {
				words := shellWords(line)
				if len(words) == 0 {
					t.Errorf("%s: %q is not understood", cmd.CommandPath(), line)
					continue
				}
				root := commands()
				found, rest, err := root.Find(words)
				if err == nil {
					err = found.ParseFlags(rest)
				}
				if err == nil && found.Args != nil {
					err = found.Args(found, found.Flags().Args())
				}
				if err != nil {
					t.Errorf("%s: example %q: %v", cmd.CommandPath(), line, err)
				}
				if found == root {
					t.Errorf("%s: example %q names no command", cmd.CommandPath(), line)
				}
			}
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(commands())
}

var cachebenchCall = regexp.MustCompile(`(?:^|[|(] *|&& *|; *)cachebench +((?:[^|)>&;']|'[^']*')*)`)

// exampleLines are the arguments of each call of cachebench in an example.
func exampleLines(example string) []string {
	example = strings.ReplaceAll(example, "\\\n", " ")
	var calls []string
	for _, line := range strings.Split(example, "\n") {
		line, _, _ = strings.Cut(line, " #") // a comment
		for _, m := range cachebenchCall.FindAllStringSubmatch(strings.TrimSpace(line), -1) {
			calls = append(calls, strings.TrimSpace(m[1]))
		}
	}
	return calls
}

// shellWords splits words as a shell does, with single and double quotes.
func shellWords(text string) []string {
	var words []string
	var word strings.Builder
	quote, in := rune(0), false
	for _, r := range text {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, in = r, true
		case quote == 0 && r == ' ':
			if in {
				words = append(words, word.String())
			}
			word.Reset()
			in = false
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words
}

// TestCompletesFlags: no flag that takes a value is left to offer all files without a
// word about it.
func TestCompletesFlags(t *testing.T) {
	var walk func(cmd *cobra.Command)
	flags := 0
	walk = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.NoOptDefVal != "" || f.Name == "help" || f.Name == "no-descriptions" {
				return
			}
			flags++
			_, ok := cmd.GetFlagCompletionFunc(f.Name)
			if !ok && f.Annotations[cobra.BashCompFilenameExt] == nil && f.Annotations[cobra.BashCompSubdirsInDir] == nil {
				t.Errorf("%s --%s completes to nothing in particular", cmd.CommandPath(), f.Name)
			}
		})
		if !cmd.HasSubCommands() && cmd.ValidArgsFunction == nil {
			t.Errorf("%s completes its arguments to nothing in particular", cmd.CommandPath())
		}
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}))
	if flags < 100 {
		t.Errorf("only %d flags were seen", flags)
	}
}

// TestFileFlags: a flag whose value is a file offers files, one for a directory
// directories.
func TestFileFlags(t *testing.T) {
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			value, usage := pflag.UnquoteUsage(f)
			if value != "file" && value != "directory" || f.Annotations[cobra.BashCompFilenameExt] != nil || f.Annotations[cobra.BashCompSubdirsInDir] != nil {
				return
			}
			complete, ok := cmd.GetFlagCompletionFunc(f.Name)
			if !ok {
				return
			}
			_, directive := complete(cmd, nil, "no-name-begins-so")
			want := directive&(cobra.ShellCompDirectiveFilterFileExt|cobra.ShellCompDirectiveFilterDirs) != 0 || directive == cobra.ShellCompDirectiveDefault
			if !want {
				t.Errorf("%s --%s (%s) offers no files: directive %d", cmd.CommandPath(), f.Name, usage, directive)
			}
		})
		for _, c := range cmd.Commands() {
			walk(c)
		}
	}
	walk(newRoot(&streams{in: strings.NewReader(""), out: io.Discard, err: io.Discard}))
}
