package retry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestAttemptTimeout(t *testing.T) {
	silent := func(req *http.Request) (*http.Response, error) {
		<-req.Context().Done()
		return nil, context.Cause(req.Context())
	}
	t.Run("cuts an attempt, not the request", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			script := rttest.NewScript(t, silent, rttest.Respond("HTTP/1.1 200 OK\n\nfine"))
			tr := &Transport{AttemptTimeout: 3 * time.Second, Backoff: Constant(0)}
			start := time.Now()
			req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
			resp, err := tr.Wrap(script).RoundTrip(req)
			if err != nil || read(t, resp) != "fine" || time.Since(start) != 3*time.Second {
				t.Errorf("got %v after %v", err, time.Since(start))
			}
			if resp.Request.URL != req.URL || !roundtrip.Sent(resp, start).Equal(start.Add(3*time.Second)) {
				t.Error("resp.Request is not the caller's, sent again after three seconds")
			}
		})
	})
	t.Run("is a timeout", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			tr := &Transport{AttemptTimeout: 3 * time.Second, Attempts: 1}
			script := rttest.NewScript(t, func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return nil, req.Context().Err() // a Base that does not know causes
			})
			_, err := (&http.Client{Transport: tr.Wrap(script)}).Do(rttest.NewRequest(t, "GET", "http://example.com/", nil))
			var ue *url.Error
			if !errors.As(err, &ue) || !ue.Timeout() || errors.Is(err, context.Canceled) || !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	})
	t.Run("never cuts the body", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var ctx context.Context
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				ctx = req.Context()
				time.Sleep(2 * time.Second)
				pr, pw := io.Pipe()
				context.AfterFunc(ctx, func() { pw.CloseWithError(context.Cause(ctx)) })
				go func() {
					for range 10 {
						time.Sleep(time.Minute)
						_, _ = pw.Write([]byte("x"))
					}
					_ = pw.Close()
				}()
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: pr, ContentLength: -1}, nil
			})
			tr := &Transport{AttemptTimeout: 3 * time.Second}
			req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
			resp, err := tr.Wrap(base).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			if resp.Request != req {
				t.Error("resp.Request is not the caller's")
			}
			if got := read(t, resp); got != "xxxxxxxxxx" {
				t.Errorf("got %q", got)
			}
			if ctx.Err() == nil {
				t.Error("the context of the attempt outlives it")
			}
		})
	})
	t.Run("a response at the last moment", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			late := func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return rttest.Respond("HTTP/1.1 200 OK\n\nlate")(req)
			}
			tr := &Transport{AttemptTimeout: time.Second, Backoff: Constant(0)}
			resp, err := tr.Wrap(rttest.NewScript(t, late, rttest.Respond("HTTP/1.1 200 OK\n\nfine"))).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
			if err != nil || read(t, resp) != "fine" {
				t.Errorf("its body could not be read: it does not count; got %v", err)
			}
		})
	})
	t.Run("an upgraded connection stays writable", func(t *testing.T) {
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 101, Header: http.Header{}, Body: struct {
				io.ReadCloser
				io.Writer
			}{io.NopCloser(strings.NewReader("")), io.Discard}}, nil
		})
		resp, err := (&Transport{AttemptTimeout: time.Hour}).Wrap(base).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := resp.Body.(io.Writer); !ok {
			t.Error("the body of a 101 is no io.Writer any more")
		}
		_ = resp.Body.Close()
	})
}

// TestUnprocessedByTrace tells what a Base that supports httptrace did.
func TestUnprocessedByTrace(t *testing.T) {
	for _, row := range []struct {
		why   string
		trace func(*httptrace.ClientTrace)
		sent  int
	}{
		{"no connection was got", func(c *httptrace.ClientTrace) { c.GetConn("h:80") }, 2},
		{"nothing was written", func(c *httptrace.ClientTrace) { c.GetConn("h:80"); c.GotConn(httptrace.GotConnInfo{}) }, 2},
		{"the header was written", func(c *httptrace.ClientTrace) {
			c.GetConn("h:80")
			c.GotConn(httptrace.GotConnInfo{})
			c.WroteHeaders()
		}, 1},
		{"nothing is known", func(*httptrace.ClientTrace) {}, 1},
	} {
		synctest.Test(t, func(t *testing.T) {
			sent := 0
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				roundtrip.CloseBody(req)
				sent++
				row.trace(httptrace.ContextClientTrace(req.Context()))
				return nil, io.EOF
			})
			_, err := (&Transport{}).Wrap(base).RoundTrip(rttest.NewRequest(t, "POST", "http://example.com/", strings.NewReader("x")))
			if err == nil || sent != row.sent {
				t.Errorf("sent %d times, want %d: %s; %v", sent, row.sent, row.why, err)
			}
		})
	}
}

// TestBadBase has a Base break its contract.
func TestBadBase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := &closeCounter{Reader: bytes.NewReader(nil)}
		answers := []func() (*http.Response, error){
			func() (*http.Response, error) { return nil, nil },
			func() (*http.Response, error) { return &http.Response{StatusCode: 200, Body: closed}, io.EOF },
			func() (*http.Response, error) { return &http.Response{StatusCode: 503}, nil },
			func() (*http.Response, error) { return &http.Response{StatusCode: 200}, nil },
		}
		base := roundTripper(func(*http.Request) (*http.Response, error) {
			next := answers[0]
			answers = answers[1:]
			return next()
		})
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
		resp, err := (&Transport{Attempts: 4}).Wrap(base).RoundTrip(req)
		if err != nil || resp.Body == nil || resp.Request.URL != req.URL {
			t.Fatalf("got %v, %v", resp, err)
		}
		if closed.closed != 1 {
			t.Error("a response that came with an error was not closed")
		}
	})
}
