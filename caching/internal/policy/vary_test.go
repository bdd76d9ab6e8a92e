package policy

import (
	"net/http"
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
		h := http.Header{name: {value}}
		s := SelectorsOf(append(names, name), h, func(s string) string { return s })
		if Match([]Variant{{Selectors: s}}, h, func(s string) string { return s }) == nil {
			t.Fatal("a request does not select its own response")
		}
		once := normalise(name, []string{value})
		if once != "" && normalise(name, []string{once}) != once {
			t.Fatalf("%s: %q is %q and then %q", name, value, once, normalise(name, []string{once}))
		}
	})
}
