package guard

import (
	"context"
	"runtime"
	"testing"

	"github.com/tripper-go/tripper/caching/store"
)

// wrapping is a Store by value, with an identity that its fields give it.
type wrapping struct{ store.Store }

// listing cannot be compared.
type listing struct {
	store.Store
	_ []string
}

func TestPerStore(t *testing.T) {
	one, two := new(fakeStore), new(fakeStore)
	var none *fakeStore
	var known PerStore[int]
	fresh := func() *int { return new(int) }
	for _, row := range []struct {
		a, b store.Store
		same bool
		why  string
	}{
		{one, one, true, "one pointer"},
		{one, two, false, "two pointers"},
		{wrapping{one}, wrapping{one}, true, "a value is what its fields are"},
		{wrapping{one}, wrapping{two}, false, "other fields"},
		{wrapping{one}, one, false, "a wrapper may do anything else"},
		{&wrapping{one}, &wrapping{one}, false, "two pointers, whatever they lead to"},
		{listing{Store: one}, listing{Store: one}, false, "what cannot be compared shares nothing"},
		{wrapping{listing{Store: one}}, wrapping{listing{Store: one}}, false, "nor does what holds it"},
		{emptyStore{}, emptyStore{}, false, "values of no size cannot be told from one another"},
		{&emptyStore{}, &emptyStore{}, false, "pointers to them may be equal by chance"},
		{none, none, false, "a typed nil is no Store"},
	} {
		a, b := known.Of(row.a, fresh), known.Of(row.b, fresh)
		if same := a == b; same != row.same {
			t.Errorf("%T, %T: one value %v, want %v: %s", row.a, row.b, same, row.same, row.why)
		}
		runtime.KeepAlive(a)
	}
}

type emptyStore struct{}

func (emptyStore) Get(context.Context, string) (*store.Entry, error) { return nil, nil }
func (emptyStore) Create(context.Context, string, int64) (store.Writer, error) {
	return nil, store.ErrTooLarge
}
func (emptyStore) Update(context.Context, string, *store.Meta) error { return store.ErrConflict }
func (emptyStore) Delete(context.Context, string) error              { return nil }

// It keeps nothing alive, and nothing of what is gone.
func TestPerStoreForgets(t *testing.T) {
	var known PerStore[[1 << 10]byte]
	func() {
		s := new(fakeStore)
		made := known.Of(s, func() *[1 << 10]byte { return new([1 << 10]byte) })
		if known.Of(s, nil) != made || len(known.m) != 1 {
			t.Error("it is made anew, or not kept")
		}
		runtime.KeepAlive(s)
	}()
	for range 100 {
		runtime.GC()
		known.mu.Lock()
		n := len(known.m)
		known.mu.Unlock()
		if n == 0 {
			return
		}
		runtime.Gosched()
	}
	t.Error("what is gone is still known")
}

// forget leaves what the Store has got since.
func TestPerStoreAgain(t *testing.T) {
	var known PerStore[int]
	s := new(fakeStore)
	made := known.Of(s, func() *int { return new(int) })
	known.forget(identityOf(s))
	if known.Of(s, nil) != made {
		t.Error("a value that is in use is forgotten")
	}
	runtime.KeepAlive(s)
}
