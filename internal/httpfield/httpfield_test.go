package httpfield

import (
	"iter"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http/httpguts"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"": false, "a": true, "max-age": true, "!#$%&'*+-.^_`|~09azAZ": true, "a b": false, "a=b": false, "é": false, "a\x00": false, `"a"`: false,
	} {
		if got := IsToken(s); got != want {
			t.Errorf("IsToken(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestIsHeader(t *testing.T) {
	for _, row := range []struct {
		why  string
		h    http.Header
		want bool
	}{
		{"no fields", nil, true},
		{"a field without values", http.Header{"A": nil}, true},
		{"RFC 9110 §5.5: visible characters, SP and HTAB", http.Header{"A": {"", "b \tc"}}, true},
		{"obs-text", http.Header{"A": {"caf\xc3\xa9\xff"}}, true},
		{"a name is a token", http.Header{"A b": {"c"}}, false},
		{"a name is not empty", http.Header{"": {"c"}}, false},
		{"a line break begins another field", http.Header{"A": {"b", "c\r\nD: e"}}, false},
		{"NUL", http.Header{"A": {"\x00"}}, false},
		{"DEL", http.Header{"A": {"b\x7f"}}, false},
	} {
		if got := IsHeader(row.h); got != row.want {
			t.Errorf("%s: IsHeader(%q) = %v, want %v", row.why, row.h, got, row.want)
		}
	}
}

func TestFolding(t *testing.T) {
	if !EqualFold("GzIp", "gZiP") || EqualFold("k", "\u212a") || EqualFold("a", "ab") {
		t.Error("EqualFold folds something else than ASCII letters")
	}
	if Lower("AbC-É") != "abc-É" || Lower("abc") != "abc" {
		t.Errorf("Lower(%q) = %q", "AbC-É", Lower("AbC-É"))
	}
	if n := testing.AllocsPerRun(10, func() { Lower("max-age") }); n != 0 {
		t.Errorf("Lower of lower case allocates %v times", n)
	}
}

func TestTrimBlanks(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{" \ta b\t ": "a b", "": "", " ": "", "\u00a0a": "\u00a0a", "\na": "\na"} {
		if got := TrimBlanks(s); got != want {
			t.Errorf("TrimBlanks(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ in, want, why string }{
		{`joe`, `"joe"`, "RFC 9110 §5.6.4"},
		{`a"x\y`, `"a\"x\\y"`, "a user name with quotes must not break the field"},
		{"a\r\nb\x7f", `"a  b "`, "controls cannot stand in a field: no line of somebody else's"},
		{"Jäsøn", `"Jäsøn"`, "obs-text stays"},
	} {
		got := Quote(row.in)
		if got != row.want {
			t.Errorf("Quote(%q) = %s, want %s (%s)", row.in, got, row.want, row.why)
		}
	}
	for _, row := range []struct {
		in, want string
		ok       bool
		why      string
	}{
		{`"a b"`, "a b", true, ""},
		{`"a\"b\\c\d"`, `a"b\cd`, true, "a backslash before any character stands for the character"},
		{`""`, "", true, "an empty string is one"},
		{`"a`, `"a`, false, "open"},
		{`"a\"`, `"a\"`, false, "the last quote is escaped"},
		{`"a"b`, `"a"b`, false, "something behind it"},
		{`a`, `a`, false, "no quotes"},
		{`"`, `"`, false, "one quote is no string"},
	} {
		got, ok := Unquote(row.in)
		if got != row.want || ok != row.ok {
			t.Errorf("Unquote(%s) = %q, %v; want %q, %v (%s)", row.in, got, ok, row.want, row.ok, row.why)
		}
	}
}

// Hostile input costs memory in proportion: a parser that copied what is left at
// every step would allocate its square.
func TestHostileInputIsLinear(t *testing.T) {
	parse := map[string]func(string){
		"list":       func(s string) { drain(List([]string{s})) },
		"directives": func(s string) { drain(Directives([]string{s})) },
		"items":      func(s string) { drain(Items([]string{s})) },
		"challenges": func(s string) { Challenges([]string{s}) },
		"etags":      func(s string) { ETags([]string{s}) },
		"range":      func(s string) { ParseRange("bytes=" + s) },
	}
	for _, unit := range []string{" ", ",", `"`, `\`, `"\`, "a=", "a ", "a,", `a="`, "\u00a0", "=", ";", "*", `W/"`, "0-1,"} {
		for name, f := range parse {
			small, large := strings.Repeat(unit, 1<<10), strings.Repeat(unit, 1<<13)
			a := testing.AllocsPerRun(1, func() { f(small) })
			b := testing.AllocsPerRun(1, func() { f(large) })
			if b > 16*a+64 {
				t.Errorf("%s of %q: %v allocations for 1 Ki, %v for 8 Ki", name, unit, a, b)
			}
		}
	}
}

func drain[T any](seq iter.Seq[T]) {
	for range seq {
		continue
	}
}

// Tokens and values are those that net/http sends.
func TestAsNetHTTP(t *testing.T) {
	t.Parallel()
	if IsToken("") || !IsValue("") {
		t.Error("an empty value, but no empty token")
	}
	for c := range 256 {
		s := string([]byte{byte(c)})
		for _, s := range []string{s, "a" + s + "b"} {
			if got, want := IsToken(s), httpguts.ValidHeaderFieldName(s); got != want {
				t.Errorf("%q is a token: %v, want %v", s, got, want)
			}
			if got, want := IsValue(s), httpguts.ValidHeaderFieldValue(s); got != want {
				t.Errorf("%q is a value: %v, want %v", s, got, want)
			}
		}
		if IsTokenByte(byte(c)) != IsToken(s) {
			t.Errorf("%q", s)
		}
	}
}
