package memorystore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestOnePiece(t *testing.T) {
	for _, c := range []struct {
		why        string
		n          int
		size       int64
		wantPieces bool
	}{
		{"a body of announced length is allocated once", 100 << 10, 100 << 10, false},
		{"one of unknown length is joined when it is complete", 100 << 10, -1, false},
		{"exactly one chunk", chunkSize, -1, false},
		{"an announced chunk", chunkSize, chunkSize, false},
		{"a large body of unknown length would be copied at twice its memory", maxJoin + 1, -1, true},
		{"a large body of announced length is not copied", maxJoin + 1, maxJoin + 1, false},
		{"no body", 0, 0, false},
		{"no body, length unknown", 0, -1, false},
	} {
		m := New(64 << 20)
		body := make([]byte, c.n)
		rand.NewChaCha8([32]byte{1}).Read(body)
		entries.PutSize(t, m, "k", entries.Meta(1), body, c.size)
		e, err := m.Get(t.Context(), "k")
		if err != nil {
			t.Fatal(err)
		}
		if got := e.Body != nil; got != c.wantPieces {
			t.Errorf("%s: in pieces: %v, want %v", c.why, got, c.wantPieces)
		}
		if got, err := entries.ReadAll(e); err != nil || !bytes.Equal(got, body) {
			t.Errorf("%s: got another body (%v)", c.why, err)
		}
		if m.queues.reserved.Load() != 0 {
			t.Errorf("%s: %d bytes still reserved", c.why, m.queues.reserved.Load())
		}
	}
}

func TestScanResistant(t *testing.T) {
	m := New(8 << 20)
	body := make([]byte, 4<<10)
	hot := func(i int) string { return fmt.Sprintf("hot-%d", i) }
	for i := range 500 { // a quarter of the bound
		entries.PutSize(t, m, hot(i), entries.Meta(1), body, -1)
		entries.Get(t, m, hot(i))
		entries.Get(t, m, hot(i))
	}
	for i := range 20_000 { // ten times the bound
		entries.PutSize(t, m, fmt.Sprintf("scan-%d", i), entries.Meta(1), body, -1)
	}
	kept := 0
	for i := range 500 {
		if entries.Get(t, m, hot(i)) != nil {
			kept++
		}
	}
	if kept < 500-500/maxChances { // all of them were hit when the first had to go
		t.Errorf("%d of 500 entries in use outlived a scan", kept)
	}
}

func TestGhostReturns(t *testing.T) {
	stays := func() bool {
		m := New(1 << 20)
		body := make([]byte, 4<<10)
		entries.PutSize(t, m, "once", entries.Meta(1), body, -1)
		for i := 0; has(m, "once"); i++ {
			entries.PutSize(t, m, fmt.Sprintf("other-%d", i), entries.Meta(1), body, -1)
		}
		entries.PutSize(t, m, "once", entries.Meta(1), body, -1)
		for i := range 1000 {
			entries.PutSize(t, m, fmt.Sprintf("more-%d", i), entries.Meta(1), body, -1)
		}
		return has(m, "once")
	}
	// One ghost in some hundred is lost to another of the same place, by the seed of the Store.
	for range 3 {
		if stays() {
			return
		}
	}
	t.Error("an entry that came back soon after it was dropped was dropped with the others again")
}

func has(m *Store, key string) bool { // without counting as a use
	return m.lookup(m.hash(key), key) != nil
}

func TestBound(t *testing.T) {
	m := New(1 << 20)
	if _, err := m.Create(t.Context(), "k", 600<<10); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Create beyond half of the bound: %v, want ErrTooLarge", err)
	}
	w, err := m.Create(t.Context(), "k", -1)
	if err != nil {
		t.Fatal(err)
	}
	n, piece := 0, make([]byte, 10_000)
	for err == nil {
		var k int
		k, err = w.Write(piece)
		n += k
	}
	if !errors.Is(err, store.ErrTooLarge) || n > 512<<10 || n < 400<<10 {
		t.Errorf("Write stopped after %d bytes with %v", n, err)
	}
	if _, err := w.ReadAt(piece, int64(n-len(piece))); err != nil {
		t.Errorf("ReadAt after ErrTooLarge: %v", err)
	}
	if err := w.Commit(t.Context(), entries.Meta(1)); !errors.Is(err, store.ErrTooLarge) {
		t.Errorf("Commit after ErrTooLarge: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if s := m.Stats(); s.Bytes != 0 || s.Entries != 0 || s.Refused != 2 {
		t.Errorf("after Close: %+v", s)
	}

	// What is being written counts, and is refused rather than let over the bound.
	var ws []store.Writer
	for range 5 {
		w, err := m.Create(t.Context(), "k", 300<<10)
		if err != nil {
			break
		}
		ws = append(ws, w)
	}
	if len(ws) != 3 {
		t.Errorf("%d bodies of 300 KiB being written within 1 MiB", len(ws))
	}
	for _, w := range ws {
		w.Close()
	}
	if s := m.Stats(); s.Bytes != 0 {
		t.Errorf("after abort: %+v", s)
	}
}

// TestHeap measures what the runtime says against the bound.
func TestHeap(t *testing.T) {
	if rttest.Race {
		t.Skip("memory is measured")
	}
	const limit = 16 << 20
	for _, c := range []struct {
		name     string
		min, max int
		size     bool
	}{
		{"tiny", 0, 64, false},
		{"small", 1, 4 << 10, true},
		{"small, length unknown", 1, 4 << 10, false},
		{"mixed", 1, 256 << 10, true},
		{"mixed, length unknown", 1, 256 << 10, false},
		{"large, length unknown", 3 << 20, 8 << 20, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(1, 2))
			before := heapInUse()
			m := New(limit)
			body := make([]byte, c.max)
			for i, written := 0, 0; written < 3*limit; i++ {
				n := c.min + rnd.IntN(c.max-c.min)
				size := int64(-1)
				if c.size {
					size = int64(n)
				}
				entries.PutSize(t, m, fmt.Sprintf("%064d", i), newOwnMeta(byte(i)), body[:n], size)
				written += n + 1500
			}
			body = nil
			got, s := heapInUse()-before, m.Stats()
			t.Logf("%d entries, %d bytes counted, %d on the heap, bound %d", s.Entries, s.Bytes, got, s.Limit)
			if got > limit*11/10 {
				t.Errorf("%d bytes on the heap, bound %d", got, limit)
			}
			if s.Bytes < limit*8/10 && c.max < 1<<20 {
				t.Errorf("only %d bytes used of %d", s.Bytes, limit)
			}
			runtime.KeepAlive(m)
		})
	}
}

// newOwnMeta is newMeta with strings of its own, as they come from the wire.
func newOwnMeta(id byte) *store.Meta {
	m := entries.Meta(id)
	m.Header = store.FieldsOf(m.Header.Map())
	return m
}

func heapInUse() int64 {
	var s runtime.MemStats
	for range 3 { // a sync.Pool survives one collection
		runtime.GC()
	}
	runtime.ReadMemStats(&s)
	return int64(s.HeapAlloc)
}

func TestOverhead(t *testing.T) {
	if testing.Short() || rttest.Race {
		t.Skip("the memory of 100,000 entries is measured")
	}
	const n = 100_000
	meta, body := entries.Meta(1), []byte("x")
	before := heapInUse()
	m := New(1 << 30)
	for i := range n {
		entries.PutSize(t, m, fmt.Sprintf("%064d", i), meta, body, 1)
	}
	per := (heapInUse() - before) / n
	if s := m.Stats(); s.Entries != n {
		t.Fatalf("%d entries, want %d", s.Entries, n)
	}
	t.Logf("%d bytes for an entry, beside metadata", per)
	if per > 1024 {
		t.Errorf("%d bytes of overhead for an entry", per)
	}
	runtime.KeepAlive(m)

	before = heapInUse()
	m2 := New(1 << 30)
	for i := range n / 10 {
		entries.PutSize(t, m2, fmt.Sprintf("%064d", i), newOwnMeta(byte(i)), body, 1)
	}
	per = (heapInUse() - before) / (n / 10)
	t.Logf("%d bytes for an entry, with metadata of twelve fields, counted %d", per, m2.Stats().Bytes/(n/10))
	if per > 2048+1024 {
		t.Errorf("%d bytes for an entry", per)
	}
	runtime.KeepAlive(m2)
}

func TestAllocs(t *testing.T) {
	if rttest.Race {
		t.Skip("memory is measured")
	}
	m := New(0)
	entries.PutSize(t, m, "k", entries.Meta(1), bigBody, int64(len(bigBody)))
	ctx := t.Context()
	if n := testing.AllocsPerRun(100, func() {
		e, err := m.Get(ctx, "k")
		if err != nil || e == nil || len(e.Bytes) != len(bigBody) {
			t.Fatal(e, err)
		}
		e.Close()
	}); n != 0 {
		t.Errorf("a hit takes %v allocations", n)
	}
	meta, body := entries.Meta(1), make([]byte, 64<<10)
	if got := rttest.BytesPerRun(200, func() { entries.PutSize(t, m, "k2", meta, body, 64<<10) }); got > 64<<10*115/100 {
		t.Errorf("storing 64 KiB allocates %d bytes", got)
	}
	// Chunks of a pool and then one piece: not a series of ever larger ones.
	if got := rttest.BytesPerRun(50, func() { entries.PutSize(t, m, "k3", meta, bigBody, -1) }); got > 1<<20*13/10 {
		t.Errorf("storing 1 MiB of unknown length allocates %d bytes", got)
	}
}

var bigBody = make([]byte, 1<<20)

func TestHotMainQueue(t *testing.T) {
	// All entries are hit all the time while others come in: eviction has to end.
	m := New(256 << 10)
	for i := range 8 {
		entries.PutSize(t, m, fmt.Sprint("hot", i), entries.Meta(1), make([]byte, 16<<10), -1)
	}
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					m.Get(context.Background(), fmt.Sprint("hot", i%8))
				}
			}
		})
	}
	for i := range 500 {
		entries.PutSize(t, m, fmt.Sprint("new", i), entries.Meta(1), make([]byte, 60<<10), -1)
	}
	close(stop)
	wg.Wait()
	if s := m.Stats(); s.Bytes > s.Limit {
		t.Errorf("over the bound: %+v", s)
	}
}

func TestUpdateCounts(t *testing.T) {
	m := New(0)
	entries.PutSize(t, m, "k", entries.Meta(1), []byte("body"), -1)
	before := m.Stats().Bytes
	meta := entries.Meta(1)
	h := meta.Header.Map()
	h.Set("X-New", string(make([]byte, 10_000)))
	meta.Header = store.FieldsOf(h)
	if err := m.Update(t.Context(), "k", meta); err != nil {
		t.Fatal(err)
	}
	if got := m.Stats().Bytes - before; got < 10_000 || got > 11_000 {
		t.Errorf("metadata larger by 10,000 bytes counts as %d", got)
	}
	if err := m.Delete(t.Context(), "k"); err != nil {
		t.Fatal(err)
	}
	if s := m.Stats(); s.Bytes != 0 || s.Entries != 0 {
		t.Errorf("after Delete: %+v", s)
	}
}

// The key of an entry is kept without an allocation if it is as long as that of a Transport.
func TestKeys(t *testing.T) {
	m := New(1 << 20)
	var want []string
	for _, n := range []int{0, 1, 46, 47, 48, 200} {
		key := strings.Repeat("k", n)
		entries.PutSize(t, m, key, entries.Meta(byte(n)), []byte(key), -1)
		want = append(want, key)
	}
	for _, key := range want {
		if got := entries.Get(t, m, key); string(got) != key {
			t.Errorf("under a key of %d bytes: %q", len(key), got)
		}
	}
	var got []string
	for e := range m.List(t.Context()) {
		got = append(got, e.Key)
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("listed %q, want %q", got, want)
	}
}
