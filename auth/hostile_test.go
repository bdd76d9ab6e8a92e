package auth_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestHostile are exchanges in which the server, or the source, means no good.
func TestHostile(t *testing.T) {
	both := auth.Credential{Username: "joe", Token: "t"}
	for _, x := range []*exchangeTest{
		{
			name: "downgrade later, at the root", why: "a path that ends in a slash is a place like any other",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/", "http://example.com/"},
			steps: []rttest.Step{rttest.Respond(digest), yes, challenge(`Basic realm="other"`)},
			want:  "- digest:n1:SHA-256:1 digest:n1:SHA-256:2", status: 401,
		},
		{
			name: "a control character in the realm", why: "it cannot be sent back, and is no reason to fail",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{controlRealm}, want: "-", status: 401,
		},
		{
			name: "a token and a name", why: "the name says whose token it is; it is no reason to send it with an empty password",
			t:     auth.Transport{Credentials: both, Preemptive: true},
			steps: []rttest.Step{yes}, want: "bearer:t",
		},
		{
			name: "a token and a name, asked for Basic", why: "likewise",
			t:     auth.Transport{Credentials: both},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
		},
		{
			name: "wrong in UTF-8 and in ISO 8859-1", why: "two tries, and no more",
			t:     auth.Transport{Credentials: keys("ü", "ü")},
			steps: []rttest.Step{rttest.Respond(basic), rttest.Respond(basic), rttest.Respond(basic)},
			want:  "- basic:w7w6w7w= basic:/Dr8", status: 401,
		},
		{
			name: "not in ISO 8859-1", why: "what that cannot say is not tried in it",
			t:     auth.Transport{Credentials: keys("Дое", "ü")},
			steps: []rttest.Step{rttest.Respond(basic), rttest.Respond(basic)}, want: "- basic:0JTQvtC1OsO8", status: 401,
		},
		{
			name: "a token with a line end", why: "it cannot be sent, and the 401 says why something was to be",
			t:     auth.Transport{Credentials: auth.Credential{Token: "a\nb"}},
			steps: []rttest.Step{challenge("Bearer")}, want: "-", status: 401,
		},
		{
			name: "a ring of redirects", why: "a way that has no end has no beginning that the caller asked for",
			t: auth.Transport{Credentials: keys("joe", "password")}, steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
			prepare: func(req *http.Request) { req.Response = &http.Response{Request: req} },
		},
		{
			name: "a redirect from nowhere", why: "likewise",
			t: auth.Transport{Credentials: keys("joe", "password")}, steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
			prepare: func(req *http.Request) { req.Response = new(http.Response) },
		},
		{
			name: "the caller's own X-WSSE", why: "is left alone like an Authorization",
			t: auth.Transport{Credentials: keys("joe", "password")}, steps: []rttest.Step{rttest.Respond(basic)}, want: "x-wsse", status: 401,
			header: http.Header{"X-Wsse": {"UsernameToken"}},
		},
		{
			name: "first credential first", why: "whichever challenge comes first in the response",
			t: auth.Transport{Credentials: auth.SourceFunc(func(context.Context, auth.Target) ([]auth.Credential, error) {
				return []auth.Credential{{Token: "t"}, {Username: "joe", Password: "password"}}, nil
			})},
			steps: []rttest.Step{challenge(`Basic realm="r"`, "Bearer"), yes}, want: "- bearer:t",
		},
	} {
		t.Run(x.name, x.run)
	}
}

var controlRealm = rttest.Func(func(req *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: 401, Header: http.Header{"Www-Authenticate": {"Digest realm=\"\x01\", nonce=n, HMACDigest realm=\"\x01\", snonce=n"}},
		Body: io.NopCloser(strings.NewReader("no")), Request: req,
	}, nil
})

// TestSourceWithoutEnd: a source that invents a credential each time it is asked,
// such as a new token, must not be asked for ever.
func TestSourceWithoutEnd(t *testing.T) {
	asked, sent := 0, 0
	rt := &auth.Transport{
		Credentials: auth.SourceFunc(func(context.Context, auth.Target) ([]auth.Credential, error) {
			asked++
			return []auth.Credential{{Token: fmt.Sprint("token", asked)}}, nil
		}),
		Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			if sent++; sent > 1000 {
				return nil, errors.New("without end")
			}
			return &http.Response{StatusCode: 401, Header: http.Header{"Www-Authenticate": {"Bearer"}}, Body: http.NoBody, Request: req}, nil
		}),
	}
	if status, _, err := get(t, rt, "http://example.com/"); status != 401 || err != nil || sent > 64 {
		t.Errorf("%d %v after %d requests", status, err, sent)
	}
}

// TestTokenFuncIsToldTokens: and its own, never what another credential was
// refused with.
func TestTokenFuncIsToldTokens(t *testing.T) {
	for _, first := range []auth.Credential{{Username: "joe", Password: "password"}, {Token: "static"}} {
		var told []string
		second := auth.Credential{TokenFunc: func(_ context.Context, invalid string) (string, error) {
			told = append(told, invalid)
			return "fresh", nil
		}}
		script := rttest.NewScript(t, challenge(`Bearer`, `Basic realm="r"`), challenge(`Bearer error="invalid_token"`, `Basic realm="r"`), yes)
		rt := &auth.Transport{Base: script, Credentials: auth.SourceFunc(func(context.Context, auth.Target) ([]auth.Credential, error) {
			return []auth.Credential{first, second}, nil
		})}
		if status, _, err := get(t, rt, "http://example.com/"); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		if len(told) != 1 || told[0] != "" {
			t.Errorf("the function was told %q", told)
		}
	}
}

// onceSeeker is a body that can be sought three times: it tells where it stands and where it
// ends, and goes back once.
type onceSeeker struct {
	*strings.Reader
	seeks int
}

func (s *onceSeeker) Seek(off int64, whence int) (int64, error) {
	if s.seeks++; s.seeks > 3 {
		return 0, errors.New("sought too often")
	}
	return s.Reader.Seek(off, whence)
}

func (s *onceSeeker) Close() error { return nil }

// TestSeekFails: a body that was read for its hash and does not go back to its
// beginning is an error, not a panic.
func TestSeekFails(t *testing.T) {
	script := rttest.NewScript(t, challenge(`Digest realm="r", nonce="n", qop="auth-int"`), yes)
	rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
	if status, _, err := get(t, rt, "http://example.com/"); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	body := &onceSeeker{strings.NewReader("payload"), 0}
	if _, _, err := do(t, rt, "PUT", "http://example.com/", body); err == nil || !strings.Contains(err.Error(), "sought too often") {
		t.Errorf("error %v", err)
	}
}

// TestProofOfCompressed: net/http takes the gzip off that it has asked for, and
// with it what rspauth was computed of.
func TestProofOfCompressed(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth"}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := params(r.Header.Get("Authorization"))
		if len(p) == 0 {
			s.ServeHTTP(w, r)
			return
		}
		var coded strings.Builder
		z := gzip.NewWriter(&coded)
		_, _ = io.WriteString(z, "welcome")
		_ = z.Close()
		ha1 := s.h("joe", testRealm, "password")
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Authentication-Info", `qop=auth-int, rspauth="`+
			s.h(ha1, p["nonce"], p["nc"], p["cnonce"], "auth-int", s.h("", p["uri"], s.h(coded.String())))+`"`)
		_, _ = io.WriteString(w, coded.String())
	}))
	defer srv.Close()
	rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
	if status, body, err := get(t, rt, srv.URL); status != 200 || body != "welcome" || err != nil {
		t.Errorf("%d %q %v", status, body, err)
	}
}

// TestKeyringIsNotShared: whoever asks a Keyring may change what it answers.
func TestKeyringIsNotShared(t *testing.T) {
	k := keys("joe", "password")
	for range 2 {
		found, err := k.Credentials(t.Context(), auth.Target{})
		if err != nil || len(found) != 1 || found[0].Username != "joe" {
			t.Fatal(found, err)
		}
		found[0] = auth.Credential{Username: "fred"}
	}
}

// TestNothingPrintsSecrets prints everything that holds one, in every way.
func TestNothingPrintsSecrets(t *testing.T) {
	const secret = "hunter2"
	cred := auth.Credential{Username: "joe", Password: secret}
	script := rttest.NewScript(t, rttest.Respond(basic), yes)
	rt := &auth.Transport{Base: script, Credentials: cred}
	if status, _, err := get(t, rt, "http://example.com/"); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = rt.Identity(req) // remembers names by what they stand for
	p := &auth.Proxy{Credentials: cred, Preemptive: true}
	if _, err := p.Authorize(t.Context(), req.URL, "GET", "/"); err != nil {
		t.Fatal(err)
	}
	for _, v := range []any{cred, &cred, []auth.Credential{cred}, keys("joe", secret), rt, p, rt.Wrap(nil), &auth.Request{Credential: cred}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			got := fmt.Sprintf(verb, v)
			if strings.Contains(got, secret) || strings.Contains(got, "68756e74657232") || strings.Contains(got, "am9lOmh1bnRlcjI") {
				t.Errorf("%s of %T tells its secret", verb, v)
			}
		}
		var text strings.Builder
		slog.New(slog.NewJSONHandler(&text, nil)).Info("x", "v", v)
		slog.New(slog.NewTextHandler(&text, nil)).Info("x", "v", v)
		if strings.Contains(text.String(), secret) {
			t.Errorf("log of %T tells its secret", v)
		}
	}
}

// TestJarKeepsOddCookies: what the caller sends, net/http would not have written.
func TestJarKeepsOddCookies(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	script := rttest.NewScript(t,
		rttest.Respond("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"r\"\nSet-Cookie: session=new\n\nno"), yes)
	rt := &auth.Transport{Base: script, Credentials: keys("joe", "password"), Jar: jar}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", `odd={"a": 1, "b"}; session=old; bare`)
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := script.Requests()[1].Header.Get("Cookie"); got != `odd={"a": 1, "b"}; bare; session=new` {
		t.Errorf("Cookie: %q", got)
	}
}

// TestPanicGivesLeaseUp: a nonce that was out when something below panicked does
// not keep others waiting.
func TestPanicGivesLeaseUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := rttest.NewScript(t, rttest.Respond(digest), yes, rttest.Func(func(*http.Request) (*http.Response, error) {
			panic("below")
		}), yes)
		rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
		if status, _, err := get(t, rt, "http://example.com/"); status != 200 || err != nil {
			t.Fatal(status, err)
		}
		func() {
			defer func() { _ = recover() }()
			_, _, _ = get(t, rt, "http://example.com/")
		}()
		// In the bubble time passes only if somebody waits for it.
		done := make(chan struct{})
		go func() {
			defer close(done)
			if status, _, err := do(t, rt, "PUT", "http://example.com/", io.MultiReader(strings.NewReader("x"))); status != 200 || err != nil {
				t.Error(status, err)
			}
		}()
		synctest.Wait()
		select {
		case <-done:
		default:
			t.Error("the next request waits for a nonce that nobody has")
			<-done
		}
	})
}

// TestOneNonceForAll: some servers have one nonce for everybody, or for a second
// (WEBrick). Its count must not be sent twice all the same.
func TestOneNonceForAll(t *testing.T) {
	for _, row := range []struct {
		why, next string
	}{
		{"in challenges", ""},
		{"and in nextnonce", `nextnonce="one"`},
	} {
		var mu sync.Mutex
		seen, cnonces, failures, challenges := map[string]int{}, map[string]bool{}, 0, 0
		start := make(chan struct{})
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}
			p := params(req.Header.Get("Authorization"))
			mu.Lock()
			if len(p) == 0 {
				// All at once.
				if challenges++; challenges == 16 {
					close(start)
				}
				mu.Unlock()
				if <-start; true {
					resp.StatusCode = 401
					resp.Header.Set("WWW-Authenticate", `Digest realm="r", nonce="one", qop="auth", algorithm=MD5-sess`)
				}
				return resp, nil
			}
			defer mu.Unlock()
			seen[p["nc"]]++
			cnonces[p["cnonce"]] = true
			if failures++; failures%7 == 0 {
				return nil, errors.New("the connection broke")
			}
			resp.Header.Set("Authentication-Info", row.next)
			return resp, nil
		})
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		parallel(t, 16, 20, func() error {
			_, _, _ = get(t, rt, "http://example.com/")
			return nil
		})
		for nc, n := range seen {
			if n > 1 {
				t.Errorf("nc %s was sent %d times: %s", nc, n, row.why)
			}
		}
		if len(cnonces) != 1 {
			t.Errorf("%d client nonces for one nonce with -sess", len(cnonces))
		}
	}
}

// TestFields: a gateway has fields of its own, and what is in the usual ones is
// for somebody behind it.
func TestFields(t *testing.T) {
	script := rttest.NewScript(t,
		rttest.Respond("HTTP/1.1 401 Unauthorized\nX-WWW-Authenticate: Basic realm=\"r\"\nWWW-Authenticate: Bearer\n\nno"), yes, yes, rttest.Respond(basic))
	rt := &auth.Transport{
		Base: script, Credentials: keys("joe", "password"), ChallengeField: "x-www-authenticate", AnswerField: "x-authorization",
	}
	for i, own := range []string{"", "", "mine"} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer behind")
		if own != "" {
			req.Header.Set("X-Authorization", own)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if want := []int{200, 200, 401}[i]; resp.StatusCode != want {
			t.Errorf("status %d, want %d", resp.StatusCode, want)
		}
	}
	for i, r := range script.Requests() {
		got := r.Header.Get("X-Authorization")
		if want := []string{"", joeBase, joeBase, "mine"}[i]; got != want || r.Header.Get("Authorization") != "Bearer behind" {
			t.Errorf("request %d: %q, want %q; and %q", i, got, want, r.Header.Get("Authorization"))
		}
	}
}
