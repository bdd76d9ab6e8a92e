package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

func testAbsent(t *testing.T, s store.Store) {
	if e, err := s.Get(t.Context(), "absent"); e != nil || err != nil {
		t.Errorf("Get: %v, %v; want nil, nil", e, err)
	}
	if err := s.Delete(t.Context(), "absent"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	if err := s.Update(t.Context(), "absent", newMeta(1, 1)); !errors.Is(err, store.ErrConflict) {
		t.Errorf("Update: %v, want ErrConflict", err)
	}
	put(t, s, "present", newMeta(1, 10), newBody(1, 10))
	wantAbsent(t, s, "absent")
	if err := s.Delete(t.Context(), "present"); err != nil {
		t.Errorf("Delete: %v", err)
	}
	wantAbsent(t, s, "present")
}

func testRoundTrip(t *testing.T, s store.Store) {
	for i, n := range sizes {
		for j, c := range []struct {
			name  string
			size  int64
			piece int
		}{
			{"announced", int64(n), n},
			{"unknown length", -1, n},
			{"announced, in pieces", int64(n), n/7 + 1},
			{"unknown length, in pieces", -1, 1000},
		} {
			seed := uint32(10*i + j) //nolint:gosec // small
			meta, body := newMeta(seed, n), newBody(seed, n)
			if err := tryPut(t, s, "key", meta, bytes.Clone(body), c.size, c.piece); err != nil {
				t.Fatalf("%d bytes, %s: %v", n, c.name, err)
			}
			wantStored(t, s, "key", meta, body)
		}
		e, err := s.Get(t.Context(), "key")
		if err != nil || e == nil {
			t.Fatalf("Get: %v, %v", e, err)
		}
		checkReadAt(t, e, newBody(uint32(10*i+3), n)) //nolint:gosec // small
		closeIt(t, e)
	}
}

// checkReadAt reads pieces of the body of e here and there.
func checkReadAt(t *testing.T, e *store.Entry, body []byte) {
	t.Helper()
	if e.Size != int64(len(body)) {
		t.Fatalf("Size is %d, want %d", e.Size, len(body))
	}
	if e.Body == nil {
		return
	}
	n := len(body)
	for _, r := range [][2]int{
		{0, 1},
		{0, n},
		{n - 1, n},
		{n / 2, n},
		{n / 2, n/2 + 1},
		{n / 3, n/3 + 1000},
		{n / 4, 3 * n / 4},
		{0, 32 << 10},
		{1, 32<<10 + 1},
		{32<<10 - 1, 32<<10 + 1},
		{64<<10 - 5, 64<<10 + 5},
		{64 << 10, 65 << 10},
	} {
		if r[0] < 0 || r[1] > n || r[0] >= r[1] {
			continue
		}
		p := make([]byte, r[1]-r[0])
		if k, err := e.Body.ReadAt(p, int64(r[0])); k != len(p) || err != nil && (!errors.Is(err, io.EOF) || r[1] != n) {
			t.Errorf("ReadAt [%d, %d) of %d: %d, %v", r[0], r[1], n, k, err)
		} else if !bytes.Equal(p, body[r[0]:r[1]]) {
			t.Errorf("ReadAt [%d, %d) of %d: other bytes", r[0], r[1], n)
		}
	}
	if n > 0 {
		if k, err := e.Body.ReadAt(make([]byte, 10), int64(n-1)); k != 1 || !errors.Is(err, io.EOF) {
			t.Errorf("ReadAt across the end: %d, %v; want 1, EOF", k, err)
		}
	}
	if k, err := e.Body.ReadAt(make([]byte, 10), int64(n)); k != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("ReadAt at the end: %d, %v; want 0, EOF", k, err)
	}
}

func testMeta(t *testing.T, s store.Store) {
	full := newMeta(7, 4)
	full.Trailer = store.FieldsOf(http.Header{"X-Sum": {"abc"}})
	full.Header = with(full.Header, "Set-Cookie", "a=1", "b=2", "")
	full.Header = with(full.Header, "X-Text", "caf\xc3\xa9 \xff\t;")
	full.StatusText, full.Version = "", 1<<63+1
	bare := &store.Meta{ID: newMeta(8, 4).ID, Status: 404, Proto: "HTTP/2.0"}
	large := newMeta(9, 4)
	for i := range 100 {
		large.Header = with(large.Header, fmt.Sprintf("X-Field-%d", i), strings.Repeat("v", 300))
	}
	for i, m := range []*store.Meta{full, bare, large} {
		key := fmt.Sprint("key", i)
		put(t, s, key, m, []byte("body"))
		wantStored(t, s, key, m, []byte("body"))
	}
	m := newMeta(10, 4)
	m.Expires = time.Now().Add(300 * 24 * time.Hour).UTC()
	put(t, s, "far", m, []byte("body"))
	wantStored(t, s, "far", m, []byte("body"))
}

func testKeys(t *testing.T, s store.Store) {
	var all strings.Builder
	for c := byte('!'); c <= '~'; c++ {
		all.WriteByte(c)
	}
	keys := []string{
		"a", "A", "aa", "a/b", "a/../b", "../../a", ".", "..", "/", "a.", "a\\b", "a:b", "a b", "CON", "%2e", "*", "a*", "{a}",
		strings.Repeat("k", 199), strings.Repeat("k", 200), strings.Repeat("k", 199) + "K", all.String(), all.String() + "x",
	}
	for i, k := range keys {
		put(t, s, k, newMeta(uint32(i), i), newBody(uint32(i), i)) //nolint:gosec // small
	}
	for i, k := range keys {
		wantStored(t, s, k, newMetaLike(t, s, k, uint32(i), i), newBody(uint32(i), i)) //nolint:gosec // small
	}
	for i, k := range keys {
		if err := s.Delete(t.Context(), k); err != nil {
			t.Errorf("Delete: %v", err)
		}
		wantAbsent(t, s, k)
		if i+1 < len(keys) {
			if m, _ := get(t, s, keys[i+1]); m == nil {
				t.Errorf("deleting %q deleted %q", k, keys[i+1])
			}
		}
	}
}

// newMetaLike is newMeta with the Expires that is stored, which depends on when
// it was made.
func newMetaLike(t testing.TB, s store.Store, key string, seed uint32, size int) *store.Meta {
	t.Helper()
	m := newMeta(seed, size)
	if got, _ := get(t, s, key); got != nil {
		m.Expires = got.Expires
	}
	return m
}

func testInvisible(t *testing.T, s store.Store) {
	for _, n := range []int{100, 300_000} {
		old, oldBody := newMeta(1, n), newBody(1, n)
		for _, before := range []bool{false, true} {
			key := fmt.Sprint(n, before)
			if before {
				put(t, s, key, old, oldBody)
			}
			w, err := s.Create(t.Context(), key, -1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(newBody(2, n)); err != nil {
				t.Fatal(err)
			}
			if before {
				wantStored(t, s, key, old, oldBody)
			} else {
				wantAbsent(t, s, key)
			}
			meta := newMeta(2, n)
			if err := w.Commit(t.Context(), meta); err != nil {
				t.Fatal(err)
			}
			wantStored(t, s, key, meta, newBody(2, n))
			closeIt(t, w)
			wantStored(t, s, key, meta, newBody(2, n))
		}
	}
}

func testAbort(t *testing.T, s store.Store) {
	const n = 200_000
	old := newMeta(1, n)
	put(t, s, "old", old, newBody(1, n))
	for _, c := range []struct {
		name string
		end  func(store.Writer) error
	}{
		{"Abort", store.Writer.Abort},
		{"Close", store.Writer.Close},
	} {
		for _, key := range []string{"old", "new"} {
			w, err := s.Create(t.Context(), key, n)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(newBody(2, n)); err != nil {
				t.Fatal(err)
			}
			if err := c.end(w); err != nil {
				t.Errorf("%s: %v", c.name, err)
			}
			wantAbsent(t, s, "new")
			wantStored(t, s, "old", old, newBody(1, n))
			if c.name == "Abort" {
				p := make([]byte, 100)
				if _, err := w.ReadAt(p, 1000); err != nil || !bytes.Equal(p, newBody(2, n)[1000:1100]) {
					t.Errorf("ReadAt after Abort: %v", err)
				}
				closeIt(t, w)
			}
		}
	}
}

func testAfterTheEnd(t *testing.T, s store.Store) {
	type step struct {
		name string
		do   func(store.Writer) error
	}
	meta := newMeta(1, 4)
	write := step{"Write", func(w store.Writer) error { _, err := w.Write([]byte("more")); return err }}
	commit := step{"Commit", func(w store.Writer) error { return w.Commit(t.Context(), meta) }}
	abort := step{"Abort", store.Writer.Abort}
	closing := step{"Close", store.Writer.Close}
	for _, ends := range [][]step{{commit}, {abort}, {closing}, {commit, closing}, {abort, closing}} {
		for _, then := range []step{write, commit, abort} {
			w, err := s.Create(t.Context(), "key", -1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(newBody(1, 4)); err != nil {
				t.Fatal(err)
			}
			for _, e := range ends {
				if err := e.do(w); err != nil {
					t.Errorf("%s: %v", e.name, err)
				}
			}
			if err := then.do(w); err == nil {
				t.Errorf("%s after %s: no error", then.name, ends[0].name)
			}
			if ends[0].name == "Commit" {
				wantStored(t, s, "key", meta, newBody(1, 4))
			} else {
				wantAbsent(t, s, "key")
			}
			closeIt(t, w)
			if err := s.Delete(t.Context(), "key"); err != nil {
				t.Error(err)
			}
		}
	}
}

func testWrongSize(t *testing.T, s store.Store) {
	old := newMeta(1, 50)
	put(t, s, "key", old, newBody(1, 50))
	for _, size := range []int{1, 1000, 200_000} {
		w, err := s.Create(t.Context(), "key", int64(size))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(newBody(2, size-1)); err != nil {
			t.Fatal(err)
		}
		if err := w.Commit(t.Context(), newMeta(2, size-1)); err == nil {
			t.Errorf("a body of %d bytes was committed, %d were announced", size-1, size)
		}
		closeIt(t, w)

		if w, err = s.Create(t.Context(), "key", int64(size)); err != nil {
			t.Fatal(err)
		}
		if _, err = w.Write(newBody(2, size+1)); err == nil {
			err = w.Commit(t.Context(), newMeta(2, size+1))
		}
		if err == nil {
			t.Errorf("a body of %d bytes was committed, %d were announced", size+1, size)
		}
		closeIt(t, w)
		wantStored(t, s, "key", old, newBody(1, 50))
	}
}
