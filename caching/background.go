package caching

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

const (
	// maxBackground bounds the tasks that run at a time. When there are so many, a stale
	// response is served and not validated.
	maxBackground = 64
	// backgroundTime bounds each task.
	backgroundTime = 30 * time.Second
	// closeTime is how long close waits for tasks and commits to end.
	closeTime = 5 * time.Second
	// endTime is how long close waits for them once it has cancelled the tasks.
	endTime = time.Second
)

// background runs the tasks that no caller waits for, and counts the entries that are being
// committed. The zero value is ready.
type background struct {
	// committing counts commits, without the lock. close sets closed before it looks at the count: of
	// the last commit and close, the later one sees that there are none left.
	committing atomic.Int64
	closed     atomic.Bool

	mu    sync.Mutex // guards the fields below
	tasks map[*context.CancelFunc]struct{}
	idle  chan struct{} // made by close, and closed when there are no tasks and commits
}

// start runs fn in a goroutine of its own, with the values of ctx. It returns false, and
// does not run fn, if there are too many tasks or close was called.
func (b *background) start(ctx context.Context, fn func(context.Context)) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed.Load() || len(b.tasks) >= maxBackground {
		return false
	}
	ctx, cancel := context.WithTimeout(roundtrip.WithDeadline(trace.InBackground(context.WithoutCancel(ctx)), nil), backgroundTime)
	if b.tasks == nil {
		b.tasks = make(map[*context.CancelFunc]struct{})
	}
	b.tasks[&cancel] = struct{}{}
	go func() {
		defer func() {
			cancel()
			b.mu.Lock()
			defer b.mu.Unlock()
			delete(b.tasks, &cancel)
			b.endedLocked()
		}()
		fn(ctx)
	}()
	return true
}

// hold makes close wait until release is called.
func (b *background) hold() { b.committing.Add(1) }

func (b *background) release() {
	if b.committing.Add(-1) == 0 && b.closed.Load() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.endedLocked()
	}
}

// endedLocked tells close if there is nothing left to wait for.
func (b *background) endedLocked() {
	if len(b.tasks) == 0 && b.committing.Load() == 0 && b.idle != nil {
		close(b.idle)
		b.idle = nil
	}
}

// close lets no task start any more and waits for tasks and commits. Tasks that take longer
// than closeTime are cancelled.
func (b *background) close() {
	b.mu.Lock()
	b.closed.Store(true)
	if b.idle == nil {
		b.idle = make(chan struct{})
	}
	idle := b.idle
	b.endedLocked()
	b.mu.Unlock()
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-idle:
		return
	case <-timer.C:
	}
	b.mu.Lock()
	for cancel := range b.tasks {
		(*cancel)()
	}
	b.mu.Unlock()
	timer.Reset(endTime)
	select {
	case <-idle:
	case <-timer.C: // a RoundTripper ignores its context
	}
}

// writeBack writes the invalidations that the Store has not taken, in the background.
func (st *state) writeBack() {
	st.WriteBack(func(fn func(context.Context)) bool { return st.background.start(context.Background(), fn) })
}

// later is the Later of guard.Options.
func (st *state) later(fn func()) bool {
	return st.background.start(context.Background(), func(context.Context) { fn() })
}

// detach returns ctx without its end, if it has one.
func detach(ctx context.Context) context.Context {
	if ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}
