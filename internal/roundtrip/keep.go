package roundtrip

import (
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
	c := &copier{body: resp.Body, left: limit}
	whole := Drain(c, max(limit, DrainBytes), DrainTime)
	switch {
	case !whole || c.left < 0:
		resp.Body = &excerpt{c.kept, io.ErrUnexpectedEOF}
	case len(c.kept) == 0:
		resp.Body = http.NoBody
	default:
		resp.Body = &excerpt{c.kept, io.EOF}
	}
}

// A copier keeps what is read through it, up to a bound.
type copier struct {
	body io.ReadCloser
	kept []byte
	left int64 // negative once there was more
}

func (c *copier) Read(p []byte) (int, error) {
	n, err := c.body.Read(p)
	if n > 0 && c.left >= 0 {
		c.kept = append(c.kept, p[:min(int64(n), c.left)]...)
		c.left -= int64(n)
	}
	return n, err
}

func (c *copier) Close() error { return c.body.Close() }

// An excerpt is a copy of a body, or of its beginning. It ends in the error end.
type excerpt struct {
	rest []byte
	end  error
}

func (e *excerpt) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		return 0, e.end
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// Close does nothing: the copy can be read after it.
func (*excerpt) Close() error { return nil }
