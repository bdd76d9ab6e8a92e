package rttest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
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

// A Page is docs/events.md: what may be in an event.
type Page struct {
	text string
	seen sync.Map // what Problem has returned, by what it was given
}

// ReadPage reads docs/events.md, for tests in a directory below dir, such as "..".
func ReadPage(tb testing.TB, dir string) *Page {
	tb.Helper()
	page, err := os.ReadFile(filepath.Join(dir, "docs", "events.md"))
	if err != nil {
		tb.Fatal(err)
	}
	return &Page{text: string(page)}
}

// Problem returns what of an event the page does not have, or "". A reason may have another
// one behind a comma. An action says if its reasons are not words of the page.
func (p *Page) Problem(layer, action, reason, level string, attributes ...string) string {
	key := strings.Join(append([]string{layer, action, reason, level}, attributes...), "\n")
	if seen, ok := p.seen.Load(key); ok {
		return seen.(string)
	}
	problem := p.problem(layer, action, reason, level, attributes)
	p.seen.Store(key, problem)
	return problem
}

func (p *Page) problem(layer, action, reason, level string, attributes []string) string {
	_, section, _ := strings.Cut(p.text, "\n## "+layer+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	note, known := noteOf(section, action)
	first, _, _ := strings.Cut(reason, ", ")
	_, whole := noteOf(section, reason)
	_, begin := noteOf(section, first)
	may := strings.Contains(note, "may have level WARN")
	want := "DEBUG"
	if !may && strings.Contains(note, "level WARN") {
		want = "WARN"
	}
	_, list, _ := strings.Cut(note, "attributes ")
	listed := strings.Split(list, ", ")
	switch {
	case !known:
		return "no such action"
	case reason != "" && !whole && !begin && !strings.Contains(note, "; the reason "):
		return "no such reason"
	case level != want && (level != "WARN" || !may):
		return "another level"
	}
	for _, a := range attributes {
		i := slices.Index(listed, a)
		if i < 0 {
			return "no such attribute, or not in this order: " + a
		}
		listed = listed[i+1:]
	}
	return ""
}

// noteOf returns what a section says of a word.
func noteOf(section, text string) (note string, ok bool) {
	for line := range strings.Lines(section) {
		line, ok := strings.CutPrefix(strings.TrimSpace(line), "- `")
		word, note, _ := strings.Cut(line, "`")
		if ok && (Word{Text: word}).Matches(text) {
			return note, true
		}
	}
	return "", false
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
		return verb.ReplaceAllString(s, "…")
	case *ast.BinaryExpr:
		return strings.ReplaceAll(text(e.X)+text(e.Y), "……", "…")
	case *ast.CallExpr:
		if sel, ok := e.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sprintf" && len(e.Args) > 0 {
			return text(e.Args[0])
		}
	}
	return "…"
}
