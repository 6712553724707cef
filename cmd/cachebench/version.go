package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/cachebench/cachebench"
)

// These are set by who builds without the module's version or without git, as from an archive
// of the sources; and by releases, since go build finds no revision in a worktree of git:
//
//	go build -ldflags '-X main.linkedVersion=0.1.0 -X main.linkedRevision=0123abc' ./cmd/cachebench
//
// linkedModified is true where the sources were not those of linkedRevision.
var linkedVersion, linkedRevision, linkedModified string

func newVersion(io *streams) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "The version of this program, and what it was built from",
		Long: `Version says the version of the sources; the revision that they are of, and whether
they were modified, where the build was in a git repository or says it; the
version of the module, where go install fetched it; Go's version and the platform.`,
		Example: "  cachebench version",
		Args:    none,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprintln(io.out, "cachebench "+builtFrom())
			return err
		},
	}
}

// builtFrom is what the build says of itself.
func builtFrom() string {
	info, _ := debug.ReadBuildInfo()
	return versionText(info, linkedVersion, linkedRevision, linkedModified)
}

// versionText words what is known of a build: by the linker's flags, else by the build
// itself; info may be nil.
func versionText(info *debug.BuildInfo, version, revision, linkedModified string) string {
	module, modified := "", linkedModified == "true"
	if info != nil {
		module = info.Main.Version
		for _, s := range info.Settings {
			switch {
			case s.Key == "vcs.revision" && revision == "":
				revision = s.Value
			case s.Key == "vcs.modified" && s.Value == "true":
				modified = true
			}
		}
	}
	if version = strings.TrimPrefix(version, "v"); version == "" {
		version = cachebench.Version
	}
	var details []string
	if revision != "" {
		text := "revision " + revision[:min(len(revision), 12)]
		if modified {
			text += ", modified"
		}
		details = append(details, text)
	}
	// What go install module@version fetched; (devel) is a build from a directory.
	if module != "" && module != "(devel)" && module != "v"+version {
		details = append(details, "module "+module)
	}
	details = append(details, runtime.Version(), runtime.GOOS+"/"+runtime.GOARCH)
	return version + " (" + strings.Join(details, ", ") + ")"
}
