package main

import (
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/cachebench/cachebench"
)

// TestVersionText: each way to build says what it was built from, and nothing that it
// does not know.
func TestVersionText(t *testing.T) {
	git := func(module, modified string) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: module}, Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"}, {Key: "vcs.modified", Value: modified},
		}}
	}
	end := runtime.Version() + ", " + runtime.GOOS + "/" + runtime.GOARCH + ")"
	for _, test := range []struct {
		name              string
		info              *debug.BuildInfo
		version, revision string
		want              string
	}{
		{"nothing known", nil, "", "", cachebench.Version + " (" + end},
		{"go build in a directory", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "", "", cachebench.Version + " (" + end},
		{"go build in git", git("v0.1.1-0.20261123000000-0123456789ab", "false"), "", "", cachebench.Version + " (revision 0123456789ab, module v0.1.1-0.20261123000000-0123456789ab, " + end},
		{"go build in git, with changes", git("(devel)", "true"), "", "", cachebench.Version + " (revision 0123456789ab, modified, " + end},
		{"go install of the release", &debug.BuildInfo{Main: debug.Module{Version: "v" + cachebench.Version}}, "", "", cachebench.Version + " (" + end},
		{"go install of a later one", &debug.BuildInfo{Main: debug.Module{Version: "v9.9.9"}}, "", "", cachebench.Version + " (module v9.9.9, " + end},
		{"linker's flags", nil, "v1.2.3", "fedcba9876543210", "1.2.3 (revision fedcba987654, " + end},
		{"linker's flags before git", git("(devel)", "false"), "1.2.3", "fed", "1.2.3 (revision fed, " + end},
	} {
		if got := versionText(test.info, test.version, test.revision); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}
