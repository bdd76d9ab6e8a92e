package rttest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"slices"
	"strings"
	"testing"
)

// Reasons tests that the actions and reasons of the events of a package are
// constants, and that each of the constants is the action or the reason of an event.
// It reads the source of the package in the current directory.
//
// Such a constant has a name that begins with action or reason. A text with a value
// in it is made by a function with such a name. All of them stand in one file.
//
// What goes into an event is what is called action, reason or why, whether a
// parameter, a variable, a field or a result, and what a function returns whose result
// is given to one of them. A string literal there is an error. The empty string is
// none: it means that there is no reason.
func Reasons(t *testing.T) {
	t.Helper()
	files, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var parsed []*ast.File
	for _, file := range files {
		if name := file.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") {
			f, err := parser.ParseFile(set, name, nil, parser.SkipObjectResolution)
			if err != nil {
				t.Fatal(err)
			}
			parsed = append(parsed, f)
		}
	}
	for _, problem := range wordProblems(set, parsed) {
		t.Error(problem)
	}
}

// isWord reports whether something of this name goes into an event.
func isWord(name string) bool {
	switch strings.ToLower(name) {
	case "action", "reason", "why":
		return true
	}
	return false
}

// isConstant reports whether a constant or a function of this name is an action or a
// reason.
func isConstant(name string) bool {
	for _, prefix := range []string{"action", "reason", "Action", "Reason"} {
		if rest, ok := strings.CutPrefix(name, prefix); ok && rest != "" {
			return true
		}
	}
	return false
}

// words is what Reasons finds in a package.
type words struct {
	set      *token.FileSet
	declared map[string]token.Pos
	used     map[string]bool
	funcs    map[string][]*ast.FuncDecl // by name; methods of several types may share one
	returns  map[*ast.FuncDecl]map[int]bool
	problems []string
}

// wordProblems returns what is wrong with the actions and reasons of a package.
func wordProblems(set *token.FileSet, files []*ast.File) []string {
	w := &words{
		set: set, declared: make(map[string]token.Pos), used: make(map[string]bool),
		funcs: make(map[string][]*ast.FuncDecl), returns: make(map[*ast.FuncDecl]map[int]bool),
	}
	for _, f := range files {
		for _, d := range f.Decls {
			w.declare(d)
		}
	}
	for _, f := range files {
		ast.Inspect(f, w.visit)
	}
	places := make(map[string]bool)
	for name, pos := range w.declared {
		places[set.Position(pos).Filename] = true
		if !w.used[name] {
			w.problem(pos, name+" is in no event")
		}
	}
	switch {
	case len(places) == 0:
		w.problems = append(w.problems, "no constant of the package is an action or a reason")
	case len(places) > 1:
		w.problems = append(w.problems, fmt.Sprintf("actions and reasons are declared in %d files", len(places)))
	}
	slices.Sort(w.problems)
	return slices.Compact(w.problems)
}

func (w *words) problem(pos token.Pos, text string) {
	w.problems = append(w.problems, fmt.Sprintf("%s: %s", w.set.Position(pos), text))
}

// declare notes what is declared at the top of a file.
func (w *words) declare(d ast.Decl) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		w.funcs[d.Name.Name] = append(w.funcs[d.Name.Name], d)
		if d.Recv == nil && isConstant(d.Name.Name) {
			w.declared[d.Name.Name] = d.Pos()
		}
	case *ast.GenDecl:
		for _, s := range d.Specs {
			if spec, ok := s.(*ast.ValueSpec); ok && d.Tok == token.CONST {
				for _, name := range spec.Names {
					if isConstant(name.Name) {
						w.declared[name.Name] = name.Pos()
					}
				}
			}
		}
	}
}

// visit looks at the places where a value goes into an event.
func (w *words) visit(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.FuncDecl:
		if _, constant := w.declared[n.Name.Name]; constant && n.Recv == nil {
			return false
		}
		for i, name := range names(n.Type.Results) {
			if isWord(name) {
				w.result(n, i)
			}
		}
	case *ast.CallExpr:
		w.arguments(n)
	case *ast.KeyValueExpr:
		if key, ok := n.Key.(*ast.Ident); ok && isWord(key.Name) {
			w.value(n.Value, 0)
		}
	case *ast.AssignStmt:
		w.assigned(n.Lhs, n.Rhs)
	case *ast.ValueSpec:
		left := make([]ast.Expr, len(n.Names))
		for i, name := range n.Names {
			left[i] = name
		}
		w.assigned(left, n.Values)
	}
	return true
}

// arguments looks at the arguments of a call.
func (w *words) arguments(call *ast.CallExpr) {
	name := nameOf(call.Fun)
	if name == "About" && len(call.Args) == 4 { // trace.About(req, layer, action, reason)
		w.value(call.Args[2], 0)
		w.value(call.Args[3], 0)
		return
	}
	for _, f := range w.funcs[name] {
		for i, parameter := range names(f.Type.Params) {
			if isWord(parameter) && i < len(call.Args) {
				w.value(call.Args[i], 0)
			}
		}
	}
}

// assigned looks at an assignment or a declaration of variables.
func (w *words) assigned(left, right []ast.Expr) {
	for i, l := range left {
		switch {
		case !isWord(nameOf(l)):
		case len(left) == len(right):
			w.value(right[i], 0)
		case len(right) == 1: // several results of one call
			w.value(right[0], i)
		}
	}
}

// value looks at an expression whose value goes into an event. If it is a call, result
// is the index of the result that does.
func (w *words) value(e ast.Expr, result int) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING && len(e.Value) > len(`""`) {
			w.problem(e.Pos(), e.Value+" is not a constant")
		}
	case *ast.ParenExpr:
		w.value(e.X, result)
	case *ast.BinaryExpr:
		w.value(e.X, 0)
		w.value(e.Y, 0)
	case *ast.Ident, *ast.SelectorExpr:
		w.used[nameOf(e)] = true
	case *ast.CallExpr:
		name := nameOf(e.Fun)
		w.used[name] = true
		if name == "Sprintf" && len(e.Args) > 0 {
			w.value(e.Args[0], 0)
		}
		if _, constant := w.declared[name]; constant || name == "Error" { // the text of an error
			return
		}
		for _, f := range w.funcs[name] {
			w.result(f, result)
		}
	}
}

// result looks at what f returns as the result of an index.
func (w *words) result(f *ast.FuncDecl, index int) {
	if w.returns[f][index] || f.Body == nil {
		return
	}
	if w.returns[f] == nil {
		w.returns[f] = make(map[int]bool)
	}
	w.returns[f][index] = true
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncLit:
			return false
		case *ast.ReturnStmt:
			switch {
			case index < len(n.Results) && len(n.Results) == len(names(f.Type.Results)):
				w.value(n.Results[index], 0)
			case len(n.Results) == 1:
				w.value(n.Results[0], index)
			}
		}
		return true
	})
}

// names returns the names of parameters or results in order, empty for those without.
func names(list *ast.FieldList) (all []string) {
	if list == nil {
		return nil
	}
	for _, field := range list.List {
		if len(field.Names) == 0 {
			all = append(all, "")
		}
		for _, name := range field.Names {
			all = append(all, name.Name)
		}
	}
	return all
}

// nameOf returns the last name of an identifier or a selector.
func nameOf(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}
