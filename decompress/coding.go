package decompress

import (
	"cmp"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A Decoder returns a reader of the content that is encoded in r. It is called when the
// caller first reads, so it may read from r. The reader is closed exactly once: at its
// end, after an error, or when the body is closed, and never during a Read. It should
// return [io.ErrUnexpectedEOF] for content that ends too early, and [ErrTrailing] for
// bytes after the end.
type Decoder func(r io.Reader) (io.ReadCloser, error)

// settings is made of the fields of a Transport once.
type settings struct {
	// accept is the value of Accept-Encoding; nil if nothing is offered. It is
	// shared by all requests, and full, so that appending to it copies.
	accept []string
	// known has the codings that are decoded, by the names a response may use.
	known map[string]bool

	maxRatio, ratioAfter, maxBytes int64
	maxCodings                     int
	zstdWindow, brotliWindow       int64
}

// Windows above these are refused whatever MaxWindow says.
const (
	maxZstdWindow   = 1 << 30
	maxBrotliWindow = 1 << 24 // RFC 7932 §9.1; "large window" is not in it
)

func (t *Transport) configure() {
	s := &t.settings
	offer := strings.Split(DefaultCodings, ", ")
	if t.Codings != nil {
		offer = t.Codings
	}
	s.known = make(map[string]bool, len(offer)+1)
	var written []string
	for _, o := range offer {
		it := httpfield.ParseItem(o)
		if it.Value == "" {
			continue
		}
		written = append(written, httpfield.TrimBlanks(o))
		name := httpfield.Coding(it.Value)
		if !it.Refused() && (builtin(name) || t.Decoders[name] != nil) {
			s.known[name] = true
		}
	}
	if written != nil {
		s.accept = []string{strings.Join(written, ", ")}
	}
	s.maxRatio = cmp.Or(t.MaxRatio, DefaultMaxRatio)
	s.maxBytes = cmp.Or(t.MaxBytes, DefaultMaxBytes)
	s.ratioAfter = max(cmp.Or(t.RatioAfter, DefaultRatioAfter), 0)
	s.maxCodings = cmp.Or(max(t.MaxCodings, 0), DefaultMaxCodings)
	window := max(t.MaxWindow, 0)
	s.zstdWindow = min(cmp.Or(window, DefaultMaxWindow), maxZstdWindow)
	s.brotliWindow = min(cmp.Or(window, maxBrotliWindow), maxBrotliWindow)
}

// builtin reports whether the package has a decoder for the coding.
func builtin(name string) bool {
	return name == "gzip" || name == "deflate" || name == "br" || name == "zstd"
}

// mayAsk reports whether the layer may add its offer to a request with these
// header fields.
func mayAsk(h http.Header) bool {
	if _, ok := h["Accept-Encoding"]; ok {
		return false
	}
	// A range is a range of the encoded bytes: with another coding it would be
	// another piece (RFC 9110 §14.2).
	_, ok := h["Range"]
	return !ok
}

// plan returns the codings of resp to be undone, the last applied first, or why
// they are left alone. All of them are undone or none. It appends to codings.
func (t *Transport) plan(codings []string, method string, resp *http.Response, wanted, dict bool) (_ []string, why string) {
	switch {
	case resp.Uncompressed:
		return nil, reasonBelow
	case method == http.MethodHead || method == http.MethodConnect:
		return nil, reasonMethod(method)
	case resp.StatusCode == http.StatusPartialContent:
		return nil, reasonPart
	case !hasContent(resp):
		return nil, reasonEmpty
	case !wanted:
		return nil, reasonUnasked
	}
	values := resp.Header["Content-Encoding"]
	if len(values) == 1 && t.settings.known[values[0]] {
		return append(codings, values[0]), "" // nearly always
	}
	for c := range httpfield.List(values) {
		name := httpfield.Coding(c)
		switch {
		case name == "identity":
			// RFC 9110 §8.4.1: it should not be sent. Some servers send it.
		case t.settings.known[name], dict && name == "dcz":
			codings = append(codings, name)
		default:
			return nil, reasonUnknown
		}
	}
	if len(codings) == 0 {
		return nil, reasonPlain
	}
	slices.Reverse(codings)
	return codings, ""
}

// hasContent reports whether there is anything to decode. A ContentLength of
// zero alone does not mean that there is none: a RoundTripper that builds responses by
// hand may leave it so.
func hasContent(resp *http.Response) bool {
	s := resp.StatusCode
	return s >= 200 && s != http.StatusNoContent && s != http.StatusResetContent && s != http.StatusNotModified &&
		resp.Body != http.NoBody && resp.Header.Get("Content-Length") != "0"
}
