package storekit

import (
	"slices"
	"strings"
	"testing"
)

// What Go allocates is seen in the capacity of a slice that has grown.
func TestAllocSize(t *testing.T) {
	t.Parallel()
	for n := 0; n < 40<<10; n += 1 + n>>6 { // each small size, and some of each larger class
		if got, want := AllocSize(int64(n)), int64(cap(slices.Grow([]byte(nil), n))); got != want {
			t.Fatalf("%d bytes: %d, and Go allocates %d", n, got, want)
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why       string
		got, want int64
	}{
		{"nothing is allocated for nothing", AllocSize(0), 0},
		{"nor for less", AllocSize(-1), 0},
		{"beyond the size classes there are pages", AllocSize(1 << 20), 1 << 20},
		{"and parts of them", AllocSize(1<<20 + 1), 1<<20 + 8192},
		{"an array of strings", ArraySize[string](3), 48},
		{"an array of nothing", ArraySize[string](0), 0},
		{"a string", StringSize(strings.Repeat("x", 33)), 48},
	} {
		if row.got != row.want {
			t.Errorf("%s: %d, want %d", row.why, row.got, row.want)
		}
	}
}
