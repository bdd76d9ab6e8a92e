package roundtrip

import (
	"net/http"
	"reflect"
)

// An Unwrapper is a RoundTripper that shows its successor.
type Unwrapper interface {
	http.RoundTripper
	Unwrap() http.RoundTripper
}

// Seen returns rt, a layer around next. If rt does not show its successor, it is wrapped in a
// [ForeignLayer], so that [IdentifiersOf] finds next: otherwise a cache above a foreign layer
// could not ask an auth layer below it. If rt is nil, Seen returns next.
func Seen(rt, next http.RoundTripper) http.RoundTripper {
	if IsNil(rt) {
		return next
	}
	for r, n := rt, 0; r != nil && n < maxDepth; r, n = successor(r), n+1 {
		if same(r, next) {
			return rt
		}
	}
	return &ForeignLayer{RoundTripper: rt, next: next}
}

// Shows reports whether is holds of rt, or of one of its successors as far as they are shown.
func Shows(rt http.RoundTripper, is func(http.RoundTripper) bool) bool {
	for n := 0; rt != nil && n < maxDepth; rt, n = successor(rt), n+1 {
		if is(rt) {
			return true
		}
	}
	return false
}

// same reports whether a and b are the same RoundTripper. Values that cannot be compared are
// different.
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

// CloseIdleConnections closes the idle connections of the layer, or those of the successor if
// the layer has no method for that.
func (f *ForeignLayer) CloseIdleConnections() {
	if !CloseIdle(f.RoundTripper) {
		CloseIdle(f.next)
	}
}

// maxDepth bounds the RoundTrippers that are inspected: some lead back to themselves.
const maxDepth = 64

// identifier returns rt as an Identifier, or nil if it is none.
func identifier(rt http.RoundTripper) Identifier {
	if f, ok := rt.(*ForeignLayer); ok {
		rt = f.RoundTripper
	}
	id, _ := rt.(Identifier)
	return id
}

// successor returns the successor of rt, or nil if rt does not show one.
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
