// Package lostupdate keeps one editor from overwriting what another has saved
// since (W3C Note 10 May 1999, Detecting the Lost Update Problem).
//
//	client := &http.Client{Transport: &lostupdate.Transport{}}
//	resp, err := client.Get(url)    // ETag: "a" is remembered
//	…
//	resp, err = client.Do(put)      // is sent with If-Match: "a"; 412 if someone was faster
//
// # Behavior
//
// For each URL the validators of the representation that the caller last saw,
// through GET, HEAD or the answer to a write, are remembered. A PUT or PATCH
// (see [Transport.Methods]) that has no precondition of the caller's own gets
// one from them: If-Match where the entity tag is strong, else
// If-Unmodified-Since where Last-Modified is (RFC 9110 §8.8.2.2), else what
// [Transport.Unsure] says: by default, the layer looks, by HEAD or else by GET,
// whether the resource is still what the caller saw. A 412 Precondition Failed is an answer
// and no error, unless [Transport.ConflictErrors] is set.
//
// A 2xx answer to a write replaces what is remembered; without a validator, or
// after a 303, the state is unknown. After a 412 the old one stays, so that a
// blind second try fails again; only what reads the resource, such as [Update],
// gets past it.
//
// Servers that compress give the compressed form a tag of its own and do not
// know it again in a PUT. Of "x-gzip" (Apache, lighttpd) both spellings are
// sent, "x-gzip" and "x". Weak tags are sent to servers that demand a precondition
// (428), and if [Transport.WeakMatch] is set: others do not match them (RFC 9110
// §8.8.3.2). A weak tag is never made into a strong one.
//
// # Servers that do not know preconditions
//
// One editor alone never gets a 412 or a 501 because of this layer. A write that
// is answered 501 is sent once more as the caller wrote it; so is one that is
// answered 400, or 412 to If-Unmodified-Since, if a look by HEAD shows that nothing
// has changed. For an hour such an origin gets no preconditions with this method.
// A body that cannot be sent again has to wait for the next write. A write that
// the caller has signed (AWS, Azure, OAuth 1, RFC 9421, DPoP) is left as it is.
//
// # Place in a chain
//
// Below redirects, so that what was seen of one resource is not held against
// another; below decompress, since it needs the coding on the wire; above
// caching, since it protects what the caller saw and not what the cache has.
//
// # Limits
//
// One Transport is one editor. Where several share it, each has to send with a
// context from [WithEditor], or use [Update]: else what one has seen lets
// another write. Servers that ignore or refuse preconditions (nginx's WebDAV,
// GitHub) are protected only by [Transport.Verify], not against writes at the
// same moment.
// Apache's mod_dav honors them, but checks and writes in two steps: of writes at
// the very same moment it may let two through.
// The memory is bounded: what was seen very long ago is forgotten. A tag of a
// variant (Vary) is used for the URL, whatever the write's own fields select. A
// cache on the way that ignores no-cache hides from a look what others have written.
package lostupdate

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Transport is an [http.RoundTripper] that adds preconditions to writes. The
// zero value protects PUT and PATCH by what it has seen itself.
//
// A Transport is safe for concurrent use. Its fields must not be changed after
// its first use. Layers made by one Transport share what it remembers.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Methods are those that are protected. If nil, they are PUT and PATCH; if
	// empty, none is. DELETE and POST can be useful.
	Methods []string

	// IgnoreETag turns the layer off, as ignore_etag of httplib2 does: each request
	// is handed down as it is, nothing is remembered, and the options in its context
	// ([WithMode], [WithVersion], [WithEditor]) have no effect. It is a setting for
	// programs that build one chain for several clients. [Update] does not need the
	// layer, and protects its writes all the same.
	IgnoreETag bool

	// CreateOnly sends If-None-Match: * with a PUT to a URL of which nothing has
	// been seen, so that it creates or fails with 412.
	CreateOnly bool

	// Tags remembers the versions. If nil, the Transport has a memory of its
	// own of [DefaultMemory] bytes.
	Tags Tags

	// Unsure says what becomes of a write to a resource that was seen, but
	// without a validator that would be safe to send. If zero, it is [Wait].
	Unsure Unsure

	// WeakMatch sends weak entity tags in If-Match as the server wrote them. That
	// is for servers that compare them there, such as those of FHIR and OData; by
	// RFC 9110 §13.1.1 a weak tag never matches. Tags that hand out another Version
	// than they were given can decide so for each resource. A server that demands
	// a precondition (428) gets the weak tag without being asked for it.
	WeakMatch bool

	// Verify asks by HEAD, before each protected write, whether the resource is
	// still what the caller saw, and answers 412 in the server's place if not.
	// That is for servers that ignore preconditions; between HEAD and write
	// another editor may still slip in.
	Verify bool

	// Required answers 428 Precondition Required (RFC 6585 §3), if the write had
	// no precondition, by asking for the present validator and writing again
	// with it. That keeps the server content, but protects only from writes in
	// between: the caller may never have seen what it overwrites.
	Required bool

	// ConflictErrors turns a 412 to a precondition of this layer into an error
	// of type [*ConflictError].
	ConflictErrors bool

	once   sync.Once
	memory *Memory
	habits habits
}

// RoundTrip implements [http.RoundTripper].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, roundtrip.Next(t, t.Base))
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(t.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Transport) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

func (t *Transport) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	method := roundtrip.Method(req)
	guarded := t.guards(method)
	if t.IgnoreETag || req.URL == nil || !guarded && !teaches(method) {
		return next.RoundTrip(req)
	}
	if !guarded {
		asked := *req // What next makes of req says nothing about the resource.
		resp, err := next.RoundTrip(req)
		if err != nil || resp == nil {
			return nil, err
		}
		if !t.nothingIn(resp, method) {
			t.read(roundtrip.AsAsked(req, asked), next, method, resp)
		}
		return roundtrip.Complete(resp, req), nil
	}
	x := exchange{Transport: t, next: next, req: req, method: method}
	return x.write()
}

// read remembers what resp teaches, the answer to a request that is not protected.
func (t *Transport) read(req *http.Request, next http.RoundTripper, method string, resp *http.Response) {
	x := exchange{Transport: t, next: next, req: req, method: method}
	x.learn(resp, nil)
}

// guards reports whether requests with method are protected.
func (t *Transport) guards(method string) bool {
	if t.Methods == nil {
		return method == http.MethodPut || method == http.MethodPatch
	}
	return slices.Contains(t.Methods, method)
}

// teaches reports whether answers to method tell something to be remembered,
// beside those to protected methods.
func teaches(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete, "MOVE", "COPY":
		return true
	}
	return false
}

// keepsUnknown reports whether it makes a difference to remember that one does
// not know the version of a resource.
func (t *Transport) keepsUnknown() bool {
	return t.Unsure == Refuse || t.Unsure == Fetch || t.CreateOnly
}

// tags returns where versions are remembered.
func (t *Transport) tags() Tags {
	if t.Tags != nil {
		return t.Tags
	}
	t.once.Do(func() { t.memory = NewMemory(0) })
	return t.memory
}

// wait waits for d or until ctx is done.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
