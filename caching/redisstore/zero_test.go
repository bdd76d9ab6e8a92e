package redisstore

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// TestWithoutClient has Stores that were not made as they should be say so.
func TestWithoutClient(t *testing.T) {
	var none *Store
	for why, s := range map[string]*Store{
		"a nil pointer":           none,
		"the zero value":          {},
		"no client":               New(nil, ""),
		"a client that is nil":    New((*redis.Client)(nil), ""),
		"a cluster's that is nil": New((*redis.ClusterClient)(nil), ""),
	} {
		sharedtest.WithoutClient(t, why, s, func(err error) bool { return errors.Is(err, errNoClient) })
	}
	for _, err := range none.List(t.Context()) {
		if !errors.Is(err, errNoClient) {
			t.Errorf("List: %v", err)
		}
	}
}

func TestTiming(t *testing.T) {
	for _, row := range []struct {
		client redis.UniversalClient
		want   store.Timing
	}{
		{redis.NewClient(&redis.Options{ContextTimeoutEnabled: true}), store.TimingContext},
		{redis.NewClient(&redis.Options{}), store.TimingUnknown},
		{redis.NewClusterClient(&redis.ClusterOptions{ContextTimeoutEnabled: true}), store.TimingContext},
		{redis.NewClusterClient(&redis.ClusterOptions{}), store.TimingUnknown},
		{redis.NewFailoverClient(&redis.FailoverOptions{ContextTimeoutEnabled: true}), store.TimingContext},
		{redis.NewRing(&redis.RingOptions{ContextTimeoutEnabled: true}), store.TimingContext},
		{redis.NewRing(&redis.RingOptions{}), store.TimingUnknown},
		{struct{ redis.UniversalClient }{}, store.TimingUnknown},
	} {
		s := New(row.client, "")
		if self, got := s.Promises(); self != s || got.Timing != row.want {
			t.Errorf("%T: %v, want %v", row.client, got, row.want)
		}
		if c, ok := row.client.(interface{ Close() error }); ok && row.want != store.TimingUnknown {
			_ = c.Close()
		}
	}
}

// TestDeadline has every method that is called with a deadline keep it, whatever
// the server does: this one takes connections and says nothing.
func TestDeadline(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := New(patient(t, l.Addr().String(), true), "")
	h := &head{descriptor: "x"}
	for what, do := range map[string]func(ctx context.Context) error{
		"Get":     func(ctx context.Context) error { _, err := s.Get(ctx, "key"); return err },
		"Update":  func(ctx context.Context) error { return s.Update(ctx, "key", entries.MetaForAnHour(1)) },
		"Delete":  func(ctx context.Context) error { return s.Delete(ctx, "key") },
		"Secret":  func(ctx context.Context) error { _, err := s.Secret(ctx); return err },
		"Acquire": func(ctx context.Context) error { _, err := s.Acquire(ctx, "key"); return err },
		"drop":    func(ctx context.Context) error { return s.drop(ctx, s.name("key"), h, store.ErrCorrupt) },
	} {
		t.Run(what, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), sharedtest.StoreWait)
			defer cancel()
			began := time.Now()
			if err := do(ctx); err == nil || time.Since(began) > sharedtest.Patience {
				t.Errorf("%v after %v, with a deadline of %v", err, time.Since(began), sharedtest.StoreWait)
			}
		})
	}
}
