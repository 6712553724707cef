package document

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
)

// Comments reads the Go source of packages, each in its directory, and returns a
// function for Schema that answers with the doc comments of their types and
// fields, so that the schema says what the code says.
func Comments(dirs ...string) (func(t reflect.Type, field string) string, error) {
	words := comments{}
	for _, dir := range dirs {
		if err := words.read(dir); err != nil {
			return nil, fmt.Errorf("read the comments of %s: %w", dir, err)
		}
	}
	return words.of, nil
}

// comments holds what is said of "package.Type" and of "package.Type.Field".
type comments map[string]string

func (c comments) of(t reflect.Type, field string) string {
	// A generic type carries its arguments in its name.
	name, _, _ := strings.Cut(t.Name(), "[")
	name = packageOf(t) + "." + name
	if field != "" {
		name += "." + field
	}
	return c[name]
}

func (c comments) read(dir string) error {
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return err
	}
	if len(paths) == 0 {
		return fmt.Errorf("no Go files: %w", os.ErrNotExist)
	}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		c.file(file)
	}
	return nil
}

func (c comments) file(file *ast.File) {
	for _, decl := range file.Decls {
		types, ok := decl.(*ast.GenDecl)
		if !ok || types.Tok != token.TYPE {
			continue
		}
		for _, spec := range types.Specs {
			spec := spec.(*ast.TypeSpec)
			name := file.Name.Name + "." + spec.Name.Name
			c[name] = sentence(spec.Doc, types.Doc)
			if body, ok := spec.Type.(*ast.StructType); ok {
				c.fields(name, body)
			}
		}
	}
}

func (c comments) fields(name string, body *ast.StructType) {
	for _, f := range body.Fields.List {
		for _, each := range f.Names {
			c[name+"."+each.Name] = sentence(f.Doc, f.Comment)
		}
	}
}

// citations are the places in the project's own collection of facts that comments name:
// who reads a schema has it not.
var citations = regexp.MustCompile(` \(eci §[^()]*\)|, eci §[^(),]*`)

// sentence returns the first comment that there is, on one line, without citations.
func sentence(groups ...*ast.CommentGroup) string {
	for _, group := range groups {
		if text := group.Text(); text != "" {
			return citations.ReplaceAllString(strings.Join(strings.Fields(text), " "), "")
		}
	}
	return ""
}
