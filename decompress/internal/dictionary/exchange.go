package dictionary

import (
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tell"
)

// Offer adds to out the fields that name a dictionary, and returns the dictionary, or
// nil if there is none. The header of out is the layer's own and has an
// Accept-Encoding; principal names the user whose credentials a layer below adds.
func (s *Store) Offer(out *http.Request, principal string) *Entry {
	if _, own := out.Header["Available-Dictionary"]; own {
		return nil
	}
	d := s.find(out, principal, time.Now())
	if d == nil {
		return nil
	}
	// §6.1: the coding is offered only together with a dictionary.
	out.Header["Accept-Encoding"] = []string{out.Header.Get("Accept-Encoding") + ", dcz"}
	out.Header["Available-Dictionary"] = []string{":" + base64.StdEncoding.EncodeToString(d.Hash[:]) + ":"}
	if d.id != "" {
		out.Header["Dictionary-Id"] = []string{httpfield.Quote(d.id)}
	}
	if h := tell.From(out.Context()); h != nil {
		h.Tell(out, tell.Decision{Layer: "decompress", Action: actionDictionary, Reason: reasonOffered(d.url)})
	}
	return d
}

// Learn returns resp, which is decoded by now. If resp is marked as a dictionary, its body
// is recorded while it is read. method is that of req before it was handed down. The Store
// keeps limit bytes at most, and half of that of one response.
func (s *Store) Learn(req *http.Request, method, principal string, resp *http.Response, limit int64) *http.Response {
	if len(resp.Header["Use-As-Dictionary"]) == 0 {
		return resp
	}
	why := reasonNotGot
	var d *Entry
	if (method == http.MethodGet || method == "") && resp.StatusCode == http.StatusOK {
		d, why = candidate(req, principal, resp, limit/2, time.Now())
	}
	if h := tell.From(req.Context()); h != nil {
		done := tell.Decision{Layer: "decompress", Action: actionDictionary, Reason: reasonRecorded, Status: resp.StatusCode}
		if why != "" {
			done.Action, done.Reason = actionNoDictionary, why
		}
		h.Tell(req, done)
	}
	if why != "" {
		return resp
	}
	out := *resp
	out.Body = &recorder{ReadCloser: resp.Body, store: s, entry: d, limit: limit}
	return &out
}

// candidate returns the dictionary, still without its content, that resp, a 200 to a GET,
// becomes, or why it becomes none.
func candidate(req *http.Request, principal string, resp *http.Response, limit int64, now time.Time) (*Entry, string) {
	u := resp.Request.URL
	switch {
	case len(resp.Header["Content-Encoding"]) > 0:
		return nil, reasonNotDecoded
	case !secure(u):
		return nil, reasonNotSecure
	case resp.ContentLength > limit:
		return nil, reasonTooLarge
	}
	fresh := freshFor(resp.Header)
	if fresh == 0 {
		return nil, reasonNotFresh
	}
	usage, why := parseUsage(resp.Header["Use-As-Dictionary"], u)
	if why != "" {
		return nil, why
	}
	return &Entry{
		usage: usage, key: keyOf(req, roundtrip.OriginOf(u), principal), url: tell.Redact(u),
		fetched: now, until: now.Add(fresh),
	}, ""
}

// recorder copies a body that is read to its end.
type recorder struct {
	io.ReadCloser
	store *Store
	entry *Entry // nil if given up or done
	limit int64  // bytes, for the whole store
}

func (r *recorder) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p)
	if r.entry == nil {
		return n, err
	}
	d := r.entry
	if int64(len(d.Content)+n) > r.limit/2 || err != nil && err != io.EOF {
		r.entry = nil
		return n, err
	}
	d.Content = append(d.Content, p[:n]...)
	if err == io.EOF {
		r.entry = nil
		d.Content = slices.Clip(d.Content)
		d.Hash = sha256.Sum256(d.Content)
		r.store.put(d, r.limit)
	}
	return n, err
}
