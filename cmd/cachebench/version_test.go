package main

import (
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"

	"golang.org/x/mod/zip"

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
		name                        string
		info                        *debug.BuildInfo
		version, revision, modified string
		want                        string
	}{
		{"nothing known", nil, "", "", "", cachebench.Version + " (" + end},
		{"go build in a directory", &debug.BuildInfo{Main: debug.Module{Version: "(devel)"}}, "", "", "", cachebench.Version + " (" + end},
		{"go build in git", git("v0.1.1-0.20261123000000-0123456789ab", "false"), "", "", "", cachebench.Version + " (revision 0123456789ab, module v0.1.1-0.20261123000000-0123456789ab, " + end},
		{"go build in git, with changes", git("(devel)", "true"), "", "", "", cachebench.Version + " (revision 0123456789ab, modified, " + end},
		{"go install of the release", &debug.BuildInfo{Main: debug.Module{Version: "v" + cachebench.Version}}, "", "", "", cachebench.Version + " (" + end},
		{"go install of a later one", &debug.BuildInfo{Main: debug.Module{Version: "v9.9.9"}}, "", "", "", cachebench.Version + " (module v9.9.9, " + end},
		{"linker's flags", nil, "v1.2.3", "fedcba9876543210", "", "1.2.3 (revision fedcba987654, " + end},
		{"linker's flags before git", git("(devel)", "false"), "1.2.3", "fed", "", "1.2.3 (revision fed, " + end},
		{"linker's flags, with changes", nil, "", "fedcba9876543210", "true", cachebench.Version + " (revision fedcba987654, modified, " + end},
		{"linker's flags, without changes", nil, "", "fedcba9876543210", "false", cachebench.Version + " (revision fedcba987654, " + end},
		{"linker's flags, git sees changes", git("(devel)", "true"), "", "fedcba9876543210", "false", cachebench.Version + " (revision fedcba987654, modified, " + end},
	} {
		if got := versionText(test.info, test.version, test.revision, test.modified); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

// moduleFile is a file of the tree, as a module proxy reads it.
type moduleFile string

func (f moduleFile) Path() string                 { return string(f) }
func (f moduleFile) Lstat() (os.FileInfo, error)  { return os.Lstat(f.onDisk()) }
func (f moduleFile) Open() (io.ReadCloser, error) { return os.Open(f.onDisk()) }
func (f moduleFile) onDisk() string {
	return filepath.Join("..", "..", filepath.FromSlash(string(f)))
}

// TestModuleZip: what git holds makes a module that go install can fetch: names that every
// system takes, none twice in another case, within the sizes of a module. Only the example,
// which is a module of its own, is left out.
func TestModuleZip(t *testing.T) {
	list := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	list.Dir = filepath.Join("..", "..")
	out, err := list.Output()
	if err != nil {
		t.Skipf("the tree is no repository of git here: git ls-files: %v", err)
	}
	var files []zip.File
	for name := range strings.SplitSeq(strings.TrimSuffix(string(out), "\x00"), "\x00") {
		// A file that is deleted and not yet committed.
		if _, err := moduleFile(name).Lstat(); err == nil {
			files = append(files, moduleFile(name))
		}
	}
	checked, err := zip.CheckFiles(files)
	if err != nil {
		t.Error(err)
	}
	for _, left := range checked.Omitted {
		if !strings.HasPrefix(left.Path, "examples/gobench/") {
			t.Errorf("%s would not be in the module: %v", left.Path, left.Err)
		}
	}
	if len(checked.Valid) < 1000 {
		t.Errorf("%d files are in the module: %v", len(checked.Valid), checked.Valid)
	}
}
