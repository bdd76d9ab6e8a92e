package caching

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// mender gets from the origin what the Store has lost of a body that is being read.
type mender struct {
	query
	sender
	meta  *Meta
	f     *memo
	begin int64 // offset in the stored body where the reader began
	size  int64 // of the stored body, -1 if that is not known

	mu     sync.Mutex
	rest   io.ReadCloser // nil: the Store has it still
	closed bool
}

// mender is for a reader that begins at an offset in the body of e. Only a body that is
// not in memory needs one.
func (x *exchange) mender(e *Entry, f *memo, begin int64) *mender {
	return &mender{query: x.query, sender: x.sender, meta: e.Meta, f: f, begin: begin, size: e.Size}
}

// Rest implements [owner].
func (k *recorder) Rest(ctx context.Context, off, end int64, cause error) (io.ReadCloser, error) {
	m := &mender{query: k.query, sender: k.sender, meta: k.meta, f: k.f, size: -1}
	m.req = k.req.WithContext(ctx)
	if err := m.mend(off, end, cause); err != nil {
		return nil, err
	}
	return &readerBody{closer: io.NopCloser(nil), off: off, end: end, mender: m}, nil
}

// mend opens what comes at off of the stored body, up to end, in place of what the Store
// could not give because of cause.
func (m *mender) mend(off, end int64, cause error) error {
	resp, skip, err := m.fetch(off, end)
	if err != nil {
		m.tell("error", "the store lost the rest of a body, and the origin did not complete it", 0, cause)
		return fmt.Errorf("caching: the stored body broke off after %d bytes, and was not completed (%w): %w", off-m.begin, err, cause)
	}
	m.tell("resume", "the store lost the rest of a body, the origin completes it", resp.StatusCode, cause)
	if _, err := io.CopyN(io.Discard, resp.Body, skip); err != nil {
		_ = resp.Body.Close()
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		_ = resp.Body.Close()
		return http.ErrBodyReadAfterClose
	}
	m.rest = resp.Body
	return nil
}

// fetch asks the origin, and returns an answer that has what is missing after skip bytes.
func (m *mender) fetch(off, end int64) (resp *http.Response, skip int64, err error) {
	validator := m.f.strongTag()
	if httpfield.Signed(m.req.Header) {
		return nil, 0, errSigned
	}
	if validator == "" && off != m.begin {
		return nil, 0, errNotResumable
	}
	first := off
	total := int64(-1)
	if m.f.isPartial {
		first, total = first+m.f.part.First, m.f.part.Total
	}
	req := m.req.Clone(m.asked.Pin(m.req.Context()))
	req.Method, req.Body, req.GetBody, req.ContentLength = http.MethodGet, nil, nil, 0
	for _, name := range []string{"If-None-Match", "If-Modified-Since", "If-Match", "If-Unmodified-Since", "If-Range", "Range"} {
		req.Header.Del(name)
	}
	if req.Header == nil {
		req.Header = make(http.Header, 2)
	}
	if validator != "" {
		req.Header["Range"] = []string{"bytes=" + strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(first+end-off-1, 10)}
		req.Header["If-Range"] = []string{validator}
	}
	if resp, err = receive(m.route.next, req); err != nil {
		return nil, 0, err
	}
	switch r, ok := httpfield.ParseContentRange(resp.Header.Get("Content-Range")); {
	case resp.StatusCode == http.StatusPartialContent && validator != "" && ok && r.First == first &&
		r.Last >= first+end-off-1 && (total < 0 || r.Total == total) && m.f.sameStrong(resp.Header):
		return resp, 0, nil
	case resp.StatusCode == http.StatusOK && m.sameRepresentation(resp):
		return resp, first, nil
	}
	roundtrip.Discard(resp)
	return nil, 0, errChanged
}

var (
	errNotResumable = errors.New("caching: no strong validator")
	errChanged      = errors.New("caching: the origin has something else by now")
	errSigned       = errors.New("caching: the caller has signed the request, nothing may be added")
)

// sameRepresentation reports whether a whole response is what was stored: by its strong
// validator, or, where nothing of the body has been delivered, by all that describes it.
func (m *mender) sameRepresentation(resp *http.Response) bool {
	if m.f.strongTag() != "" {
		return m.f.sameStrong(resp.Header)
	}
	for _, name := range []string{"Etag", "Last-Modified", "Content-Type", "Content-Encoding", "Content-Language"} {
		if resp.Header.Get(name) != m.meta.Header.Get(name) {
			return false
		}
	}
	return resp.ContentLength < 0 || m.size < 0 || resp.ContentLength == m.size
}

// source is what is read of the body now, nil for the Store.
func (m *mender) source() io.Reader {
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.rest == nil {
		return nil
	}
	return m.rest
}

func (m *mender) close() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed = true; m.rest != nil {
		_ = m.rest.Close()
	}
}

// firstRead is how much of a body is read before its response is given out, where the
// Store may have lost it.
const firstRead = 32 << 10

// preview reads the first piece of the portion p of the found response, if its Store is
// one that may be slow. It returns false if the Store has lost it: then nothing was
// delivered, and the request is one that finds nothing.
func (x *exchange) preview(p portion) bool {
	e := x.found.entry
	if e.Body == nil || p.length == 0 || p.status == http.StatusNotModified || x.method == http.MethodHead || x.st.calls.inPlace() {
		return true
	}
	b := make([]byte, min(firstRead, p.length))
	n, err := e.Body.ReadAt(b, p.offset)
	if n == 0 && err != nil {
		x.tell("store", "the body is lost", 0, err)
		return false
	}
	x.first = b[:n]
	return true
}
