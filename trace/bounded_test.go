package trace

import (
	"strings"
	"testing"
)

func TestBounded(t *testing.T) {
	for _, r := range []struct{ s, want, why string }{
		{"abcd", "abcd", "it fits"},
		{"abcdefghi", "abcdefgh…", "the rest is told of"},
		{"abcdefgé", "abcdefg…", "a character is whole or not there"},
		{"a\x1bc", "a\ufffdc", "a terminal obeys it"},
		{"\x00\x00\x00\x00", "\ufffd\ufffd…", "what stands in its place is longer, and bounded too"},
		{strings.Repeat("\x80", 100), "…", "no character begins there"},
	} {
		if got := bounded(r.s, 8); got != r.want {
			t.Errorf("%q: %q, want %q: %s", r.s, got, r.want, r.why)
		}
	}
}
