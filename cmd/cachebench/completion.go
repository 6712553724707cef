package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/cachebench/cachebench"
	"github.com/cachebench/cachebench/matcher"
	"github.com/cachebench/cachebench/workload"
)

// documents are the extensions of what the commands read and write.
var documents = []string{"yaml", "yml", "json"}

// fileEnds are the extensions of the files that flags name, where they are not documents.
// None is any file.
func fileEnds(flag string) []string {
	switch flag {
	case "trace":
		return []string{"csv", "jsonl"}
	case "workload":
		return append(slices.Clone(documents), "csv", "jsonl")
	case "layer-sizes":
		return []string{"csv"}
	case "images-from", "output-file":
		return nil
	}
	return documents
}

// argumentEnds are the extensions of the files that commands take as arguments, by their
// paths without the program; how many they take at most is with them, 0 is any number.
func argumentEnds(command string) (ends []string, most int, ok bool) {
	switch command {
	case "run", "cache apply", "plan export":
		return documents, 1, true
	case "report", "calibrate", "workload import":
		return documents, 0, true
	case "compare":
		return append(slices.Clone(documents), "txt"), 2, true
	}
	return nil, 0, false
}

// flagWords are the words that flags take, by the path of the command and the flag, or
// the flag alone.
func flagWords(command, flag string) []string {
	switch flag {
	case "arms":
		switch command {
		case "measure pull", "measure containerd":
			return []string{"cold", "partial", "present"}
		case "measure eci":
			return []string{"cold", "automatic", "explicit"}
		}
		return []string{"cold", "warm", "automatic", "cached"}
	case "platform":
		return []string{"linux/amd64", "linux/arm64", "linux/arm/v7", "linux/riscv64", "linux/s390x", "linux/ppc64le", "windows/amd64"}
	case "accelerate":
		return []string{"nydus", "dadi", "p2p", "imc"}
	case "decoder":
		return []string{"igzip", "pigz", "go"}
	case "pull-by":
		return []string{"transfer", "client"}
	case "pull-policy":
		return []string{"Always", "IfNotPresent", "Never"}
	case "kind":
		return []string{"Deployment", "StatefulSet", "CronJob", "Job"}
	}
	return nil
}

// addCompletion makes every flag and argument complete to what it takes: words, files of
// the kind that it reads, directories, or nothing. Else shells offer all files.
func addCompletion(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			nameShells(c)
			continue
		}
		completeCommand(c)
	}
}

func completeCommand(cmd *cobra.Command) {
	path := strings.TrimPrefix(cmd.CommandPath(), cmd.Root().Name()+" ")
	if cmd.ValidArgsFunction == nil && !cmd.HasSubCommands() {
		cmd.ValidArgsFunction = completeArguments(path, strings.Contains(cmd.Use, "IMAGE"))
	}
	cmd.LocalFlags().VisitAll(func(f *pflag.Flag) { completeFlag(cmd, path, f) })
	for _, c := range cmd.Commands() {
		completeCommand(c)
	}
}

func completeArguments(path string, images bool) cobra.CompletionFunc {
	ends, most, files := argumentEnds(path)
	switch {
	case path == "diff":
		// Either is a file, a layout or a reference.
		return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) >= 2 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveDefault
		}
	case files:
		return func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if most > 0 && len(args) >= most {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return ends, cobra.ShellCompDirectiveFilterFileExt
		}
	case images:
		return cobra.FixedCompletions([]string{"oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "containerd:"}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)
	}
	return cobra.NoFileCompletions
}

// completeFlag makes a flag that does not say it itself complete to what stands in
// backquotes in its usage.
func completeFlag(cmd *cobra.Command, path string, f *pflag.Flag) {
	if _, ok := cmd.GetFlagCompletionFunc(f.Name); ok || f.NoOptDefVal != "" {
		return
	}
	for _, known := range []string{cobra.BashCompFilenameExt, cobra.BashCompSubdirsInDir} {
		if f.Annotations[known] != nil {
			return
		}
	}
	value, _ := pflag.UnquoteUsage(f)
	complete := cobra.NoFileCompletions
	words := flagWords(path, f.Name)
	switch {
	case words != nil:
		complete = cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp)
	case f.Name == "policy":
		complete = cobra.FixedCompletions(policyKeys(), cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)
	case f.Name == "explain" && f.Value.Type() != "bool":
		complete = completeApps
	case value == "file" || f.Name == "matches" || f.Name == "plan":
		ends := fileEnds(f.Name)
		complete = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			if ends == nil {
				return nil, cobra.ShellCompDirectiveDefault
			}
			return ends, cobra.ShellCompDirectiveFilterFileExt
		}
	case value == "directory":
		complete = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		}
	}
	cmd.RegisterFlagCompletionFunc(f.Name, complete)
}

// namesOrFile completes a flag that takes a built-in name or a document.
func namesOrFile(names ...string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		found := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !strings.HasPrefix(name, typed) })
		if len(found) == 0 {
			return documents, cobra.ShellCompDirectiveFilterFileExt
		}
		// Shells take words or files; where both begin so, files join the words.
		entries, _ := os.ReadDir(".")
		for _, e := range entries {
			if end := strings.TrimPrefix(filepath.Ext(e.Name()), "."); !e.IsDir() && slices.Contains(documents, end) && strings.HasPrefix(e.Name(), typed) {
				found = append(found, e.Name())
			}
		}
		return found, cobra.ShellCompDirectiveNoFileComp
	}
}

func policyKeys() []string {
	var keys []string
	for _, r := range matcher.Rules() {
		keys = append(keys, r.Key+"=")
	}
	slices.Sort(keys)
	return keys
}

// completeApps offers the apps of the scenario or the workload on the command line. A
// file that cannot be read offers none.
func completeApps(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	value := func(flag string) string {
		if f := cmd.Flags().Lookup(flag); f != nil {
			return f.Value.String()
		}
		return ""
	}
	scenario := value("scenario")
	if scenario == "" && cmd.Name() == "run" && len(args) > 0 {
		scenario = args[0]
	}
	return appNames(scenario, value("workload")), cobra.ShellCompDirectiveNoFileComp
}

func appNames(scenario, name string) []string {
	if name == "" && scenario != "" {
		data, err := os.ReadFile(scenario)
		if err != nil {
			return nil
		}
		file, err := cachebench.ReadScenarioFile(scenario, data)
		if err != nil || file.Workload == "" {
			return nil
		}
		name = filepath.Join(filepath.Dir(scenario), filepath.FromSlash(file.Workload))
	}
	data, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	w, err := workload.Read(name, data)
	if err != nil {
		return nil
	}
	var names []string
	for i := range w.Apps {
		names = append(names, w.Apps[i].Name)
	}
	return names
}

// nameShells gives cobra's completion command examples, and errors as the others have.
func nameShells(cmd *cobra.Command) {
	cmd.Short = "A script that makes a shell complete commands, flags, files and names"
	cmd.Long = "Completion writes a script for a shell, by which it completes commands, flags, the files\nthat they take, and names such as those of profiles and formats. The script for bash needs the\npackage bash-completion."
	cmd.Example = `  source <(cachebench completion bash)
  cachebench completion fish > ~/.config/fish/completions/cachebench.fish`
	cmd.Args = none
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, c := range cmd.Commands() {
		c.Args = none
		c.Short = "The script for " + c.Name()
		if c.Name() == "bash" {
			c.Long = "Bash writes the script for bash. It needs the package bash-completion: without it a TAB ends in\n\"_get_comp_words_by_ref: command not found\". Install bash-completion and start a new shell."
		}
		c.Example = map[string]string{
			"bash":       "  source <(cachebench completion bash)\n  cachebench completion bash > /etc/bash_completion.d/cachebench",
			"zsh":        "  source <(cachebench completion zsh)\n  cachebench completion zsh > \"${fpath[1]}/_cachebench\"",
			"fish":       "  cachebench completion fish | source\n  cachebench completion fish > ~/.config/fish/completions/cachebench.fish",
			"powershell": "  cachebench completion powershell | Out-String | Invoke-Expression",
		}[c.Name()]
	}
}

// addHelp replaces cobra's help command, which takes an unknown command for none.
func addHelp(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	help, _, err := root.Find([]string{"help"})
	if err != nil || help == root {
		return
	}
	help.Use = "help [COMMAND]"
	help.Long = "Help prints a command's help, as its --help does."
	help.Example = "  cachebench help run\n  cachebench help plan export"
	help.Run = nil
	help.RunE = func(_ *cobra.Command, args []string) error {
		cmd := root
		for _, word := range args {
			below := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == word })
			if below < 0 {
				return noCommand(cmd, word)
			}
			cmd = cmd.Commands()[below]
		}
		cmd.InitDefaultHelpFlag()
		return cmd.Help()
	}
}
