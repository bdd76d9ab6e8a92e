package catalog

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/compare"
)

func TestRecord(t *testing.T) {
	t.Parallel()
	g := newToken()
	for _, r := range []Record{
		{Key: "k", Home: "k", Index: true},
		{Key: "k", Home: "k", stamp: stamp{g, 3}, target: targetOf(target{gen: g}, lists{}), Owner: "#abc"},
		{Key: "k", Home: "k", Index: true, stamp: stamp{gen: g}, target: targetOf(target{gen: g, rev: 3, hard: 2, invalidated: true}, lists{})},
		{Key: "k", Home: "k", stamp: stamp{gen: g}, target: targetOf(target{gen: g}, lists{
			names: []token{newToken(), newToken()}, sets: []set{{everybody, []string{"A", "B"}}, {audience: oneQuery}}, noVarySearch: "params",
			tags: []tag{{`"e"`, "x", "y"}, {`"f"`, "z", ""}},
		}), Imposed: policy.Imposed{Requested: true, TTL: -time.Second}},
		{Key: "v", Home: "k", stamp: stamp{g, 1 << 31}, Selectors: []policy.Selector{{Name: "A", Value: policy.Absent}, {Name: "B"}}, Imposed: policy.Imposed{MustRevalidate: true}, Owner: "?"},
	} {
		b := r.appendTo(nil)
		got, ok := parseRecord(string(b))
		if diff := compare.Diff(r, got); !ok || diff != "" {
			t.Errorf("mismatch (-want +got)\n%s", diff)
		}
		for i := range b {
			if r, ok := parseRecord(string(b[:i])); ok && !bytes.Equal(r.appendTo(nil), b[:i]) {
				t.Errorf("the first %d of %d bytes are taken for a record", i, len(b))
			}
		}
	}
	r := Record{Key: "k", Home: "l"}
	b := r.appendTo(nil)
	for why, spoil := range map[string]func([]byte) []byte{
		"another version": func(b []byte) []byte { b[0]++; return b },
		"an unknown flag": func(b []byte) []byte { b[1] |= flagLast; return b },
		"more than that":  func(b []byte) []byte { return append(b, 0) },
		"no key":          func([]byte) []byte { return new(Record).appendTo(nil) },
		"its own key for that of its target": func(b []byte) []byte {
			b[bytes.IndexByte(b, 'l')] = 'k'
			return b
		},
		"a record of a target of another target": func([]byte) []byte {
			r := Record{Key: "k", Home: "l", target: begin(token{}, nil)}
			return r.appendTo(nil)
		},
		"too many sets": func([]byte) []byte {
			r := Record{Key: "k", Home: "k", target: targetOf(target{}, lists{sets: make([]set, maxSets*int(audiences)+1)})}
			return r.appendTo(nil)
		},
		"an unknown audience": func([]byte) []byte {
			r := Record{Key: "k", Home: "k", target: targetOf(target{}, lists{sets: []set{{audience: audiences}}})}
			return r.appendTo(nil)
		},
	} {
		if r, ok := parseRecord(string(spoil(slices.Clone(b)))); ok {
			t.Errorf("%s: %+v", why, r)
		}
	}
}

func FuzzRecord(f *testing.F) {
	r := Record{Key: "k", Home: "k", target: targetOf(target{}, lists{names: make([]token, 1), sets: make([]set, 2), tags: make([]tag, 1)})}
	f.Add(r.appendTo(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, ok := parseRecord(string(b))
		if !ok {
			return
		}
		if _, ok := parseRecord(string(r.appendTo(nil))); !ok {
			t.Fatal("what was read and written cannot be read")
		}
	})
}
