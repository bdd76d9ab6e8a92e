package rttest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strings"
	"testing"
)

// Prints tests that no verb of package fmt shows secret in any of the values, and
// that the package in the current directory exports no type that is not a key of
// values: a new type is looked at by somebody before it can show a password. An
// interface has no values.
func Prints(t *testing.T, secret string, values map[string][]any) {
	t.Helper()
	for _, name := range exportedTypes(t) {
		if _, listed := values[name]; !listed {
			t.Errorf("%s: nobody has looked at how it prints", name)
		}
	}
	shown := []string{secret, fmt.Sprintf("%x", secret)}
	for _, verb := range []string{"%d", "%#v"} { // as slices of bytes are printed
		list := fmt.Sprintf(verb, []byte(secret))
		shown = append(shown, strings.Trim(strings.TrimPrefix(list, "[]byte"), "[]{}"))
	}
	for name, list := range values {
		for _, v := range list {
			for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
				text := fmt.Sprintf(verb, v)
				for _, s := range shown {
					if strings.Contains(text, s) {
						t.Errorf("%s of %s: %s", verb, name, text)
						break
					}
				}
			}
		}
	}
}

// exportedTypes returns the names of the exported types of the package in the
// current directory.
func exportedTypes(t *testing.T) (names []string) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if name := file.Name(); !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range parsed.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.TYPE {
				for _, s := range g.Specs {
					if spec, ok := s.(*ast.TypeSpec); ok && spec.Name.IsExported() {
						names = append(names, spec.Name.Name)
					}
				}
			}
		}
	}
	return names
}
