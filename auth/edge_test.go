package auth_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

// body counts its closes.
type body struct {
	io.Reader
	closes atomic.Int32
}

func (b *body) Close() error { b.closes.Add(1); return nil }

// TestEnds ends requests in every place they can end in: the body is closed once,
// and the cause is kept.
func TestEnds(t *testing.T) {
	errToken, errBody := errors.New("no token"), errors.New("body fails")
	failing := auth.Credential{TokenFunc: func(context.Context, string) (string, error) { return "", errToken }}
	stop := errors.New("the caller has enough")
	for _, row := range []struct {
		name  string
		t     *auth.Transport
		steps func(cancel context.CancelCauseFunc) []rttest.Step
		// replayable bodies come from GetBody.
		replayable bool
		want       error
		status     int
	}{
		{"before it is sent", &auth.Transport{Credentials: failing, Preemptive: true}, nil, false, errToken, 0},
		{"before it is sent, with GetBody", &auth.Transport{Credentials: failing, Preemptive: true}, nil, true, errToken, 0},
		{"before it is answered", &auth.Transport{Credentials: failing, MaxReplay: 100}, func(context.CancelCauseFunc) []rttest.Step {
			return []rttest.Step{challenge("Bearer")}
		}, false, errToken, 0},
		{"cancelled between", &auth.Transport{Credentials: keys("joe", "password"), MaxReplay: 100}, func(cancel context.CancelCauseFunc) []rttest.Step {
			return []rttest.Step{rttest.Func(func(req *http.Request) (*http.Response, error) {
				resp, err := rttest.Respond(digest)(req)
				cancel(stop)
				return resp, err
			})}
		}, false, stop, 0},
		{"cancelled between, with GetBody", &auth.Transport{Credentials: keys("joe", "password")}, func(cancel context.CancelCauseFunc) []rttest.Step {
			return []rttest.Step{rttest.Func(func(req *http.Request) (*http.Response, error) {
				resp, err := rttest.Respond(digest)(req)
				cancel(stop)
				return resp, err
			})}
		}, true, stop, 0},
		{"the second time", &auth.Transport{Credentials: keys("joe", "password"), MaxReplay: 100}, func(context.CancelCauseFunc) []rttest.Step {
			return []rttest.Step{rttest.Respond(digest), rttest.Fail(errBody)}
		}, false, errBody, 0},
		{"a 401 that cannot be answered", &auth.Transport{Credentials: keys("joe", "password"), MaxReplay: -1}, func(context.CancelCauseFunc) []rttest.Step {
			return []rttest.Step{rttest.Respond(digest)}
		}, false, nil, 401},
		{"after it was sent twice", &auth.Transport{Credentials: keys("joe", "password"), MaxReplay: 100}, func(context.CancelCauseFunc) []rttest.Step {
			return []rttest.Step{rttest.Respond(digest), yes}
		}, false, nil, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			var steps []rttest.Step
			if row.steps != nil {
				steps = row.steps(cancel)
			}
			row.t.Base = rttest.NewScript(t, steps...)
			b := &body{Reader: strings.NewReader("payload")}
			req, err := http.NewRequestWithContext(ctx, "PUT", "http://example.com/", b)
			if err != nil {
				t.Fatal(err)
			}
			var copies []*body
			if row.replayable {
				req.GetBody = func() (io.ReadCloser, error) {
					copies = append(copies, &body{Reader: strings.NewReader("payload")})
					return copies[len(copies)-1], nil
				}
			}
			resp, err := row.t.RoundTrip(req)
			if !errors.Is(err, row.want) {
				t.Errorf("error %v, want %v", err, row.want)
			}
			if err == nil {
				if resp.StatusCode != row.status {
					t.Errorf("status %d, want %d", resp.StatusCode, row.status)
				}
				_ = resp.Body.Close()
			}
			if n := b.closes.Load(); n != 1 {
				t.Errorf("the body was closed %d times", n)
			}
			for _, c := range copies {
				if n := c.closes.Load(); n != 1 {
					t.Errorf("a copy of the body was closed %d times", n)
				}
			}
		})
	}
}

// TestBodyAtPlacesWithoutAuth is resty#1009: the body must be there the first
// time, and GetBody not be needed.
func TestBodyAtPlacesWithoutAuth(t *testing.T) {
	script := rttest.NewScript(t, yes)
	rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
	if status, _, err := do(t, rt, "POST", "http://example.com/", io.MultiReader(strings.NewReader("payload"))); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	if got := script.Requests()[0].Body; got != "payload" {
		t.Errorf("body %q", got)
	}
}

// TestDomainOfAnotherOrigin: what domain names elsewhere is signed unasked only if
// the credential names it too.
func TestDomainOfAnotherOrigin(t *testing.T) {
	for _, row := range []struct {
		domains []string
		want    string
	}{
		{nil, "- digest:n:1 -"},
		{[]string{"example.com"}, "- digest:n:1 -"},
		{[]string{"example.com", "friend.example"}, "- digest:n:1 digest:n:2"},
	} {
		script := rttest.NewScript(t, challenge(`Digest realm="r", nonce="n", qop="auth", domain="/ http://friend.example/x"`), yes, yes)
		rt := &auth.Transport{Base: script, Credentials: keys("joe", "password", row.domains...)}
		for _, u := range []string{"http://example.com/", "http://friend.example/x"} {
			if status, _, err := get(t, rt, u); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		if got := wire(script.Requests()); got != row.want {
			t.Errorf("%v: sent %q, want %q", row.domains, got, row.want)
		}
	}
}

// TestFileIsClosed: a file that was sent twice is closed once it was sent.
func TestFileIsClosed(t *testing.T) {
	name := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(name, []byte("payload"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	script := rttest.NewScript(t, rttest.Respond(basic), yes)
	rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
	if status, _, err := do(t, rt, "PUT", "http://example.com/", f); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	for i, r := range script.Requests() {
		if r.Body != "payload" {
			t.Errorf("request %d: body %q", i, r.Body)
		}
	}
	if err := f.Close(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("the file was left open: %v", err)
	}
}

// TestProxyForgets: requests that nothing is heard of any more are given up.
func TestProxyForgets(t *testing.T) {
	p := &auth.Proxy{Credentials: keys("joe", "password")}
	proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128"}
	header := func(nonce any) http.Header {
		return http.Header{"Proxy-Authenticate": {fmt.Sprintf(`Digest realm="r", nonce="%v", qop="auth"`, nonce)}}
	}
	for i := range 3000 {
		ctx := context.WithValue(t.Context(), userKey{}, i)
		if !p.Challenged(ctx, proxy, "", header(i)) {
			t.Fatal("the challenge was not taken")
		}
		if i%2 == 0 {
			continue // never comes back
		}
		if v, err := p.Authorize(ctx, proxy, "CONNECT", "example.com:443"); v == "" || err != nil {
			t.Fatal(v, err)
		}
	}
	// It still works.
	ctx := context.WithValue(t.Context(), userKey{}, "last")
	if !p.Challenged(ctx, proxy, "", header("last")) {
		t.Fatal("the challenge was not taken")
	}
	v, err := p.Authorize(ctx, proxy, "CONNECT", "example.com:443")
	if err != nil || params(v)["nc"] != "00000001" || params(v)["uri"] != "example.com:443" {
		t.Fatal(v, err)
	}
	p.Succeeded(ctx, proxy, v, http.Header{})
	if v, err = p.Authorize(ctx, proxy, "CONNECT", "example.com:443"); err != nil || params(v)["nc"] != "00000002" {
		t.Errorf("%s %v, want the nonce counted on", v, err)
	}
}

func TestProxyScript(t *testing.T) {
	proxy := &url.URL{Scheme: "http", Host: "proxy.example:3128"}
	header := func(c string) http.Header { return http.Header{"Proxy-Authenticate": {c}} }
	t.Run("wrong password", func(t *testing.T) {
		p := &auth.Proxy{Credentials: keys("joe", "wrong")}
		if !p.Challenged(t.Context(), proxy, "", header(`Basic realm="r", Digest realm="r", nonce="a"`)) {
			t.Fatal("not taken")
		}
		v, err := p.Authorize(t.Context(), proxy, "GET", "http://example.com/")
		if err != nil || !strings.HasPrefix(v, "Digest ") {
			t.Fatal(v, err)
		}
		if p.Challenged(t.Context(), proxy, v, header(`Basic realm="r", Digest realm="r", nonce="b"`)) {
			t.Error("a refused password was to be sent again")
		}
		if p.Challenged(t.Context(), proxy, "", header(`Basic realm="r"`)) {
			t.Error("and weaker, later")
		}
	})
	t.Run("RequireTLS", func(t *testing.T) {
		p := &auth.Proxy{Credentials: keys("joe", "password"), RequireTLS: true, Preemptive: true}
		if v, err := p.Authorize(t.Context(), proxy, "GET", "http://example.com/"); v != "" || err != nil {
			t.Error(v, err)
		}
		secure := &url.URL{Scheme: "https", Host: "proxy.example:3128"}
		if v, err := p.Authorize(t.Context(), secure, "GET", "http://example.com/"); v != "" || err != nil {
			t.Error("not the first proxy, and not asked:", v, err)
		}
		if !p.Challenged(t.Context(), secure, "", header(`Basic realm="r"`)) {
			t.Error("an https proxy may know")
		}
	})
	t.Run("what it did not send", func(t *testing.T) {
		p := &auth.Proxy{Credentials: keys("joe", "password")}
		if p.Challenged(t.Context(), proxy, "Basic eDp5", header(`Basic realm="r"`)) {
			t.Error("somebody else's refusal was answered")
		}
		p.Succeeded(t.Context(), proxy, "Basic eDp5", nil)
	})
	t.Run("many with one value", func(t *testing.T) {
		p := &auth.Proxy{Credentials: keys("joe", "password"), Preemptive: true}
		parallel(t, 16, 20, func() error {
			v, err := p.Authorize(t.Context(), proxy, "CONNECT", "example.com:443")
			if v != "Basic am9lOnBhc3N3b3Jk" || err != nil {
				return fmt.Errorf("%q, %w", v, err)
			}
			if p.Challenged(t.Context(), proxy, v, header(`Basic realm="r"`)) {
				return errors.New("a refused value was to be sent again")
			}
			return nil
		})
	})
}

// redirected sends a request for the second URL that a redirect from the first
// one led to, and returns what was sent.
func redirected(t *testing.T, tr *auth.Transport, from, to string) string {
	t.Helper()
	first, err := http.NewRequestWithContext(t.Context(), "GET", from, nil)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", to, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Response = &http.Response{StatusCode: 302, Request: first}
	script := rttest.NewScript(t, rttest.Respond(basic))
	tr.Base = script
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return wire(script.Requests())
}
