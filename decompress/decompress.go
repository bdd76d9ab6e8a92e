// Package decompress undoes the content codings of responses, within limits.
//
//	client.Transport = &decompress.Transport{Base: client.Transport}
//
// # Behavior
//
// A request without an Accept-Encoding of its own is sent with one that offers
// zstd, br, gzip and deflate, unless it asks for a range. What the server has
// encoded for that offer is decoded while the caller reads it: one coding or
// several on top of each other, gzip of many members, zstd of many frames,
// deflate with the zlib wrapper or without. Content-Encoding and Content-Length
// are then removed from the response, its ContentLength is -1 and Uncompressed
// is true, as net/http does; ETag stays. [Original] describes the encoded body.
//
// A response is left as it is if the layer did not ask for its coding (unless
// [Transport.Always] is set), if it has a coding that the layer does not know, if it has
// no content (HEAD, 1xx, 204, 205, 304, an empty body), if it is a part (206), or if a
// RoundTripper below has decoded it already. The response that an error of a layer below
// holds is decoded in the same way.
//
// [Transport.Decoders] adds other codings. With [Transport.Dictionaries] the layer keeps
// responses that a server has marked as dictionaries (RFC 9842), and offers the coding
// dcz in requests that a dictionary is for.
//
// Nothing is read before the caller reads. Content that cannot be decoded is therefore an
// [Error] of Read. With [Transport.Probe] content that does not begin as its coding does
// is an error of RoundTrip. An empty body is empty content in every coding. Content that
// ends too early is [io.ErrUnexpectedEOF] inside the Error. Bytes after the end of the
// encoded content are ignored, unless [Transport.Strict] is set. Errors of the connection
// are returned as they are. The body is an [io.WriterTo], which saves a copy.
//
// A hundred encoded bytes can become a terabyte. Decoding therefore ends with [ErrRatio]
// when more than [DefaultRatioAfter] bytes were decoded and they are more than
// [DefaultMaxRatio] times the encoded bytes, with [ErrTooLarge] after [DefaultMaxBytes],
// with [ErrWindow] if the sender asks for more memory than [DefaultMaxWindow], and with
// [ErrTooManyCodings] if more than [DefaultMaxCodings] codings were applied. The limits
// hold for each of the codings, and also when the body is only drained. Each limit is a
// field of [Transport].
//
// # Events
//
// What is done with a response is told as decode (the reason is the coding), pass,
// refuse or fail, its end as decoded or trailing, with the attributes coding, length,
// wire, decoded and ratio. Dictionaries are told as dictionary and "no dictionary". A
// body that cannot be decoded has level WARN. See docs/events.md for the reasons.
//
// # Place in a chain
//
// Above redirects, caching and retry: only the last body is decoded, and the bytes that
// are stored and resumed are those of the wire, to which ETag, Vary and Range belong.
//
// # Limits
//
// The codings compress (LZW) and dcb are not known. Ranges are never decoded.
// Content-MD5, Content-Digest and Repr-Digest stay in the response, although they belong
// to the bytes of the wire.
package decompress

import (
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/decompress/internal/dictionary"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// DefaultCodings is what a Transport offers if its Codings are nil.
const DefaultCodings = "zstd, br, gzip, deflate"

// Limits of decoding if the fields of Transport are zero.
const (
	// DefaultMaxRatio is how many bytes may be decoded from one, as in httplib2.
	DefaultMaxRatio = 100
	// DefaultRatioAfter is how many bytes may be decoded at any ratio: 10 MiB.
	DefaultRatioAfter = 10 << 20
	// DefaultMaxBytes is how many bytes may be decoded: 10 GiB.
	DefaultMaxBytes = 10 << 30
	// DefaultMaxWindow is the largest window of a zstd stream: 8 MiB, the limit for
	// senders in RFC 9659. For br it is 16 MiB, the largest window in RFC 7932.
	DefaultMaxWindow = 8 << 20
	// DefaultMaxCodings is how many codings may be applied to a body.
	DefaultMaxCodings = 5
)

// Transport is an [http.RoundTripper] that asks for encoded content and decodes
// it. The zero value offers [DefaultCodings].
//
// A Transport is safe for concurrent use. Its fields must not be changed after
// its first use.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Codings is the list in Accept-Encoding, in this order: names of codings, each
	// with an optional weight ("gzip;q=0.5") or with a weight of zero to refuse it
	// ("identity;q=0"). A coding that is not in the list is not decoded. If nil,
	// [DefaultCodings] is used; if empty, nothing is offered.
	Codings []string

	// Decoders adds codings by name, in lower case, or replaces those that are
	// known. They are offered and used if Codings has them.
	Decoders map[string]Decoder

	// Always decodes responses that the layer did not ask to be encoded too: those
	// to requests that have an Accept-Encoding or a Range of their own.
	Always bool

	// Probe makes RoundTrip wait for the first bytes of an encoded response and
	// decode them, so that content that is not in its coding is an error of
	// RoundTrip. That [Error] holds the response, undecoded.
	Probe bool

	// Strict makes bytes after the end of the encoded content an error,
	// [ErrTrailing]. Otherwise they are ignored, with an event.
	Strict bool

	// MaxRatio is how many bytes may be decoded for one that was read, once more
	// than RatioAfter were decoded. If zero, DefaultMaxRatio is used; if negative,
	// there is no limit.
	MaxRatio int64

	// RatioAfter is how many bytes may be decoded before MaxRatio applies. If zero,
	// DefaultRatioAfter is used; if negative, MaxRatio applies from the start.
	RatioAfter int64

	// MaxBytes is how many bytes may be decoded. If zero, DefaultMaxBytes is used;
	// if negative, there is no limit.
	MaxBytes int64

	// MaxWindow is the largest window, in bytes, that a zstd or br stream may have.
	// Decoding takes that much memory, for br half as much again while the window
	// grows. If zero or negative, DefaultMaxWindow is used. A window of more than
	// 1 GiB for zstd, or 16 MiB for br, is refused in any case.
	MaxWindow int64

	// MaxCodings is how many codings a response may have. If zero or negative,
	// DefaultMaxCodings is used.
	MaxCodings int

	// Dictionaries keeps responses that are dictionaries for later ones (RFC 9842),
	// and adds the coding dcz to the offer if there is a dictionary for the
	// request. If nil, dictionaries are not used. See [Dictionaries].
	Dictionaries *Dictionaries

	once     sync.Once
	settings settings
	decoders sync.Pool // of *zstdDecoder; see newZstd
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
	t.once.Do(t.configure)
	method := req.Method
	out := t.ask(req)
	asked := out != req
	var dict *dictionary.Entry
	principal := ""
	if t.Dictionaries != nil {
		if principal = roundtrip.Identity(next, req); asked {
			dict = t.Dictionaries.store.Offer(out, principal)
		}
	}
	resp, err := next.RoundTrip(out)
	if err != nil {
		t.decodeHeld(req, method, err, asked)
		return nil, err
	}
	if resp == nil {
		return nil, nil
	}
	resp = roundtrip.Complete(resp, out)
	resp, err = t.decode(req, method, resp, asked, dict)
	if err == nil && t.Dictionaries != nil {
		resp = t.Dictionaries.store.Learn(req, method, principal, resp, t.Dictionaries.maxBytes())
	}
	return resp, err
}

// ask returns a copy of req with the layer's Accept-Encoding, or req if nothing is to be
// offered. The copy shares the URL with req, and nothing is written to that.
func (t *Transport) ask(req *http.Request) *http.Request {
	if len(t.settings.accept) == 0 || !mayAsk(req.Header) {
		return req
	}
	out := new(http.Request)
	*out = *req
	out.Header = roundtrip.ShareHeader(req.Header)
	out.Header["Accept-Encoding"] = t.settings.accept
	return out
}

// decode returns resp with a body that is decoded while it is read, or as it is if the
// plan says so. asked is true if the layer asked for the coding. method is that of req
// before it was handed down.
func (t *Transport) decode(req *http.Request, method string, resp *http.Response, asked bool, dict *dictionary.Entry) (*http.Response, error) {
	values := resp.Header["Content-Encoding"]
	if len(values) == 0 {
		return resp, nil
	}
	h := tell.From(req.Context())
	var room [DefaultMaxCodings + 1]string
	codings, why := t.plan(room[:0], method, resp, asked || t.Always, dict != nil)
	if why != "" {
		t.tell(h, req, resp, actionPass, why)
		return resp, nil
	}
	if len(codings) > t.settings.maxCodings {
		t.tell(h, req, resp, actionRefuse, ErrTooManyCodings.Error())
		return nil, &Error{Coding: strings.Join(values, ", "), Err: ErrTooManyCodings, response: keep(resp, nil)}
	}
	wire := resp.Body
	if t.Probe {
		var err error
		if wire, err = t.probe(resp, codings, dict); err != nil {
			t.tell(h, req, resp, actionRefuse, err.Error())
			return nil, err
		}
	}
	if h != nil {
		t.tell(h, req, resp, actionDecode, strings.Join(values, ", "))
	}
	b := t.attach(resp, wire, codings, dict)
	if b.hears = h; h != nil {
		b.req = req
	}
	b.original = original{resp.Request.Context(), &b.encoded}
	b.asked = *resp.Request.WithContext(&b.original) // a copy that does not leave the stack
	b.to.Request = &b.asked
	return &b.to, nil
}

// attach makes a copy of resp whose body decodes wire, without the fields that describe
// the encoded body. The copy is part of the body that attach returns.
func (t *Transport) attach(resp *http.Response, wire io.ReadCloser, codings []string, dict *dictionary.Entry) *body {
	b := &body{t: t, wire: wire, dict: dict, from: resp, to: *resp}
	b.first.b, b.first.coding = b, codings[0]
	if len(codings) > 1 {
		b.more = make([]stage, len(codings)-1)
		for i, c := range codings[1:] {
			b.more[i] = stage{b: b, coding: c}
		}
	}
	b.encoded.ContentEncoding = strings.Join(resp.Header["Content-Encoding"], ", ")
	b.encoded.ContentLength = resp.ContentLength
	b.to.Body = b
	// RFC 9110 §8.4, §8.6: both fields describe the encoded bytes.
	b.to.Header = roundtrip.ShareHeader(resp.Header)
	delete(b.to.Header, "Content-Encoding")
	delete(b.to.Header, "Content-Length")
	b.to.ContentLength = -1
	b.to.Uncompressed = true
	return b
}

// tell reports a decision about resp to h, which may be nil.
func (t *Transport) tell(h tell.Hearer, req *http.Request, resp *http.Response, action, reason string) {
	if h != nil {
		h.Tell(req, tell.Decision{Layer: "decompress", Action: action, Reason: reason, Status: resp.StatusCode, Attrs: []tell.Attr{
			tell.With("coding", strings.Join(resp.Header["Content-Encoding"], ", ")), tell.With("length", resp.ContentLength),
		}})
	}
}
