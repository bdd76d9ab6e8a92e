// Package tripper composes layers, each an independent [http.RoundTripper], into
// a standard [http.Client]:
//
//	client := tripper.Chain{
//		&decompress.Transport{},
//		&redirects.Transport{Jar: jar},
//		&lostupdate.Transport{},
//		&caching.Transport{},
//		&retry.Transport{},
//		&auth.Transport{Credentials: &keys},
//	}.Client(&transport.Transport{})
//
// # Behavior
//
// A [Chain] is a list of layers, the outermost first. A request travels through
// it from left to right, its response from right to left. Any RoundTripper that
// can wrap another is a layer, also one that tripper has never heard of, by
// [LayerFunc]. This package imports none of the features, so that a program holds
// only those it uses.
//
// In a test, give [Chain.Client] a RoundTripper that answers itself, from an http.Handler for
// example, in place of the transport. All layers take the time from package time, and can be
// tested in a bubble of testing/synctest; close the caching.Transport before it ends.
//
// The documentation of [http.RoundTripper] says that implementations should not
// interpret responses or handle redirects, authentication and cookies. The
// layers do so deliberately, each one thing, at a place in the chain where the
// others can rely on it.
//
// # The order of the layers
//
//	ErrorResponses > trace.Log > decompress > redirects > lostupdate > caching > compress > retry > auth > transport
//
// The order matters, and this is why:
//
//   - ErrorResponses above all: it turns what any of them could not do into a
//     response.
//   - trace above the rest: it hears what every layer below it decides.
//   - decompress above redirects, caching and retry: only the last body is
//     decoded; the store keeps the bytes of the wire, so that ETag, Vary, Range
//     and 304 stay true; a download resumes, and auth-int hashes, the bytes of the
//     wire.
//   - decompress above lostupdate: the tag that guards a write belongs to the
//     coding that came over the wire.
//   - redirects above lostupdate: each hop is guarded by the tag of its own URL.
//   - redirects above caching, retry and auth: each hop has its own key, its own
//     tries and its own origin's credentials. Stored permanent redirects come for
//     free.
//   - lostupdate above caching: it protects the version the caller saw. The store
//     may have moved on since, and a tag taken from it would hide exactly the lost
//     update it is there to stop.
//   - lostupdate above retry: a write whose answer was lost gives 412 on its second
//     try; seen from above it is one write, and ambiguous, not a conflict.
//   - caching above retry: hits need no tries, callers that share a fetch share
//     one series of tries, a resumed body is whole when it is stored, and a stale
//     response stands in only after the tries.
//   - redirects, lostupdate and caching above compress: each hop says for itself
//     which codings of a body it takes; a write that is sent again in another coding
//     is one write; a hit needs no body, and the key of a QUERY is its content. So is
//     decompress: a refusal that compress answers itself need not be decoded.
//   - compress above retry and auth: what is kept for the next try is the smaller
//     body, and what is signed is the bytes that are sent.
//   - caching above auth: a hit needs no credentials and a 401 is never stored.
//   - retry above auth: every try is signed afresh, since a Digest nonce count may
//     not be sent twice.
//   - auth/httpsig, if it is used, between auth and transport: it signs what is sent,
//     with the credentials.
//
// A cookie jar belongs to the redirects layer: http.Client applies its own once
// per call and would miss the hops.
//
// # Events
//
// What [Chain.Check] finds is told as check, with level WARN, by the first request of a
// client of [Chain.Client].
//
// # Limits
//
// [Chain] obeys the order it is given. [Chain.Check] says what is wrong with it; it knows
// nothing of where the layers of other modules belong.
package tripper

import (
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// A Layer puts itself around a RoundTripper. Wrap must not keep next in the
// Layer, so that one Layer can stand in several chains; a nil next means
// [http.DefaultTransport].
type Layer interface {
	Wrap(next http.RoundTripper) http.RoundTripper
}

// LayerFunc makes a Layer of a function, such as other people's middleware.
type LayerFunc func(next http.RoundTripper) http.RoundTripper

// Wrap returns f(next).
func (f LayerFunc) Wrap(next http.RoundTripper) http.RoundTripper {
	return f(roundtrip.Or(next))
}

// Chain is a list of layers, outermost first. It is itself a Layer. Nil elements
// are skipped, and so are nil pointers, nil functions, and layers whose Wrap returns
// nil. A Chain is safe for concurrent use if its layers are.
type Chain []Layer

// Wrap puts the layers of c around next:
//
//	Chain{a, b, c}.Wrap(next) == a.Wrap(b.Wrap(c.Wrap(next)))
//
// A layer of somebody else's whose RoundTripper hides its successor is wrapped
// once more, so that a cache above it still learns from an auth layer below it
// whose credentials a request would get.
//
// If next is nil, [http.DefaultTransport] is used. The result may be put there
// itself, and so may any layer with a nil Base: what leads to itself sends through
// the default transport of program start.
func (c Chain) Wrap(next http.RoundTripper) http.RoundTripper {
	next = roundtrip.Or(next)
	for _, l := range slices.Backward(c) {
		if !absent(l) {
			next = roundtrip.Seen(l.Wrap(next), next)
		}
	}
	return next
}

// Client returns a client that sends through c and base. If base is nil,
// [http.DefaultTransport] is used.
//
// If a layer is a [RedirectFollower] and says that redirects are its business, the
// client leaves them alone: its CheckRedirect returns [http.ErrUseLastResponse].
// Two fields of http.Client then do not do what they otherwise do:
//
//   - CheckRedirect. Set to something else, http.Client follows what the layer
//     left unfollowed on purpose, and forwards Authorization by its own rules. What
//     a function there would decide belongs into the Policy of the layer, which has
//     the same type.
//   - Jar. http.Client sees the last response only, not the redirects before it,
//     and takes its cookies for those of the URL that was asked for first, even if
//     another host set them. It must stay nil; the layer has a Jar. Without one,
//     the cookies of redirects are not kept, and an event of package trace says so.
//
// What [Chain.Check] finds is told to package trace: each problem is an event of the
// first request with a hook that reaches base. If c is not empty, a [trace.Hook] stands
// around the layers, so that each request is a call of its own, and a [trace.Wire] around
// base, which tells of every exchange with a server. Both pass requests on that no hook
// hears.
func (c Chain) Client(base http.RoundTripper) *http.Client {
	client := &http.Client{Transport: roundtrip.Or(base)}
	if len(c) > 0 {
		client.Transport = new(trace.Hook).Wrap(c.Wrap(new(trace.Wire).Wrap(c.reporting(base))))
	}
	if c.FollowsRedirects() {
		client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	}
	return client
}

// FollowsRedirects reports whether a layer of c does.
func (c Chain) FollowsRedirects() bool {
	return slices.ContainsFunc(c.flat(), func(l Layer) bool {
		f, ok := l.(RedirectFollower)
		return ok && f.FollowsRedirects()
	})
}

// String returns the names of the layers in order, as in
// "decompress > redirects > caching".
func (c Chain) String() string {
	names := make([]string, 0, len(c))
	for _, l := range c.flat() {
		names = append(names, nameOf(l))
	}
	return strings.Join(names, " > ")
}

// flat returns the layers of c with those of the chains in it.
func (c Chain) flat() []Layer {
	var all []Layer
	for _, l := range c {
		switch inner, ok := l.(Chain); {
		case ok:
			all = append(all, inner.flat()...)
		case !absent(l):
			all = append(all, l)
		}
	}
	return all
}
