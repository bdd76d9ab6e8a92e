package rttest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

func TestReasons(t *testing.T) {
	const declared = `package p
const actionA = "a"
const reasonB = "b"
func reasonOf(s string) string { return "of " + s }
func use(req *http.Request) { trace.About(req, "p", actionA, reasonB+reasonOf("x")) }
func tell(status int, action, reason string) { e.Action, e.Reason = action, reason }
`
	for _, tt := range []struct {
		why, source, want string
	}{
		{"all is well: constants, and a function for a text with a value", ``, ""},
		{"no reason is a reason", `func f() { tell(1, actionA, "") }`, ""},
		{"a text of other people's goes through", `func f(err error) { tell(1, actionA, err.Error()+strings.Join(list, ", ")) }`, ""},
		{"so does the text of the package's own error", `func (e *E) Error() string { return "x" }
			func f(err error) { tell(1, actionA, err.Error()) }`, ""},
		{"a literal in an event", `func f() { trace.About(req, "p", "x", reasonB) }`, `"x" is not a constant`},
		{"a literal in a field of an event", `func f() { e.Reason = "x" }`, `"x" is not a constant`},
		{"a literal in an Event", `var e = trace.Event{Layer: "p", Action: "x"}`, `"x" is not a constant`},
		{"through a function that tells", `func f() { tell(1, actionA, "x") }`, `"x" is not a constant`},
		{"through a variable", `func f() { n, why := 1, "x" }`, `"x" is not a constant`},
		{"through a declared variable", `var why = "x"`, `"x" is not a constant`},
		{"through a field", `func f() { p := plan{why: "x"} }`, `"x" is not a constant`},
		{"through a named result", `func f() (n int, why string) { return 1, "x" }`, `"x" is not a constant`},
		{"through a result without a name", `func g() (int, string) { return 1, "x" }
			func f() { n, why := g() }`, `"x" is not a constant`},
		{"through two results", `func h() (int, string) { return 1, "x" }
			func g() (int, string) { return h() }
			func f() { _, why = g() }`, `"x" is not a constant`},
		{"part of a text", `func f() { tell(1, actionA, "status "+strconv.Itoa(1)) }`, `"status " is not a constant`},
		{"a format", `func f() { tell(1, actionA, fmt.Sprintf("of %s", "y")) }`, `"of %s" is not a constant`},
		{"nobody tells it", `const reasonNever = "never"`, "reasonNever is in no event"},
		{"it is compared, but not told", `const reasonNever = "never"
			func f() { if s == reasonNever { return } }`, "reasonNever is in no event"},
		{"nobody calls it", `func reasonFor(s string) string { return "for " + s }`, "reasonFor is in no event"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if got := strings.Join(problemsOf(t, declared+tt.source), "\n"); !strings.HasSuffix(got, tt.want) || got == "" != (tt.want == "") {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
	if got := problemsOf(t, "package p"); len(got) != 1 {
		t.Errorf("a package without constants: %q", got)
	}
	if got := problemsOf(t, declared, "package p\nconst reasonC = \"c\"\nfunc f() { tell(1, actionA, reasonC) }"); len(got) != 1 {
		t.Errorf("constants in two files: %q", got)
	}
}

func problemsOf(t *testing.T, sources ...string) []string {
	t.Helper()
	set := token.NewFileSet()
	var files []*ast.File
	for i, source := range sources {
		f, err := parser.ParseFile(set, string(rune('a'+i))+".go", source, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return wordProblems(set, files)
}
