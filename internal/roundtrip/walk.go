package roundtrip

import (
	"net/http"
	"reflect"
)

// An Unwrapper is a RoundTripper that shows the one it sends through.
type Unwrapper interface {
	http.RoundTripper
	Unwrap() http.RoundTripper
}

// Seen returns rt, a layer around next, such that [IdentifiersOf] finds next behind
// it. If rt hides its successor, the result is a [ForeignLayer] that shows it.
// Without that, a cache above a foreign layer could not ask an auth layer below it
// whose credentials a request gets. If rt is nil, Seen returns next.
func Seen(rt, next http.RoundTripper) http.RoundTripper {
	if isNil(rt) {
		return next
	}
	for r, n := rt, 0; r != nil && n < maxDepth; r, n = successor(r), n+1 {
		if same(r, next) {
			return rt
		}
	}
	return &ForeignLayer{RoundTripper: rt, next: next}
}

// same reports whether two RoundTrippers are one. Those of a type that cannot be
// compared are taken to be different.
func same(a, b http.RoundTripper) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t.Comparable() && reflect.ValueOf(a).Comparable() && a == b
}

// A ForeignLayer is a RoundTripper of another module that does not show its
// successor, with that successor.
type ForeignLayer struct {
	http.RoundTripper
	next http.RoundTripper
}

// Unwrap implements [Unwrapper].
func (f *ForeignLayer) Unwrap() http.RoundTripper { return f.next }

// CloseIdleConnections closes the idle connections of the layer, if it has a way
// to, and else those of the successor.
func (f *ForeignLayer) CloseIdleConnections() {
	if !CloseIdle(f.RoundTripper) {
		CloseIdle(f.next)
	}
}

// maxDepth is how many RoundTrippers are looked at: some lead back to themselves.
const maxDepth = 64

// identifier returns rt as an Identifier, or nil if it is none.
func identifier(rt http.RoundTripper) Identifier {
	if f, ok := rt.(*ForeignLayer); ok {
		rt = f.RoundTripper
	}
	id, _ := rt.(Identifier)
	return id
}

// successor returns the RoundTripper behind rt, or nil if there is none to see.
func successor(rt http.RoundTripper) http.RoundTripper {
	if u, ok := rt.(Unwrapper); ok {
		return u.Unwrap()
	}
	v := reflect.ValueOf(rt)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return nil
	}
	f := v.Elem().FieldByName("Base")
	if !f.IsValid() || !f.CanInterface() {
		return nil
	}
	base, _ := reflect.TypeAssert[http.RoundTripper](f)
	return base
}
