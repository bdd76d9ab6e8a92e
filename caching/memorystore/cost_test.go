package memorystore

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
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
	if held := p.small.cost + p.main.cost; p.reserved != sum || p.used != sum+held {
		t.Fatalf("after %s: %d reserved, %d by writers; %d used, %d held", after, p.reserved, sum, p.used, held)
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

func TestMetaCost(t *testing.T) {
	t.Parallel()
	m := entries.Meta(1)
	with := func(bytes int64) int64 {
		c := m.Clone()
		c.SetMemo(&store.Memo{Bytes: bytes})
		return metaCost(c)
	}
	if got := with(5000) - with(1000); got != 4000 {
		t.Errorf("a memo larger by 4000 bytes costs %d more", got)
	}
	if metaCost(m) <= with(0) {
		t.Error("metadata without a memo costs nothing for the one that it gets")
	}
	if got := metaCost(&store.Meta{}); got > 2<<10 {
		t.Errorf("metadata without a field costs %d bytes", got)
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
