package lostupdate

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// server is a RoundTripper in front of a document.
type server func(req *http.Request, next http.RoundTripper) (*http.Response, error)

// saying answers HEAD by a status and the lines of a header.
func saying(status int, fields ...string) server {
	return func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Method != http.MethodHead {
			return next.RoundTrip(req)
		}
		w := httptest.NewRecorder()
		for i := 0; i < len(fields); i += 2 {
			w.Header().Set(fields[i], fields[i+1])
		}
		w.WriteHeader(status)
		resp := w.Result()
		resp.Request = req
		return resp, nil
	}
}

// silent never answers HEAD.
func silent(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	if req.Method != http.MethodHead {
		return next.RoundTrip(req)
	}
	<-req.Context().Done()
	return nil, context.Cause(req.Context())
}

// closing closes the connection instead of answering HEAD.
func closing(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	if req.Method != http.MethodHead {
		return next.RoundTrip(req)
	}
	return nil, io.ErrUnexpectedEOF
}

// negotiating has a tag for each variant, as frameworks that say Vary: Accept do.
func negotiating(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(req)
	if err == nil && resp.Header.Get("ETag") != "" {
		resp.Header.Set("ETag", fmt.Sprintf(`%.*s-%d"`, len(resp.Header.Get("ETag"))-1, resp.Header.Get("ETag"), len(req.Header.Get("Accept"))))
		resp.Header.Set("Vary", "Accept, Cookie")
	}
	return resp, err
}

// The look before a write to a resource with a weak tag: whatever a server makes of
// HEAD, a sole editor is not blocked and an update is not lost.
func TestLook(t *testing.T) {
	for _, tt := range []struct {
		name, why string
		server    server
	}{
		{"405", "RFC 9110 §15.5.6: frameworks that route each method by itself", saying(405, "Allow", "GET, PUT")},
		{"403", "a signed URL of S3 is for one method, a firewall's rule too", saying(403)},
		{"501", "RFC 9110 §15.6.2: small devices", saying(501)},
		{"404", "routers that know GET alone (actix, older Ktor)", saying(404)},
		{"410", "likewise", saying(410)},
		{"400", "proxies that insist on a length", saying(400)},
		{"401", "credentials that are for GET", saying(401)},
		{"500", "a handler that does not expect it", saying(500)},
		{"503, with a tag of its own", "an error page has validators too", saying(503, "ETag", `"error"`)},
		{"302", "to a page for humans", saying(302, "Location", "/login")},
		{"200 without validators", "RFC 9110 §9.3.2: they may be left out", saying(200)},
		{"200 with a time alone", "what the caller saw is compared by its tag", saying(200, "Last-Modified", now)},
		{"200 with a weak tag of its own", "the tag of nothing", saying(200, "ETag", `W/"0-0"`)},
		{"200 with a strong tag of its own", "no precondition is made of it", saying(200, "ETag", `"d41d8cd9"`)},
		{"silence", "the write does not wait for ever", silent},
		{"closed", "the connection says nothing about the resource", closing},
		{"Vary: Accept", "RFC 9110 §12.5.5: the variant that was seen is looked at, not that of the PUT's Accept", negotiating},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { tt.server.one(t, tt.why) })
			synctest.Test(t, func(t *testing.T) { tt.server.two(t, tt.why) })
		})
	}
}

func (s server) document() http.RoundTripper {
	d := &document{behavior: behavior{tag: weakTag, tells: true}, version: 1, modified: time.Now().Add(-time.Hour)}
	return rttest.Func(func(req *http.Request) (*http.Response, error) { return s(req, d) })
}

// send sends a request and returns its status.
func send(t *testing.T, rt http.RoundTripper, text string) int {
	t.Helper()
	resp, err := rt.RoundTrip(rttest.ReadRequest(t, text))
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	_ = resp.Body.Close()
	return resp.StatusCode
}

const (
	readHTML  = "GET /x\nAccept: text/html"
	writeJSON = "PUT /x\nAccept: application/json\n\ntwo"
)

func (s server) one(t *testing.T, why string) {
	t.Helper()
	rt := (&Transport{}).Wrap(s.document())
	for range 2 {
		send(t, rt, readHTML)
		for range 2 {
			start := time.Now()
			if status := send(t, rt, writeJSON); status != 200 {
				t.Errorf("a sole editor gets %d: %s", status, why)
			}
			if took := time.Since(start); took > 10*time.Second {
				t.Errorf("a write took %v: %s", took, why)
			}
		}
	}
}

func (s server) two(t *testing.T, why string) {
	t.Helper()
	d := s.document()
	first, second := (&Transport{}).Wrap(d), (&Transport{}).Wrap(d)
	send(t, first, readHTML)
	send(t, second, readHTML)
	time.Sleep(time.Minute)
	if status := send(t, first, writeJSON); status != 200 {
		t.Errorf("the first editor gets %d: %s", status, why)
	}
	for range 2 {
		if status := send(t, second, writeJSON); status != 412 {
			t.Errorf("the second editor gets %d, an update is lost: %s", status, why)
		}
	}
}

// A caller who has little time still gets the answer to the write.
func TestLookLeavesTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := (&Transport{}).Wrap(server(silent).document())
		send(t, rt, "GET /x")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for range 2 {
			resp, err := rt.RoundTrip(rttest.ReadRequest(t, "PUT /x\n\ntwo").WithContext(ctx))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		}
	})
}

// That a server does not answer HEAD is remembered for a while.
func TestLookRemembersSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rt := (&Transport{}).Wrap(server(silent).document())
		send(t, rt, "GET /x")
		for _, want := range []time.Duration{maxHead, 0, 0} {
			start := time.Now()
			send(t, rt, "PUT /x\n\ntwo")
			if took := time.Since(start); took != want {
				t.Errorf("a write took %v, want %v", took, want)
			}
		}
	})
}

// A CDN that does not obey no-cache shows an old copy: RFC 9111 §5.2.1.4 is not for
// it. That copy is no reason to stop the editor who wrote the new version.
func TestLookAtOldCopy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &document{behavior: behavior{tag: weakTag, tells: true}, version: 1}
		var copied http.Header
		at := time.Now()
		rt := (&Transport{}).Wrap(rttest.Func(func(req *http.Request) (*http.Response, error) {
			resp, err := d.RoundTrip(req)
			if err != nil || req.Method == http.MethodPut {
				return resp, err
			}
			if copied == nil {
				copied, at = resp.Header.Clone(), time.Now()
			}
			resp.Header = copied.Clone()
			resp.Header.Set("Age", strconv.Itoa(int(time.Since(at).Seconds())))
			return resp, nil
		}))
		send(t, rt, "GET /x")
		for range 3 {
			time.Sleep(10 * time.Second)
			if status := send(t, rt, "PUT /x\n\ntwo"); status != 200 {
				t.Errorf("a sole editor gets %d", status)
			}
		}
	})
}

func TestVariant(t *testing.T) {
	request := http.Header{"Accept": {"a", "b"}, "Cookie": {"secret"}, "Hx-Request": {"true"}, "Accept-Encoding": {"br"}, "User-Agent": {strings.Repeat("u", 2000)}, "Odd": {"a\nCookie: x"}}
	for _, tt := range []struct{ vary, want, why string }{
		{"", "", "one representation for all"},
		{"Accept-Encoding", "", "codings are looked at without"},
		{"accept, Origin", "Accept: a, b\nOrigin: \n", "also what was not there, in any spelling"},
		{"HX-Request", "Hx-Request: true\n", "whatever the field"},
		{"Cookie, Authorization, X-Api-Key, Accept", "Accept: a, b\n", "no credentials are remembered"},
		{"*", "", "nobody knows"},
		{"User-Agent, Accept", "Accept: a, b\n", "bounded"},
		{"Odd, ,Accept", "Accept: a, b\n", "a value is one line"},
	} {
		if got := variantOf([]string{tt.vary}, request); got != tt.want {
			t.Errorf("%q: got %q, want %q: %s", tt.vary, got, tt.want, tt.why)
		}
	}
}
