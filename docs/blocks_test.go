package docs

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the code into the documents")

// goBlock is a Go block with the line before it.
var goBlock = regexp.MustCompile("(?m)^(.*)\n```go\n((?s:.*?))^```$")

var marker = regexp.MustCompile(`^<!-- code: (\S+)((?: \w+)*) -->$`)

func TestGoBlocks(t *testing.T) {
	for _, page := range pages(t) {
		text := readFile(t, page)
		written := goBlock.ReplaceAllStringFunc(text, func(block string) string {
			parts := goBlock.FindStringSubmatch(block)
			where := marker.FindStringSubmatch(parts[1])
			if where == nil {
				t.Errorf("%s: no line says where this block is compiled:\n%s", page, parts[2])
				return block
			}
			code, err := codeOf(where[1], strings.Fields(where[2]))
			if err != nil {
				t.Errorf("%s: %v", page, err)
				return block
			}
			if code != parts[2] && !*update {
				t.Errorf("%s: the block is not the code of %s%s, which is\n%s", page, where[1], where[2], code)
			}
			return parts[1] + "\n```go\n" + code + "```"
		})
		if *update && written != text {
			if err := os.WriteFile(filepath.Join("..", page), []byte(written), 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// pages are the documents of the repository, by their path from its root.
func pages(t *testing.T) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules" || d.Name() == ".git"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"):
			name, err := filepath.Rel("..", path)
			names = append(names, filepath.ToSlash(name))
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// codeOf returns the code of a file of the repository, or of declarations in it.
func codeOf(name string, decls []string) (string, error) {
	src, err := os.ReadFile(filepath.Join("..", filepath.FromSlash(name)))
	if err != nil {
		return "", err
	}
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, src, parser.ParseComments)
	if err != nil {
		return "", err
	}
	if len(decls) == 0 {
		// What godoc says of a program is said around the block.
		return string(src[set.Position(file.Package).Offset:]), nil
	}
	var blocks []string
	for _, want := range decls {
		found := len(blocks)
		for _, d := range file.Decls {
			if !declares(d, want) {
				continue
			}
			from, to := set.Position(start(d)).Offset, set.Position(d.End()).Offset
			code := string(src[from:to]) + "\n"
			if f, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(want, "Example") {
				code = dedent(src[set.Position(f.Body.Lbrace).Offset+1 : set.Position(f.Body.Rbrace).Offset])
			}
			blocks = append(blocks, code)
		}
		if len(blocks) == found {
			return "", fmt.Errorf("%s declares no %s", name, want)
		}
	}
	return strings.Join(blocks, "\n"), nil
}

// declares reports whether d is the function or type of this name, or a method of
// that type.
func declares(d ast.Decl, name string) bool {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			return d.Name.Name == name
		}
		receiver := d.Recv.List[0].Type
		if p, ok := receiver.(*ast.StarExpr); ok {
			receiver = p.X
		}
		id, ok := receiver.(*ast.Ident)
		return ok && id.Name == name
	case *ast.GenDecl:
		return slices.ContainsFunc(d.Specs, func(s ast.Spec) bool {
			spec, ok := s.(*ast.TypeSpec)
			return ok && spec.Name.Name == name
		})
	}
	return false
}

// start is where a declaration begins, with its comment.
func start(d ast.Decl) token.Pos {
	var doc *ast.CommentGroup
	switch d := d.(type) {
	case *ast.FuncDecl:
		doc = d.Doc
	case *ast.GenDecl:
		doc = d.Doc
	}
	if doc != nil {
		return doc.Pos()
	}
	return d.Pos()
}

// dedent takes one tab from each line of a function's body.
func dedent(body []byte) string {
	var b strings.Builder
	for line := range bytes.Lines(bytes.Trim(body, "\n")) {
		b.Write(bytes.TrimPrefix(line, []byte("\t")))
	}
	text := strings.TrimRight(b.String(), "\n\t ")
	return strings.TrimSuffix(text, "\n// Output:") + "\n" // an Example without output runs all the same
}
