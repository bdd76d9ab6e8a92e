package caching

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	r := record{
		key: "k", index: true, imposed: imposed{mustRevalidate: true, ttl: -time.Second}, noVarySearch: "params", keys: []string{"x", "y"},
		selectors: []selector{{"A", absent}, {"B", ""}},
		variants:  []variant{{selectors: []selector{{"A", "1"}}, key: "v", etag: `"e"`, date: -5}, {key: "w"}},
	}
	b := r.append(nil)
	got, ok := parseRecord(b)
	opt := cmp.AllowUnexported(record{}, imposed{}, variant{}, selector{})
	if diff := cmp.Diff(r, got, opt); !ok || diff != "" {
		t.Errorf("mismatch (-want +got)\n%s", diff)
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
	for _, r := range []record{
		{key: "k", owner: "#abc"}, {key: "k", imposed: imposed{requested: true, ttl: time.Second}}, {key: "k", owner: "?", imposed: imposed{mustRevalidate: true}, keys: []string{"o"}},
	} {
		b := r.append(nil)
		got, ok := parseRecord(b)
		if !ok || got.owner != r.owner || got.requested != r.requested || got.mustRevalidate != r.mustRevalidate || !slices.Equal(got.keys, r.keys) {
			t.Errorf("%+v becomes %+v, %v", r, got, ok)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := record{key: "k", variants: []variant{{selectors: []selector{{"A", "1"}}, key: "v"}}}
	f.Add(r.append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRecord(b)
		if !ok {
			return
		}
		if _, ok := parseRecord(r.append(nil)); !ok {
			t.Fatal("what was read and written cannot be read")
		}
	})
}
