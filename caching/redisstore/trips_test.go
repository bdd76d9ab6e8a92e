package redisstore

import (
	"errors"
	"io"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
	"github.com/tripper-go/tripper/internal/servers"
)

// A trip to the server is most of what a call costs.
func TestTrips(t *testing.T) {
	link := newLink(t, servers.Redis(t, "").Addr)
	s := New(patient(t, link.Addr, true), "")
	ctx := t.Context()
	const small, medium, large = 1 << 10, 60 << 10, 1 << 20
	put := func(key string, n int, replaces store.Version) func() error {
		return func() error {
			m := entries.MetaForAnHour(1)
			m.Version, m.Replaces = 1, replaces
			return entries.TryPut(s, key, m, entries.Body(n), int64(n))
		}
	}
	get := func(key string) func() error {
		return func() error {
			e, err := s.Get(ctx, key)
			if e == nil || e.Body == nil {
				return err
			}
			_, err = io.Copy(io.Discard, io.NewSectionReader(e.Body, 0, e.Size))
			return errors.Join(err, e.Close())
		}
	}
	update := func() error { return s.Update(ctx, "medium", entries.MetaForAnHour(1)) }
	remove := func() error { return s.Delete(ctx, "medium") }
	// The first time the server is told the scripts.
	for _, do := range []func() error{put("medium", medium, 0), update, remove} {
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		why  string
		do   func() error
		want int
	}{
		{"nothing is stored", get("none"), 1},
		{"a script", put("small", small, 0), 1},
		{"a script that compares", put("absent", small, store.Absent), 1},
		{"a script that compares", put("absent", small, 1), 1},
		{"the body lies beside its metadata", get("small"), 1},
		{"the body lies beside its metadata", put("medium", medium, 0), 1},
		{"the body lies beside its metadata", get("medium"), 1},
		{"a script, which sees no body", update, 1},
		{"a script", remove, 1},
		{"five pieces, each sent as it is full, and a script", put("large", large, 0), 6},
	} {
		_ = link.Turns()
		if err := row.do(); err != nil {
			t.Errorf("%s: %v", row.why, err)
		}
		if n := link.Turns(); n != row.want {
			t.Errorf("%d round trips, want %d: %s", n, row.want, row.why)
		}
	}
}

// TestUncertain is about calls that fail. The server says what it did not do; if it says nothing, nobody
// knows.
func TestUncertain(t *testing.T) {
	mini := miniredis.RunT(t)
	s := New(redis.NewClient(&redis.Options{Addr: mini.Addr(), MaxRetries: -1, DialerRetries: 1}), "")
	all := map[string]func() error{
		"Commit": func() error { return entries.TryPut(s, "key", entries.MetaForAnHour(1), entries.Body(10), 10) },
		"Update": func() error { return s.Update(t.Context(), "key", entries.MetaForAnHour(1)) },
		"Delete": func() error { return s.Delete(t.Context(), "key") },
	}
	fails := func(why string, uncertain bool) {
		t.Helper()
		for what, do := range all {
			if err := do(); err == nil || errors.Is(err, store.ErrUncertain) != uncertain {
				t.Errorf("%s: %s: %v, want uncertain: %v", what, why, err, uncertain)
			}
		}
	}
	mini.SetError("ERR out of order")
	fails("the server refuses", false)
	mini.SetError("OOM command not allowed")
	fails("the server is full", false)
	mini.Close()
	fails("no answer", true)
}
