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
// For each URL the layer remembers the validators of the representation that the
// caller last saw, by GET, HEAD or the response to a write. A PUT or PATCH (see
// [Transport.Methods]) without a precondition of the caller's own gets one: If-Match
// if the entity tag is strong, else If-Unmodified-Since if Last-Modified is a strong
// validator (RFC 9110 §8.8.2.2). If there is no strong validator, [Transport.Unsure]
// decides: by default, the layer asks, by HEAD or else by GET, whether the resource is
// still the version that the caller saw. A 412 Precondition Failed is a response and no
// error, unless [Transport.ConflictErrors] is set.
//
// A 2xx response to a write replaces the version that is remembered. Without a
// validator in it, or after a 303, the version is unknown, and the next write is sent
// without a precondition unless the caller reads the resource before, or
// [Transport.Unsure] is [Refuse] or [Fetch]. After a 412 the old version
// stays, so that the same write fails again until the caller has read the resource, as
// [Update] does.
//
// Servers that compress give the compressed form an entity tag of its own, which they
// do not match in a PUT. Of a tag such as "x-gzip" (Apache, lighttpd) both spellings
// are sent, "x-gzip" and "x". Weak tags are sent to servers that demand a precondition
// (428), and if [Transport.WeakMatch] is set: other servers do not match them (RFC 9110
// §8.8.3.2). A weak tag is never made into a strong one.
//
// Some servers do not implement preconditions. An editor who is alone never gets a 412
// or a 501 because of this layer: a write that is answered 501 is sent once more as the
// caller wrote it. So is a write that is answered 400, or 412 to If-Unmodified-Since, if
// a HEAD shows that the resource has not changed. For an hour such an origin gets no
// preconditions with this method. If the body cannot be sent again, the response is
// returned, and the next write goes without a precondition. A write that the caller has
// signed (AWS, Azure, OAuth 1, RFC 9421, DPoP) is left as it is.
//
// # Events
//
// A write is told as protect, pass, refuse, stop or conflict; what is learned of a
// resource as remember, with the attributes etag and for, or forget; what is learned of
// the server as note. See docs/events.md for the reasons.
//
// # Place in a chain
//
// Below redirects, since versions belong to the URL of each hop. Below decompress,
// since the tag belongs to the coding on the wire. Above caching, since the layer
// protects the version that the caller saw, and the cache may have a newer one.
//
// # Limits
//
// One Transport is one editor. If several share it, each must send with a context from
// [WithEditor], or use [Update]; otherwise a version that one editor has seen permits a
// write of another. For servers that ignore or refuse preconditions (nginx's WebDAV,
// GitHub) there is [Transport.Verify], which does not protect from a write at the same
// moment. Any GET or HEAD of the program renews the version, also one that only polls: an
// editor keeps [VersionOf] its response, and writes with [WithVersion]. Apache's mod_dav
// checks a precondition and writes in two steps: of two writes at the same moment it may
// accept both. The memory is bounded: versions seen long ago are forgotten, and the write
// is then sent as if they had never been seen. The tag of a variant (Vary) is used for the
// URL, whatever variant the fields of the write select. A cache on the way that ignores
// no-cache may answer the HEAD with an old version.
package lostupdate

import (
	"net/http"
	"slices"
	"sync"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Transport is an [http.RoundTripper] that adds preconditions to writes. The
// zero value protects PUT and PATCH by what it has seen itself.
//
// A Transport is safe for concurrent use. Its fields must not be changed after
// its first use. Layers made by one Transport share what it remembers: it is one
// editor, and several users who share it need [WithEditor].
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Methods are the methods that are protected. If nil, they are PUT and PATCH;
	// if empty, none is. DELETE and POST may be added.
	Methods []string

	// IgnoreETag turns the layer off, as ignore_etag of httplib2 does: each request
	// is handed down as it is, nothing is remembered, and the options in its context
	// ([WithMode], [WithVersion], [WithEditor]) have no effect. It is a setting for
	// programs that build one chain for several clients. [Update] does not need the
	// layer, and protects its writes all the same.
	IgnoreETag bool

	// CreateOnly sends If-None-Match: * with a PUT to a URL of which no version is
	// remembered, so that it creates the resource or fails with 412.
	CreateOnly bool

	// Tags remembers the versions. If nil, the Transport has a memory of its
	// own of [DefaultMemory] bytes.
	Tags Tags

	// Unsure says what is done about a write to a resource that was seen, but has no
	// strong validator. A resource that was never seen is the matter of CreateOnly. If
	// zero, it is [Wait].
	Unsure Unsure

	// WeakMatch sends weak entity tags in If-Match as the server wrote them. It is
	// for servers that compare them there, such as those of FHIR and OData; by
	// RFC 9110 §13.1.1 a weak tag never matches. A server that demands a
	// precondition (428) gets the weak tag in any case.
	WeakMatch bool

	// Verify asks by HEAD, before each protected write, whether the resource is
	// still the version that the caller saw, and answers 412 in the server's place
	// if not. It is for servers that ignore preconditions. A write of another editor
	// between HEAD and write is not noticed.
	Verify bool

	// Required asks for the present validator and sends the write again with it,
	// if a write without a precondition was answered 428 Precondition Required (RFC
	// 6585 §3). The server then accepts the write, but only writes in between are
	// noticed: the caller may never have seen the version that it overwrites.
	Required bool

	// ConflictErrors turns a 412 to a precondition of this layer into an error
	// of type [*ConflictError].
	ConflictErrors bool

	once   sync.Once
	memory *Memory
	habits roundtrip.Lessons[service, habit]
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
		asked := *req // next may change req, which names the resource
		resp, err := next.RoundTrip(req)
		if err != nil || resp == nil {
			return nil, err
		}
		if !t.nothingIn(resp, method) {
			x := exchange{Transport: t, next: next, req: roundtrip.AsAsked(req, &asked), method: method}
			x.learn(resp, nil)
		}
		return roundtrip.Complete(resp, req), nil
	}
	x := exchange{Transport: t, next: next, req: req, method: method}
	return x.write()
}

// guards reports whether requests with method are protected.
func (t *Transport) guards(method string) bool {
	if t.Methods == nil {
		return method == http.MethodPut || method == http.MethodPatch
	}
	return slices.Contains(t.Methods, method)
}

// teaches reports whether responses to a method that is not protected may hold, or
// change, a version.
func teaches(method string) bool {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPut, http.MethodPatch, http.MethodPost, http.MethodDelete, "MOVE", "COPY":
		return true
	}
	return false
}

// keepsUnknown reports whether a resource whose version is unknown is treated in
// another way than one of which nothing is remembered.
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
