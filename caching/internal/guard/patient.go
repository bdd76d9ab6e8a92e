package guard

import (
	"context"
	"io"
	"sync"

	"github.com/tripper-go/tripper/caching/store"
)

// A patientWriter is a Writer each of whose calls is waited for no longer than StoreWait.
// After one that is late all others fail.
type patientWriter struct {
	c   *Caller
	key string
	w   store.Writer

	mu      sync.Mutex
	running bool     // a call of w, which takes one at a time
	late    bool     // one has not returned in time
	then    []func() // calls of w to be made after the one that runs
}

// run makes one call.
func (p *patientWriter) run(ctx context.Context, note noting, fn func(context.Context) error) error {
	p.mu.Lock()
	if p.late {
		p.mu.Unlock()
		return ErrSlow
	}
	p.running = true
	p.mu.Unlock()
	_, a, err := askBeside(p.c, ctx, p.c.Wait, note, valueless(func(ctx context.Context) error {
		defer p.next()
		return fn(ctx)
	}), nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if a == nil {
		p.running = false // it has returned, or there was no slot for it
		return err
	}
	p.late = true
	a.drop(false)
	return err
}

// next makes the calls that wait for the one that has returned.
func (p *patientWriter) next() {
	for {
		p.mu.Lock()
		then := p.then
		p.then, p.running = nil, len(then) > 0
		p.mu.Unlock()
		if len(then) == 0 {
			return
		}
		for _, fn := range then {
			fn()
		}
	}
}

// finally makes one call whose result nobody needs, after the one that runs.
func (p *patientWriter) finally(fn func()) {
	p.mu.Lock()
	if p.running {
		p.then = append(p.then, fn)
		p.mu.Unlock()
		return
	}
	p.running = true
	p.mu.Unlock()
	p.c.beside(func() {
		defer p.next()
		fn()
	})
}

// Write implements [io.Writer].
func (p *patientWriter) Write(b []byte) (int, error) {
	own := append([]byte(nil), b...) // b is the caller's again when this returns
	err := p.run(context.Background(), p.c.failures(&p.c.writes), func(context.Context) error {
		_, err := p.w.Write(own)
		return err
	})
	if err != nil {
		return 0, err
	}
	return len(b), nil
}

// ReadAt implements [io.ReaderAt].
func (p *patientWriter) ReadAt(b []byte, off int64) (int, error) {
	return p.c.readAt(p.w, b, off, nil)
}

// ShortenerOf returns the ability of the Writer that the Store has made.
func ShortenerOf(w store.Writer) (s store.Shortener, ok bool) {
	if p, is := w.(*patientWriter); is {
		w = p.w
	}
	s, ok = w.(store.Shortener)
	return s, ok
}

// Commit implements [store.Writer].
func (p *patientWriter) Commit(ctx context.Context, meta *store.Meta) error {
	err := p.run(ctx, p.c.results(&p.c.writes), func(ctx context.Context) error { return p.w.Commit(ctx, meta) })
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.late {
		p.c.Unsure(p.key)
	}
	return err
}

// Abort implements [store.Writer].
func (p *patientWriter) Abort() error {
	p.finally(func() { _ = p.w.Abort() })
	return nil
}

// Close implements [io.Closer].
func (p *patientWriter) Close() error {
	p.finally(func() { _ = p.w.Close() })
	return nil
}

// patient returns e with a body whose calls are waited for no longer than StoreWait.
func (c *Caller) patient(e *store.Entry) *store.Entry {
	if e == nil || e.Body == nil || c.InPlace() {
		return e
	}
	return &store.Entry{Meta: e.Meta, Size: e.Size, Bytes: e.Bytes, Body: &patientBody{c: c, body: e.Body}}
}

// A patientBody is the body of an entry of a Store that may be slow.
type patientBody struct {
	c    *Caller
	body interface {
		io.ReaderAt
		io.Closer
	}
}

// ReadAt implements [io.ReaderAt].
func (b *patientBody) ReadAt(p []byte, off int64) (int, error) {
	return b.c.readAt(b.body, p, off, b.c.failures(&b.c.reads))
}

// Close implements [io.Closer].
func (b *patientBody) Close() error {
	b.c.beside(func() { _ = b.body.Close() })
	return nil
}

// readAt reads into p, which is the caller's again when this returns: a late read does not
// write to it.
func (c *Caller) readAt(r io.ReaderAt, p []byte, off int64, note noting) (int, error) {
	own := make([]byte, len(p))
	var end error
	n, a, err := askBeside(c, context.Background(), c.Wait, note, func(context.Context) (int, error) {
		n, err := r.ReadAt(own, off)
		if err == io.EOF {
			end, err = err, nil // which says nothing against the Store
		}
		return n, err
	}, nil)
	if a != nil {
		a.drop(false)
		return 0, err
	}
	copy(p, own[:n])
	if err == nil {
		err = end
	}
	return n, err
}
