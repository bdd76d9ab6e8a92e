package roundtrip

import (
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Bounds of [Discard]. net/http reads 2 KiB after a redirect; error pages are larger.
const (
	DrainBytes = 64 << 10
	DrainTime  = 100 * time.Millisecond
)

// Discard reads the rest of the body of resp, so that its connection can be reused, and closes
// it. It reads at most [DrainBytes] for at most [DrainTime]: a longer or slower body costs the
// connection. The hearer of [WithDropped] is told.
func Discard(resp *http.Response) { DiscardWithin(resp, DrainTime) }

// DiscardWithin is [Discard] with another bound of the time, for a response whose connection
// is needed.
func DiscardWithin(resp *http.Response, d time.Duration) {
	if resp == nil {
		return
	}
	tellDropped(resp)
	if resp.Body == nil {
		return
	}
	Drain(resp.Body, DrainBytes, d)
}

// Drain reads at most n bytes from body for at most d, closes it, and reports whether its end
// was reached. After d the body is closed during the Read, which net/http allows.
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

// Repeats is a key in the context of a response's request. Its value is true if the response
// was sent by the origin to another request.
var Repeats any = repeats{}

// IsRepeat reports whether resp was sent by the origin to another request: it comes from a
// store, or from a request that this one waited for. Its Set-Cookie was for that request.
func IsRepeat(resp *http.Response) bool {
	if resp.Request == nil {
		return false
	}
	repeat, _ := resp.Request.Context().Value(Repeats).(bool)
	return repeat
}

// Synthesize returns a response to req that a layer makes itself.
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

// Complete returns resp with Request and Body set, as the contract of a RoundTripper demands.
// If one is missing it returns a copy, since the layer below may keep resp.
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

// CarryTrailer sets the Trailer of to, a copy of from, once the body of from has been read to
// its end: net/http sets that of the response that it has returned.
func CarryTrailer(to, from *http.Response) {
	if len(from.Trailer) > 0 {
		to.Trailer = from.Trailer
	}
}
