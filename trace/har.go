package trace

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"
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
// Outermost it records what the program asked and, in the field _events of each
// entry, what the layers below decided; innermost, what went over the wire.
//
// Header values that might be secret, cookies, query values and bodies are not
// recorded unless asked for. The zero value holds the last [DefaultMaxEntries]
// requests.
//
// A HAR is safe for concurrent use. Its fields must not be changed after its first
// use.
type HAR struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// MaxEntries is how many requests are held; the oldest go first. If zero,
	// [DefaultMaxEntries] is used; if negative, there is no limit.
	MaxEntries int

	// MaxBody is how many bytes of each response body are recorded. Zero means
	// none. Request bodies are never recorded.
	MaxBody int64

	// Reveal reports whether the values of a further header field, whose name is
	// in canonical form, may be recorded. If nil, no others are.
	Reveal func(name string) bool

	// RevealQuery reports whether the values of a query parameter of this name may
	// be recorded. If nil, none is.
	RevealQuery func(name string) bool

	mu      sync.Mutex
	entries []*harEntry
}

// RoundTrip implements [http.RoundTripper].
func (h *HAR) RoundTrip(req *http.Request) (*http.Response, error) {
	return h.roundTrip(req, roundtrip.Next(h, h.Base))
}

// Wrap returns a RoundTripper like h that sends through next in place of h.Base.
func (h *HAR) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(h.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of h.Base.
func (h *HAR) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(h, h.Base)) }

func (h *HAR) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	e := &harEntry{har: h, start: time.Now()}
	e.Started = e.start.Format(time.RFC3339Nano)
	e.Request = h.request(req)
	e.Response = harResponse{Headers: []harPair{}, Cookies: []struct{}{}, HeadersSize: -1, BodySize: -1}
	ctx := begin(WithHook(req.Context(), e.hear))
	ctx = e.timings.watch(ctx)
	h.add(e)
	resp, err := next.RoundTrip(req.WithContext(ctx))
	if err != nil || resp == nil {
		e.end(0, err)
		return nil, err
	}
	e.answered(resp)
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		e.end(0, nil)
		return resp, nil
	}
	b := &body{done: e.end}
	if h.MaxBody > 0 {
		b.keep = e.keep
	}
	return watched(resp, b), nil
}

func (h *HAR) add(e *harEntry) {
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
	entries := make([]json.RawMessage, 0, len(h.entries))
	held := append([]*harEntry(nil), h.entries...)
	h.mu.Unlock()
	for _, e := range held {
		raw, err := e.marshal()
		if err != nil {
			return nil, err
		}
		entries = append(entries, raw)
	}
	var doc struct {
		Log struct {
			Version string `json:"version"`
			Creator struct {
				Name    string `json:"name"`
				Version string `json:"version"`
			} `json:"creator"`
			Entries []json.RawMessage `json:"entries"`
		} `json:"log"`
	}
	doc.Log.Version = "1.2"
	doc.Log.Creator.Name = "tripper"
	doc.Log.Creator.Version = "1"
	doc.Log.Entries = entries
	return json.MarshalIndent(doc, "", "  ")
}

// text returns bytes as HAR has them: as they are if they are UTF-8, else in base64.
func text(p []byte) (s, encoding string) {
	if utf8.Valid(p) {
		return string(p), ""
	}
	return base64.StdEncoding.EncodeToString(p), "base64"
}
