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

// Seen returns rt, a layer around next, such that the walk of [IdentifiersOf]
// comes through it to next. If rt hides its successor, the result shows it, and
// forwards idle close. Without that a foreign layer between a cache and the layer
// that adds credentials would make one user of all. If rt is nil, the layer has
// nothing to add, and Seen returns next.
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

// A ForeignLayer shows the successor of a RoundTripper that hides it.
type ForeignLayer struct {
	http.RoundTripper
	next http.RoundTripper
}

// Unwrap implements [Unwrapper].
func (f *ForeignLayer) Unwrap() http.RoundTripper { return f.next }

// CloseIdleConnections closes those of the layer, if it has a way to, and those
// of the successor otherwise.
func (f *ForeignLayer) CloseIdleConnections() {
	if c, ok := f.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
		return
	}
	CloseIdle(f.next)
}

// maxDepth bounds the walk, should someone build a ring.
const maxDepth = 64

// identifier returns what rt has to say about principals, or nil.
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
