package roundtrip

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

type rt struct {
	Base http.RoundTripper
	name string
	idle int
}

func (r *rt) RoundTrip(*http.Request) (*http.Response, error) { return nil, errors.New(r.name) }
func (r *rt) CloseIdleConnections()                           { r.idle++ }

// id is a layer with credentials.
type id struct{ rt }

func (i *id) Identity(req *http.Request) string {
	if req.URL.Host == "example.com" {
		return i.name
	}
	return ""
}

func TestOrAndBind(t *testing.T) {
	if Or(nil) != http.DefaultTransport {
		t.Error("nil is not http.DefaultTransport")
	}
	r := &rt{name: "leaf"}
	bound := Bind(func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) }, r)
	if _, err := bound.RoundTrip(nil); err == nil || err.Error() != "leaf" {
		t.Errorf("bound to %v", err)
	}
	CloseIdle(bound)
	CloseIdle(r)
	if r.idle != 2 {
		t.Errorf("idle close arrived %d times, want 2", r.idle)
	}
	CloseIdle(http.NewFileTransport(http.Dir("."))) // has no such method
}

func TestIdentity(t *testing.T) {
	pass := func(req *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(req) }
	alice, bob := &id{rt{name: "alice"}}, &id{rt{name: "bob"}}
	bob.Base = alice
	ring := &rt{}
	ring.Base = ring
	u := &url.URL{Host: "example.com"}
	for _, row := range []struct {
		why  string
		rt   http.RoundTripper
		url  *url.URL
		want string
	}{
		{"no layer has any", &rt{}, u, ""},
		{"nil", nil, u, ""},
		{"the layer itself", alice, u, "alice"},
		{"behind a bound layer", Bind(pass, Bind(pass, alice)), u, "alice"},
		{"behind Base of a layer, or of a stranger", &rt{Base: &rt{Base: alice}}, u, "alice"},
		{"all that there are", Bind(pass, bob), u, "bob\x00alice"},
		{"for that request", bob, &url.URL{Host: "other.example"}, ""},
		{"a ring has an end", ring, u, ""},
	} {
		if got := Identity(row.rt, &http.Request{URL: row.url}); got != row.want {
			t.Errorf("got %q, want %q (%s)", got, row.want, row.why)
		}
	}
}

func TestClone(t *testing.T) {
	in, _ := http.NewRequest("PUT", "http://example.com/a", strings.NewReader("x"))
	in.Header.Set("A", "1")
	out := Clone(in)
	out.Header.Set("A", "2")
	out.URL.Path = "/b"
	out.Method = "GET"
	if in.Header.Get("A") != "1" || in.URL.Path != "/a" || in.Method != "PUT" || out.Body != in.Body {
		t.Errorf("the clone shares too much or too little: %+v", in)
	}
	if out := Clone(&http.Request{}); out.Header == nil || out.URL != nil {
		t.Errorf("clone of an empty request: %+v", out)
	}
	if Method(&http.Request{}) != "GET" || Method(in) != "PUT" {
		t.Error("Method")
	}
}

func TestRewind(t *testing.T) {
	in, _ := http.NewRequest("PUT", "http://example.com/a", strings.NewReader("payload"))
	_, _ = io.ReadAll(in.Body)
	out, err := Rewind(in)
	if err != nil {
		t.Fatal(err)
	}
	if body, _ := io.ReadAll(out.Body); string(body) != "payload" || !Replayable(in) || !HasBody(in) {
		t.Errorf("got %q", body)
	}
	in.GetBody = func() (io.ReadCloser, error) { return nil, io.ErrClosedPipe }
	if _, err := Rewind(in); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v", err)
	}
	in.GetBody = nil
	if Replayable(in) {
		t.Error("a body without GetBody is replayable")
	}
	in.Body = http.NoBody
	if out, err := Rewind(in); err != nil || HasBody(out) || !Replayable(in) {
		t.Errorf("no body: %v, %v", out, err)
	}
	CloseBody(&http.Request{})
}

// slow gives a byte a second until it is closed.
type slow struct {
	left   int
	closed chan struct{}
	closes int
}

func (s *slow) Read(p []byte) (int, error) {
	if s.left == 0 {
		return 0, io.EOF
	}
	select {
	case <-time.After(time.Second):
		s.left--
		p[0] = 'x'
		return 1, nil
	case <-s.closed:
		return 0, errors.New("closed")
	}
}

func (s *slow) Close() error {
	s.closes++
	if s.closes == 1 {
		close(s.closed)
	}
	return nil
}

func TestDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, row := range []struct {
			why   string
			bytes int
			n     int64
			d     time.Duration
			whole bool
			took  time.Duration
		}{
			{"its end is reached", 3, 10, time.Minute, true, 3 * time.Second},
			{"its end is just within the bound", 3, 3, time.Minute, true, 3 * time.Second},
			{"it is longer", 5, 3, time.Minute, false, 4 * time.Second},
			{"it is slower", 5, 10, 2500 * time.Millisecond, false, 2500 * time.Millisecond},
			{"it is empty", 0, 10, time.Minute, true, 0},
		} {
			s := &slow{left: row.bytes, closed: make(chan struct{})}
			start := time.Now()
			if got := Drain(s, row.n, row.d); got != row.whole || time.Since(start) != row.took || s.closes != 1 {
				t.Errorf("whole: %v after %v, closed %d times; want %v after %v (%s)", got, time.Since(start), s.closes, row.whole, row.took, row.why)
			}
		}
	})
	if !Drain(http.NoBody, 0, 0) {
		t.Error("no body has no end")
	}
	Discard(nil)
	Discard(&http.Response{})
}

func TestSynthesize(t *testing.T) {
	req := &http.Request{}
	resp := Synthesize(req, 504, "text/plain", nil, 0)
	if resp.Status != "504 Gateway Timeout" || resp.Body != http.NoBody || resp.Request != req || resp.Header.Get("Content-Length") != "0" {
		t.Errorf("got %+v", resp)
	}
	if resp := Synthesize(req, 200, "", nil, -1); len(resp.Header) != 0 || resp.ContentLength != -1 {
		t.Errorf("got %+v", resp)
	}
}

func TestOrigin(t *testing.T) {
	for _, row := range []struct {
		a, b string
		same bool
		why  string
	}{
		{"http://example.com/a", "http://example.com:80/b?c", true, "the default port is filled in"},
		{"https://example.com/", "https://EXAMPLE.com:443/", true, "case, requests#4850"},
		{"http://bücher.example/", "http://xn--bcher-kva.example/", true, "IDNA"},
		{"http://example.com./", "http://example.com/", true, "the root's dot"},
		{"http://[::1]/", "http://[::1]:80/", true, "IPv6"},
		{"http://example.com/", "https://example.com/", false, "scheme"},
		{"http://example.com/", "http://example.com:8080/", false, "port"},
		{"http://example.com/", "http://www.example.com/", false, "a sub-domain is another host"},
		{"http://example.com:443/", "https://example.com/", false, "golang/go#35104: scheme, though the port is one"},
	} {
		a, _ := url.Parse(row.a)
		b, _ := url.Parse(row.b)
		if got := OriginOf(a) == OriginOf(b); got != row.same {
			t.Errorf("%s and %s: one origin %v, want %v (%s)", row.a, row.b, got, row.same, row.why)
		}
	}
	u, _ := url.Parse("https://[::1]/x")
	if got := OriginOf(u).String(); got != "https://[::1]:443" {
		t.Errorf("got %s", got)
	}
	if OriginOf(nil) != (Origin{}) || (Origin{Host: "h"}).Authority() != "h" {
		t.Error("an origin of nothing")
	}
}

// hider is a layer that does not tell its successor.
type hider struct {
	f func(*http.Request) (*http.Response, error)
}

func (h hider) RoundTrip(req *http.Request) (*http.Response, error) { return h.f(req) }

func TestSeen(t *testing.T) {
	t.Parallel()
	base := &http.Transport{}
	if got := Seen(base, base); got != base {
		t.Error("a layer that does nothing is wrapped")
	}
	layer := Bind(nil, base)
	if got := Seen(layer, base); got != layer {
		t.Error("a layer that tells its successor is wrapped")
	}
	next := &principal{name: "joe"}
	hidden := hider{next.RoundTrip}
	if id := Identity(hidden, nil); id != "" {
		t.Fatalf("identity %q of what is hidden", id)
	}
	if id := Identity(Seen(hidden, next), nil); id != "joe" {
		t.Errorf("identity %q, want joe", id)
	}
	CloseIdle(Seen(hidden, next))
	if next.closed != 1 {
		t.Errorf("closed %d times, want 1", next.closed)
	}
}

type principal struct {
	http.Transport
	name   string
	closed int
}

func (p *principal) Identity(*http.Request) string { return p.name }
func (p *principal) CloseIdleConnections()         { p.closed++ }

// TestOriginSimple holds the short way of taking an origin against the long one.
func TestOriginSimple(t *testing.T) {
	t.Parallel()
	for _, host := range []string{
		"", ".", "..", ":", ":80", "a", "a.", "a..", "a:", "a:80", "a.:080", "a:80:81", "a:b", "a:-1", "A:80", "a_b", "127.0.0.1:8080",
		"[::1]", "[::1]:80", "::1", "b\u00fccher.example:1", "xn--bcher-kva.example", "a b", "a%41:80", "[a]:80", "a-1.example:65536",
	} {
		u := &url.URL{Scheme: "http", Host: host}
		want := Origin{Scheme: "http", Host: Host(u), Port: u.Port()}
		if want.Port == "" {
			want.Port = "80"
		}
		if got := OriginOf(u); got != want {
			t.Errorf("%q: got %+v, want %+v", host, got, want)
		}
	}
}
