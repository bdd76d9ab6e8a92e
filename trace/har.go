package trace

import (
	"bytes"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// DefaultMaxEntries is how many requests a [HAR] holds unless told otherwise.
const DefaultMaxEntries = 1000

// HAR is a layer that records requests and responses in the HTTP Archive format,
// version 1.2, which browsers and other tools show.
//
//	archive := &trace.HAR{}
//	client := tripper.Chain{archive, &retry.Transport{}}.Client(nil)
//	…
//	archive.WriteTo(file)
//
// What it knows of connections, phases and sizes it has from [Wire]. The client of a
// tripper.Chain has one; a HAR that is used by its Base, and not as a layer, puts one around
// Base.
//
// Outermost it records what the program asked and, in the field _events of each
// entry, what the layers below decided; with Exchanges, what went over the wire for it.
//
// Header values that might be secret, cookies, query values and bodies are not
// recorded unless asked for. The zero value holds the last [DefaultMaxEntries]
// requests.
//
// Beside the fields of HAR 1.2 there are those of Chrome: _transferSize, _resourceType,
// _fromCache ("disk" for a store of any kind), _initiator of redirects and of attempts
// after the first, and _error; and _call, _hop, _attempt and _events as in [Event].
//
// A HAR is safe for concurrent use. Its fields must not be changed after its first
// use.
type HAR struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Exchanges makes an entry of each exchange with a server that [Wire] tells of, when it
	// has ended, in place of one for the request: redirects, attempts, challenges,
	// validations in the background. A request that no server was asked for has one entry.
	Exchanges bool

	// Writer takes the archive, each entry when it has ended, in one Write. No entry is held
	// then; what [HAR.Close] writes completes the archive. The end of a body waits for Write, which
	// must not send requests through the HAR. If nil, entries are held.
	Writer io.Writer

	// MaxEntries is how many entries are held; the oldest go first. If zero,
	// [DefaultMaxEntries] is used; if negative, there is no limit.
	MaxEntries int

	// MaxBody is how many bytes of each response body are recorded. Zero means
	// none. Request bodies are never recorded, nor are bodies of Exchanges.
	MaxBody int64

	// Reveal reports whether the values of a further header field, whose name is
	// in canonical form, may be recorded. If nil, no others are.
	Reveal func(name string) bool

	// RevealQuery reports whether the values of a query parameter of this name may
	// be recorded. If nil, none is.
	RevealQuery func(name string) bool

	mu      sync.Mutex
	entries []*harEntry
	stream  harStream
}

// RoundTrip implements [http.RoundTripper].
func (h *HAR) RoundTrip(req *http.Request) (*http.Response, error) {
	return h.roundTrip(req, new(Wire).Wrap(roundtrip.Next(h, h.Base)))
}

// Wrap returns a RoundTripper like h that sends through next in place of h.Base.
func (h *HAR) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(h.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of h.Base.
func (h *HAR) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(h, h.Base)) }

func (h *HAR) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	d := exchangesToo
	if h.Exchanges {
		d = headsToo
	}
	e := &harEntry{har: h, request: h.request(req)}
	e.x = newExchange(req.WithContext(begin(req.Context(), e.hear, d)), e)
	if h.MaxBody > 0 {
		e.x.keep = e.keep
	}
	if !h.Exchanges {
		h.hold(e)
	}
	return e.x.send(next)
}

// hold holds an entry that has begun, unless there is a Writer.
func (h *HAR) hold(e *harEntry) {
	if h.Writer != nil {
		return
	}
	most := h.MaxEntries
	if most == 0 {
		most = DefaultMaxEntries
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = append(h.entries, e)
	if most > 0 && len(h.entries) > most {
		n := len(h.entries) - most
		clear(h.entries[:n])
		h.entries = h.entries[n:]
	}
}

// ended writes an entry that has ended, if there is a Writer.
func (h *HAR) ended(e *harEntry) {
	if h.Writer == nil {
		return
	}
	raw, err := e.marshal()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stream.write(h.Writer, raw, err)
}

// Close completes the archive that Writer was given, and returns the first error of
// writing it. Without a Writer it does nothing. It does not close Writer.
func (h *HAR) Close() error {
	if h.Writer == nil {
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stream.close(h.Writer)
}

// Len returns the number of requests held.
func (h *HAR) Len() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.entries)
}

// Reset forgets all requests.
func (h *HAR) Reset() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.entries = nil
}

// WriteTo writes the archive as JSON. Requests that are still under way are in it
// as far as they have come.
func (h *HAR) WriteTo(w io.Writer) (int64, error) {
	data, err := h.MarshalJSON()
	if err != nil {
		return 0, err
	}
	n, err := w.Write(append(data, '\n'))
	return int64(n), err
}

// MarshalJSON returns the archive as JSON.
func (h *HAR) MarshalJSON() ([]byte, error) {
	h.mu.Lock()
	held := slices.Clone(h.entries)
	h.mu.Unlock()
	var b bytes.Buffer
	var s harStream
	for _, e := range held {
		raw, err := e.marshal()
		s.write(&b, raw, err)
	}
	if err := s.close(&b); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// A harStream is an archive that is being written.
type harStream struct {
	begun, closed bool
	err           error
}

const (
	harHead = `{"log":{"version":"1.2","creator":{"name":"tripper","version":"1"},"entries":[` + "\n"
	harTail = "\n]}}\n"
)

// write writes an entry, unless there was an error before, or there is one now.
func (s *harStream) write(w io.Writer, entry []byte, err error) {
	if s.err == nil {
		s.err = err
	}
	if s.err != nil || s.closed {
		return
	}
	sep := ",\n"
	if !s.begun {
		sep, s.begun = harHead, true
	}
	_, s.err = w.Write(append([]byte(sep), entry...))
}

func (s *harStream) close(w io.Writer) error {
	if s.err == nil && !s.closed {
		tail := harTail
		if !s.begun {
			tail = harHead + harTail
		}
		_, s.err = io.WriteString(w, tail)
	}
	s.closed = true
	return s.err
}

// text returns bytes as HAR has them: as they are if they are UTF-8, else in base64.
func text(p []byte) (s, encoding string) {
	if utf8.Valid(p) {
		return string(p), ""
	}
	return base64.StdEncoding.EncodeToString(p), "base64"
}
