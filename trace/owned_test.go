package trace_test

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/trace"
)

// A response belongs to who gets it: he may change its head while another goroutine reads the body.
func TestHeadsAreThoseThatCame(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		tell func(w io.Writer) (tripper.Layer, func())
	}{
		{"Log", func(w io.Writer) (tripper.Layer, func()) {
			return &trace.Log{Logger: slog.New(slog.NewTextHandler(w, nil)), Headers: true}, func() {}
		}},
		{"HAR of exchanges", func(w io.Writer) (tripper.Layer, func()) {
			h := &trace.HAR{Exchanges: true}
			return h, func() { _, _ = h.WriteTo(w) }
		}},
		{"HAR", func(w io.Writer) (tripper.Layer, func()) {
			h := &trace.HAR{}
			return h, func() { _, _ = h.WriteTo(w) }
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			layer, write := row.tell(&out)
			base := rttest.Func(func(req *http.Request) (*http.Response, error) {
				return &http.Response{
					StatusCode: 200, Status: "200 OK", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: -1,
					Header: http.Header{"Server": {"origin"}}, Body: io.NopCloser(strings.NewReader("body")), Request: req,
				}, nil
			})
			resp, err := tripper.Chain{layer}.Client(base).Get("http://example.com/")
			if err != nil {
				t.Fatal(err)
			}
			read := make(chan struct{})
			go func() {
				defer close(read)
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}()
			resp.Header.Set("Server", "changed")
			<-read
			write()
			if s := out.String(); !strings.Contains(s, "origin") || strings.Contains(s, "changed") {
				t.Errorf("told of other fields than came:\n%s", s)
			}
		})
	}
}

// An event may be told by anybody, also with an Exchange that no Wire has made; and a
// connection need not know its own address.
func TestForeignExchange(t *testing.T) {
	t.Parallel()
	foreign := tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
		return rttest.Func(func(req *http.Request) (*http.Response, error) {
			resp, err := next.RoundTrip(req)
			e := trace.About(req, "other", "asked", "")
			e.Exchange = &trace.Exchange{Method: "GET"}
			trace.From(req.Context())(e)
			e.Exchange = &trace.Exchange{Method: "GET", Ended: true, RemoteAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}}
			trace.From(req.Context())(e)
			return resp, err
		})
	})
	base := rttest.Func(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
	archive := &trace.HAR{}
	for _, l := range []tripper.Layer{&trace.Log{Verbose: io.Discard}, &trace.HAR{Exchanges: true}, archive} {
		if _, err := (tripper.Chain{l, foreign}).Client(base).Get("http://example.com/"); err != nil {
			t.Error(err)
		}
	}
	if _, err := archive.MarshalJSON(); err != nil || archive.Len() != 1 {
		t.Errorf("%d entries, %v", archive.Len(), err)
	}
}

// The client of a chain has a Wire. What is put around its Transport, or in the chain, has one
// too, or is one: an exchange is told of once, by the innermost.
func TestTwoWires(t *testing.T) {
	t.Parallel()
	base := rttest.Func(func(req *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
	twice := tripper.LayerFunc(func(next http.RoundTripper) http.RoundTripper {
		return rttest.Func(func(req *http.Request) (*http.Response, error) {
			_, _ = next.RoundTrip(req)
			return next.RoundTrip(req)
		})
	})
	for _, row := range []struct {
		name  string
		chain tripper.Chain
		want  int
		why   string
	}{
		{"a client", tripper.Chain{twice}, 2, "there are two exchanges"},
		{"a Wire in the chain", tripper.Chain{twice, &trace.Wire{}}, 2, "a program need not know that a client has one"},
		{"a Wire above", tripper.Chain{&trace.Wire{}, twice}, 2, "what it saw was no exchange with a server"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			archive := &trace.HAR{Base: row.chain.Client(base).Transport, Exchanges: true}
			if _, err := (&http.Client{Transport: archive}).Get("http://example.com/"); err != nil {
				t.Fatal(err)
			}
			if archive.Len() != row.want {
				t.Errorf("%d entries, want %d: %s", archive.Len(), row.want, row.why)
			}
		})
	}
}

// Of a query that has no parameters a HAR tells nothing.
func TestHARHidesWholeQueries(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ query, why string }{
		{"czNjcjN0", "a token"},
		{"czNjcjN0=", "base64 with one sign of padding"},
		{"czNjcjN0MQ==", "with two: they are no value"},
	} {
		archive := &trace.HAR{Base: rttest.Func(func(req *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: http.StatusNoContent, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		})}
		if _, err := (&http.Client{Transport: archive}).Get("http://example.com/?" + row.query); err != nil {
			t.Fatal(err)
		}
		if text, err := archive.MarshalJSON(); err != nil || bytes.Contains(text, []byte("czNjcjN0")) {
			t.Errorf("%s: %v\n%s", row.why, err, text)
		}
	}
}
