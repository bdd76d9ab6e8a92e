// Package trace tells what each layer decided about a request, and why.
//
//	ctx := trace.WithHook(req.Context(), func(e trace.Event) { log.Println(e) })
//	resp, err := client.Do(req.WithContext(ctx))
//
// # Behavior
//
// A layer reports each decision as one [Event] to the hook in the request's
// context. Without a hook nothing is built and nothing is allocated. [Log] and
// [HAR] are layers made of it.
//
// # Place in a chain
//
// [Log] and [HAR] stand outermost, so that they hear every layer.
//
// # Limits
//
// Events carry no bodies, no query strings and no user information of a URL, and
// of header values only validators (ETag, If-Match): they can be logged as they
// are.
package trace

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// An Event is one decision of one layer.
type Event struct {
	// Time is when the decision was made.
	Time time.Time
	// Layer is the name of the package that decided, such as "caching".
	Layer string
	// Action is what it decided, one or two words: "hit", "retry", "follow".
	Action string
	// Reason is why, a phrase: "fresh for 59s", "status 503".
	Reason string
	// Method and URL are those of the request. URL has no user information, no
	// query and no fragment.
	Method, URL string
	// Status is the status code the decision is about, zero if there is none.
	Status int
	// Err is the error the decision is about, if any.
	Err error
	// Attrs holds what else there is to say, such as an attempt number, a wait
	// or a number of bytes.
	Attrs []slog.Attr
}

// String returns the event as one readable line.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString(e.Layer)
	b.WriteString(": ")
	b.WriteString(e.Action)
	if e.Reason != "" {
		b.WriteString(" (")
		b.WriteString(e.Reason)
		b.WriteByte(')')
	}
	for _, a := range e.Attrs {
		b.WriteByte(' ')
		b.WriteString(a.String())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(e.Err.Error())
	}
	return b.String()
}

type hookKey struct{}

// WithHook returns a context whose requests report their events to hook. A hook
// that is in ctx already hears them too, after the new one. Hooks may be called
// by several goroutines at once and should return soon.
func WithHook(ctx context.Context, hook func(Event)) context.Context {
	if outer := From(ctx); outer != nil {
		inner := hook
		hook = func(e Event) {
			inner(e)
			outer(e)
		}
	}
	return context.WithValue(ctx, hookKey{}, hook)
}

// From returns the hook in ctx, or nil if there is none. A layer looks for it
// before it builds an event, so that events nobody hears cost nothing:
//
//	if hook := trace.From(ctx); hook != nil {
//		hook(trace.About(req, "retry", "retry", "status 503"))
//	}
func From(ctx context.Context) func(Event) {
	hook, _ := ctx.Value(hookKey{}).(func(Event))
	return hook
}

// About returns an event about req at the present time. It leaves out of the
// URL what must not be told.
func About(req *http.Request, layer, action, reason string) Event {
	return Event{
		Time:   time.Now(),
		Layer:  layer,
		Action: action,
		Reason: reason,
		Method: req.Method,
		URL:    Redact(req.URL),
	}
}

// Redact returns u without user information, query and fragment.
func Redact(u *url.URL) string {
	if u == nil {
		return ""
	}
	v := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return v.String()
}
