package guard

import (
	"context"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// slowly makes the calls that begin with the given words take d, and no others.
func slowly(d time.Duration, calls ...string) func(context.Context, string) error {
	return func(_ context.Context, call string) error {
		for _, c := range calls {
			if strings.HasPrefix(call, c) {
				time.Sleep(d)
			}
		}
		return nil
	}
}

func TestBoundedWriter(t *testing.T) {
	const s = time.Second
	write := func(w store.Writer) error { _, err := io.WriteString(w, "x"); return err }
	commit := func(w store.Writer) error { return w.Commit(context.Background(), nil) }
	for _, row := range []struct {
		name, why string
		do        func(context.Context, string) error
		steps     []func(store.Writer) error
		want      []error
		took      time.Duration
		told      string
	}{
		{
			name: "in time", why: "the Store is called as if it were in place",
			steps: []func(store.Writer) error{write, write, commit, store.Writer.Close}, want: []error{nil, nil, nil, nil},
			told: "create k, write x, write x, commit, close",
		}, {
			name: "late Write", why: "the rest of the entry is lost, and the request goes on; what the Store has is closed when it returns",
			do:    slowly(10*s, "write"),
			steps: []func(store.Writer) error{write, write, commit, store.Writer.Abort, store.Writer.Close}, want: []error{ErrSlow, ErrSlow, ErrSlow, ErrSlow, nil},
			took: s, told: "create k, write x, close",
		}, {
			name: "late Commit", why: "nobody would look whether what it has stored is outdated", do: slowly(10*s, "commit"),
			steps: []func(store.Writer) error{write, commit, store.Writer.Close}, want: []error{nil, ErrSlow, nil},
			took: s, told: "create k, write x, commit, close",
		}, {
			name: "failing Commit", why: "nothing was stored, and that is known", do: func(_ context.Context, call string) error {
				if call == "commit" {
					return errBroken
				}
				return nil
			},
			steps: []func(store.Writer) error{write, commit, store.Writer.Close}, want: []error{nil, errBroken, nil},
			told: "create k, write x, commit, close",
		}, {
			name: "late Abort", why: "a Writer takes one call at a time, and the request does not wait for the second", do: slowly(10*s, "abort"),
			steps: []func(store.Writer) error{write, store.Writer.Abort, store.Writer.Close}, want: []error{nil, ErrSlow, nil},
			took: s, told: "create k, write x, abort, close",
		}, {
			name: "late Close", why: "the request goes on", do: slowly(10*s, "close"),
			steps: []func(store.Writer) error{write, commit, store.Writer.Close}, want: []error{nil, nil, nil},
			took: s, told: "create k, write x, commit, close",
		}, {
			name: "failing Write", why: "the error is the Store's, and it may be aborted", do: func(_ context.Context, call string) error {
				if call == "write x" {
					return errBroken
				}
				return nil
			},
			steps: []func(store.Writer) error{write, store.Writer.Abort, store.Writer.Close}, want: []error{errBroken, nil, nil},
			told: "create k, write x, abort, close",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := guardedBy(&fakeStore{do: row.do}, Options{})
				w, err := g.Create(t.Context(), "k", 4, nil)
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				for i, step := range row.steps {
					if err := step(w); err != row.want[i] {
						t.Errorf("step %d: %v, want %v: %s", i, err, row.want[i], row.why)
					}
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("%v, want %v: %s", took, row.took, row.why)
				}
				time.Sleep(time.Minute)
				g.closed(t)
				if got := g.told(); got != row.told {
					t.Errorf("the Store was asked for %s, want %s: %s", got, row.told, row.why)
				}
			})
		})
	}
}

// A Store that cannot write is left alone, whichever call says so.
func TestBoundedWriterFails(t *testing.T) {
	for _, call := range []string{"create", "write", "commit"} {
		synctest.Test(t, func(t *testing.T) {
			g := guardedBy(&fakeStore{do: func(_ context.Context, c string) error {
				if strings.HasPrefix(c, call) {
					return errBroken
				}
				return nil
			}}, Options{})
			for range breakerRow {
				if w, err := g.Create(t.Context(), "k", 4, nil); err == nil {
					if _, err = io.WriteString(w, "x"); err == nil {
						_ = w.Commit(t.Context(), nil)
					}
					_ = w.Close()
				}
			}
			if g.allows(&g.writes) {
				t.Errorf("not left alone after errors of %s", call)
			}
		})
	}
}

// What has been written can be read back, by who shares it before it is committed.
func TestBoundedWriterIsRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{}, Options{})
		w, err := g.Create(t.Context(), "k", 4, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 9)
		if n, err := w.ReadAt(b, 1); string(b[:n]) != "ody" || err != io.EOF {
			t.Errorf("%q, %v", b[:n], err)
		}
		_ = w.Close()
	})
}

// What the caller does with its bytes after a late call is its own business.
func TestLateCallsKeepNoBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{do: slowly(2*time.Second, "write", "read")}, Options{})
		w, err := g.Create(t.Context(), "k", 4, nil)
		if err != nil {
			t.Fatal(err)
		}
		b := []byte("x")
		if n, err := w.Write(b); n != 0 || err != ErrSlow {
			t.Errorf("%d, %v", n, err)
		}
		b[0] = 'y'
		_ = w.Close()
		e, err := g.Get(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := e.Body.ReadAt(b, 0); n != 0 || err != ErrSlow {
			t.Errorf("%d, %v", n, err)
		}
		_ = e.Close()
		time.Sleep(time.Minute)
		g.closed(t)
		if string(b) != "y" || !strings.Contains(g.told(), "write x") {
			t.Errorf("%q; %s", b, g.told())
		}
	})
}

func TestBoundedBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := guardedBy(&fakeStore{}, Options{})
		e, err := g.Get(t.Context(), "k", nil)
		if err != nil {
			t.Fatal(err)
		}
		if e.Size != 4 || e.Meta.Status != 200 {
			t.Errorf("%+v", e)
		}
		for _, row := range []struct {
			off, length int64
			want        string
			err         error
			why         string
		}{
			{0, 2, "bo", nil, "a piece"},
			{2, 2, "dy", nil, "the end, without its being told"},
			{2, 9, "dy", io.EOF, "the end"},
			{4, 1, "", io.EOF, "behind the end"},
		} {
			b := make([]byte, row.length)
			n, err := e.Body.ReadAt(b, row.off)
			if string(b[:n]) != row.want || err != row.err {
				t.Errorf("at %d: %q, %v; want %q, %v: %s", row.off, b[:n], err, row.want, row.err, row.why)
			}
		}
		for range breakerRow {
			_, _ = e.Body.ReadAt(make([]byte, 9), 0)
		}
		if !g.allows(&g.reads) {
			t.Error("the end of a body counts as a failure")
		}
		g.fake.does(breaks)
		for range breakerRow {
			if _, err := e.Body.ReadAt(make([]byte, 1), 0); err != errBroken {
				t.Error(err)
			}
		}
		if g.allows(&g.reads) {
			t.Error("bodies that cannot be read do not count")
		}
		_ = e.Close()
		g.closed(t)
	})
}

// The abilities of a Writer are those that the Store has given it.
func TestShortenerOf(t *testing.T) {
	type plain struct{ store.Writer }
	w := fakeWriter{fakeBody{new(fakeStore)}}
	for _, row := range []struct {
		w    store.Writer
		want bool
		why  string
	}{
		{w, true, "in place"},
		{&boundedWriter{w: w}, true, "it is asked beside, and can all the same"},
		{plain{w}, false, "it does not say so"},
		{&boundedWriter{w: plain{w}}, false, "it does not say so"},
	} {
		if _, ok := ShortenerOf(row.w); ok != row.want {
			t.Errorf("%T: %v, want %v: %s", row.w, ok, row.want, row.why)
		}
	}
}
