package importrule

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSequential: the race detector's run leaves out packages that start no goroutine and
// hold nothing that goroutines share; those are the ones that the Makefile names.
func TestSequential(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^SEQUENTIAL = ((?:.*\\\n)*.*)$`).FindSubmatch(makefile)
	if m == nil {
		t.Fatal("the Makefile has no SEQUENTIAL")
	}
	names := strings.Fields(strings.ReplaceAll(string(m[1]), "\\\n", " "))
	if len(names) < 10 {
		t.Fatalf("SEQUENTIAL names %d packages: %q", len(names), names)
	}
	for _, name := range names {
		for _, why := range concurrent(t, "../../"+name) {
			t.Errorf("%s runs concurrently: take it out of the Makefile's SEQUENTIAL", why)
		}
	}
	if len(concurrent(t, "../../simulate")) == 0 {
		t.Error("no goroutine was found in simulate, which has some")
	}
}

// concurrent tells where the package in dir, its tests aside, starts goroutines or shares.
func concurrent(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	var found []string
	set := token.NewFileSet()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(set, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, imported := range file.Imports {
			if path, _ := strconv.Unquote(imported.Path.Value); path == "sync" || path == "sync/atomic" || path == "golang.org/x/sync/errgroup" {
				found = append(found, set.Position(imported.Pos()).String())
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if start, is := n.(*ast.GoStmt); is {
				found = append(found, set.Position(start.Pos()).String())
			}
			return true
		})
	}
	return found
}
