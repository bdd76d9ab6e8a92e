// Package tell is how the layers of this module report to package trace. They do not import that: it has
// log/slog in it, which would make a program that uses one small layer larger by 25 KiB.
package tell

import (
	"context"
	"net/http"
	"net/url"
)

// A Hearer is the value that package trace has in the context of a request, under [Key].
type Hearer interface {
	// Heard reports whether somebody hears events.
	Heard() bool
	// Tell reports a decision about req.
	Tell(req *http.Request, d Decision)
	// ForHop and ForAttempt are the functions of package trace.
	ForHop(req *http.Request, hop int) *http.Request
	ForAttempt(req *http.Request, attempt int) *http.Request
}

// Key is the key of the [Hearer] in a context.
type Key struct{}

// A Decision is what a layer says of an event of package trace. The other fields of that are
// those of the request.
type Decision struct {
	Layer, Action, Reason string
	// URL and Attempt are those of the request where they are zero here.
	URL     string
	Attempt int
	Status  int
	Err     error
	// Warn is true if the event has level WARN.
	Warn  bool
	Attrs []Attr
}

// An Attr is an attribute of an event, as slog.Any makes it.
type Attr struct {
	Key   string
	Value any
}

// With returns an attribute.
func With(key string, value any) Attr { return Attr{key, value} }

// From returns the Hearer in ctx, or nil if nobody hears events. A layer looks for it before it
// makes a [Decision].
func From(ctx context.Context) Hearer {
	if h, ok := ctx.Value(Key{}).(Hearer); ok && h.Heard() {
		return h
	}
	return nil
}

// ForHop is the function of package trace.
func ForHop(req *http.Request, hop int) *http.Request {
	if h, ok := req.Context().Value(Key{}).(Hearer); ok {
		return h.ForHop(req, hop)
	}
	return req
}

// ForAttempt is the function of package trace.
func ForAttempt(req *http.Request, attempt int) *http.Request {
	if h, ok := req.Context().Value(Key{}).(Hearer); ok {
		return h.ForAttempt(req, attempt)
	}
	return req
}

// Redact is the function of package trace.
func Redact(u *url.URL) string {
	if u == nil {
		return ""
	}
	v := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return v.String()
}
