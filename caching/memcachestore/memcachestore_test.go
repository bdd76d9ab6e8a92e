package memcachestore

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/caching/storetest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
	"github.com/tripper-go/tripper/internal/servers"
)

func TestStore(t *testing.T) {
	c, _ := client(t)
	storetest.Run(t, func() store.Store {
		if err := c.FlushAll(); err != nil {
			t.Fatal(err)
		}
		s := New(c, t.Name())
		s.ChunkSize = 64 << 10 // several for the bodies of the suite
		return tested{s}
	})
}

// TestLargest stores pieces as large as an item may be.
func TestLargest(t *testing.T) {
	c, _ := client(t)
	s := New(c, "")
	s.ChunkSize = 100 << 20 // more than an item takes
	for _, n := range []int{0, 1, maxChunk - sumSize, maxChunk - sumSize + 1, 5 << 20, DefaultMaxBody} {
		entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(n))
		if b, ok, err := entries.TryGet(s, "key"); !ok || err != nil || !bytes.Equal(b, entries.Body(n)) {
			t.Errorf("%d bytes: got %d, %v, %v", n, len(b), ok, err)
		}
	}
	if _, err := s.Create(t.Context(), "key", DefaultMaxBody+1); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("larger than MaxBody: %v", err)
	}
}

// TestLargestMeta stores metadata of about the size that an item has room for: more is no failure of
// the server.
func TestLargestMeta(t *testing.T) {
	c, _ := client(t)
	s := New(c, "")
	for n, large := range map[int]bool{maxChunk - 1000: false, maxChunk: true} {
		meta := entries.MetaForAnHour(1)
		meta.Header = entries.With(meta.Header, "X-Large", strings.Repeat("x", n))
		if err := entries.TryPut(s, "key", meta, entries.Body(10), 10); errors.Is(err, store.ErrTooLarge) != large || (err != nil) != large {
			t.Errorf("Commit with a field of %d bytes: %.100v", n, err)
		}
		entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(10))
		if err := s.Update(t.Context(), "key", meta); errors.Is(err, store.ErrTooLarge) != large || (err != nil) != large {
			t.Errorf("Update with a field of %d bytes: %.100v", n, err)
		}
	}
}

func TestNames(t *testing.T) {
	s := New(nil, strings.Repeat("long namespace with blanks\n", 100))
	n := s.name(strings.Repeat("k", 200))
	seen := map[string]bool{}
	for _, name := range []string{n.head, n.lease, n.chunk(strings.Repeat("ab", 16), 1<<20), s.prefix + "s"} {
		if len(name) > 250 || strings.ContainsAny(name, " \r\n\t") || seen[name] {
			t.Errorf("name %q", name)
		}
		seen[name] = true
	}
	if s.name("a") == s.name("b") || New(nil, "x").name("a") == New(nil, "y").name("a") {
		t.Error("two keys with one name")
	}
}

func TestSeconds(t *testing.T) {
	now := time.Now().Unix()
	for _, row := range []struct {
		d           time.Duration
		least, most int64
		why         string
	}{
		{0, 1, 1, "zero would be for ever"},
		{time.Millisecond, 1, 1, "rounded up"},
		{1500 * time.Millisecond, 2, 2, "rounded up"},
		{maxRelative, 30 * 86400, 30 * 86400, "the longest that is relative"},
		{31 * 24 * time.Hour, now + 31*86400, now + 31*86400 + 5, "longer ones are dates"},
		{200 * 365 * 24 * time.Hour, 1<<31 - 1, 1<<31 - 1, "no overflow"},
	} {
		if got := int64(seconds(row.d)); got < row.least || got > row.most {
			t.Errorf("%v: %d, want %d to %d (%s)", row.d, got, row.least, row.most, row.why)
		}
	}
	s := New(nil, "")
	meta := entries.MetaForAnHour(1)
	for why, row := range map[string]struct {
		expires     time.Time
		least, most time.Duration
	}{
		"metadata says":   {time.Now().Add(time.Hour), 59 * time.Minute, time.Hour},
		"metadata is old": {time.Now().Add(-time.Hour), 0, 0},
		"not known":       {time.Time{}, DefaultTTL, DefaultTTL},
		"end of time":     {time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), maxTTL, maxTTL},
	} {
		meta.Expires = row.expires
		if got := s.ttl(meta); got < row.least || got > row.most {
			t.Errorf("%s: %v", why, got)
		}
	}
}

// TestEvicted loses a piece of a body, as a server does that runs full.
func TestEvicted(t *testing.T) {
	c, _ := client(t)
	s := New(c, "")
	s.ChunkSize = 10_000
	lose := func(i int) {
		t.Helper()
		n := s.name("key")
		item, err := c.Get(n.head)
		if err != nil {
			t.Fatal(err)
		}
		h, err := parseHead("key", item.Value)
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Delete(n.chunk(h.nonce, i)); err != nil {
			t.Fatal(err)
		}
	}
	gone := func(why string) {
		t.Helper()
		if e, err := s.Get(t.Context(), "key"); e != nil || err != nil {
			t.Errorf("%s: still there: %v, %v", why, e, err)
		}
	}
	for _, n := range []int{17_000, 25_000, 45_000, 2_000_000} {
		entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(n))
		lose(n / 10_000)
		if e, err := s.Get(t.Context(), "key"); e != nil || !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%d bytes, lost before Get: %v, %v", n, e, err)
		}
		gone("lost before Get")
	}

	entries.Put(t, s, "key", entries.MetaForAnHour(2), entries.Body(2_000_000))
	e, err := s.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	lose(150)
	got, err := io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
	if !errors.Is(err, store.ErrCorrupt) || len(got) > 1_500_000 || !bytes.Equal(got, entries.Body(2_000_000)[:len(got)]) {
		t.Errorf("lost while it was read: %d bytes, %v", len(got), err)
	}
	gone("lost while it was read")

	entries.Put(t, s, "key", entries.MetaForAnHour(3), entries.Body(45_000))
	lose(2)
	if err := s.Update(t.Context(), "key", entries.MetaForAnHour(3)); err == nil {
		t.Error("Update of an entry without its body: no error")
	}
	gone("found by Update")

	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if _, err := w.Write(entries.Body(45_000)); err != nil {
		t.Fatal(err)
	}
	if err := c.FlushAll(); err != nil {
		t.Fatal(err)
	}
	p := make([]byte, 45_000)
	if n, err := w.ReadAt(p, 0); n != len(p) || err != nil || !bytes.Equal(p, entries.Body(45_000)) {
		t.Errorf("a caller that shares a body that is being stored lost it with the server: %d, %v", n, err)
	}
	if err := w.Commit(t.Context(), entries.MetaForAnHour(4)); err == nil {
		t.Error("a body that the server has forgotten was committed")
	}
	gone("never committed")
}

// TestFull stores more than the server has room for: what is found is right.
func TestFull(t *testing.T) {
	server := servers.Memcached(t, "-m", "8")
	c := memcache.New(server.Addr)
	c.Timeout = 10 * time.Second
	t.Cleanup(func() { _ = c.Close() })
	s := New(c, "")
	s.ChunkSize = 100_000
	entries.Overfill(t, s)
}

func TestLeftovers(t *testing.T) {
	c, _ := client(t)
	s := New(c, "")
	s.ChunkSize = 10_000
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(entries.Body(25_000)); err != nil {
		t.Fatal(err)
	}
	first := w.(*writer)
	if _, err := c.Get(first.name.chunk(first.nonce, 0)); err != nil {
		t.Errorf("a full piece is not sent: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := c.Get(first.name.chunk(first.nonce, i)); !missing(err) {
			t.Errorf("piece %d is left: %v", i, err)
		}
	}
}

func TestRemove(t *testing.T) {
	c, _ := client(t)
	s := New(c, "")
	if err := c.Set(&memcache.Item{Key: "k", Value: []byte("new")}); err != nil {
		t.Fatal(err)
	}
	if err := s.remove("k", func(v []byte) bool { return string(v) == "old" }); err != nil {
		t.Error(err)
	}
	if _, err := c.Get("k"); err != nil {
		t.Errorf("another's value was removed: %v", err)
	}
	if err := s.remove("k", func(v []byte) bool { return string(v) == "new" }); err != nil {
		t.Error(err)
	}
	if _, err := c.Get("k"); !missing(err) {
		t.Errorf("not removed: %v", err)
	}
	if err := s.remove("k", func([]byte) bool { return true }); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
}

func TestSecret(t *testing.T) {
	c, _ := client(t)
	a, err := New(c, "a").Secret(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if again, err := New(c, "a").Secret(t.Context()); err != nil || !bytes.Equal(a, again) {
		t.Errorf("another process has another secret: %v", err)
	}
	if b, err := New(c, "b").Secret(t.Context()); err != nil || bytes.Equal(a, b) {
		t.Errorf("two namespaces with one secret: %v", err)
	}
	s := New(c, "a")
	if err := c.Set(&memcache.Item{Key: s.prefix + "s", Value: []byte("short")}); err != nil {
		t.Fatal(err)
	}
	if b, err := s.Secret(t.Context()); err != nil || len(b) != 32 {
		t.Errorf("a secret that is none: %q, %v", b, err)
	}
}

// TestServerGone has every method fail, soon and with an error.
func TestServerGone(t *testing.T) {
	c, server := client(t)
	s := New(c, "")
	s.ChunkSize = 10_000
	entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(2_000_000))
	e, err := s.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(entries.Body(5000)); err != nil {
		t.Fatal(err)
	}
	release, err := s.Acquire(t.Context(), "key")
	if err != nil || release == nil {
		t.Fatal(err)
	}
	server.Stop()
	for what, do := range map[string]func() error{
		"ReadAt": func() error { _, err := e.Body.ReadAt(make([]byte, 10), 1_900_000); return err },
		"Get":    func() error { _, err := s.Get(t.Context(), "key"); return err },
		"Update": func() error { return s.Update(t.Context(), "key", entries.MetaForAnHour(1)) },
		"Delete": func() error { return s.Delete(t.Context(), "key") },
		"Write":  func() error { _, err := w.Write(entries.Body(30_000)); return err },
		"Secret": func() error { _, err := s.Secret(t.Context()); return err },
		"Lease":  func() error { _, err := s.Acquire(t.Context(), "key"); return err },
	} {
		if err := do(); err == nil || errors.Is(err, store.ErrCorrupt) || !strings.HasPrefix(err.Error(), "memcachestore: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	release()
	p := make([]byte, 5000)
	if n, err := w.ReadAt(p, 0); n != 5000 || err != nil || !bytes.Equal(p, entries.Body(5000)) {
		t.Errorf("a caller cannot read on in what was written: %d, %v", n, err)
	}
	if err := w.Commit(t.Context(), entries.MetaForAnHour(2)); err == nil {
		t.Error("Commit: no error")
	}
}

func TestContextDone(t *testing.T) {
	s := New(nil, "") // no command is sent
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for what, do := range map[string]func() error{
		"Get":    func() error { _, err := s.Get(ctx, "key"); return err },
		"Create": func() error { _, err := s.Create(ctx, "key", 1); return err },
		"Update": func() error { return s.Update(ctx, "key", entries.MetaForAnHour(1)) },
		"Delete": func() error { return s.Delete(ctx, "key") },
		"Secret": func() error { _, err := s.Secret(ctx); return err },
		"Lease":  func() error { _, err := s.Acquire(ctx, "key"); return err },
	} {
		if err := do(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// FuzzParse parses what could stand in the first item of an entry.
func FuzzParse(f *testing.F) {
	h := &head{nonce: strings.Repeat("ab", nonceSize), size: 20_000, chunk: 10_000, meta: entries.MetaForAnHour(1)}
	b, err := h.seal("key")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b[sumSize:])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseHead("key", b); err == nil {
			t.Errorf("without a checksum: %q", b)
		}
		h, err := parseBody(b)
		if err != nil {
			return
		}
		if h.meta == nil || h.size < 0 || h.chunks < 0 || int64(h.chunks) > 1+h.size/(minChunk-sumSize) ||
			h.chunks > 0 && (h.length(h.chunks-1) <= 0 || h.length(0) > maxChunk) {
			t.Errorf("%+v of %q", h, b)
		}
	})
}
