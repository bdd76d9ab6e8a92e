package storetest_test

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/caching/storetest"
)

// faulty is a good store with one fault.
type faulty struct {
	*memorystore.Store
	fault string

	mu     sync.Mutex
	last   *store.Meta
	leased map[string]bool

	changes atomic.Uint32 // calls of Commit and Delete
}

// dawdle waits a moment, in which something may change.
func (f *faulty) dawdle() {
	before := f.changes.Load()
	for i := 0; i < 10_000 && f.changes.Load() == before; i++ {
		runtime.Gosched()
	}
}

func (f *faulty) Acquire(_ context.Context, key string) (func(), error) {
	switch f.fault {
	case "everybody has the lease":
		return func() {}, nil
	case "nobody has the lease":
		return nil, nil
	case "a lease is for all keys":
		key = ""
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.leased[key] {
		return nil, nil
	}
	f.leased[key] = true
	released := false
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if !released || f.fault == "a lease is released twice" {
			f.leased[key] = f.fault == "a lease lasts for ever"
			released = true
		}
	}, nil
}

func (f *faulty) Get(ctx context.Context, key string) (*store.Entry, error) {
	switch f.fault {
	case "keys that differ in case are one":
		key = strings.ToLower(key)
	case "long keys are cut":
		key = key[:min(len(key), 199)]
	}
	e, err := f.Store.Get(ctx, key)
	if e == nil || err != nil {
		return e, err
	}
	out := *e
	switch f.fault {
	case "metadata of the last entry stored":
		f.mu.Lock()
		defer f.mu.Unlock()
		out.Meta = f.last
	case "a byte is wrong in large bodies":
		if len(out.Bytes) > 100_000 {
			out.Bytes = append([]byte{}, out.Bytes...)
			out.Bytes[90_000] ^= 1
		}
	case "size is wrong":
		out.Size++
	case "trailers are lost":
		out.Meta = out.Meta.Clone()
		out.Meta.Trailer = store.Fields{}
	case "versions are lost":
		out.Meta = out.Meta.Clone()
		out.Meta.Version = 0
	}
	if f.fault == "a body ends with its context" {
		body := bytes.NewReader(out.Bytes)
		out.Bytes, out.Body = nil, endingBody{body, ctx}
	}
	return &out, nil
}

func (f *faulty) Promises() (store.Store, store.Promises) {
	p := store.Promises{Timing: store.TimingContext, Swaps: true}
	switch f.fault {
	case "a timing that nobody knows":
		p.Timing = 99
	case "the promises of another store":
		return f.Store, p
	case "the promises of no store":
		return nil, p
	}
	return f, p
}

// endingBody is a body that cannot be read when its context has ended.
type endingBody struct {
	io.ReaderAt
	ctx context.Context
}

func (b endingBody) ReadAt(p []byte, off int64) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, err
	}
	return b.ReaderAt.ReadAt(p, off)
}

func (endingBody) Close() error { return nil }

func (f *faulty) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	switch f.fault {
	case "keys that differ in case are one":
		key = strings.ToLower(key)
	case "long keys are cut":
		key = key[:min(len(key), 199)]
	case "too large is another error":
		if size > 1<<40 {
			return nil, context.DeadlineExceeded
		}
	case "what was stored is gone at once":
		if err := f.Store.Delete(ctx, key); err != nil {
			return nil, err
		}
	}
	if f.fault == "any size is stored" {
		if size < 1<<20 {
			size = -1
		}
	}
	w, err := f.Store.Create(ctx, key, size)
	if err != nil {
		return nil, err
	}
	return &faultyWriter{w, f, ctx, key}, nil
}

func (f *faulty) Update(ctx context.Context, key string, meta *store.Meta) error {
	switch f.fault {
	case "an update does nothing":
		return nil
	case "an update creates":
		if e, err := f.Store.Get(ctx, key); e == nil && err == nil {
			w, err := f.Store.Create(ctx, key, 0)
			if err != nil {
				return err
			}
			defer w.Close()
			return w.Commit(ctx, meta)
		}
	case "an update is not atomic":
		e, err := f.Store.Get(ctx, key)
		if e == nil || err != nil || e.Meta.ID != meta.ID {
			return store.ErrConflict
		}
		f.dawdle()
		w, err := f.Store.Create(ctx, key, e.Size)
		if err != nil {
			return err
		}
		defer w.Close()
		if _, err := w.Write(e.Bytes); err != nil {
			return err
		}
		return w.Commit(ctx, meta)
	case "an update ignores what it replaces":
		meta = meta.Clone()
	case "an update of what was replaced":
		if e, err := f.Store.Get(ctx, key); e != nil && err == nil {
			meta = meta.Clone()
			meta.ID = e.Meta.ID
		}
	}
	return f.Store.Update(ctx, key, meta)
}

func (f *faulty) Delete(ctx context.Context, key string) error {
	if f.fault == "nothing is deleted" {
		return nil
	}
	defer f.changes.Add(1)
	return f.Store.Delete(ctx, key)
}

func (f *faulty) List(ctx context.Context) iter.Seq2[store.Listed, error] {
	return func(yield func(store.Listed, error) bool) {
		for e, err := range f.Store.List(ctx) {
			if !yield(e, err) && f.fault != "listing does not stop" {
				return
			}
		}
	}
}

func (f *faulty) Secret(ctx context.Context) ([]byte, error) {
	switch f.fault {
	case "another secret each time":
		return memorystore.New(0).Secret(ctx)
	case "an empty secret":
		return nil, nil
	case "a short secret":
		return []byte("15 bytes are 15"), nil
	case "a secret of zeros":
		return make([]byte, 32), nil
	}
	return f.Store.Secret(ctx)
}

type faultyWriter struct {
	store.Writer
	f   *faulty
	ctx context.Context
	key string
}

func (w *faultyWriter) Write(p []byte) (int, error) {
	if err := w.ctx.Err(); err != nil && w.f.fault == "a writer ends with its context" {
		return 0, err
	}
	return w.Writer.Write(p)
}

func (w *faultyWriter) Commit(ctx context.Context, meta *store.Meta) error {
	defer w.f.changes.Add(1)
	w.f.mu.Lock()
	defer w.f.mu.Unlock()
	w.f.last = meta
	switch w.f.fault {
	case "a commit ignores what it replaces":
		meta = meta.Clone()
	case "a commit never conflicts where nothing is":
		if e, err := w.f.Store.Get(ctx, w.key); e == nil && err == nil {
			meta = meta.Clone()
		}
	case "a swap is not atomic":
		e, err := w.f.Store.Get(ctx, w.key)
		if err != nil {
			return err
		}
		var now *store.Meta
		if e != nil {
			now = e.Meta
		}
		w.f.mu.Unlock()
		w.f.dawdle()
		w.f.mu.Lock()
		if !meta.Follows(now) {
			return store.ErrConflict
		}
		meta = meta.Clone()
	case "a conflict removes what is there":
		err := w.Writer.Commit(ctx, meta)
		if errors.Is(err, store.ErrConflict) {
			return errors.Join(err, w.f.Store.Delete(ctx, w.key))
		}
		return err
	}
	return w.Writer.Commit(ctx, meta)
}

func (w *faultyWriter) Shorten() {
	if w.f.fault != "a short body is refused" {
		w.Writer.(store.Shortener).Shorten()
	}
	if w.f.fault == "a short body is filled up" {
		_, _ = w.Write([]byte{0})
	}
}

func (w *faultyWriter) Abort() error {
	if w.f.fault == "abort commits" {
		return w.Commit(w.ctx, &store.Meta{Status: 200, Proto: "HTTP/1.1"})
	}
	return w.Writer.Abort()
}

func (w *faultyWriter) ReadAt(p []byte, off int64) (int, error) {
	n, err := w.Writer.ReadAt(p, off)
	if w.f.fault == "the end is no error" {
		return n, nil
	}
	return n, err
}

const faultEnv = "TRIPPER_TEST_STORE_FAULT"

// TestFaulty runs the suite on a store with a fault, in a process of its own.
func TestFaulty(t *testing.T) {
	fault, ok := os.LookupEnv(faultEnv)
	if !ok {
		t.Skip("run by TestSuiteFindsFaults")
	}
	storetest.Run(t, func() store.Store {
		return &faulty{Store: memorystore.New(16 << 20), fault: fault, leased: map[string]bool{}}
	})
}

// TestSuiteFindsFaults shows that the suite can fail, and that it does not without
// a reason.
func TestSuiteFindsFaults(t *testing.T) {
	for _, fault := range []string{
		"", // none
		"keys that differ in case are one",
		"long keys are cut",
		"metadata of the last entry stored",
		"a byte is wrong in large bodies",
		"size is wrong",
		"trailers are lost",
		"too large is another error",
		"what was stored is gone at once",
		"any size is stored",
		"an update does nothing",
		"an update creates",
		"an update of what was replaced",
		"nothing is deleted",
		"listing does not stop",
		"an update is not atomic",
		"another secret each time",
		"an empty secret",
		"a short secret",
		"a secret of zeros",
		"a timing that nobody knows",
		"the promises of another store",
		"the promises of no store",
		"a commit ignores what it replaces",
		"a commit never conflicts where nothing is",
		"a swap is not atomic",
		"an update ignores what it replaces",
		"versions are lost",
		"a conflict removes what is there",
		"a body ends with its context",
		"a writer ends with its context",
		"abort commits",
		"everybody has the lease",
		"nobody has the lease",
		"a lease is for all keys",
		"a lease lasts for ever",
		"a lease is released twice",
		"found: a refused lease is no error",
		"found: the lease comes after the look",
		"found: the lease of what is stored",
		"found: all is the same",
		"found: in another order",
		"found: only the first",
		"found: a lease is kept",
		"a short body is refused",
		"a short body is filled up",
		"the end is no error",
	} {
		t.Run(cmp.Or(fault, "none"), func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestFaulty$", "-test.short", "-test.failfast") //nolint:gosec // this program
			cmd.Env = append(os.Environ(), faultEnv+"="+fault)
			out, err := cmd.CombinedOutput()
			if (err != nil) != (fault != "") || strings.Contains(string(out), "panic") {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
}
