package retry

import (
	"context"
	"io"
	"net/http"
	"net/http/httptrace"
	"reflect"
	"sync/atomic"
)

// A watcher follows a request that must not be processed twice on its way out.
type watcher struct{ asked, got, wrote atomic.Bool }

// watch returns a copy of out that w follows.
func watch(out *http.Request) (*http.Request, *watcher) {
	w := new(watcher)
	ctx := httptrace.WithClientTrace(out.Context(), &httptrace.ClientTrace{
		GetConn:      func(string) { w.asked.Store(true) },
		GotConn:      func(httptrace.GotConnInfo) { w.got.Store(true) },
		WroteHeaders: func() { w.wrote.Store(true) },
	})
	return out.WithContext(ctx), w
}

func (w *watcher) sighting(cancelled bool) sighting {
	return sighting{asked: w.asked.Load(), got: w.got.Load(), wrote: w.wrote.Load(), cancelled: cancelled}
}

// cancelWhenRead returns body such that cancel is called when it is read or
// closed. What an upgraded connection can do besides stays possible.
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

// asSent returns what out, with another context, became on its way: out itself, unless
// a layer below has given the copy that was sent another URL or header. A cache above
// sees by them whose credentials were added.
func asSent(sent, out *http.Request) *http.Request {
	if sent.URL == out.URL && reflect.ValueOf(sent.Header).UnsafePointer() == reflect.ValueOf(out.Header).UnsafePointer() {
		return out
	}
	return sent.WithContext(out.Context())
}
