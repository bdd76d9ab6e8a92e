package roundtrip

import (
	"context"
	"net/http"
	"reflect"
)

// start is the http.DefaultTransport of program start.
var start = http.DefaultTransport

// IsNil reports whether v is nil or a nil pointer, as it is where the error of a
// constructor was overlooked.
func IsNil(v any) bool {
	r := reflect.ValueOf(v)
	return !r.IsValid() || r.Kind() == reflect.Pointer && r.IsNil()
}

// Or returns rt, or the present [http.DefaultTransport] if rt is nil or a nil pointer.
func Or(rt http.RoundTripper) http.RoundTripper {
	if !IsNil(rt) {
		return rt
	}
	if http.DefaultTransport == nil {
		return start
	}
	return http.DefaultTransport
}

// Next returns the successor of the layer self: base, or if that is nil (see [Or]) the
// present [http.DefaultTransport]. If http.DefaultTransport is self or leads to self, it is
// the one of program start, so that a layer that was put there does not call itself.
func Next(self, base http.RoundTripper) http.RoundTripper {
	if !IsNil(base) {
		return base
	}
	now := Or(nil)
	if _, plain := now.(*http.Transport); plain {
		return now
	}
	if budget := maxDepth; leads(reflect.ValueOf(now), reflect.ValueOf(self), &budget) {
		return start
	}
	return &guard{now}
}

// Late is like [Next] for a layer that stores its successor: with a nil base the result calls
// Next for each request.
func Late(self, base http.RoundTripper) http.RoundTripper {
	if !IsNil(base) {
		return base
	}
	return &late{self}
}

type late struct{ self http.RoundTripper }

func (l *late) next() http.RoundTripper { return Next(l.self, nil) }

func (l *late) RoundTrip(req *http.Request) (*http.Response, error) { return l.next().RoundTrip(req) }

func (l *late) CloseIdleConnections() { CloseIdle(l.next()) }

// Identity implements [Identifier] for the present http.DefaultTransport.
func (l *late) Identity(req *http.Request) string {
	return l.identifiers().Ask(req).Principal
}

// identifiers returns the identifiers from the present http.DefaultTransport inwards.
func (l *late) identifiers() *Identifiers {
	next := l.next()
	if _, plain := next.(*http.Transport); plain {
		return new(Identifiers)
	}
	return IdentifiersOf(next)
}

// leads reports whether v is self, or leads to self by fields of RoundTripper types, exported
// or not. The budget is the number of RoundTrippers that are inspected.
func leads(v, self reflect.Value, budget *int) bool {
	for v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	if *budget--; *budget < 0 || !v.IsValid() {
		return false
	}
	t := v.Type()
	if t.Kind() == reflect.Pointer {
		if t == self.Type() && v.UnsafePointer() == self.UnsafePointer() {
			return true
		}
		v, t = v.Elem(), t.Elem()
	}
	if v.Kind() != reflect.Struct || t == reflect.TypeFor[http.Transport]() {
		return false
	}
	// Layers that are values have no identity: all of one type that send through
	// http.DefaultTransport count as the same one.
	same := t == self.Type()
	for i := range v.NumField() { //nolint:modernize // The iterator of Fields makes a small program larger by 2 KiB.
		field := v.Field(i)
		if field.Type().Implements(reflect.TypeFor[http.RoundTripper]()) && (same && isZeroPointer(field) || leads(field, self, budget)) {
			return true
		}
	}
	return false
}

// A guard sends through http.DefaultTransport, which may lead back to the layer that sends
// without showing it, since a function may hide it. A request that arrives at a guard a second
// time is sent through the default of program start.
type guard struct{ next http.RoundTripper }

type guardKey struct{}

func (g *guard) RoundTrip(req *http.Request) (*http.Response, error) {
	ctx := req.Context()
	if ctx.Value(guardKey{}) != nil {
		return start.RoundTrip(req)
	}
	out := req.WithContext(context.WithValue(ctx, guardKey{}, true))
	resp, err := g.next.RoundTrip(out)
	if resp != nil && resp.Request == out {
		c := *resp
		c.Request = req
		resp = &c
	}
	return resp, err
}

// Unwrap implements [Unwrapper].
func (g *guard) Unwrap() http.RoundTripper { return g.next }

// CloseIdleConnections forwards to the successor.
func (g *guard) CloseIdleConnections() { CloseIdle(g.next) }
