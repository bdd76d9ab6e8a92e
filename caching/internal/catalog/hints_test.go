package catalog

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"
)

// A hint keeps no more memory than its own, which is bounded.
func TestHintMemory(t *testing.T) {
	metadata := "Accept and much else that an entry has"
	most := strings.Repeat("a", maxHintNames-1)
	for _, row := range []struct {
		why         string
		names, want []string
	}{
		{"a name is a part of the metadata of an entry", []string{metadata[:6]}, []string{"Accept"}},
		{"as much as is kept", []string{"A", most}, []string{"A", most}},
		{"an origin may send long names", []string{"Aa", most}, nil},
	} {
		var h hints
		h.set("key", time.Time{}, row.names)
		got := h.of("key").names
		if !slices.Equal(got, row.want) {
			t.Errorf("%s: got %d names, want %d", row.why, len(got), len(row.want))
		}
		for i, name := range got {
			if unsafe.StringData(name) == unsafe.StringData(row.names[i]) {
				t.Errorf("%s: the hint keeps it", row.why)
			}
		}
	}
}
