package redirects

import (
	"bytes"
	"io"
	"net/http"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// maxHistory bounds the walk, should someone build a ring.
const maxHistory = 1000

// Previous returns the redirect response that led to resp, or nil if there was
// none. It is resp.Request.Response.
func Previous(resp *http.Response) *http.Response {
	if resp == nil || resp.Request == nil {
		return nil
	}
	return resp.Request.Response
}

// History returns the redirect responses that led to resp, the oldest first. The
// body of each was read as far as [Transport.KeepBody] allows and can be read
// once, also after Close; a body that was longer ends in [io.ErrUnexpectedEOF].
func History(resp *http.Response) []*http.Response {
	var all []*http.Response
	for r := Previous(resp); r != nil && len(all) < maxHistory; r = Previous(r) {
		all = append(all, r)
	}
	slices.Reverse(all)
	return all
}

// leadsTo reports whether resp is in the history of req.
func leadsTo(req *http.Request, resp *http.Response) bool {
	for range maxHistory {
		switch {
		case req == nil || req.Response == nil:
			return false
		case req.Response == resp:
			return true
		}
		req = req.Response.Request
	}
	return false
}

// keep reads the body of resp within bounds, so that its connection is free, and
// leaves what was read in its place.
func (w *walk) keep(resp *http.Response) {
	limit := w.KeepBody
	if limit == 0 {
		limit = DefaultKeepBody
	}
	if resp.Body == http.NoBody {
		return
	}
	if limit < 0 {
		roundtrip.Discard(resp)
		resp.Body = http.NoBody
		return
	}
	c := &copier{ReadCloser: resp.Body, left: limit}
	whole := roundtrip.Drain(c, max(limit, roundtrip.DrainBytes), roundtrip.DrainTime)
	switch {
	case !whole || c.left < 0:
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(c.kept), cutOff{}))
	case len(c.kept) == 0:
		resp.Body = http.NoBody
	default:
		resp.Body = io.NopCloser(bytes.NewReader(c.kept))
	}
}

// copier keeps what is read through it, up to a bound.
type copier struct {
	io.ReadCloser
	kept []byte
	left int64 // negative once there was more
}

func (c *copier) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if n > 0 && c.left >= 0 {
		c.kept = append(c.kept, p[:min(int64(n), c.left)]...)
		c.left -= int64(n)
	}
	return n, err
}

// cutOff is the end of a body of which more is missing.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
