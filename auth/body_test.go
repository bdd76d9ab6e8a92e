package auth_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/auth"
)

// TestBodies sends bodies of every kind to a server that first asks, then checks
// what arrives.
func TestBodies(t *testing.T) {
	payload := strings.Repeat("0123456789abcdef", 20_000)
	file := func(t *testing.T) io.Reader {
		t.Helper()
		name := filepath.Join(t.TempDir(), "body")
		if err := os.WriteFile(name, []byte("skipped"+payload), 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Seek(7, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		return f
	}
	pipe := func(*testing.T) io.Reader {
		r, w := io.Pipe()
		go func() {
			_, err := io.WriteString(w, payload)
			_ = w.CloseWithError(err)
		}()
		return r
	}
	for _, row := range []struct {
		name, why string
		qop       string
		body      func(*testing.T) io.Reader
		max       int64
		status    int
	}{
		{"bytes", "GetBody", "auth", func(*testing.T) io.Reader { return bytes.NewReader([]byte(payload)) }, 0, 200},
		{"bytes, auth-int", "hashed before sending", "auth-int", func(*testing.T) io.Reader { return bytes.NewReader([]byte(payload)) }, 0, 200},
		{"file", "it can seek, from where it stood", "auth", file, 0, 200},
		{"file, auth-int", "read, sought, sent", "auth-int", file, 0, 200},
		{"pipe", "it cannot be sent again: the 401 is returned", "auth", pipe, 0, 401},
		{"pipe, kept", "MaxReplay says that it may be kept", "auth", pipe, 1 << 20, 200},
		{"pipe, too long", "but not that much of it", "auth", pipe, 1000, 401},
		{"pipe, auth-int", "nothing to hash without keeping it", "auth-int", pipe, 0, 401},
		{"pipe, auth-int, kept", "the kept copy is hashed", "auth-int", pipe, 1 << 20, 200},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := &digestServer{t: t, alg: "SHA-256", qop: row.qop}
			url := s.start(t)
			rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password"), MaxReplay: row.max}
			status, _, err := do(t, rt, "PUT", url, row.body(t))
			if err != nil || status != row.status {
				t.Fatalf("%d %v, want %d: %s", status, err, row.status, row.why)
			}
			if status == 200 && (len(s.bodies) != 1 || s.bodies[0] != payload) {
				t.Errorf("the body did not arrive whole and once: %s", row.why)
			}
			// The challenge was remembered: the next one needs no second try.
			if row.name == "pipe" || row.name == "pipe, too long" {
				if status, _, err := do(t, rt, "PUT", url, row.body(t)); status != 200 || err != nil {
					t.Errorf("next: %d %v, want 200", status, err)
				}
				if len(s.bodies) != 1 || s.bodies[0] != payload {
					t.Error("the next body did not arrive whole and once")
				}
			}
			s.fine(t)
		})
	}
}

// askingFirst answers what is not signed without reading its content.
func askingFirst(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != joeBase {
		w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
		w.WriteHeader(401)
		return
	}
	// All of it first: over HTTP/1 a server stops reading once it writes.
	body, err := io.ReadAll(r.Body)
	if err != nil {
		w.WriteHeader(400)
	}
	_, _ = w.Write(body)
}

// TestEarlyChallenge: the 401 comes while the content is still being sent, or
// before it was read at all.
func TestEarlyChallenge(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(askingFirst))
	defer srv.Close()
	payload := strings.Repeat("0123456789abcdef", 64<<10)
	for _, row := range []struct {
		why    string
		expect bool
		max    int64
	}{
		{"what is being read goes on to be read by the second try", false, 2 << 20},
		{"RFC 9110 §10.1.1: the server was asked first, so that nothing was read", true, 0},
	} {
		base := newBase(t)
		base.ExpectContinueTimeout = 30 * time.Second
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password"), MaxReplay: row.max}
		r, w := io.Pipe()
		go func() {
			for i := 0; i < len(payload); i += 1000 {
				if _, err := io.WriteString(w, payload[i:min(i+1000, len(payload))]); err != nil {
					return
				}
			}
			_ = w.Close()
		}()
		req, err := http.NewRequestWithContext(t.Context(), "PUT", srv.URL, r)
		if err != nil {
			t.Fatal(err)
		}
		if row.expect {
			req.Header.Set("Expect", "100-continue")
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatalf("%v: %s", err, row.why)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || err != nil || string(got) != payload {
			t.Errorf("%d, %d bytes, %v: %s", resp.StatusCode, len(got), err, row.why)
		}
	}
}

// TestReadDuringToken has the body read on while a token is fetched, beyond what can be kept:
// the 401 is returned, and the next request has the token.
func TestReadDuringToken(t *testing.T) {
	var body io.Reader
	rt := &auth.Transport{
		MaxReplay: 3,
		Credentials: auth.Credential{TokenFunc: func(context.Context, string) (string, error) {
			if body != nil {
				_, _ = io.Copy(io.Discard, body)
			}
			return "token", nil
		}},
		Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			body = req.Body
			resp := &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}
			if req.Header.Get("Authorization") != "Bearer token" {
				resp.StatusCode, resp.Header = 401, http.Header{"Www-Authenticate": {"Bearer"}}
			}
			return resp, nil
		}),
	}
	for _, want := range []int{401, 200} {
		status, _, err := do(t, rt, "PUT", "http://example.com/", io.MultiReader(strings.NewReader("payload")))
		if status != want || err != nil {
			t.Errorf("%d %v, want %d", status, err, want)
		}
	}
}

// TestReadDuringTokenAfter417 is the same for a token that is fetched after a 417.
func TestReadDuringTokenAfter417(t *testing.T) {
	var body io.Reader
	fetched := 0
	rt := &auth.Transport{
		MaxReplay: 3,
		Credentials: auth.Credential{TokenFunc: func(context.Context, string) (string, error) {
			if fetched++; fetched == 2 {
				_, _ = io.Copy(io.Discard, body)
			}
			return "token", nil
		}},
		Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			body = req.Body
			resp := &http.Response{StatusCode: 200, Body: http.NoBody, Request: req}
			switch {
			case req.Header.Get("Authorization") == "":
				resp.StatusCode, resp.Header = 401, http.Header{"Www-Authenticate": {"Bearer"}}
			case req.Header.Get("Expect") != "":
				resp.StatusCode = 417
			}
			return resp, nil
		}),
	}
	status, _, err := do(t, rt, "PUT", "http://example.com/", io.MultiReader(strings.NewReader("payload")))
	if status != 417 || err != nil || fetched != 2 {
		t.Errorf("%d %v after %d tokens, want 417 after 2", status, err, fetched)
	}
}

// TestStreamsInParallel: bodies that cannot be sent twice wait for a nonce that is
// in use, and never for a challenge.
func TestStreamsInParallel(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth"}
	url := s.start(t)
	rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
	if status, _, err := get(t, rt, url); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	parallel(t, 16, 5, func() error {
		r, w := io.Pipe()
		go func() {
			_, err := io.WriteString(w, "payload")
			_ = w.CloseWithError(err)
		}()
		status, _, err := do(t, rt, "PUT", url, r)
		if status != 200 {
			return fmt.Errorf("status %d, %w", status, err)
		}
		return err
	})
	s.fine(t)
	if _, challenges := s.counts(); challenges != 1 {
		t.Errorf("%d challenges, want 1", challenges)
	}
}
