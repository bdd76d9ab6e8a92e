package rttest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A WordGroup is a group of the actions or reasons that a package has in its reasons.go.
type WordGroup struct {
	Title string // the comment of the group, empty for words that are declared alone
	Words []Word
}

// A Word is an action or a reason. What differs from event to event is "…" in its text.
type Word struct {
	Text   string
	Note   string // the comment beside it
	Action bool
}

// Matches reports whether text is the word.
func (w Word) Matches(text string) bool {
	quoted := strings.ReplaceAll(regexp.QuoteMeta(w.Text), "…", ".*")
	return regexp.MustCompile("^(?s:" + quoted + ")$").MatchString(text)
}

// Vocabulary returns the actions and reasons that are declared in a file, as [Reasons] has
// it.
func Vocabulary(file string) ([]WordGroup, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		return nil, err
	}
	var groups []WordGroup
	for _, d := range f.Decls {
		var g WordGroup
		switch d := d.(type) {
		case *ast.FuncDecl:
			if text := returned(d); isConstant(d.Name.Name) && text != "" {
				g.Words = []Word{{text, ownDoc(d.Doc), isAction(d.Name.Name)}}
			}
		case *ast.GenDecl:
			if d.Lparen.IsValid() {
				g.Title = oneLine(d.Doc)
			}
			for _, s := range d.Specs {
				if spec, ok := s.(*ast.ValueSpec); ok && len(spec.Values) == 1 && isConstant(spec.Names[0].Name) {
					note := oneLine(spec.Comment)
					if note == "" && !d.Lparen.IsValid() {
						note = ownDoc(d.Doc)
					}
					g.Words = append(g.Words, Word{text(spec.Values[0]), note, isAction(spec.Names[0].Name)})
				}
			}
		}
		if n := len(groups); len(g.Words) > 0 && g.Title == "" && n > 0 && groups[n-1].Title == "" {
			groups[n-1].Words = append(groups[n-1].Words, g.Words...)
		} else if len(g.Words) > 0 {
			groups = append(groups, g)
		}
	}
	return groups, nil
}

// Literals returns the string literals that are handed to functions of a name as first
// argument, or assigned to variables of another name, in the source files of a directory.
func Literals(dir, function, variable string) ([]string, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	var found []string
	add := func(e ast.Expr) {
		if lit, ok := e.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			found = append(found, text(lit))
		}
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			return nil, err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CallExpr:
				if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == function && len(n.Args) > 0 {
					add(n.Args[0])
				}
			case *ast.AssignStmt:
				for i, left := range n.Lhs {
					if id, ok := left.(*ast.Ident); ok && id.Name == variable && i < len(n.Rhs) {
						add(n.Rhs[i])
					}
				}
			}
			return true
		})
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

func isAction(name string) bool { return strings.HasPrefix(strings.ToLower(name), "action") }

func oneLine(c *ast.CommentGroup) string {
	if c == nil {
		return ""
	}
	return strings.Join(strings.Fields(c.Text()), " ")
}

var ownName = regexp.MustCompile(`^\w+(:| is the reason| says that) `)

// ownDoc returns the comment of a word that is declared alone, without its name.
func ownDoc(c *ast.CommentGroup) string { return ownName.ReplaceAllString(oneLine(c), "") }

// returned returns what a function returns, if it is one expression.
func returned(f *ast.FuncDecl) string {
	if len(f.Body.List) == 0 {
		return ""
	}
	r, ok := f.Body.List[len(f.Body.List)-1].(*ast.ReturnStmt)
	if !ok || len(r.Results) != 1 {
		return ""
	}
	return text(r.Results[0])
}

var verb = regexp.MustCompile(`%[a-z]`)

// text returns the text of a string expression, with "…" for what is not constant.
func text(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.BinaryExpr:
		return strings.ReplaceAll(text(e.X)+text(e.Y), "……", "…")
	case *ast.CallExpr:
		if sel, ok := e.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return verb.ReplaceAllString(text(e.Args[0]), "…")
		}
	}
	return "…"
}
