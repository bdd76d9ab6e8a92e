package guard

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// secretStore is a fakeStore that has a secret.
type secretStore struct {
	*fakeStore
	secret string
}

func (s secretStore) Promises() (store.Store, store.Promises) {
	return s, store.Promises{Timing: s.timing}
}

func (s secretStore) Secret(ctx context.Context) ([]byte, error) {
	if err := s.call(ctx, "secret"); err != nil {
		return nil, err
	}
	return []byte(s.secret), nil
}

func TestSecret(t *testing.T) {
	const s = time.Second
	for _, row := range []struct {
		name, why string
		timing    store.Timing
		do        func(context.Context, string) error
		secret    string
		want      error
		took      time.Duration
		told      string
		later     string // what is told when it is asked for again later, with a Store that is well
	}{
		{name: "in time", why: "it is asked for once", do: takes(s / 2), secret: "x", took: s / 2, told: "secret", later: "secret"},
		{name: "in place", why: "it is asked for once", timing: store.TimingImmediate, do: takes(2 * s), secret: "x", took: 2 * s, told: "secret", later: "secret"},
		{name: "late", why: "a request waits no longer; the next one has it", do: takes(2 * s), secret: "x", want: ErrSlow, took: s, told: "", later: "secret"},
		{name: "error", why: "it is asked for again: another key would find nothing", do: breaks, secret: "x", want: errBroken, told: "secret", later: "secret, secret"},
		{name: "error in place", why: "as beside", timing: store.TimingImmediate, do: breaks, secret: "x", want: errBroken, told: "secret", later: "secret, secret"},
		{name: "empty", why: "hashes with an empty key keep nobody apart", want: errNoSecret, told: "secret", later: "secret, secret"},
		{name: "empty in place", why: "as beside", timing: store.TimingImmediate, want: errNoSecret, told: "secret", later: "secret, secret"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeStore{timing: row.timing, do: row.do}
				g := guardedBy(fake, Options{})
				g.Caller = New(NewBackend(secretStore{fake, row.secret}), g.Options)
				var b Budget
				began := time.Now()
				key, err := g.Secret(t.Context(), &b)
				if took := time.Since(began); err != row.want || string(key) != row.secret && err == nil || took != row.took {
					t.Errorf("%q, %v after %v; want %q, %v after %v: %s", key, err, took, row.secret, row.want, row.took, row.why)
				}
				if got := g.told(); got != row.told {
					t.Errorf("the Store was asked for %q, want %q: %s", got, row.told, row.why)
				}
				if !g.InPlace() && b.waited != row.took {
					t.Errorf("%v are counted, want %v", b.waited, row.took)
				}
				time.Sleep(time.Minute)
				fake.does(nil)
				if key, err = g.Secret(t.Context(), new(Budget)); row.want != errNoSecret && (err != nil || string(key) != row.secret) {
					t.Errorf("later: %q, %v", key, err)
				}
				if got := g.told(); got != row.later {
					t.Errorf("later: the Store was asked for %q, want %q: %s", got, row.later, row.why)
				}
			})
		})
	}
}

// The secret is not that of the request which has asked first, and the first one stays.
func TestSecretIsKept(t *testing.T) {
	fake := &fakeStore{timing: store.TimingImmediate, do: func(ctx context.Context, _ string) error { return ctx.Err() }}
	c := New(NewBackend(secretStore{fake, "x"}), Options{Wait: 1, Back: func() {}})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if key, err := c.Secret(ctx, nil); string(key) != "x" || err != nil {
		t.Errorf("%q, %v for a request that has ended", key, err)
	}
	if key, err := c.secret.keep([]byte("y"), nil); string(key) != "x" || err != nil {
		t.Errorf("%q, %v: another secret came later", key, err)
	}
}

// All requests that want the secret wait for one call.
func TestSecretIsAskedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeStore{do: takes(time.Second / 2)}
		g := guardedBy(fake, Options{})
		g.Caller = New(NewBackend(secretStore{fake, "x"}), g.Options)
		var wg sync.WaitGroup
		for range 100 {
			wg.Go(func() {
				if key, err := g.Secret(t.Context(), new(Budget)); string(key) != "x" || err != nil {
					t.Errorf("%q, %v", key, err)
				}
			})
		}
		wg.Wait()
		if got := g.told(); got != "secret" {
			t.Errorf("the Store was asked for %s", got)
		}
	})
}

// Errors that cost time count as failures of the Store, others do not.
func TestSecretFails(t *testing.T) {
	for _, row := range []struct {
		do   func(context.Context, string) error
		want error
		why  string
	}{
		{breaks, errBroken, "it costs nobody anything to ask again"},
		{func(ctx context.Context, _ string) error { <-ctx.Done(); return ctx.Err() }, ErrLeftAlone, "each request would wait for it"},
	} {
		synctest.Test(t, func(t *testing.T) {
			fake := &fakeStore{do: row.do}
			g := guardedBy(fake, Options{})
			g.Caller = New(NewBackend(secretStore{fake, "x"}), g.Options)
			for range breakerRow {
				_, _ = g.Secret(t.Context(), new(Budget))
				time.Sleep(patience*time.Second - breakerFirst/2)
			}
			if _, err := g.Secret(t.Context(), new(Budget)); err != row.want {
				t.Errorf("%v, want %v: %s", err, row.want, row.why)
			}
			time.Sleep(time.Hour)
		})
	}
}

// A Store without a secret has one for each process.
func TestSecretOfProcess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := new(fakeStore)
		b := NewBackend(fake)
		one, other := New(b, Options{Wait: 1}), New(b, Options{Wait: 1})
		x, err := one.Secret(t.Context(), nil)
		y, err2 := other.Secret(t.Context(), nil)
		if len(x) != 32 || string(x) != string(y) || err != nil || err2 != nil {
			t.Errorf("%x, %v; %x, %v", x, err, y, err2)
		}
		third := New(NewBackend(fake), Options{Wait: 1})
		if z, _ := third.Secret(t.Context(), nil); string(z) == string(x) {
			t.Error("the secret can be guessed")
		}
	})
}
