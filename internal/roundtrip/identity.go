package roundtrip

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
)

// An Identifier is a layer that adds credentials to requests and names their principal.
type Identifier interface {
	// Identity returns a name for the principal whose credentials would be sent with
	// req, or the empty string if none would be. It does no I/O.
	Identity(req *http.Request) string
}

// A Signer is an Identifier that keeps its answer: it signs the request that follows with the
// credentials that the answer named, and reports by [Report] the fields that it has added.
// The layers of this module that add credentials are Signers.
type Signer interface {
	Identifier

	// Ask returns what Identity returns, and an answer, which [Pinned] returns when the
	// request arrives. The answer belongs to layer, which is the same for all
	// RoundTrippers that share their state. If the answer is nil, the layer does not
	// keep or report anything.
	Ask(req *http.Request) (principal string, layer, answer any)
}

// Identity returns the principals whose credentials the layers from rt inwards would add to
// req, joined. It follows any [Unwrapper] and any struct with a field named Base.
func Identity(rt http.RoundTripper, req *http.Request) string {
	return IdentifiersOf(rt).Ask(req).Principal
}

// Identifiers are the layers that add credentials below a cache. The cache finds them once
// for each successor, and asks them once for each exchange:
//
//	ids := roundtrip.IdentifiersOf(next)             // once
//	asked := ids.Ask(req)                            // before the look-up: asked.Principal is for the key
//	out = out.WithContext(asked.Pin(out.Context()))  // before it sends
//	resp, err := next.RoundTrip(out)
//	signed := asked.Signed()                         // signed.Principal, signed.Owns
//
// A hit needs only Ask. Pin and Signed are for one request that is sent: for another one (a
// second request after a 304 that matched nothing, a validation in the background) Pin is
// called again, on a copy of the Asked if both may be under way at the same time. An Asked
// may be copied, and is not safe for concurrent use; Report may be called concurrently with
// its methods.
type Identifiers struct {
	all []identified
	// whole is true if no other layer can add credentials.
	whole bool
}

// An identified is an Identifier, also as a Signer and as a late if it is one.
type identified struct {
	Identifier
	signer Signer
	late   *late
}

// IdentifiersOf returns the identifiers from rt inwards.
func IdentifiersOf(rt http.RoundTripper) *Identifiers {
	ids := &Identifiers{whole: speakForAll(rt)}
	for range maxDepth {
		if id := identifier(rt); id != nil {
			l := identified{Identifier: id}
			l.signer, _ = id.(Signer)
			l.late, _ = id.(*late)
			ids.all = append(ids.all, l)
		}
		if rt = successor(rt); rt == nil {
			break
		}
	}
	return ids
}

// Ask asks the layers whose credentials they would add to req. With one layer it allocates
// only what that layer does.
func (ids *Identifiers) Ask(req *http.Request) Asked {
	a := Asked{req: req}
	ids.ask(req, &a)
	if ids.whole && a.vouched > 0 {
		a.vouched = math.MaxInt
	}
	return a
}

func (ids *Identifiers) ask(req *http.Request, a *Asked) {
	for i := range ids.all {
		var l said
		switch id := &ids.all[i]; {
		case id.signer != nil:
			l.principal, l.layer, l.answer = id.signer.Ask(req)
		case id.late != nil:
			id.late.identifiers().ask(req, a)
			continue
		default:
			if l.principal = id.Identity(req); l.principal != "" {
				a.vouched++
			}
		}
		a.add(l)
	}
}

// add adds the answer of one layer.
func (a *Asked) add(l said) {
	switch {
	case l.principal == "" && l.answer == nil:
		return
	case a.n == 0:
		a.first, a.Principal = l, l.principal
	default:
		a.more = append(a.more, l)
		a.Principal = join(a.Principal, l.principal)
	}
	a.n++
}

func join(a, b string) string {
	switch {
	case a == "":
		return b
	case b == "":
		return a
	}
	return a + "\x00" + b
}

// An Asked has the answers of the layers for one exchange.
type Asked struct {
	// Principal names the principals whose credentials would be added. It is empty if
	// none would be.
	Principal string

	req     *http.Request // that was asked about
	vouched int
	n       int
	first   said
	more    []said
	trip    *Trip
}

// A said is the answer of one layer.
type said struct {
	principal     string
	layer, answer any
}

// A signedBy is the answer of one layer with its report.
type signedBy struct {
	said
	reported bool
	signed   string // the principal that was reported
	fields   []Field
	room     [1]Field
}

// A Field is a request field that a layer has added.
type Field struct {
	Name   string // canonical
	Values []string
	room   [1]string
}

// Pin returns a context for the request that is sent: by it the layers find their answers,
// sign with the credentials that those named, and report what they add. If no layer keeps
// its answer, it is ctx.
func (a *Asked) Pin(ctx context.Context) context.Context {
	if !a.Pins() {
		return ctx
	}
	return a.PinTo(new(Trip), nil, ctx)
}

// Pins reports whether a layer keeps its answer, so that [Asked.Pin] returns a context of its
// own.
func (a *Asked) Pins() bool {
	return a.first.answer != nil || slices.ContainsFunc(a.more, func(l said) bool { return l.answer != nil })
}

// PinTo is [Asked.Pin] where [Asked.Pins] is true. It returns t, which is zero, and may be a part
// of something that is allocated as one. So may spare be, which a Signer takes to send the request
// signed; nil stands for none.
func (a *Asked) PinTo(t *Trip, spare *Signing, ctx context.Context) context.Context {
	t.Context, t.outer = ctx, tripOf(ctx)
	if spare != nil {
		t.spare.Store(spare)
	}
	if u := a.req.URL; u != nil {
		t.scheme, t.host = u.Scheme, u.Host
	}
	t.layers = append(t.room[:0], signedBy{said: a.first})
	for _, l := range a.more {
		t.layers = append(t.layers, signedBy{said: l})
	}
	a.trip = t
	return t
}

// Signed returns for whom the request with the context of Pin was signed, and how. Before
// Pin, and for a layer that has not reported, it returns what the answers said.
func (a *Asked) Signed() Signed {
	s := Signed{Principal: a.Principal, Vouched: a.vouched}
	if a.trip == nil {
		return s
	}
	a.trip.mu.Lock()
	defer a.trip.mu.Unlock()
	s.Principal = ""
	for i := range a.trip.layers {
		l := &a.trip.layers[i]
		if l.reported {
			s.Principal = join(s.Principal, l.signed)
		} else {
			s.Principal = join(s.Principal, l.principal)
		}
		if s.Fields == nil {
			s.Fields = slices.Clip(l.fields)
		} else {
			s.Fields = append(s.Fields, l.fields...)
		}
	}
	return s
}

// A Signed tells which credentials a request was sent with.
type Signed struct {
	// Principal names the principals whose credentials were added, in the form of
	// [Asked.Principal]. It is equal to that unless a layer used other credentials: it
	// renewed a token, or added a password although its answer was that it would add
	// none. The response belongs to this principal.
	Principal string

	// Fields are the request fields that the layers have reported, those of layers further
	// in last. They must not be changed.
	Fields []Field

	// Vouched is the number of kinds of credentials that layers without reports
	// (Identity methods outside this module) answer for: one for each such layer if
	// other layers may have added some too, and else all.
	Vouched int
}

// Owns reports whether a layer has reported the field with these values. A credential-like
// field that was added below the cache and is not owned comes from a layer that does not
// report or could not be asked.
func (s *Signed) Owns(name string, values []string) bool {
	for i := range slices.Backward(s.Fields) {
		if f := &s.Fields[i]; f.Name == name {
			return slices.Equal(f.Values, values)
		}
	}
	return false
}

// A Trip is the context of a request whose Signers were asked before it was sent: that which
// [Asked.Pin] makes.
type Trip struct {
	context.Context //nolint:containedctx // it is one
	outer           *Trip
	scheme, host    string // in the URL of the request that was asked about

	mu     sync.Mutex // guards the reports in layers
	layers []signedBy
	room   [1]signedBy

	spare atomic.Pointer[Signing]
}

// A Signing is a request that a Signer sends, with room for the value of a field.
type Signing struct {
	Request http.Request
	Value   [1]string
}

type tripKey struct{}

// Value implements [context.Context].
func (t *Trip) Value(key any) any {
	if key == (tripKey{}) {
		return t
	}
	return t.Context.Value(key)
}

// Format implements [fmt.Formatter]. It prints nothing of the requests and of what was reported.
func (t *Trip) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "context of a request") }

func tripOf(ctx context.Context) *Trip {
	t, _ := ctx.Value(tripKey{}).(*Trip)
	return t
}

// about reports whether u has the origin of the request that was asked about.
func (t *Trip) about(u *url.URL) bool {
	if u != nil && u.Scheme == t.scheme && u.Host == t.host {
		return true
	}
	return OriginOf(u) == OriginOf(&url.URL{Scheme: t.scheme, Host: t.host})
}

// layer returns the answer of layer, or nil if it was not asked or does not keep its answer.
func (t *Trip) layer(layer any) *signedBy {
	for i := range t.layers {
		if l := &t.layers[i]; l.layer == layer && l.answer != nil {
			return l
		}
	}
	return nil
}

// Pinned returns the principal and the answer that [Signer.Ask] of layer has returned for
// this exchange. asked is false if a layer above has not asked. If a layer in between has
// sent the request to another origin, asked is true and answer is nil.
func Pinned(req *http.Request, layer any) (principal string, answer any, asked bool) {
	for t := tripOf(req.Context()); t != nil; t = t.outer {
		if l := t.layer(layer); l != nil {
			if !t.about(req.URL) {
				return "", nil, true
			}
			return l.principal, l.answer, true
		}
	}
	return "", nil, false
}

// NewSigning returns a Signing for a request with the context ctx. It is zero.
func NewSigning(ctx context.Context) *Signing {
	if t := tripOf(ctx); t != nil {
		if s := t.spare.Swap(nil); s != nil {
			return s
		}
	}
	return new(Signing)
}

// Report reports to the layers that have asked that layer has signed the request with the
// context ctx for principal, and has added the named fields with their values in header.
// Names are canonical. Each report of a layer replaces the one before.
func Report(ctx context.Context, layer any, principal string, header http.Header, names ...string) {
	for t := tripOf(ctx); t != nil; t = t.outer {
		if l := t.layer(layer); l != nil {
			t.mu.Lock()
			l.reportLocked(principal, header, names)
			t.mu.Unlock()
		}
	}
}

// reportLocked stores a report. The lock of the trip is held.
func (l *signedBy) reportLocked(principal string, header http.Header, names []string) {
	var fields []Field // those of an earlier report may be in use
	if !l.reported {
		fields = l.room[:0]
	}
	for _, name := range names {
		if v, ok := header[name]; ok {
			fields = append(fields, Field{Name: name})
			f := &fields[len(fields)-1]
			f.Values = append(f.room[:0], v...)
		}
	}
	l.reported, l.signed, l.fields = true, principal, fields
}
