package roundtrip

import (
	"context"
	"maps"
	"math"
	"net/http"
	"slices"
	"sync"
)

// An Identifier is a layer that adds credentials to requests and can say whose
// they would be.
type Identifier interface {
	// Identity returns a name for the principal whose credentials would be
	// sent with req, and the empty string if none would. It does no I/O.
	Identity(req *http.Request) string
}

// A Signer is an Identifier that keeps to its answer: the request that follows is
// signed with the credentials that the answer named, and the Signer says by
// [Report] what it has added. The layers of this module that add credentials are
// Signers.
type Signer interface {
	Identifier

	// Ask returns what Identity does, and the answer behind it, for [Pinned] to
	// give back when the request arrives. The answer belongs to layer, which is
	// the same for all RoundTrippers that share their state. A nil answer means
	// that there is nothing to keep to and nothing to report.
	Ask(req *http.Request) (principal string, layer, answer any)
}

// Identity asks the layers from rt inwards whose credentials they would add to
// req, and returns the answers of all of them joined. It looks through any
// [Unwrapper] and any RoundTripper struct with a field named Base.
func Identity(rt http.RoundTripper, req *http.Request) string {
	return IdentifiersOf(rt).Ask(req).Principal
}

// Identifiers are the layers below some layer that add credentials. A cache finds
// them once for each way to the origin, and asks them once for each exchange:
//
//	ids := roundtrip.IdentifiersOf(next)             // once
//	asked := ids.Ask(req)                            // before the look-up: asked.Principal is for the key
//	out = out.WithContext(asked.Pin(out.Context()))  // before it sends
//	resp, err := next.RoundTrip(out)
//	signed := asked.Signed()                         // signed.Principal, signed.Owns
//
// A hit needs Ask alone. Pin and Signed belong to one request that is sent: for
// another one (a second try after a 304 that matched nothing, a validation in the
// background) Pin is called again, on a copy of the Asked if both may be under way
// at once. An Asked may be copied; it is not safe for concurrent use, but whatever
// happens below while a request is under way may go on in other goroutines.
type Identifiers struct {
	all []identified
	// whole is true if there is nothing else that may add credentials.
	whole bool
}

// identified is an Identifier, and what else it is if not nil.
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

// Ask asks whose credentials would be added to req. It allocates nothing if one
// layer has an answer that needs no allocation.
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

// add adds what one layer has said.
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
	if a == "" || b == "" {
		return a + b
	}
	return a + "\x00" + b
}

// Asked is what the layers below have said about one exchange.
type Asked struct {
	// Principal names those whose credentials would be added. It is empty if
	// nothing would be.
	Principal string

	req     *http.Request // that was asked about
	vouched int
	n       int
	first   said
	more    []said
	trip    *trip
}

// said is what one layer has said before the request is sent.
type said struct {
	principal     string
	layer, answer any
}

// signedBy is what one layer has said: before the request is sent, and by a report.
type signedBy struct {
	said
	reported bool
	signed   string      // the principal that was reported
	fields   http.Header // those that were reported
}

// Pin returns a context for the request that is sent: the layers that were asked
// sign it with the credentials that their answers named, and report what they
// add. If no layer keeps to its answer, that is ctx.
func (a *Asked) Pin(ctx context.Context) context.Context {
	a.trip = nil
	pinned := a.first.answer != nil || slices.ContainsFunc(a.more, func(l said) bool { return l.answer != nil })
	if !pinned {
		return ctx
	}
	t := &trip{Context: ctx, outer: tripOf(ctx), origin: OriginOf(a.req.URL)}
	t.layers = append(t.room[:0], signedBy{said: a.first})
	for _, l := range a.more {
		t.layers = append(t.layers, signedBy{said: l})
	}
	a.trip = t
	return t
}

// Signed says for whom the request with the context of Pin was signed, and how.
// Before Pin, or if no layer has reported anything, it is for those that were
// asked for.
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
			s.Fields = l.fields
		} else if len(l.fields) > 0 {
			s.Fields = maps.Clone(s.Fields)
			maps.Copy(s.Fields, l.fields)
		}
	}
	return s
}

// Signed is what became of the credentials of a request.
type Signed struct {
	// Principal names those whose credentials were added, in the form of
	// [Asked.Principal]. It is equal to that unless other credentials had to be
	// used: a token was renewed, a name and a password were added by a layer that
	// had said there were none. The response belongs to this one, and not to the
	// one that was asked for.
	Principal string

	// Fields are the request fields that the layers which were asked have added,
	// with canonical names. They must not be changed.
	Fields http.Header

	// Vouched is for how many kinds of credentials layers that do not report what they
	// add (Identity methods outside this module) answer: for one each where other layers
	// may have added some too, and else for all.
	Vouched int
}

// Owns reports whether a field that the request had when it was sent, but not
// when it left the cache, is one that a layer has reported with just these values. A
// credential-like field of which that is not true was added, or changed, by a layer
// that does not report, or that nobody could ask.
func (s *Signed) Owns(name string, values []string) bool {
	own, ok := s.Fields[name]
	return ok && slices.Equal(own, values)
}

// A trip is the context of a request whose signers were asked beforehand.
type trip struct {
	context.Context //nolint:containedctx // it is one
	outer           *trip
	origin          Origin // of the request that was asked about

	mu     sync.Mutex // guards the reports in layers
	layers []signedBy
	room   [1]signedBy
}

type tripKey struct{}

// Value implements [context.Context].
func (t *trip) Value(key any) any {
	if key == (tripKey{}) {
		return t
	}
	return t.Context.Value(key)
}

func tripOf(ctx context.Context) *trip {
	t, _ := ctx.Value(tripKey{}).(*trip)
	return t
}

// Pinned returns what layer has answered when a layer above asked whom req would
// be signed for: the principal, and the answer that goes with the layer in the
// results of [Signer]. asked is false if nobody asked layer about this exchange. If
// a layer in between has led req to another origin than the one that was asked
// about, asked is true and answer is nil.
func Pinned(req *http.Request, layer any) (principal string, answer any, asked bool) {
	for t := tripOf(req.Context()); t != nil; t = t.outer {
		for i := range t.layers {
			l := &t.layers[i]
			if l.layer != layer || l.answer == nil {
				continue
			}
			if OriginOf(req.URL) != t.origin {
				return "", nil, true
			}
			return l.principal, l.answer, true
		}
	}
	return "", nil, false
}

// Report says that layer has signed the request with that context for principal,
// by adding the named fields with the values that they have in header. It is for
// those who asked the layer about the exchange; if nobody did, it does nothing.
// Names are canonical. Of several reports by one layer, as many as it makes tries,
// the last one counts.
func Report(ctx context.Context, layer any, principal string, header http.Header, names ...string) {
	for t := tripOf(ctx); t != nil; t = t.outer {
		for i := range t.layers {
			l := &t.layers[i]
			if l.layer != layer || l.answer == nil {
				continue
			}
			fields := make(http.Header, len(names))
			for _, name := range names {
				if v, ok := header[name]; ok {
					fields[name] = slices.Clone(v)
				}
			}
			t.mu.Lock()
			l.reported, l.signed, l.fields = true, principal, fields
			t.mu.Unlock()
		}
	}
}
