package guard

import (
	"bytes"
	"context"
	"io"

	"github.com/tripper-go/tripper/caching/store"
)

// A boundedWriter is a Writer each of whose calls is waited for for at most Wait. After one that is
// late all others fail, but for Close.
type boundedWriter struct {
	c    *Caller
	w    store.Writer
	late *answer[struct{}] // the call that has not returned in time
}

// run makes one call.
func (b *boundedWriter) run(ctx context.Context, note func(error), fn func(context.Context) error) (err error) {
	if b.late != nil {
		return ErrSlow
	}
	_, b.late, err = ask(b.c, ctx, nil, note, valueless(fn), func(struct{}, error) { b.close() })
	return err
}

// Write implements [io.Writer].
func (b *boundedWriter) Write(p []byte) (int, error) {
	own := bytes.Clone(p) // p is the caller's again when this returns
	err := b.run(context.Background(), b.c.failures(&b.c.writes), func(context.Context) error {
		_, err := b.w.Write(own)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// ReadAt implements [io.ReaderAt].
func (b *boundedWriter) ReadAt(p []byte, off int64) (int, error) {
	return b.c.readAt(b.w, p, off, unnoted)
}

// Commit implements [store.Writer].
func (b *boundedWriter) Commit(ctx context.Context, meta *store.Meta) error {
	return b.run(ctx, b.c.results(&b.c.writes), func(ctx context.Context) error { return b.w.Commit(ctx, meta) })
}

// Abort implements [store.Writer]. If a call is late, Close aborts.
func (b *boundedWriter) Abort() error {
	return b.run(context.Background(), unnoted, func(context.Context) error { return b.w.Abort() })
}

// Close implements [io.Closer]. A Writer takes one call at a time: after a late one the Store's is
// closed when that has returned.
func (b *boundedWriter) Close() error {
	if b.late == nil {
		b.close()
	}
	b.late.drop(false)
	return nil
}

func (b *boundedWriter) close() { b.c.finally(func() { _ = b.w.Close() }) }

// ShortenerOf returns the ability of the Writer that the Store has made.
func ShortenerOf(w store.Writer) (s store.Shortener, ok bool) {
	if b, is := w.(*boundedWriter); is {
		w = b.w
	}
	s, ok = w.(store.Shortener)
	return s, ok
}

// bounded returns e with a body whose calls are waited for for at most Wait.
func (c *Caller) bounded(e *store.Entry) *store.Entry {
	if e == nil || e.Body == nil {
		return e
	}
	return &store.Entry{Meta: e.Meta, Size: e.Size, Bytes: e.Bytes, Body: &boundedBody{c, e}}
}

// A boundedBody is the body of an entry of a Store that may be slow.
type boundedBody struct {
	c *Caller
	e *store.Entry
}

// ReadAt implements [io.ReaderAt].
func (b *boundedBody) ReadAt(p []byte, off int64) (int, error) {
	return b.c.readAt(b.e.Body, p, off, b.c.failures(&b.c.reads))
}

// Close implements [io.Closer].
func (b *boundedBody) Close() error {
	b.c.finally(func() { _ = b.e.Close() })
	return nil
}

// readAt reads into p, which is the caller's again when this returns: a late read does not
// write to it.
func (c *Caller) readAt(r io.ReaderAt, p []byte, off int64, note func(error)) (int, error) {
	own := make([]byte, len(p))
	var end error
	n, late, err := ask(c, context.Background(), nil, note, func(context.Context) (int, error) {
		n, err := r.ReadAt(own, off)
		if err == io.EOF {
			end, err = err, nil // which says nothing against the Store
		}
		return n, err
	}, nil)
	if late != nil {
		return 0, err
	}
	copy(p, own[:n])
	if err == nil {
		err = end
	}
	return n, err
}
