package catalog

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	r := Record{
		Key: "k", Index: true, Imposed: policy.Imposed{MustRevalidate: true, TTL: -time.Second}, NoVarySearch: "params", keys: []string{"x", "y"},
		Selectors: []policy.Selector{{Name: "A", Value: policy.Absent}, {Name: "B"}},
		variants:  []policy.Variant{{Selectors: []policy.Selector{{Name: "A", Value: "1"}}, Key: "v", Etag: `"e"`, Date: -5}, {Key: "w"}},
	}
	b := r.appendTo(nil)
	got, ok := parseRecord(b)
	opt := cmp.AllowUnexported(Record{}, policy.Imposed{}, policy.Variant{}, policy.Selector{})
	if diff := cmp.Diff(r, got, opt); !ok || diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
	}
	for why, spoil := range map[string]func([]byte) []byte{
		"another version": func(b []byte) []byte { b[0]++; return b },
		"an unknown flag": func(b []byte) []byte { b[1] |= 1 << 7; return b },
		"more than that":  func(b []byte) []byte { return append(b, 0) },
		"an owner without a name": func([]byte) []byte {
			return []byte{recordVersion, flagOwner, 1, 'k', 0, 0, 0, 0, 0, 0}
		},
	} {
		if r, ok := parseRecord(spoil(slices.Clone(b))); ok {
			t.Errorf("%s: %+v", why, r)
		}
	}
	for i := range b {
		if _, ok := parseRecord(b[:i]); ok {
			t.Errorf("the first %d of %d bytes are taken for a record", i, len(b))
		}
	}
}

// What is known of the owner of a Set-Cookie survives the store, and does not tell
// who it is.
func TestOwnerRecord(t *testing.T) {
	t.Parallel()
	for _, r := range []Record{
		{Key: "k", Owner: "#abc"}, {Key: "k", Imposed: policy.Imposed{Requested: true, TTL: time.Second}}, {Key: "k", Owner: "?", Imposed: policy.Imposed{MustRevalidate: true}, keys: []string{"o"}},
	} {
		b := r.appendTo(nil)
		got, ok := parseRecord(b)
		if !ok || got.Owner != r.Owner || got.Requested != r.Requested || got.MustRevalidate != r.MustRevalidate || !slices.Equal(got.keys, r.keys) {
			t.Errorf("%+v becomes %+v, %v", r, got, ok)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := Record{Key: "k", variants: []policy.Variant{{Selectors: []policy.Selector{{Name: "A", Value: "1"}}, Key: "v"}}}
	f.Add(r.appendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRecord(b)
		if !ok {
			return
		}
		if _, ok := parseRecord(r.appendTo(nil)); !ok {
			t.Fatal("what was read and written cannot be read")
		}
	})
}
