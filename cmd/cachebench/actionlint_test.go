package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/rhysd/actionlint"
)

// exactVersion is that of an action, of which the linter knows the inputs by its first
// number alone.
var exactVersion = regexp.MustCompile(`(uses: \S+@v\d+)\.\d+\.\d+\b`)

// TestWorkflowFiles: actionlint finds nothing in the workflows, as they are and with
// their actions' versions as it knows them; and all actions are pinned by version.
func TestWorkflowFiles(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../../examples/github-actions/*.yml", "../../.github/workflows/*.yml"} {
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Fatalf("%s: no files: %v", pattern, err)
		}
		files = append(files, found...)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		known := exactVersion.ReplaceAll(content, []byte("$1"))
		if used, exact := bytes.Count(content, []byte("uses: ")), len(exactVersion.FindAll(content, -1)); used != exact {
			t.Errorf("%s: %d of %d actions have no exact version", file, used-exact, used)
		}
		for _, content := range [][]byte{content, known} {
			var out bytes.Buffer
			linter, err := actionlint.NewLinter(&out, &actionlint.LinterOptions{Shellcheck: shellcheck()})
			if err != nil {
				t.Fatal(err)
			}
			if faults, err := linter.Lint(file, content, nil); err != nil || len(faults) > 0 {
				t.Errorf("%v\n%s", err, out.String())
			}
		}
	}
}

// TestWorkflowScripts: shellcheck finds nothing in the scripts, where there is one.
func TestWorkflowScripts(t *testing.T) {
	if shellcheck() == "" {
		t.Skip("no shellcheck on PATH")
	}
	scripts, err := filepath.Glob("../../examples/github-actions/*.sh")
	if err != nil || len(scripts) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	if more, _ := filepath.Glob("../../.github/*.sh"); more != nil {
		scripts = append(scripts, more...)
	}
	if out, err := exec.Command(shellcheck(), scripts...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// shellcheck is empty where there is none.
func shellcheck() string {
	path, err := exec.LookPath("shellcheck")
	if err != nil {
		return ""
	}
	return path
}
