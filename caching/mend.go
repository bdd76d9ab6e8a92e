package caching

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A mender fetches from the origin the rest of a body that the Store has lost while it was
// read.
type mender struct {
	catalog.Query
	sender
	meta  *store.Meta
	f     *catalog.Memo
	begin int64 // offset in the stored body where the reader began
	size  int64 // of the stored body, -1 if that is not known

	mu     sync.Mutex
	rest   io.ReadCloser // nil: the Store has it still
	closed bool
}

// reader returns a body that reads the bytes of e from begin to end, with a mender.
func (x *exchange) reader(e *store.Entry, f *catalog.Memo, begin, end int64) *readerBody {
	both := &struct { // one allocation
		body   readerBody
		mender mender
	}{
		readerBody{ReaderAt: catalog.EntryReader(e), closer: e, off: begin, end: end},
		mender{Query: x.Query, sender: x.sender, meta: e.Meta, f: f, begin: begin, size: e.Size},
	}
	both.body.mender = &both.mender
	return &both.body
}

// Rest implements [collapse.Owner].
func (k *recorder) Rest(ctx context.Context, off, end int64, cause error) (io.ReadCloser, error) {
	m := &mender{Query: k.Query, sender: k.sender, meta: &k.shown, f: &k.shownF, size: -1}
	m.Req = k.Req.WithContext(ctx)
	if err := m.mend(off, end, cause); err != nil {
		return nil, err
	}
	return &readerBody{closer: io.NopCloser(nil), off: off, end: end, mender: m}, nil
}

// mend opens the part of the body between off and end at the origin. cause is the error of
// the Store.
func (m *mender) mend(off, end int64, cause error) error {
	resp, err := m.fetch(off, end)
	if err != nil {
		m.Tell(policy.ActionError, policy.ReasonRestLost, 0, cause)
		return fmt.Errorf("caching: the stored body broke off after %d bytes, and was not completed (%w): %w", off-m.begin, err, cause)
	}
	m.Tell(policy.ActionResume, policy.ReasonRestCompleted, resp.StatusCode, cause)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		_ = resp.Body.Close()
		return http.ErrBodyReadAfterClose
	}
	m.rest = resp.Body
	return nil
}

// fetch returns a response of the origin whose body begins with the missing part.
func (m *mender) fetch(off, end int64) (resp *http.Response, err error) {
	validator := m.f.StrongTag()
	if httpfield.Signed(m.Req.Header) {
		return nil, errSigned
	}
	if m.Method == catalog.MethodQuery || validator == "" && off != m.begin {
		return nil, errNotResumable // a GET asks for something else than a QUERY
	}
	first, total := off, int64(-1)
	if m.f.IsPartial {
		first, total = first+m.f.Part.First, m.f.Part.Total
	}
	last := first + end - off - 1
	req := m.Req.Clone(m.asked.Pin(m.Req.Context()))
	req.Method, req.Body, req.GetBody, req.ContentLength = http.MethodGet, nil, nil, 0
	for _, name := range conditionFields {
		req.Header.Del(name)
	}
	if req.Header == nil {
		req.Header = make(http.Header, 2)
	}
	if validator != "" {
		req.Header["Range"] = []string{"bytes=" + strconv.FormatInt(first, 10) + "-" + strconv.FormatInt(last, 10)}
		req.Header["If-Range"] = []string{validator}
	}
	if resp, err = receive(m.route.next, req); err != nil {
		return nil, err
	}
	switch r, ok := httpfield.ParseContentRange(resp.Header.Get("Content-Range")); {
	case resp.StatusCode == http.StatusPartialContent && validator != "" && ok && r.First == first &&
		r.Last >= last && (total < 0 || r.Total == total) && m.f.SameStrong(resp.Header):
		return resp, nil
	case resp.StatusCode == http.StatusOK && m.sameRepresentation(resp):
		if _, err = io.CopyN(io.Discard, resp.Body, first); err == nil {
			return resp, nil
		}
	default:
		err = errChanged
	}
	roundtrip.Discard(resp)
	return nil, err
}

var (
	errNotResumable = errors.New("caching: a QUERY, or no strong validator")
	errChanged      = errors.New("caching: the origin has something else by now")
	errSigned       = errors.New("caching: the caller has signed the request, nothing may be added")
)

// sameRepresentation reports whether a whole response is what was stored: by its strong
// validator, or, where nothing of the body has been delivered, by all that describes it.
func (m *mender) sameRepresentation(resp *http.Response) bool {
	if m.f.StrongTag() != "" {
		return m.f.SameStrong(resp.Header)
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
func (x *exchange) preview(p policy.Portion) bool {
	e := x.candidate.Entry
	if e.Body == nil || p.Length == 0 || p.Status == http.StatusNotModified || x.Method == http.MethodHead || x.st.Calls.InPlace() {
		return true
	}
	b := make([]byte, min(firstRead, p.Length))
	n, err := e.Body.ReadAt(b, p.Offset)
	if n == 0 && err != nil {
		x.Tell(policy.ActionStoreError, policy.ReasonBodyLost, 0, err)
		return false
	}
	x.first = b[:n]
	return true
}
