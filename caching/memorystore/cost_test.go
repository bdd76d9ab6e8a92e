package memorystore

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// ledger is writers of a [Store] with what was written to them.
type ledger struct {
	m       *Store
	writers []*writer
	want    map[*writer][]byte
}

// check compares what the store has reserved with what its writers have, and what
// it uses with what it has reserved and holds.
func (l *ledger) check(t *testing.T, after string) {
	t.Helper()
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	var sum int64
	for _, w := range l.writers {
		sum += w.reserved
	}
	p := &l.m.queues
	if held := p.small.cost + p.main.cost; p.reserved.Load() != sum || p.used.Load() != sum+held {
		t.Fatalf("after %s: %d reserved, %d by writers; %d used, %d held", after, p.reserved.Load(), sum, p.used.Load(), held)
	}
}

// step does something to one of the writers, or makes another, and says what.
func (l *ledger) step(t *testing.T, r *rand.Rand) string {
	t.Helper()
	what := r.IntN(10)
	if what < 3 || len(l.writers) == 0 {
		size := []int64{-1, r.Int64N(9 << 20), r.Int64N(200 << 10)}[r.IntN(3)]
		if w, err := l.m.Create(t.Context(), fmt.Sprint(r.IntN(20)), size); err == nil {
			l.writers = append(l.writers, w.(*writer))
		}
		return "Create"
	}
	i := r.IntN(len(l.writers))
	w := l.writers[i]
	if what < 8 {
		p := bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(300<<10))
		n, _ := w.Write(p)
		l.want[w] = append(l.want[w], p[:n]...)
		l.same(t, w)
		return "Write"
	}
	if r.IntN(2) == 0 {
		w.Shorten()
		l.check(t, "Shorten")
	}
	end := "Abort"
	if r.IntN(3) == 0 {
		_ = w.Abort()
	} else if end = "Commit"; w.Commit(t.Context(), entries.Meta(1)) == nil {
		l.same(t, w)
		if b := entries.Get(t, l.m, w.key); b != nil && !bytes.Equal(b, l.want[w]) {
			t.Fatalf("stored %d bytes of %d", len(b), len(l.want[w]))
		}
	}
	l.check(t, end)
	_ = w.Close()
	l.writers = slices.Delete(l.writers, i, i+1)
	delete(l.want, w)
	return "Close"
}

func (l *ledger) same(t *testing.T, w *writer) {
	t.Helper()
	got := make([]byte, len(l.want[w])+1)
	if n, err := w.ReadAt(got, 0); err != io.EOF || !bytes.Equal(got[:n], l.want[w]) {
		t.Fatalf("read %d bytes of %d, %v", n, len(l.want[w]), err)
	}
}

func TestCost(t *testing.T) {
	t.Parallel()
	const key = "the key of an entry, which is some bytes long"
	cost := func(change func(*store.Meta)) int64 {
		m := entries.Meta(1)
		change(m)
		n, err := New(0).newNode(0, key, store.Entry{Meta: m})
		if err != nil {
			t.Fatal(err)
		}
		return n.cost
	}
	least := cost(func(*store.Meta) {})
	for why, row := range map[string]struct {
		more   int64
		change func(*store.Meta)
	}{
		"a memo takes what it says":                       {5000, func(m *store.Meta) { m.SetMemo(&store.Memo{Bytes: 5000}) }},
		"a key that is part of other text takes no other": {112 - 48, func(m *store.Meta) { m.Extra = "0123456789" + key + strings.Repeat("x", 50) }},
		"a longer URL": {1024 - 32, func(m *store.Meta) { m.URL = strings.Repeat("x", 1000) }},
		"a trailer":    {1024, func(m *store.Meta) { m.Trailer = store.FieldsOf(http.Header{"A": {strings.Repeat("x", 1000)}}) }},
	} {
		if more := cost(row.change) - least; more != row.more {
			t.Errorf("%s: %d bytes more, want %d", why, more, row.more)
		}
	}
}

// What a memo takes that an entry is given later is counted when the entry is got again, and it may be
// so much that others must go.
func TestLateMemo(t *testing.T) {
	t.Parallel()
	m := New(100_000)
	for _, key := range []string{"a", "b"} {
		entries.Put(t, m, key, entries.Meta(1), make([]byte, 10_000))
	}
	before := m.Stats()
	e, _ := m.Get(t.Context(), "b")
	for _, bytes := range []int64{3000, 1000, 0, 85_000} {
		e.Meta.SetMemo(&store.Memo{Bytes: bytes})
		for range 2 {
			_, _ = m.Get(t.Context(), "b")
		}
		if s := m.Stats(); bytes < 80_000 && s.Bytes != before.Bytes+bytes {
			t.Errorf("a memo of %d bytes counts as %d", bytes, s.Bytes-before.Bytes)
		} else if bytes > 80_000 && (s.Entries != 1 || s.Bytes > s.Limit) {
			t.Errorf("a memo that leaves no room for others: %+v", s)
		}
	}
	_ = m.Delete(t.Context(), "b")
	n := e.Meta.Memo().Bytes
	e.Meta.SetMemo(&store.Memo{Bytes: n + 1}) // of an entry that is gone
	if s := m.Stats(); s.Bytes != 0 {
		t.Errorf("nothing is stored, and takes %d bytes", s.Bytes)
	}
}

// Whatever writers do, and in whatever order, the account is right.
func TestAccount(t *testing.T) {
	t.Parallel()
	seeds := uint64(4)
	if os.Getenv("TRIPPER_STRESS") == "1" {
		seeds = 300
	}
	for seed := range seeds {
		r := rand.New(rand.NewPCG(seed, 1))
		l := &ledger{m: New(1<<20 + r.Int64N(40<<20)), want: map[*writer][]byte{}}
		for range 60 {
			l.check(t, l.step(t, r))
		}
		for _, w := range l.writers {
			_ = w.Close()
		}
		l.writers = nil
		l.check(t, "closing all")
	}
}
