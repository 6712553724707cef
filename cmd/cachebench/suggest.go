package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench/internal/document"
)

// flagError adds to an error on an unknown flag the flag that may be meant, or the
// commands that have it.
func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	}
	name := unknown.GetSpecifiedName()
	if shorts := unknown.GetSpecifiedShortnames(); shorts != "" {
		// -budget is read as -b and more.
		if word := strings.TrimLeft(shorts, "-"); cmd.Flags().Lookup(word) != nil {
			return usagef("%w; long flags have two dashes: --%s", err, word)
		}
		return usagef("%w; see %s --help", err, cmd.CommandPath())
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	if near := nearFlag(name, names); near != "" {
		return usagef("%w; did you mean --%s?", err, near)
	}
	if with := commandsWith(cmd.Root(), name); len(with) > 0 {
		return usagef("%w of %s; it is one of %s", err, cmd.CommandPath(), strings.Join(with, ", "))
	}
	return usagef("%w; see %s --help", err, cmd.CommandPath())
}

// nearFlag is the flag that is likely meant: the only one that begins so, or the one whose
// name is near.
func nearFlag(name string, names []string) string {
	var begin []string
	for _, n := range names {
		if len(name) > 1 && strings.HasPrefix(n, name) {
			begin = append(begin, n)
		}
	}
	if len(begin) == 1 {
		return begin[0]
	}
	return document.Nearest(name, names)
}

// commandsWith are the commands that have a flag.
func commandsWith(cmd *cobra.Command, flag string) []string {
	var with []string
	if cmd.HasParent() && cmd.LocalFlags().Lookup(flag) != nil {
		with = append(with, cmd.CommandPath())
	}
	for _, c := range cmd.Commands() {
		with = append(with, commandsWith(c, flag)...)
	}
	return with
}

// noCommand is the error on a word where a command was looked for.
func noCommand(cmd *cobra.Command, word string) error {
	var names []string
	for _, c := range cmd.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	what := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), word)
	if near := document.Nearest(word, names); near != "" {
		return usagef("%s; did you mean %s?", what, near)
	}
	if len(names) > 8 {
		return usagef("%s; %s --help lists them", what, cmd.CommandPath())
	}
	return usagef("%s: it has %s", what, listed(names))
}

// listed joins names for a sentence.
func listed(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// commandsBelow are the commands of that name that are below others: export is plan
// export.
func commandsBelow(cmd *cobra.Command, name string) []string {
	var found []string
	for _, c := range cmd.Commands() {
		for _, below := range c.Commands() {
			if below.Name() == name && below.IsAvailableCommand() {
				found = append(found, below.CommandPath())
			}
		}
		found = append(found, commandsBelow(c, name)...)
	}
	return found
}
