package dirstore

import (
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

func TestNextClass(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why    string
		unused int64 // bytes of entries that were never got, of a bound of 1000
		oldest ages
		want   class
	}{
		{"entries in use outlive a long series of others, however old they are", 101, ages{9, 1}, unused},
		{"a few that were never got are no reason to drop what is in use: age decides", 100, ages{9, 1}, used},
		{"and among them too", 100, ages{1, 9}, unused},
		{"there may be nothing else than what is in use", 0, ages{never, 1}, used},
		{"and nothing of it", 0, ages{1, never}, unused},
		{"what was never got may have been tried already", 500, ages{never, 1}, used},
		{"of equal age: either", 0, ages{1, 1}, used},
	} {
		if got := nextClass(row.unused, 1000, row.oldest); got != row.want {
			t.Errorf("%s: %v, want %v", row.why, got, row.want)
		}
	}
}

func TestLeastUsed(t *testing.T) {
	t.Parallel()
	s := shard{nodes: map[string]node{}}
	for i := range 100 {
		s.nodes[fmt.Sprint(i)] = node{used: int64(i), hit: i%2 == 1}
	}
	for _, row := range []struct {
		why    string
		class  class
		remove bool
		first  string
		n      int
		oldest int64
	}{
		{"a thirty-second of the class, the oldest first, and how old the next is", unused, false, "0", 2, 4},
		{"those that could not be removed are passed by", unused, true, "4", 2, 8},
		{"as are those that were", unused, true, "8", 2, 12},
		{"another class has its own", used, true, "1", 2, 5},
	} {
		got := s.leastUsed(row.class)
		if len(got) != row.n || got[0].path != row.first || s.oldest[row.class] != row.oldest {
			t.Errorf("%s: %v, oldest: %d; want %d from %s on, oldest: %d", row.why, got, s.oldest[row.class], row.n, row.first, row.oldest)
		}
		for _, v := range got {
			if row.remove {
				delete(s.nodes, v.path)
			}
		}
	}
	s = shard{nodes: map[string]node{"a": {used: 7}, "b": {used: 7}, "c": {used: 8}}}
	if got := s.leastUsed(unused); len(got) != 2 || s.oldest[unused] != 8 {
		t.Errorf("of those of equal age some were left: %v, %d", got, s.oldest[unused])
	}
	clear(s.nodes)
	if got := s.leastUsed(used); len(got) != 0 || s.oldest[used] != never {
		t.Errorf("of nothing: %v, %d", got, s.oldest[used])
	}
}

// The goroutine leaves room for a while, so that the next writers need not remove anything.
func TestEvictsAhead(t *testing.T) {
	const limit = 16 << 20
	d := open(t, t.TempDir(), Options{MaxBytes: limit})
	for i := 0; d.Stats().Evicted == 0; i++ {
		entries.PutSize(t, d, fmt.Sprint(i), entries.Meta(1), []byte("x"), -1)
		d.tidied()
		if d.taken() > limit {
			t.Fatalf("%d bytes of %d, and nothing was evicted", d.taken(), limit)
		}
	}
	if got := d.taken(); got > limit-limit/32 || got < limit-limit/16 {
		t.Errorf("%d bytes of %d, want a thirty-second less", got, limit)
	}
}

// Many writers at once exceed the bound by what they are adding, however slow the goroutine is.
func TestBoundOfManyWriters(t *testing.T) {
	const limit, writers, size = 1 << 20, 8, 50_000
	path := t.TempDir()
	d := open(t, path, Options{MaxBytes: limit})
	block := make(chan struct{})
	d.tidying = block // as if it were busy all the time
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range 60 {
				err := entries.TryPut(d, fmt.Sprint(w, "-", i), entries.Meta(1), make([]byte, size), -1)
				if err != nil && !errors.Is(err, store.ErrTooLarge) { // no room beside what others are writing
					t.Error(err)
				}
				if n := d.taken(); n > limit+writers*(pieceSize+2*blockSize) {
					t.Errorf("%d bytes of %d", n, limit)
				}
			}
		})
	}
	wg.Wait()
	d.tidying = nil
	if s := d.Stats(); s.Bytes > limit || s.Stored == 0 || s.Evicted < s.Stored/2 {
		t.Errorf("%+v", s)
	}
}

// Files that cannot be removed are tried once for each call, and no call takes long.
func TestCannotEvict(t *testing.T) {
	const n = 300
	path := t.TempDir()
	d := open(t, path, Options{})
	for i := range n {
		entries.PutSize(t, d, fmt.Sprint(i), entries.Meta(1), []byte("x"), -1)
	}
	other, err := openRealDir(t.TempDir()) // the names are there, and no file is
	if err != nil {
		t.Fatal(err)
	}
	for i := range d.shards {
		s := &d.shards[i]
		for path := range s.nodes {
			if err := other.MkdirAll(filepath.Join(path, "not empty"), 0o700); err != nil {
				t.Fatal(err)
			}
		}
	}
	old := d.root.Swap(other)
	defer old.Close() //nolint:errcheck // a test
	d.evict(0, 1<<40, maxTries)
	d.evict(0, 1<<40, 1<<30)
	d.evict(0, 1<<40, 1<<30)
	if s := d.Stats(); s.Evicted != 0 || s.Entries != n {
		t.Errorf("%+v", s)
	}
}

// Close ends what is done in the background, and waits for that.
func TestCloseEndsEviction(t *testing.T) {
	const n = 2000
	path := t.TempDir()
	d := open(t, path, Options{})
	for i := range n {
		entries.PutSize(t, d, fmt.Sprint(i), entries.Meta(1), []byte("x"), -1)
	}
	d.limit = 64 << 10 // nearly all has to go
	d.tidy()
	d.tidy() // there is one at most
	d.Close()
	if d.tidying != nil {
		t.Error("the goroutine has not ended")
	}
	left := len(files(t, path))
	t.Logf("%d of %d files are left", left, n)
	d.tidy()
	d.tidied()
	if got := len(files(t, path)); got != left {
		t.Errorf("%d files after Close, then %d", left, got)
	}
}
