package importrule

import (
	"cmp"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
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

// TestLeftOutOfRace: where a test leaves something out under the race detector, make exhaust
// runs its package without.
func TestLeftOutOfRace(t *testing.T) {
	makefile, err := os.ReadFile("../../Makefile")
	if err != nil {
		t.Fatal(err)
	}
	var exhaust []string
	for _, m := range regexp.MustCompile(`(?m)^(?:SEQUENTIAL|COMPUTING) = ((?:.*\\\n)*.*)$`).FindAllSubmatch(makefile, -1) {
		for _, name := range strings.Fields(strings.ReplaceAll(string(m[1]), "\\\n", " ")) {
			exhaust = append(exhaust, filepath.Clean(name))
		}
	}
	exhaust = append(exhaust, "cmd/cachebench") // whole, beside them
	leaving := 0
	err = filepath.WalkDir("../..", func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (entry.Name() == "build" || entry.Name() == ".git") {
			return cmp.Or(err, filepath.SkipDir)
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, imported := range file.Imports {
			if imported.Path.Value != strconv.Quote(Module+"/internal/race") {
				continue
			}
			leaving++
			if dir, _ := filepath.Rel("../..", filepath.Dir(path)); !slices.Contains(exhaust, dir) {
				t.Errorf("%s leaves something out under the race detector, and make exhaust does not run %s", path, dir)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if leaving < 10 {
		t.Errorf("%d files leave something out: more are known", leaving)
	}
}
