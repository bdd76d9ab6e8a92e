package policy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/httpfield"
)

func TestNormalise(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, name string
		a, b      []string
		same      bool
	}{
		{"absent twice", "A", nil, nil, true},
		{"absent is not empty", "A", nil, []string{""}, false},
		{"lines are joined", "A", []string{"1", "2"}, []string{"1,2"}, true},
		{"blanks around commas", "A", []string{"1 ,  2 "}, []string{"1,2"}, true},
		{"blanks within a value", "A", []string{"a b"}, []string{"ab"}, false},
		{"blanks in quotes", "A", []string{`"1, 2"`}, []string{`"1,2"`}, false},
		{"an escaped quote ends nothing", "A", []string{`"\", b"`}, []string{`"\",b"`}, false},
		{"an empty element may mean something", "A", []string{"a,,b"}, []string{"a,b"}, false},
		{"at the begin too", "A", []string{",a"}, []string{"a"}, false},
		{"case matters", "User-Agent", []string{"A"}, []string{"a"}, false},
		{"order matters", "A", []string{"1,2"}, []string{"2,1"}, false},
		{"Accept-Language: order, case", "Accept-Language", []string{"en, DE"}, []string{"de,EN"}, true},
		{"weights of one", "Accept-Language", []string{"en;q=1.000"}, []string{"en"}, true},
		{"weights", "Accept-Language", []string{"en; q=0.50"}, []string{"en;Q=.5"}, false},
		{"zeros at the end", "Accept-Language", []string{"en; q=0.50"}, []string{"en;q=0.5"}, true},
		{"x-gzip is gzip", "Accept-Encoding", []string{"x-gzip"}, []string{"gzip"}, true},
		{"the second line counts", "A", []string{"1", "2"}, []string{"1", "3"}, false},
	} {
		if same := normalise(r.name, r.a) == normalise(r.name, r.b); same != r.same {
			t.Errorf("%s: %q and %q: same %v, want %v: %s", r.name, r.a, r.b, same, r.same, r.why)
		}
	}
}

func TestVaryNames(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, reason string
		lines, want []string
	}{
		{"no field", "", nil, nil},
		{"canonical, sorted, each once, in all lines", "", []string{"Vary: b, A", "Vary: a ,, c-d"}, []string{"A", "B", "C-D"}},
		{"a star", reasonVaryEverything, []string{"Vary: a", "Vary: b, *"}, nil},
		{"what is not a name", reasonVaryEverything, []string{"Vary: a b"}, nil},
		{"as many as are kept", "", []string{"Vary: " + fields(32) + ",x0"}, nil},
		{"too many", ReasonVaryTooMany, []string{"Vary: " + fields(33)}, nil},
	} {
		names, reason := VaryNames(headerOf(r.lines...))
		if reason != r.reason || r.want != nil && !slices.Equal(names, r.want) || reason != "" && names != nil {
			t.Errorf("%q: %q (%s), want %q (%s): %s", r.lines, names, reason, r.want, r.reason, r.why)
		}
	}
}

// What may be a secret is not stored as it is.
func TestSelecting(t *testing.T) {
	t.Parallel()
	hide := func(string) string { return "hidden" }
	for _, r := range []struct {
		why, line, name string
		want            string
	}{
		{"a value", "Accept-Language: EN", "Accept-Language", "en"},
		{"a credential", "Cookie: a=b", "Cookie", "hidden"},
		{"no credential", "X: 1", "Cookie", Absent},
		{"as long as is stored", "X: " + strings.Repeat("a", LongValue), "X", strings.Repeat("a", LongValue)},
		{"longer", "X: " + strings.Repeat("a", LongValue+1), "X", "hidden"},
	} {
		if got := Selecting(r.name, headerOf(r.line)[r.name], hide); got != r.want {
			t.Errorf("%q: %q, want %q: %s", r.line, got, r.want, r.why)
		}
	}
}

// What the normalised value is, where it is not what the request has.
func TestNormalised(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, name string
		values    []string
		want      string
	}{
		{"lines, without blanks", "A", []string{" 1 ,\t2 ", "3"}, "1,2,3"},
		{"nothing is escaped outside of quotes", "A", []string{`a\,  b`}, `a\,b`},
		{"a comma at the end", "A", []string{"1 ,"}, "1,"},
		{"quoted", "A", []string{`"a, b" , "c\" , d" , e`}, `"a, b","c\" , d",e`},
		{"sorted, in lower case, each once", "Accept", []string{"text/HTML;Level=1, a/b", "a/b"}, `a/b,text/html;level="1"`},
		{"parameters are quoted", "Accept", []string{`a/b;x=c;Y="d e"`}, `a/b;x="c";y="d e"`},
		{"a weight of one goes, others stay", "Accept-Language", []string{"de;q=0.500, en;q=1, fr;q=1.0, it;q=10"}, `de;q="0.5",en,fr,it;q="10"`},
		{"x-compress", "Accept-Encoding", []string{"X-Compress;q=0.1, br"}, `br,compress;q="0.1"`},
		{"x- is nothing elsewhere", "Accept-Language", []string{"x-klingon"}, "x-klingon"},
		{"one line as it is", "Accept-Charset", []string{"utf-8"}, "utf-8"},
		{"in lower case", "Accept-Charset", []string{"UTF-8"}, "utf-8"},
		{"a to z", "Accept-Charset", []string{"AZ"}, "az"},
		{"with a parameter", "Accept-Charset", []string{"a;q=1"}, "a"},
		{"an empty value", "Accept", []string{""}, ""},
	} {
		if got := normalise(r.name, r.values); got != r.want {
			t.Errorf("%s %q: %q, want %q: %s", r.name, r.values, got, r.want, r.why)
		}
	}
}

func FuzzVary(f *testing.F) {
	f.Add("Accept-Language, a", "en;q=0.5, de", "A")
	f.Add("*", "\"", "Accept-Encoding")
	f.Fuzz(func(t *testing.T, vary, value, name string) {
		names, reason := VaryNames(http.Header{"Vary": {vary}})
		if reason != "" && names != nil {
			t.Fatal("names and a star")
		}
		if strings.TrimSpace(vary) == "*" && reason == "" {
			t.Fatal("no star")
		}
		if name = http.CanonicalHeaderKey(name); !httpfield.IsToken(name) {
			return
		}
		once := normalise(name, []string{value})
		if once != "" && normalise(name, []string{once}) != once {
			t.Fatalf("%s: %q is %q and then %q", name, value, once, normalise(name, []string{once}))
		}
	})
}
