package dirstore

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestUpdateWritesNoBody(t *testing.T) {
	path := t.TempDir()
	d := open(t, path, Options{})
	body := make([]byte, 1<<20)
	entries.PutSize(t, d, "key", entries.Meta(1), body, -1)
	at := placeOf("key")
	file := filepath.Join(path, versionDir, at.path)
	before, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	meta := entries.Meta(1)
	for i := range 1000 {
		meta = meta.Clone()
		meta.ResponseTime = meta.ResponseTime.Add(time.Minute)
		meta.Header = entries.With(meta.Header, "X-Count", strings.Repeat("x", i%300))
		if err := d.Update(t.Context(), "key", meta); err != nil {
			t.Fatal(err)
		}
	}
	after, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	if !os.SameFile(before, after) || after.Size() > before.Size()+8<<10 {
		t.Errorf("after 1000 updates: %d bytes, before %d", after.Size(), before.Size())
	}
	if rttest.Race {
		return
	}
	if n := rttest.BytesPerRun(500, func() {
		if err := d.Update(t.Context(), "key", meta); err != nil {
			t.Fatal(err)
		}
	}); n > 16<<10 {
		t.Errorf("an update allocates %d bytes", n)
	}
}

// TestUpdateCutShort cuts off an update at every byte it writes, as a crash
// does: the metadata before it stands.
func TestUpdateCutShort(t *testing.T) {
	for _, opts := range []Options{{}, {Key: func() ([]byte, error) { return make([]byte, 32), nil }}} {
		path := t.TempDir()
		d := open(t, path, opts)
		body := []byte("the body")
		entries.PutSize(t, d, "key", entries.Meta(1), body, -1)
		at := placeOf("key")
		file := filepath.Join(path, versionDir, at.path)
		meta := func(n string) *store.Meta {
			m := entries.Meta(1)
			m.Header = entries.With(m.Header, "X-Version", n)
			return m
		}
		if err := d.Update(t.Context(), "key", meta("one")); err != nil {
			t.Fatal(err)
		}
		before, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Update(t.Context(), "key", meta("two")); err != nil {
			t.Fatal(err)
		}
		after, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		seen := map[string]int{}
		// The record comes first, then the slot; within each any part may be there.
		step := 3
		if rttest.Race || testing.Short() {
			step = 7
		}
		for cut := 0; cut < len(after)+headLen; cut += step {
			b := bytes.Clone(before)
			for i := headLen; i < min(len(after), cut+headLen); i++ {
				if i < len(b) {
					b[i] = after[i]
				} else {
					b = append(b, after[i])
				}
			}
			if cut > len(after) {
				copy(b[:cut-len(after)], after)
			}
			if err := os.WriteFile(file, b, 0o600); err != nil {
				t.Fatal(err)
			}
			e, err := d.Get(t.Context(), "key")
			if err != nil || e == nil {
				t.Fatalf("cut at %d: %v, %v", cut, e, err)
			}
			got, err := entries.ReadAll(e)
			e.Close() //nolint:errcheck // a reader
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("cut at %d: body %q, %v", cut, got, err)
			}
			seen[e.Meta.Header.Get("X-Version")]++
		}
		if seen["one"] == 0 || seen["two"] == 0 || len(seen) != 2 {
			t.Errorf("versions seen: %v", seen)
		}
	}
}
