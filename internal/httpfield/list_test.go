package httpfield

import (
	"slices"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestList(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		lines []string
		want  []string
		why   string
	}{
		{nil, nil, "no field, no elements"},
		{[]string{"a, b", "c"}, []string{"a", "b", "c"}, "lines are joined"},
		{[]string{", ,a,,\tb ,"}, []string{"a", "b"}, "RFC 9110 §5.6.1.2: empty elements are ignored"},
		{[]string{`no-cache="a, b", c`}, []string{`no-cache="a, b"`, "c"}, "a comma in quotes is none"},
		{[]string{`"a\", b", c`}, []string{`"a\", b"`, "c"}, "an escaped quote ends nothing"},
		{[]string{`"open, a`, "b"}, []string{`"open, a`, "b"}, "an open quote ends with its line"},
	} {
		got := slices.Collect(List(row.lines))
		if diff := compare.Diff(row.want, got); diff != "" {
			t.Errorf("List(%q): mismatch (-want +got), %s:\n%s", row.lines, row.why, diff)
		}
	}
	for range List([]string{"a, b"}) {
		break // an iterator may be left
	}
}

func TestDirectives(t *testing.T) {
	t.Parallel()
	lines := []string{`Max-Age="300", NO-CACHE="set-cookie, x" , private`, ` max-age = 10 , =x, "q", bad="open`}
	want := []Param{
		{Name: "max-age", Value: "300", HasValue: true, Quoted: true},
		{Name: "no-cache", Value: "set-cookie, x", HasValue: true, Quoted: true},
		{Name: "private"},
		{Name: "max-age", Value: "10", HasValue: true},
		{Name: "bad", Value: `"open`, HasValue: true, Bad: true},
	}
	if diff := compare.Diff(want, slices.Collect(Directives(lines))); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	for s, bad := range map[string]bool{"a=": true, "a=b c": true, "a=b": false, "a": false, "a=1;b=2": true} {
		for p := range Directives([]string{s}) {
			if p.Bad != bad {
				t.Errorf("%q is bad: %v, want %v", s, p.Bad, bad)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		item string
		want bool
		why  string
	}{
		{"gzip", false, "no weight is one"},
		{"gzip;q=1", false, "one"},
		{"gzip;q=0.001", false, "little is not nothing"},
		{"gzip;q=0", true, "zero"},
		{"gzip ; Q=0.000", true, "zero, in another spelling"},
		{"gzip;q=", false, "no weight"},
	} {
		if got := ParseItem(tt.item).Refused(); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.item, got, tt.want, tt.why)
		}
	}
}

func TestCoding(t *testing.T) {
	for name, want := range map[string]string{"gzip": "gzip", "GZip": "gzip", "X-GZIP": "gzip", "x-exi": "x-exi", "": ""} {
		if got := Coding(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	got := slices.Collect(Items([]string{`gzip;q=0.5, text/html ; Charset="a;b" ;x`}))
	want := []Item{
		{Value: "gzip", Params: []Param{{Name: "q", Value: "0.5", HasValue: true}}},
		{Value: "text/html", Params: []Param{{Name: "charset", Value: "a;b", HasValue: true, Quoted: true}, {Name: "x"}}},
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if v, ok := got[1].Param("charset"); v != "a;b" || !ok {
		t.Errorf("Param(charset) = %q, %v", v, ok)
	}
	if _, ok := got[0].Param("charset"); ok {
		t.Error("a parameter of another item")
	}
	if !HasToken([]string{"a", "b, CLOSE"}, "close") || HasToken([]string{"closed"}, "close") {
		t.Error("HasToken")
	}
}
