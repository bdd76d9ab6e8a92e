package trace

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"unsafe"

	"github.com/tripper-go/tripper/internal/tell"
)

// calls counts the calls of the process: their IDs.
var calls atomic.Uint64

// A scope is what a context says about the events of a request. A context without a
// hook has none, so that what nobody hears costs nothing. A scope is not changed.
type scope struct {
	hook   func(Event) // nil if only exchanges are wanted
	detail detail
	call   *call
	// begun reports whether a layer has begun the call. Else the call is what the
	// program made by WithHook, for as many requests as it uses the context for.
	begun        bool
	hop, attempt int
	background   bool
}

// A detail is how much [Wire] finds out about an exchange: what somebody wants to know.
type detail int

const (
	eventsOnly   detail = iota
	exchangesToo        // an [Exchange] too
	headsToo            // one with the heads of its messages
)

// A call is one request of the program, with all that the layers make of it.
type call struct {
	id        uint64
	exchanges exchanges
}

// A held is a *scope in a context. For the layers of this module it is a [tell.Hearer]. A value in a
// context is in an interface, and the linker keeps all methods of the types that reflection can
// reach from there: those of Event, and with them log/slog and what redacts errors, in programs
// that print no event.
type held struct{ scope unsafe.Pointer }

// withScope returns a context with s. A nil s hides the scope of ctx.
func withScope(ctx context.Context, s *scope) context.Context {
	return context.WithValue(ctx, tell.Key{}, held{unsafe.Pointer(s)})
}

// scopeOf returns the scope of ctx, nil if there is none.
func scopeOf(ctx context.Context) *scope {
	h, _ := ctx.Value(tell.Key{}).(held)
	return (*scope)(h.scope)
}

var _ tell.Hearer = held{}

// Heard implements [tell.Hearer].
func (h held) Heard() bool { return h.scope != nil && (*scope)(h.scope).hook != nil }

// Tell implements [tell.Hearer].
func (h held) Tell(req *http.Request, d tell.Decision) {
	e := About(req, d.Layer, d.Action, d.Reason)
	e.URL, e.Attempt = cmp.Or(d.URL, e.URL), cmp.Or(d.Attempt, e.Attempt)
	e.Status, e.Err = d.Status, d.Err
	if d.Warn {
		e.Level = slog.LevelWarn
	}
	if len(d.Attrs) > 0 {
		e.Attrs = make([]slog.Attr, len(d.Attrs))
	}
	for i, a := range d.Attrs {
		e.Attrs[i] = slog.Any(a.Key, a.Value)
	}
	(*scope)(h.scope).hook(e)
}

// ForHop implements [tell.Hearer].
func (held) ForHop(req *http.Request, hop int) *http.Request { return ForHop(req, hop) }

// ForAttempt implements [tell.Hearer].
func (held) ForAttempt(req *http.Request, attempt int) *http.Request { return ForAttempt(req, attempt) }

// WithHook returns a context whose requests report their events to hook. A hook
// that is in ctx already hears them too, after the new one. Hooks may be called
// by several goroutines at once and should return soon.
//
// Each request through a tripper.Chain, or through one of the layers of this package, is
// a call of its own. Where there is neither, all requests with the context are one call.
func WithHook(ctx context.Context, hook func(Event)) context.Context {
	return with(ctx, hook, eventsOnly)
}

// WithExchanges returns a context for whose responses there is [ExchangeOf], and for whose
// events [Event.Exchange]. Requests through a [HAR] or a [Timeline], and through a [Hook] or a
// [Log] that is told to, need none.
func WithExchanges(ctx context.Context) context.Context { return with(ctx, nil, exchangesToo) }

func with(ctx context.Context, hook func(Event), d detail) context.Context {
	s := heard(ctx, hook, d)
	if s.call == nil {
		s.call = newCall()
	}
	return withScope(ctx, &s)
}

// heard returns the scope of ctx with one more hook, unless that is nil.
func heard(ctx context.Context, hook func(Event), d detail) scope {
	outer := scopeOf(ctx)
	if outer == nil {
		return scope{hook: hook, detail: d}
	}
	s := *outer
	s.detail = max(s.detail, d)
	switch {
	case hook == nil:
	case outer.hook == nil:
		s.hook = hook
	default:
		s.hook = func(e Event) {
			hook(e)
			outer.hook(e)
		}
	}
	return s
}

func newCall() *call { return &call{id: calls.Add(1)} }

// begin returns the context of a request that a layer of this package was given, which
// reports to hook too: if no layer further out has begun a call, it begins one. A nil hook is
// none.
func begin(ctx context.Context, hook func(Event), d detail) context.Context {
	if s := scopeOf(ctx); hook == nil && s != nil && s.begun && s.detail >= d {
		return ctx
	}
	s := heard(ctx, hook, d)
	if !s.begun {
		s.call, s.begun = newCall(), true
	}
	return withScope(ctx, &s)
}

// From returns the hook in ctx, or nil if there is none. A layer looks for it
// before it builds an event, so that events nobody hears cost nothing:
//
//	if hook := trace.From(ctx); hook != nil {
//		hook(trace.About(req, "retry", "retry", "status 503"))
//	}
func From(ctx context.Context) func(Event) {
	if s := scopeOf(ctx); s != nil {
		return s.hook
	}
	return nil
}

// WithoutHook returns ctx without the hooks in it: nothing is told of requests with it.
func WithoutHook(ctx context.Context) context.Context {
	if scopeOf(ctx) == nil {
		return ctx
	}
	return withScope(ctx, nil)
}

// ForHop returns req as the request of a hop: the events about it, and about all that
// the layers below make of it, have that [Event.Hop]. The result is req itself if there
// is no hook in its context. A layer that follows redirects calls it.
func ForHop(req *http.Request, hop int) *http.Request {
	return scoped(req, func(s *scope) { s.hop, s.attempt = hop, 0 })
}

// ForAttempt is like [ForHop] for [Event.Attempt]. A layer that sends a request again
// calls it before each attempt.
func ForAttempt(req *http.Request, attempt int) *http.Request {
	return scoped(req, func(s *scope) { s.attempt = attempt })
}

func scoped(req *http.Request, change func(*scope)) *http.Request {
	ctx := req.Context()
	s := scopeOf(ctx)
	if s == nil {
		return req
	}
	inner := *s
	change(&inner)
	return req.WithContext(withScope(ctx, &inner))
}

// InBackground returns ctx for work that goes on when the response of its request has
// been returned: the events have [Event.Background]. A layer that works in the background
// calls it. The result is ctx itself if there is no hook in it.
func InBackground(ctx context.Context) context.Context {
	s := scopeOf(ctx)
	if s == nil {
		return ctx
	}
	inner := *s
	inner.background = true
	return withScope(ctx, &inner)
}
