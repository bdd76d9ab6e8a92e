// Package roundtrip holds the mechanics that all layers share: choosing and
// binding the next RoundTripper, forwarding idle close and identity, copying a
// request, replaying its body and draining a response within bounds.
package roundtrip

import (
	"net/http"
	"reflect"
	"strings"
)

// Or returns rt, or [http.DefaultTransport] if rt is nil.
func Or(rt http.RoundTripper) http.RoundTripper {
	if rt == nil {
		return http.DefaultTransport
	}
	return rt
}

// Func is the logic of a layer: it answers req, sending through next what it
// has to send.
type Func func(req *http.Request, next http.RoundTripper) (*http.Response, error)

// Bind returns a RoundTripper that answers by fn with next as successor. It
// forwards idle close and [Identity] to next. If next is nil,
// [http.DefaultTransport] is used.
func Bind(fn Func, next http.RoundTripper) http.RoundTripper {
	return &bound{fn: fn, next: Or(next)}
}

type bound struct {
	fn   Func
	next http.RoundTripper
}

func (b *bound) RoundTrip(req *http.Request) (*http.Response, error) { return b.fn(req, b.next) }

// Unwrap returns the successor.
func (b *bound) Unwrap() http.RoundTripper { return b.next }

// CloseIdleConnections forwards to the successor, as [http.Client] would have
// done without the layer.
func (b *bound) CloseIdleConnections() { CloseIdle(b.next) }

// CloseIdle closes the idle connections of rt if it has a way to.
// If rt is nil, those of [http.DefaultTransport] are closed.
func CloseIdle(rt http.RoundTripper) {
	if c, ok := Or(rt).(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// An Identifier is a layer that adds credentials to requests and can say whose
// they would be.
type Identifier interface {
	// Identity returns a name for the principal whose credentials would be
	// sent with req, and the empty string if none would. It does no I/O.
	Identity(req *http.Request) string
}

// Identity asks the layers from rt inwards whose credentials they would add to
// req, and returns the answers of all of them joined. It looks through bound
// layers and through any RoundTripper struct with a field named Base.
func Identity(rt http.RoundTripper, req *http.Request) string {
	return Identify(rt)(req)
}

// Identify finds the identifiers from rt inwards once, so that a layer can ask
// them for each request at no cost.
func Identify(rt http.RoundTripper) func(*http.Request) string {
	var all []Identifier
	for range maxDepth {
		if id, ok := rt.(Identifier); ok {
			all = append(all, id)
		}
		if rt = successor(rt); rt == nil {
			break
		}
	}
	switch len(all) {
	case 0:
		return func(*http.Request) string { return "" }
	case 1:
		return all[0].Identity
	}
	return func(req *http.Request) string {
		var names []string
		for _, id := range all {
			if s := id.Identity(req); s != "" {
				names = append(names, s)
			}
		}
		return strings.Join(names, "\x00")
	}
}

// Seen returns rt, a layer around next, such that the walk of [Identify] comes
// through it to next. If rt hides its successor, the result shows it, and
// forwards idle close. Without that a foreign layer between a cache and
// the layer that adds credentials would make one user of all.
func Seen(rt, next http.RoundTripper) http.RoundTripper {
	for r, n := rt, 0; r != nil && n < maxDepth; r, n = successor(r), n+1 {
		if same(r, next) {
			return rt
		}
	}
	return &foreign{RoundTripper: rt, next: next}
}

// same reports whether two RoundTrippers are one; of those that cannot be
// compared nobody knows.
func same(a, b http.RoundTripper) bool {
	t := reflect.TypeOf(a)
	return t == reflect.TypeOf(b) && t.Comparable() && reflect.ValueOf(a).Comparable() && a == b
}

// foreign is a RoundTripper that does not tell its successor.
type foreign struct {
	http.RoundTripper
	next http.RoundTripper
}

// Unwrap returns the successor.
func (f *foreign) Unwrap() http.RoundTripper { return f.next }

// Identity returns what the layer itself has to say.
func (f *foreign) Identity(req *http.Request) string {
	if id, ok := f.RoundTripper.(Identifier); ok {
		return id.Identity(req)
	}
	return ""
}

// CloseIdleConnections closes those of the layer, if it has a way to, and those
// of the successor otherwise.
func (f *foreign) CloseIdleConnections() {
	if c, ok := f.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
		return
	}
	CloseIdle(f.next)
}

// maxDepth bounds the walk, should someone build a ring.
const maxDepth = 64

// successor returns the RoundTripper behind rt, or nil if there is none to see.
func successor(rt http.RoundTripper) http.RoundTripper {
	if u, ok := rt.(interface{ Unwrap() http.RoundTripper }); ok {
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
