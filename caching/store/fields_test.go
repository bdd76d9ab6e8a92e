package store

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestFields(t *testing.T) {
	t.Parallel()
	many := http.Header{}
	for i := range 200 {
		many.Set(fmt.Sprint("X-", i), strings.Repeat("v", i))
		many.Set(fmt.Sprint("X-A-Name-Of-Some-Length-", i), "v")
	}
	for _, row := range []struct {
		why  string
		h    http.Header
		want http.Header
	}{
		{"no field", nil, nil},
		{"a name without a value is no field", http.Header{"A": nil}, nil},
		{"an empty value is one", http.Header{"A": {""}}, http.Header{"A": {""}}},
		{"the lines of a field keep their order", http.Header{"B": {"2", "1", "3"}, "A": {"4"}}, http.Header{"B": {"2", "1", "3"}, "A": {"4"}}},
		{"numbers of more than one byte", http.Header{"A": slices.Repeat([]string{strings.Repeat("x", 300)}, 200)}, http.Header{"A": slices.Repeat([]string{strings.Repeat("x", 300)}, 200)}},
		{"more names than are sorted in place", many, many},
	} {
		f := FieldsOf(row.h)
		if diff := compare.Diff(row.want, f.Map()); diff != "" {
			t.Errorf("%s: mismatch (-want +got)\n%s", row.why, diff)
		}
		if f.Len() != len(row.want) || f != FieldsOf(maps.Clone(row.h)) {
			t.Errorf("%s: %d names, want %d, and the same fields are equal", row.why, f.Len(), len(row.want))
		}
		if size := f.Size(); (size == 0) != (len(row.want) == 0) || len(row.want) > 0 && len(appendFields(nil, f)) != size {
			t.Errorf("%s: %d bytes", row.why, size)
		}
		for name, values := range row.want {
			if f.Get(name) != values[0] || !f.Has(name) || !slices.Equal(f.Values(name), values) {
				t.Errorf("%s: %s is %q, want %q", row.why, name, f.Values(name), values)
			}
		}
		var names []string
		for name := range f.All() {
			names = append(names, name)
		}
		if !slices.IsSorted(names) {
			t.Errorf("%s: the names are not in their order: %q", row.why, names)
		}
		if f.Get("None") != "" || f.Has("None") || f.Values("None") != nil {
			t.Errorf("%s: there is a field that was not given", row.why)
		}
	}
}

// What is made of fields may be changed: lines that are appended, or replaced, are those of one map only.
func TestFieldsDoNotChange(t *testing.T) {
	t.Parallel()
	h := http.Header{"A": {"1"}, "B": {"2"}}
	f := FieldsOf(h)
	h["A"][0] = "changed"
	for _, room := range []int{0, 1, 8} {
		m := make(http.Header)
		f.Fill(m, make([]string, 0, room))
		m["A"] = append(m["A"], "more")
		m["A"][0] = "changed"
		if got := m["B"]; len(got) != 1 || got[0] != "2" {
			t.Errorf("room for %d: B is %q", room, got)
		}
	}
	for name, value := range f.All() {
		if name != "A" || value != "1" {
			t.Errorf("%s is %q", name, value)
		}
		break
	}
}

// Only what FieldsOf may have made is read: names that HTTP allows, in their order, each with a value.
func TestReadFieldsRefuses(t *testing.T) {
	t.Parallel()
	meta := func(text string) []byte {
		b, _ := (&Meta{Status: 200, Proto: "HTTP/1.1", Header: Fields{text}}).AppendBinary(nil)
		return b
	}
	for _, row := range []struct {
		why, text string
		ok        bool
	}{
		{"two fields", "\x02\x01A\x01\x01x\x01B\x01\x00", true},
		{"names in another order", "\x02\x01B\x01\x00\x01A\x01\x00", false},
		{"a name twice", "\x02\x01A\x01\x00\x01A\x01\x00", false},
		{"no name", "\x01\x00\x01\x00", false},
		{"no value", "\x01\x01A\x00", false},
		{"no token", "\x01\x03A B\x01\x00", false},
		{"no value that HTTP allows", "\x01\x01A\x01\x01\n", false},
		{"fewer than it says", "\x09\x01A\x01\x00", false},
	} {
		m, err := ParseMeta(meta(row.text))
		if (err == nil) != row.ok || row.ok && m.Header != (Fields{row.text}) {
			t.Errorf("%s: %v, %v", row.why, m, err)
		}
	}
}
