package rttest

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
)

// snapshot copies everything of a request that a layer must leave alone.
func snapshot(req *http.Request) map[string]any {
	u := *req.URL
	return map[string]any{
		"Method": req.Method, "URL": u, "Host": req.Host, "Header": req.Header.Clone(), "Trailer": req.Trailer.Clone(),
		"ContentLength": req.ContentLength, "TransferEncoding": append([]string(nil), req.TransferEncoding...), "Close": req.Close,
		"Body": req.Body, "HasGetBody": req.GetBody != nil, "Context": req.Context(), "Response": req.Response, "RequestURI": req.RequestURI,
		"Pattern": req.Pattern, "RemoteAddr": req.RemoteAddr, "URLPointer": req.URL, "HeaderPointer": reflect.ValueOf(req.Header).Pointer(),
	}
}

func (c contract) unmodified(t *testing.T, l Layer) {
	for name, steps := range situations() {
		for _, method := range []string{"GET", "PUT", "POST"} {
			req := NewRequest(t, method, "http://user:secret@example.com/a?b=c d#frag", strings.NewReader("payload"))
			req.Header.Set("X-Own", "1")
			req.Header["Cookie"] = []string{"a=b"}
			before := snapshot(req)
			resp, err := l.Wrap(play(steps)).RoundTrip(req)
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
			if after := snapshot(req); !reflect.DeepEqual(before, after) {
				for k := range before {
					if !reflect.DeepEqual(before[k], after[k]) {
						t.Errorf("%s, %s: request's %s changed from %v to %v", name, method, k, before[k], after[k])
					}
				}
			}
		}
	}
}

// situations are what makes one layer or another send twice, answer itself or
// give up.
func situations() map[string][]Step {
	return map[string][]Step{
		"200":           {Respond("HTTP/1.1 200 OK\nETag: \"a\"\nCache-Control: max-age=60\n\nhello")},
		"error":         {Fail(io.ErrUnexpectedEOF)},
		"401 Basic":     {Respond("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"r\"\n\nno"), Respond("HTTP/1.1 200 OK\n\nyes")},
		"401 garbage":   {Respond("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: ,,=\"\\\n\nno"), Respond("HTTP/1.1 200 OK\n\nyes")},
		"302":           {Respond("HTTP/1.1 302 Found\nLocation: http://other.example/x\n\nmoved"), Respond("HTTP/1.1 200 OK\n\nthere")},
		"307":           {Respond("HTTP/1.1 307 Temporary Redirect\nLocation: /y\n\nmoved"), Respond("HTTP/1.1 200 OK\n\nthere")},
		"303 no target": {Respond("HTTP/1.1 303 See Other\n\nnowhere")},
		"503":           {Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 1\n\nlater"), Respond("HTTP/1.1 200 OK\n\nnow")},
		"412":           {Respond("HTTP/1.1 412 Precondition Failed\n\nstale")},
		"gzip garbage":  {Respond("HTTP/1.1 200 OK\nContent-Encoding: gzip\n\nnot gzip")},
		"odd fields": {Respond("HTTP/1.1 200 OK\nDate: never\nAge: -1\nVary: *, ,\nETag: W/\nCache-Control: max-age=\"\nContent-Encoding: ,\n" +
			"Content-Range: bytes x\nRetry-After: 9999999999999999999\nAuthentication-Info: =\nLocation: :\n\nhello")},
	}
}

// play returns a RoundTripper that goes through steps and stays at the last.
func play(steps []Step) *player { return &player{steps: steps} }

type player struct {
	steps []Step
	next  atomic.Int32
	open  atomic.Int32
	idle  atomic.Int32
}

func (p *player) CloseIdleConnections() { p.idle.Add(1) }

func (p *player) RoundTrip(req *http.Request) (*http.Response, error) {
	consume(req)
	if req.Context().Err() != nil {
		return nil, context.Cause(req.Context())
	}
	i := min(int(p.next.Add(1)), len(p.steps)) - 1
	resp, err := p.steps[i](req)
	if resp != nil && resp.Body != http.NoBody {
		p.open.Add(1)
		resp.Body = &countedBody{ReadCloser: resp.Body, onClose: func() { p.open.Add(-1) }}
	}
	return resp, err
}

type countedBody struct {
	io.ReadCloser
	once    sync.Once
	closes  atomic.Int32
	onClose func()
}

func (b *countedBody) Close() error {
	b.closes.Add(1)
	if b.onClose != nil {
		b.once.Do(b.onClose)
	}
	return b.ReadCloser.Close()
}

func (c contract) bodyClosed(t *testing.T, l Layer) {
	for name, steps := range situations() {
		for _, replayable := range []bool{true, false} {
			for _, method := range []string{"GET", "PUT", "POST"} {
				req := NewRequest(t, method, "http://example.com/closed/"+url.PathEscape(name), strings.NewReader("payload"))
				body := &countedBody{ReadCloser: req.Body}
				req.Body = body
				if !replayable {
					req.GetBody = nil
				}
				resp, err := l.Wrap(play(steps)).RoundTrip(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				synctest.Wait()
				if n := body.closes.Load(); n != 1 {
					t.Errorf("%s, %s, replayable %v: request body closed %d times, want 1", name, method, replayable, n)
				}
			}
		}
	}
	// Without a trip: the context is done before it begins.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req := NewRequest(t, "PUT", "http://example.com/done", strings.NewReader("payload")).WithContext(ctx)
	body := &countedBody{ReadCloser: req.Body}
	req.Body = body
	if resp, err := l.Wrap(play([]Step{Respond("HTTP/1.1 200 OK\n\n")})).RoundTrip(req); err == nil {
		_ = resp.Body.Close()
	}
	synctest.Wait()
	if n := body.closes.Load(); n != 1 {
		t.Errorf("context done: request body closed %d times, want 1", n)
	}
}

func (c contract) droppedClosed(t *testing.T, l Layer) {
	for name, steps := range situations() {
		base := play(steps)
		for _, method := range []string{"GET", "PUT"} {
			resp, err := l.Wrap(base).RoundTrip(NewRequest(t, method, "http://example.com/dropped/"+url.PathEscape(name), nil))
			if err == nil {
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		}
		synctest.Wait()
		if n := base.open.Load(); n != 0 {
			t.Errorf("%s: %d response bodies left open", name, n)
		}
	}
	// A response that is dropped may be endless: draining it has an end.
	endless := func(status int, header http.Header) Step {
		return func(req *http.Request) (*http.Response, error) {
			resp := answer(req, status, header, "x")
			resp.Body, resp.ContentLength = io.NopCloser(&zeros{t: t}), -1
			return resp, nil
		}
	}
	for name, first := range map[string]Step{
		"302": endless(302, http.Header{"Location": {"/there"}}),
		"401": endless(401, http.Header{"Www-Authenticate": {`Basic realm="r"`}}),
		"503": endless(503, nil),
	} {
		base := play([]Step{first, Respond("HTTP/1.1 200 OK\n\nok")})
		resp, err := l.Wrap(base).RoundTrip(NewRequest(t, "GET", "http://example.com/endless/"+name, nil))
		if err == nil {
			_ = resp.Body.Close()
		}
		synctest.Wait()
		if n := base.open.Load(); n != 0 {
			t.Errorf("endless %s: %d response bodies left open", name, n)
		}
	}
}

// zeros is a body without an end, as far as a layer may find out.
type zeros struct {
	t    *testing.T
	read atomic.Int64
}

func (z *zeros) Read(p []byte) (int, error) {
	const most = 8 << 20
	if z.read.Add(int64(len(p))) > most {
		z.t.Errorf("more than %d bytes were read from a response that is dropped", most)
		return 0, io.EOF
	}
	clear(p)
	return len(p), nil
}
