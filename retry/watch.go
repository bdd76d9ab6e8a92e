package retry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"sync/atomic"
)

// A watcher records, by httptrace, how far a request that is not idempotent has got.
type watcher struct{ asked, got, wrote atomic.Bool }

// watch returns a copy of out with a watcher.
func watch(out *http.Request) (*http.Request, *watcher) {
	w := new(watcher)
	ctx := httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
		GetConn:      func(string) { w.asked.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { w.got.Store(true) },
		WroteHeaders: func() { w.wrote.Store(true) },
	})
	return out.WithContext(ctx), w
}

// sighting returns what w has recorded. cancelled is that of the sighting.
func (w *watcher) sighting(cancelled bool) sighting {
	return sighting{asked: w.asked.Load(), got: w.got.Load(), wrote: w.wrote.Load(), cancelled: cancelled}
}

// cancelWhenRead returns a body that calls cancel when body has been read or is closed. If
// body is a Writer, as that of an upgraded connection is, so is the result.
func cancelWhenRead(body io.ReadCloser, cancel context.CancelCauseFunc) io.ReadCloser {
	b := cancelBody{body, cancel}
	if w, ok := body.(io.Writer); ok {
		return struct {
			cancelBody
			io.Writer
		}{b, w}
	}
	return b
}

type cancelBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b cancelBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.cancel(nil)
	}
	return n, err
}

func (b cancelBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// asSent returns out. If a layer below has given sent, a copy of out with another context,
// another URL or header, it returns a copy of out with those: a cache above sees by them
// whose credentials were added.
func asSent(sent, out *http.Request) *http.Request {
	if sent.URL == out.URL && reflect.ValueOf(sent.Header).UnsafePointer() == reflect.ValueOf(out.Header).UnsafePointer() {
		return out
	}
	return sent.WithContext(out.Context())
}
