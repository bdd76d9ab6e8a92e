package auth_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/auth"
)

// newBase returns a transport of its own, so that no test closes another's
// connections.
func newBase(tb testing.TB) *http.Transport {
	tb.Helper()
	tr := &http.Transport{MaxIdleConnsPerHost: 64}
	tb.Cleanup(tr.CloseIdleConnections)
	return tr
}

func TestDigestServer(t *testing.T) {
	for _, alg := range []string{"", "MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"} {
		for _, qop := range []string{"", "auth", "auth-int", " auth-int , AUTH", "auth-conf,auth"} {
			if qop == "" && strings.HasSuffix(alg, "-sess") {
				continue // -sess has no meaning without a client nonce
			}
			t.Run(alg+" "+qop, func(t *testing.T) {
				s := &digestServer{t: t, alg: alg, qop: qop}
				url := s.start(t)
				rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
				for i, body := range []string{"one", "two", "three"} {
					status, got, err := do(t, rt, "POST", url+"/p%20a%2Fth?q=a b&\"ü\"", strings.NewReader(body))
					if status != 200 || got != "welcome" || err != nil {
						t.Fatalf("request %d: %d %q %v", i, status, got, err)
					}
				}
				s.fine(t)
				if n, _ := s.counts(); n != 4 {
					t.Errorf("%d round trips for 3 requests, want 4", n)
				}
				if got := strings.Join(s.bodies, " "); got != "one two three" {
					t.Errorf("bodies arrived as %q", got)
				}
			})
		}
	}
}

func TestDigestNames(t *testing.T) {
	for _, row := range []struct {
		name, why, user string
		s               *digestServer
		trips           int
	}{
		{"userhash", "RFC 7616 §3.4.4", "joe", &digestServer{userhash: true, extra: ", userhash=true"}, 2},
		{"userhash beyond ASCII", "the hash is of UTF-8", "Jäsøn", &digestServer{userhash: true, extra: ", userhash=TRUE, charset=UTF-8"}, 2},
		{"username*", "RFC 7616 §3.4: what no quoted-string holds", "Jäsøn Дое", &digestServer{extra: `, charset="utf-8"`}, 2},
		{"UTF-8 unsaid", "curl, browsers and httplib2 send it", "Jäsøn", &digestServer{}, 2},
		{"ISO 8859-1 unsaid", "requests and old servers know nothing else; one try more", "Jäsøn", &digestServer{latin1: true}, 3},
		{"quotes", "they are escaped", `a"x\y`, &digestServer{}, 2},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := row.s
			s.t, s.alg, s.qop, s.users = t, "SHA-256", "auth", map[string]string{row.user: "pässword"}
			url := s.start(t)
			rt := &auth.Transport{Base: newBase(t), Credentials: keys(row.user, "pässword")}
			for range 2 {
				if status, _, err := get(t, rt, url); status != 200 || err != nil {
					t.Fatalf("%d %v: %s; %v", status, err, row.why, s.problems)
				}
			}
			if n, _ := s.counts(); n != row.trips+1 {
				t.Errorf("%d round trips for 2 requests, want %d: %s", n, row.trips+1, row.why)
			}
		})
	}
}

func TestDigestNextnonce(t *testing.T) {
	s := &digestServer{t: t, alg: "MD5", qop: "auth", next: true, oneTime: true}
	url := s.start(t)
	rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
	for range 3 {
		if status, _, err := get(t, rt, url); status != 200 || err != nil {
			t.Fatal(status, err)
		}
	}
	s.fine(t)
	if n, _ := s.counts(); n != 4 {
		t.Errorf("%d round trips for 3 requests, want 4: icholy takes 6", n)
	}
}

func TestDigestProof(t *testing.T) {
	for _, row := range []struct {
		name string
		s    *digestServer
		want error
	}{
		{"a lie", &digestServer{lie: true}, auth.ErrServerProof},
		{"of the content", &digestServer{proofInt: true}, nil},
		{"of a content that was changed", &digestServer{proofInt: true, tamper: true}, auth.ErrServerProof},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := row.s
			s.t, s.alg, s.qop = t, "SHA-256", "auth"
			url := s.start(t)
			rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
			for range 2 {
				if _, _, err := get(t, rt, url); !errors.Is(err, row.want) {
					t.Errorf("error %v, want %v", err, row.want)
				}
			}
			s.fine(t)
		})
	}
}

// TestDigestParallel is what peers fail in: a nonce count must never arrive out
// of order, and after the first challenges every request is one round trip.
func TestDigestParallel(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth"}
	url := s.start(t)
	const workers, each = 64, 20
	rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
	parallel(t, workers, each, func() error {
		status, _, err := get(t, rt, url)
		if status != 200 {
			return fmt.Errorf("status %d, %w", status, err)
		}
		return err
	})
	s.fine(t)
	requests, challenges := s.counts()
	// A request may have been challenged while another gave its nonce back.
	if challenges > 2*workers || requests != workers*each+challenges {
		t.Errorf("%d round trips and %d challenges for %d requests of %d workers", requests, challenges, workers*each, workers)
	}
}

func parallel(t *testing.T, workers, each int, f func() error) {
	t.Helper()
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				if err := f(); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestHA1(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth"}
	url := s.start(t)
	ha1 := s.h("joe", testRealm, "password")
	rt := &auth.Transport{Base: newBase(t), Credentials: auth.Credential{Username: "joe", HA1: strings.ToUpper(ha1), Realm: testRealm}}
	if status, _, err := get(t, rt, url); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	s.fine(t)
	// It is no password, and says so to Basic.
	basic := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			t.Error("HA1 was sent in Basic")
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="a \"quoted\" \\realm"`)
		w.WriteHeader(401)
	}))
	defer basic.Close()
	if status, _, err := get(t, rt, basic.URL); status != 401 || err != nil {
		t.Fatal(status, err)
	}
}

func TestWSSEServer(t *testing.T) {
	for _, row := range []struct {
		server *wsseServer
		scheme auth.WSSE
	}{
		{&wsseServer{}, auth.WSSE{}},
		{&wsseServer{raw: true}, auth.WSSE{Base64Nonce: true}},
		{&wsseServer{hex: true}, auth.WSSE{HexDigest: true}},
		{&wsseServer{raw: true, hex: true}, auth.WSSE{Base64Nonce: true, HexDigest: true}},
	} {
		srv := httptest.NewServer(row.server)
		defer srv.Close()
		rt := &auth.Transport{Base: newBase(t), Credentials: keys("bob", "taadtaadpstcsm"), Schemes: []auth.Scheme{row.scheme}}
		for range 3 {
			if status, _, err := get(t, rt, srv.URL); status != 200 || err != nil {
				t.Errorf("%+v: %d %v", row.scheme, status, err)
			}
		}
	}
}

func TestHMACDigestServer(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(hmacServer))
	defer srv.Close()
	rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.HMACDigest{}}}
	for range 2 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", srv.URL+"/hmac/?a=b", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("X-Signed", "value")
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 {
			t.Errorf("status %d", resp.StatusCode)
		}
	}
}

func TestHTTP2(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("HTTP/%d", r.ProtoMajor)
		}
		askingFirst(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	rt := &auth.Transport{Base: srv.Client().Transport, Credentials: keys("joe", "password"), RequireTLS: true}
	for _, method := range []string{"GET", "HEAD", "PUT"} {
		if status, _, err := do(t, rt, method, srv.URL+"/"+method+"/", strings.NewReader("body")); status != 200 || err != nil {
			t.Errorf("%s: %d %v", method, status, err)
		}
	}
}

// TestPatience: the request that has the only nonce waits for what a body will
// bring that cannot be sent twice; resty and others would wait for ever.
func TestPatience(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			status := 200
			header := http.Header{}
			if req.Body != nil {
				if _, err := io.Copy(io.Discard, req.Body); err != nil {
					t.Error(err)
				}
				_ = req.Body.Close()
			}
			switch {
			case req.Header.Get("Authorization") == "":
				status = 401
				header.Set("WWW-Authenticate", `Digest realm="r", nonce="n", qop="auth"`)
			case req.URL.Path == "/poll":
				<-release
			}
			return &http.Response{StatusCode: status, Header: header, Body: http.NoBody, Request: req}, nil
		})
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password"), MaxReplay: -1}
		if status, _, err := get(t, rt, "http://example.com/"); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			if status, _, err := get(t, rt, "http://example.com/poll"); status != 200 || err != nil {
				t.Error(status, err)
			}
		})
		synctest.Wait()
		start := time.Now()
		put := func() int {
			status, _, err := do(t, rt, "PUT", "http://example.com/", io.MultiReader(strings.NewReader("x")))
			if err != nil {
				t.Error(err)
			}
			return status
		}
		// It gives up, brings a nonce home, and the next try succeeds.
		if first, second := put(), put(); first != 401 || second != 200 {
			t.Errorf("%d, then %d; want 401, then 200", first, second)
		}
		if took := time.Since(start); took != time.Second {
			t.Errorf("waited %v, want a second", took)
		}
		close(release)
		wg.Wait()
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
