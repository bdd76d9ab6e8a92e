package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// A service issues numbered tokens that last for a minute, after a second.
type service struct {
	issued atomic.Int32
	same   string
	err    error
}

func (s *service) fetch(ctx context.Context) (Token, error) {
	n := s.issued.Add(1)
	begun := time.Now()
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return Token{}, ctx.Err()
	}
	if s.err != nil {
		return Token{}, s.err
	}
	if s.same != "" {
		return Token{Value: s.same}, nil
	}
	return Token{Value: fmt.Sprint("t", n), Expires: begun.Add(time.Minute)}, nil
}

func (s *service) get(t *testing.T, k *Keeper, invalid, want string) {
	t.Helper()
	if got, err := k.Get(t.Context(), invalid, s.fetch); got != want || err != nil {
		t.Errorf("token %q, %v, want %q", got, err, want)
	}
}

func (s *service) expect(t *testing.T, n int32, why string) {
	t.Helper()
	if got := s.issued.Load(); got != n {
		t.Errorf("%d fetches, want %d: %s", got, n, why)
	}
}

func TestOneForMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, s := new(Keeper), new(service)
		all := func(invalid, want string) {
			var wg sync.WaitGroup
			for i := range 100 {
				wg.Go(func() {
					time.Sleep(time.Duration(i) * time.Millisecond)
					s.get(t, k, invalid, want)
				})
			}
			wg.Wait()
		}
		all("", "t1")
		s.expect(t, 1, "all who wait share one fetch")
		all("t1", "t2")
		s.expect(t, 2, "a token that was refused is replaced once")
		all("t1", "t2")
		s.expect(t, 2, "also for those that are told late that it was refused")
		time.Sleep(51 * time.Second)
		all("", "t2")
		s.expect(t, 2, "a token of a minute is used for 54 seconds")
		time.Sleep(5 * time.Second)
		all("", "t3")
		s.expect(t, 3, "it ends within a tenth of its life")
	})
}

func TestWaiters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, s := new(Keeper), new(service)
		gone := errors.New("gone")
		leave := func(after time.Duration) {
			ctx, cancel := context.WithCancelCause(t.Context())
			time.AfterFunc(after, func() { cancel(gone) })
			if got, err := k.Get(ctx, "", s.fetch); err != gone {
				t.Errorf("%q, %v", got, err)
			}
		}
		go leave(100 * time.Millisecond) // begins the fetch
		time.Sleep(10 * time.Millisecond)
		s.get(t, k, "", "t1")
		s.expect(t, 1, "the fetch goes on for the one who still waits")

		k = new(Keeper)
		leave(100 * time.Millisecond)
		s.get(t, k, "", "t3")
		s.expect(t, 3, "a fetch that nobody waits for ends, and the next caller begins anew")
		k = &Keeper{Finish: true}
		k.Set(Token{Value: "old", Expires: time.Now()})
		leave(100 * time.Millisecond)
		time.Sleep(time.Second)
		s.get(t, k, "", "t4")
		s.expect(t, 4, "a fetch that must not be lost goes on when nobody waits")

		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if got, err := k.Get(ctx, "", s.fetch); err != gone {
			t.Errorf("%q, %v", got, err)
		}
		s.expect(t, 4, "a caller that is gone gets no token, and fetches none")
	})
}

func TestFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, s := new(Keeper), &service{err: errors.New("down")}
		for range 2 {
			if _, err := k.Get(t.Context(), "", s.fetch); err != s.err {
				t.Errorf("error %v", err)
			}
		}
		s.expect(t, 2, "an error is not kept")
		s.err = nil
		s.get(t, k, "", "t3")

		s.same = "t3"
		s.get(t, k, "t3", "t3")
		for range 10 {
			s.get(t, k, "t3", "t3")
		}
		s.expect(t, 4, "a service that issues the same token is not asked for each request")
		time.Sleep(pause)
		s.same = ""
		s.get(t, k, "t3", "t5")

		forever := func(ctx context.Context) (Token, error) {
			<-ctx.Done()
			return Token{}, ctx.Err()
		}
		if _, err := k.Get(t.Context(), "t5", forever); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a service that does not answer: %v", err)
		}
	})
}
