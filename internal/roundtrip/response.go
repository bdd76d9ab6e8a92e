package roundtrip

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Bounds of what is read from a response that is dropped, so that its
// connection can be reused: net/http itself reads 2 KiB after a redirect;
// error pages are larger.
const (
	DrainBytes = 64 << 10
	DrainTime  = 100 * time.Millisecond
)

// Discard reads what is left of the body of resp, up to [DrainBytes] and for
// [DrainTime] at most, and closes it. A body that is longer or slower costs its
// connection, not the caller's time. Who asked for it by [WithDropped] is told.
func Discard(resp *http.Response) {
	if resp == nil {
		return
	}
	tellDropped(resp)
	if resp.Body == nil {
		return
	}
	Drain(resp.Body, DrainBytes, DrainTime)
}

// Drain reads at most n bytes from body for at most d, closes it, and reports
// whether its end was reached. Closing a body while a Read is under way is what
// ends a silent one; net/http allows it.
func Drain(body io.ReadCloser, n int64, d time.Duration) bool {
	if body == http.NoBody {
		_ = body.Close()
		return true
	}
	timer := time.AfterFunc(d, func() { _ = body.Close() })
	m, err := io.CopyN(io.Discard, body, n+1)
	if timer.Stop() {
		_ = body.Close()
	}
	return errors.Is(err, io.EOF) && m <= n
}

type repeats struct{}

// Repeats is the key under which the context of a response's request holds true
// if a cache made the response of one that an origin sent to another request.
var Repeats any = repeats{}

// IsRepeat reports whether resp repeats what an origin sent to another request:
// it comes from a store, or from the trip of another request that this one
// waited for. Its Set-Cookie was for that one.
func IsRepeat(resp *http.Response) bool {
	if resp.Request == nil {
		return false
	}
	repeat, _ := resp.Request.Context().Value(Repeats).(bool)
	return repeat
}

// Synthesize returns a response that a layer makes itself: it has a status
// line, a body and a length that agree, and belongs to req.
func Synthesize(req *http.Request, status int, contentType string, body io.ReadCloser, length int64) *http.Response {
	h := make(http.Header, 2)
	if contentType != "" {
		h.Set("Content-Type", contentType)
	}
	if length >= 0 {
		h.Set("Content-Length", strconv.FormatInt(length, 10))
	}
	if body == nil {
		body = http.NoBody
	}
	return &http.Response{
		Status:        strconv.Itoa(status) + " " + http.StatusText(status),
		StatusCode:    status,
		Proto:         "HTTP/1.1",
		ProtoMajor:    1,
		ProtoMinor:    1,
		Header:        h,
		Body:          body,
		ContentLength: length,
		Request:       req,
	}
}

// Complete returns resp with Request and Body set, as a caller expects them of a
// RoundTripper. Where one is missing it returns a copy: the response belongs to
// the layer below, which may have kept it.
func Complete(resp *http.Response, req *http.Request) *http.Response {
	if resp.Request != nil && resp.Body != nil {
		return resp
	}
	out := *resp
	if out.Request == nil {
		out.Request = req
	}
	if out.Body == nil {
		out.Body = http.NoBody
	}
	return &out
}

// CarryTrailer sets the Trailer of to, a copy of from, once the body of from has
// been read to its end: net/http fills in the fields of the response that it
// returned, and those that were not announced are in no map before.
func CarryTrailer(to, from *http.Response) {
	if len(from.Trailer) > 0 {
		to.Trailer = from.Trailer
	}
}
