package roundtrip

import (
	"bytes"
	"io"
	"net/http"
)

// Keep reads the body of resp within the bounds of [Discard], closes it, and puts a copy of
// up to limit bytes in its place, for a response in an error or a history. The copy of a
// longer body ends in [io.ErrUnexpectedEOF]. If limit is negative, there is no copy.
func Keep(resp *http.Response, limit int64) {
	switch {
	case resp.Body == nil:
		resp.Body = http.NoBody
		return
	case resp.Body == http.NoBody:
		return
	case limit < 0:
		Discard(resp)
		resp.Body = http.NoBody
		return
	}
	c := &copier{ReadCloser: resp.Body, left: limit}
	whole := Drain(c, max(limit, DrainBytes), DrainTime)
	switch {
	case !whole || c.left < 0:
		resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(c.kept), cutOff{}))
	case len(c.kept) == 0:
		resp.Body = http.NoBody
	default:
		resp.Body = io.NopCloser(bytes.NewReader(c.kept))
	}
}

// A copier keeps what is read through it, up to a bound.
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

// A cutOff is the end of a copy that is not complete.
type cutOff struct{}

func (cutOff) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
