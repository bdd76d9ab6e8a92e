package readahead

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// source is a server at a distance.
type source struct {
	trip    time.Duration
	lost    int // the piece that is not there; negative: all are
	mu      sync.Mutex
	fetched []string
	err     error
}

var errLost = errors.New("lost")

func (s *source) fetch(ctx context.Context, first, n int) ([][]byte, error) {
	s.mu.Lock()
	s.fetched = append(s.fetched, fmt.Sprintf("%d+%d", first, n))
	err := s.err
	s.mu.Unlock()
	select {
	case <-time.After(s.trip):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	var pieces [][]byte
	for i := first; i < first+n; i++ {
		if i == s.lost {
			return pieces, errLost
		}
		pieces = append(pieces, []byte{byte(i)})
	}
	return pieces, nil
}

func TestBatches(t *testing.T) {
	const ms = time.Millisecond
	inOrder := func(n int) []int {
		all := make([]int, n)
		for i := range all {
			all[i] = i
		}
		return all
	}
	for _, row := range []struct {
		why     string
		piece   int64
		n       int
		trip    time.Duration
		budget  int64
		read    []int
		fetched []string
		took    time.Duration
	}{
		{"1.5 MB at 50 ms", 256 << 10, 6, 50 * ms, 32 << 20, inOrder(6), []string{"0+1", "1+2", "3+3"}, 150 * ms},
		{"a long body", 256 << 10, 20, 50 * ms, 32 << 20, inOrder(20), []string{"0+1", "1+2", "3+4", "7+4", "11+4", "15+4", "19+1"}, 350 * ms},
		{"on a slow way batches stay small", 256 << 10, 4, 200 * ms, 32 << 20, inOrder(4), []string{"0+1", "1+1", "2+1", "3+1"}, 800 * ms},
		{"small pieces", 64 << 10, 12, 50 * ms, 32 << 20, inOrder(12), []string{"0+4", "4+8"}, 100 * ms},
		{"pieces larger than a batch", 4 << 20, 3, 50 * ms, 32 << 20, inOrder(3), []string{"0+1", "1+1", "2+1"}, 150 * ms},
		{"no room ahead", 256 << 10, 4, 50 * ms, 100, inOrder(4), []string{"0+1", "1+1", "2+1", "3+1"}, 200 * ms},
		{"no room for a first batch", 64 << 10, 4, 50 * ms, 100, inOrder(4), []string{"0+1", "1+1", "2+1", "3+1"}, 200 * ms},
		{"the end only", 256 << 10, 20, 50 * ms, 32 << 20, []int{19}, []string{"19+1"}, 50 * ms},
		{"a jump", 256 << 10, 20, 50 * ms, 32 << 20, []int{0, 10, 10}, []string{"0+1", "1+2", "10+1", "11+2"}, 100 * ms},
		{"two who read the same body", 256 << 10, 4, 50 * ms, 100, []int{0, 1, 0, 1, 2, 1, 2}, []string{"0+1", "1+1", "2+1"}, 150 * ms},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, budget := &source{trip: row.trip, lost: -1}, new(Budget)
				r := New(t.Context(), row.piece, budget, row.budget, s.fetch)
				began := time.Now()
				for _, i := range row.read {
					if b, err := r.Piece(i, row.n); err != nil || len(b) != 1 || b[0] != byte(i) {
						t.Errorf("piece %d: %v, %v", i, b, err)
					}
					if used := budget.used.Load(); used > row.budget || used > held*max(most, row.piece) {
						t.Errorf("%d bytes are held ahead", used)
					}
				}
				took := time.Since(began)
				r.Close()
				synctest.Wait()
				// Batches that are fetched at once begin in any order.
				got, want := slices.Sorted(slices.Values(s.fetched)), slices.Sorted(slices.Values(row.fetched))
				if !slices.Equal(got, want) || took != row.took {
					t.Errorf("fetched %q in %v, want %q in %v", got, took, want, row.took)
				}
				if used := budget.used.Load(); used != 0 {
					t.Errorf("%d bytes are held after Close", used)
				}
			})
		})
	}
}

// What comes before a lost piece is read, and a failure is not remembered.
func TestLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, budget := &source{lost: 5}, new(Budget)
		r := New(t.Context(), 256<<10, budget, 32<<20, s.fetch)
		for i := range 8 {
			b, err := r.Piece(i, 8)
			if lost := i == 5; lost != errors.Is(err, errLost) || lost == (len(b) == 1) {
				t.Errorf("piece %d: %v, %v", i, b, err)
			}
		}
		s.mu.Lock()
		s.err = errors.New("connection reset")
		s.mu.Unlock()
		if _, err := r.Piece(0, 8); err == nil {
			t.Error("no error")
		}
		s.mu.Lock()
		s.err = nil
		s.mu.Unlock()
		if _, err := r.Piece(0, 8); err != nil {
			t.Errorf("after the failure: %v", err)
		}
		r.Close()
		if used := budget.used.Load(); used != 0 {
			t.Errorf("%d bytes are held after Close", used)
		}
		if _, err := r.Piece(20, 30); !errors.Is(err, context.Canceled) {
			t.Errorf("after Close: %v", err)
		}
		if used := budget.used.Load(); used != 0 {
			t.Errorf("%d bytes are held after Close", used)
		}
	})
}

// The end of the caller's context ends nothing; Close ends what is being fetched.
func TestClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &source{trip: time.Hour, lost: -1}
		ctx, cancel := context.WithCancel(t.Context())
		r := New(ctx, 1<<20, new(Budget), 32<<20, s.fetch)
		cancel()
		time.AfterFunc(time.Minute, r.Close)
		began := time.Now()
		if _, err := r.Piece(0, 8); !errors.Is(err, context.Canceled) || time.Since(began) != time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

func TestManyReaders(t *testing.T) {
	s, budget := &source{lost: -1}, new(Budget)
	var wg sync.WaitGroup
	for range 8 {
		r := New(t.Context(), 64<<10, budget, 4<<20, s.fetch)
		for range 3 {
			wg.Go(func() {
				for i := range 200 {
					if b, err := r.Piece(i, 200); err != nil || b[0] != byte(i) {
						t.Errorf("piece %d: %v, %v", i, b, err)
					}
				}
			})
		}
		defer func() {
			r.Close()
			if used := budget.used.Load(); used < 0 {
				t.Errorf("%d bytes are held", used)
			}
		}()
	}
	wg.Wait()
	if used := budget.used.Load(); used > 4<<20 {
		t.Errorf("%d bytes are held", used)
	}
}

// What was begun is there when it is asked for.
func TestBegin(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		why     string
		n       int
		trip    time.Duration
		limit   int64
		fetched []string
		first   time.Duration // until the first piece is there
		all     time.Duration
	}{
		{"1.25 MiB in one trip", 5, 50 * ms, 32 << 20, []string{"0+1", "1+4"}, 50 * ms, 50 * ms},
		{"a large body goes on like that", 12, 50 * ms, 32 << 20, []string{"0+1", "1+4", "5+4", "9+3"}, 50 * ms, 150 * ms},
		{"a body of one piece", 1, 50 * ms, 32 << 20, []string{"0+1"}, 50 * ms, 50 * ms},
		{"on a slow way batches become small", 8, 200 * ms, 32 << 20, []string{"0+1", "1+4", "5+1", "6+1", "7+1"}, 200 * ms, 800 * ms},
		{"there is room for the first only", 3, 50 * ms, 100, []string{"0+1", "1+1", "2+1"}, 50 * ms, 150 * ms},
		{"nothing is to be held", 3, 50 * ms, -1, []string{"0+1", "1+1", "2+1"}, 50 * ms, 150 * ms},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := &source{trip: row.trip, lost: -1}
			r := New(t.Context(), 256<<10, new(Budget), row.limit, s.fetch)
			defer r.Close()
			began := time.Now()
			r.Begin(row.n)
			for i := range row.n {
				if _, err := r.Piece(i, row.n); err != nil {
					t.Errorf("%v: %s", err, row.why)
				}
				if took := time.Since(began); i == 0 && took != row.first {
					t.Errorf("the first piece came after %v, want %v: %s", took, row.first, row.why)
				}
			}
			took := time.Since(began)
			synctest.Wait()
			got, want := slices.Sorted(slices.Values(s.fetched)), slices.Sorted(slices.Values(row.fetched))
			if !slices.Equal(got, want) || took != row.all {
				t.Errorf("fetched %q in %v, want %q in %v: %s", got, took, want, row.all, row.why)
			}
		})
	}
}
