package caching

import (
	"context"
	"io"
	"sync"
)

// patientWriter is a Writer each of whose calls is waited for no longer than StoreWait. One
// that is late ends it: what it has left of the entry is dropped when it returns.
type patientWriter struct {
	c   *storeCalls
	key string
	w   Writer

	mu      sync.Mutex
	running bool     // a call of the Writer, which takes one at a time
	late    bool     // one has not returned in time
	then    []func() // what is still to be done when it has
}

// run makes one call.
func (p *patientWriter) run(ctx context.Context, note noting, fn func(context.Context) error) error {
	p.mu.Lock()
	if p.late {
		p.mu.Unlock()
		return errSlow
	}
	p.running = true
	p.mu.Unlock()
	_, a, err := askStore(p.c, ctx, p.c.wait, note, func(ctx context.Context) (struct{}, error) {
		defer p.rest()
		return struct{}{}, fn(ctx)
	}, nil)
	p.mu.Lock()
	defer p.mu.Unlock()
	if a == nil {
		p.running = false // it has returned, or did not begin
	}
	p.late = p.late || p.running
	a.drop(false)
	return err
}

// rest goes on with what waits for the call that has returned.
func (p *patientWriter) rest() {
	for {
		p.mu.Lock()
		then := p.then
		p.then = nil
		p.running = len(then) > 0
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
	p.mu.Unlock()
	once := sync.OnceFunc(fn)
	if err := p.run(context.Background(), nil, func(context.Context) error { once(); return nil }); err != nil {
		p.mu.Lock()
		defer p.mu.Unlock()
		if !p.running {
			go once() // too many calls are unanswered, and this one must be made
		}
	}
}

// Write implements [io.Writer].
func (p *patientWriter) Write(b []byte) (int, error) {
	own := append([]byte(nil), b...) // b is the caller's again when this returns
	err := p.run(context.Background(), p.c.failures(&p.c.known.writes), func(context.Context) error {
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

// shortenerOf returns the ability of the Writer that the Store has made.
func shortenerOf(w Writer) (s Shortener, ok bool) {
	if p, is := w.(*patientWriter); is {
		w = p.w
	}
	s, ok = w.(Shortener)
	return s, ok
}

// Commit implements [Writer].
func (p *patientWriter) Commit(ctx context.Context, meta *Meta) error {
	err := p.run(ctx, p.c.results(&p.c.known.writes), func(ctx context.Context) error { return p.w.Commit(ctx, meta) })
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.late { // it may come about, and nobody would look whether it is outdated
		p.c.unsure(p.key)
	}
	return err
}

// Abort implements [Writer].
func (p *patientWriter) Abort() error {
	p.finally(func() { _ = p.w.Abort() })
	return nil
}

// Close implements [io.Closer].
func (p *patientWriter) Close() error {
	p.finally(func() { _ = p.w.Close() })
	return nil
}

// patient returns e with a body whose reads are waited for no longer than StoreWait.
func (c *storeCalls) patient(e *Entry) *Entry {
	if e == nil || e.Body == nil || c.inPlace() {
		return e
	}
	return &Entry{Meta: e.Meta, Size: e.Size, Bytes: e.Bytes, Body: &patientBody{c: c, body: e.Body}}
}

// patientBody is the body of an entry of a Store that may be slow.
type patientBody struct {
	c    *storeCalls
	body interface {
		io.ReaderAt
		io.Closer
	}
}

// ReadAt implements [io.ReaderAt].
func (b *patientBody) ReadAt(p []byte, off int64) (int, error) {
	return b.c.readAt(b.body, p, off, b.c.failures(&b.c.known.reads))
}

// Close implements [io.Closer].
func (b *patientBody) Close() error {
	b.c.beside(func() { _ = b.body.Close() })
	return nil
}

// readAt reads into p, which is the caller's again when this returns.
func (c *storeCalls) readAt(r io.ReaderAt, p []byte, off int64, note noting) (int, error) {
	n := -1
	own := make([]byte, len(p))
	got, a, err := askStore(c, context.Background(), c.wait, note, func(context.Context) (int, error) {
		m, err := r.ReadAt(own, off)
		if err == io.EOF {
			n, err = m, nil // which says nothing against the Store
		}
		return m, err
	}, nil)
	if a != nil {
		a.drop(false)
		return 0, err
	}
	copy(p, own[:got])
	if err == nil && n >= 0 {
		err = io.EOF
	}
	return got, err
}
