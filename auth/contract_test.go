package auth_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// TestBelowKeepsItsResponse: a recorder below finds what it returned unchanged.
func TestBelowKeepsItsResponse(t *testing.T) {
	for why, header := range map[string]http.Header{
		"no Request":          {},
		"a proof of the body": {"Authentication-Info": {`rspauth="` + strings.Repeat("0", 32) + `", qop="auth-int"`}},
	} {
		var kept []*http.Response
		var was []http.Response
		rt := &auth.Transport{Credentials: keys("joe", "password"), Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 200, Header: header, Body: io.NopCloser(strings.NewReader("x"))}
			if req.Header["Authorization"] == nil {
				resp.StatusCode, resp.Header = 401, http.Header{"Www-Authenticate": {`Digest realm="r", nonce="n", qop="auth-int"`}}
			}
			kept, was = append(kept, resp), append(was, *resp)
			return resp, nil
		})}
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
		resp, err := rt.RoundTrip(req)
		if err != nil || resp.Request == nil {
			t.Fatal(resp, err)
		}
		for i, k := range kept {
			if k.Request != was[i].Request || k.Body != was[i].Body {
				t.Errorf("response %d was changed: %s", i, why)
			}
		}
	}
}

// TestBelowTouchesRequest: go-vcr and other doubles give the request that they are
// given a body.
func TestBelowTouchesRequest(t *testing.T) {
	n := 0
	rt := &auth.Transport{Credentials: keys("joe", "password"), Base: roundTripper(func(req *http.Request) (*http.Response, error) {
		n++
		resp, err := origin(`Basic realm="r"`)(req)
		if req.Body != nil {
			t.Error("the second request has a body that the caller did not give it")
		}
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(nil)), 7
		return resp, err
	})}
	if status, _, err := get(t, rt, "http://example.com/"); status != 200 || err != nil || n != 2 {
		t.Errorf("%d %v after %d requests, want 200 after 2", status, err, n)
	}
}

// TestUnanswered: trace is told why a challenge is not answered.
func TestUnanswered(t *testing.T) {
	wrongDomain := new(auth.Keyring)
	_ = wrongDomain.Add("joe", "password", "*.example.com")
	from := func(url string) func(*http.Request) {
		return func(r *http.Request) {
			first, _ := http.NewRequest("GET", url, nil)
			r.Response = &http.Response{Request: first}
		}
	}
	for _, row := range []struct {
		why, challenge string
		t              *auth.Transport
		prepare        func(*http.Request)
		want           string
		err            error
	}{
		{"a typing error in the domain", "Basic", &auth.Transport{Credentials: keys("joe", "x", "exmaple.com")}, nil, "no credential for this origin", nil},
		{"a domain that is none", "Basic", &auth.Transport{Credentials: wrongDomain}, nil, "no credential for this origin", auth.ErrDomain},
		{"the same in a single credential", "Basic", &auth.Transport{Credentials: auth.Credential{Username: "joe", Domain: "a/b"}}, nil, "no credential for this origin", auth.ErrDomain},
		{"nothing was configured", "Basic", &auth.Transport{}, nil, "no credentials", nil},
		{
			"the caller's own were refused", "Basic", &auth.Transport{Credentials: keys("joe", "x")},
			func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }, "the request brings its own credentials", nil,
		},
		{"no scheme", "Negotiate, NTLM", &auth.Transport{Credentials: keys("joe", "x")}, nil, "no scheme for negotiate, ntlm", nil},
		{"no token", "Bearer", &auth.Transport{Credentials: keys("joe", "x")}, nil, "no credential for bearer", nil},
		{"plain http", "Basic", &auth.Transport{Credentials: keys("joe", "x"), RequireTLS: true}, nil, "RequireTLS", nil},
		{"a redirect", "Basic", &auth.Transport{Credentials: keys("joe", "x")}, from("http://other.example/"), "a redirect led to", nil},
		{"no challenge", "", &auth.Transport{Credentials: keys("joe", "x")}, nil, "no challenge", nil},
		{"unsupported", `Digest realm="r", nonce="n", algorithm=MD9`, &auth.Transport{Credentials: keys("joe", "x")}, nil, "no credential for digest", &auth.UnsupportedError{}},
	} {
		var events []trace.Event
		ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { events = append(events, e) })
		row.t.Base = roundTripper(func(req *http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody, Request: req}
			if row.challenge != "" {
				resp.Header.Set("WWW-Authenticate", row.challenge)
			}
			return resp, nil
		})
		req, err := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if row.prepare != nil {
			row.prepare(req)
		}
		if resp, err := row.t.RoundTrip(req); err != nil || resp.StatusCode != 401 {
			t.Error(resp, err)
		}
		i := slices.IndexFunc(events, func(e trace.Event) bool { return e.Action == "give up" })
		if i < 0 || !strings.Contains(events[i].Reason, row.want) {
			t.Errorf("events %v, want %q: %s", events, row.want, row.why)
			continue
		}
		var u *auth.UnsupportedError
		if e := events[i].Err; row.err == nil && e != nil || row.err != nil && !errors.Is(e, row.err) && !(errors.As(row.err, &u) && errors.As(e, &u)) {
			t.Errorf("error %v, want %v: %s", e, row.err, row.why)
		}
	}
}

// TestUnsupportedHoldsResponse: whoever asks for the error has the 401 too.
func TestUnsupportedHoldsResponse(t *testing.T) {
	script := rttest.NewScript(t, challenge(`Digest realm="r", nonce="n", algorithm=MD9`))
	rt := &auth.Transport{Base: script, Credentials: keys("joe", "password"), Unsupported: true}
	_, _, err := get(t, rt, "http://example.com/")
	var u *auth.UnsupportedError
	if !errors.As(err, &u) || u.Parameter != "algorithm" || u.Response == nil || u.HTTPResponse() != u.Response {
		t.Fatalf("error %#v", err)
	}
	if b, err := io.ReadAll(u.Response.Body); string(b) != "no" || err != nil || u.Response.StatusCode != 401 {
		t.Errorf("%q %v", b, err)
	}
	if !roundtrip.Permanent(err) || !roundtrip.Permanent(auth.ErrServerProof) {
		t.Error("another try would be refused for the same reason")
	}
}

// TestDistrust: a password is signed once for a server that does not know it.
func TestDistrust(t *testing.T) {
	for _, row := range []struct{ why, challenge, proof string }{
		{"in the header", `Digest realm="r", nonce="n", qop="auth"`, `rspauth="` + strings.Repeat("0", 32) + `"`},
		{"at the end of the content", `Digest realm="r", nonce="n", qop="auth-int"`, `rspauth="` + strings.Repeat("0", 32) + `", qop="auth-int"`},
	} {
		signed := 0
		ring := keys("joe", "password")
		rt := &auth.Transport{Credentials: ring, Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := origin(row.challenge + `, Basic realm="other"`)(req)
			if resp.StatusCode == 200 {
				signed++
				resp.Header.Set("Authentication-Info", row.proof)
				resp.Body = io.NopCloser(strings.NewReader("content"))
			}
			return resp, err
		})}
		for range 3 {
			if _, _, err := get(t, rt, "http://example.com/"); !errors.Is(err, auth.ErrServerProof) || !roundtrip.Permanent(err) {
				t.Errorf("error %v: %s", err, row.why)
			}
		}
		if signed != 1 {
			t.Errorf("signed %d times, want once: %s", signed, row.why)
		}
		// The caller may begin anew.
		ring.Clear()
		_ = ring.Add("joe", "password")
		if _, _, _ = get(t, rt, "http://example.com/"); signed != 2 {
			t.Errorf("signed %d times after Clear, want twice: %s", signed, row.why)
		}
	}
}

// TestDistrustStays: an answer without a proof, which comes after a wrong proof,
// does not make the server known again.
func TestDistrustStays(t *testing.T) {
	signed := 0
	inFlight, distrusted := make(chan struct{}), make(chan struct{})
	rt := &auth.Transport{Credentials: keys("joe", "password"), Base: roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := origin(`Digest realm="r", nonce="` + req.URL.Path + `", qop="auth"`)(req)
		if resp.StatusCode != 200 {
			return resp, err
		}
		signed++
		if req.URL.Path == "/slow" {
			close(inFlight)
			<-distrusted
		} else {
			resp.Header.Set("Authentication-Info", `rspauth="0"`)
		}
		return resp, err
	})}
	slow := make(chan error)
	go func() {
		_, _, err := get(t, rt, "http://example.com/slow")
		slow <- err
	}()
	<-inFlight
	if _, _, err := get(t, rt, "http://example.com/"); !errors.Is(err, auth.ErrServerProof) {
		t.Errorf("error %v", err)
	}
	close(distrusted)
	if err := <-slow; err != nil {
		t.Error(err)
	}
	for range 2 {
		if _, _, err := get(t, rt, "http://example.com/slow"); !errors.Is(err, auth.ErrServerProof) {
			t.Errorf("error %v", err)
		}
	}
	if signed != 2 {
		t.Errorf("signed %d times, want twice", signed)
	}
}

// TestCookieOfChallenge: without a Jar it is for the answer alone.
func TestCookieOfChallenge(t *testing.T) {
	script := rttest.NewScript(t,
		rttest.Respond("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"r\"\nSet-Cookie: challenge={\"n\": 1}; Path=/\n"+
			"Set-Cookie: no=1; Path=/elsewhere\nSet-Cookie: gone=1; Max-Age=0\nSet-Cookie: foreign=1; Domain=example.org\n\nno"), yes, yes)
	rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
	for range 2 {
		if status, _, err := get(t, rt, "http://example.com/"); status != 200 || err != nil {
			t.Fatal(status, err)
		}
	}
	var got []string
	for _, r := range script.Requests() {
		got = append(got, r.Header.Get("Cookie"))
	}
	if want := []string{"", `challenge={"n": 1}`, ""}; !slices.Equal(got, want) {
		t.Errorf("cookies %q, want %q", got, want)
	}
}

// TestCookieOfCaller: a cookie of a 401 takes the place of the caller's of the same
// name, and of no other.
func TestCookieOfCaller(t *testing.T) {
	for _, row := range []struct{ why, set, want string }{
		{"a new value", "s=1", "own=1; s=1"},
		{"for another path (RFC 6265 §5.4)", "s=1; Path=/elsewhere", "own=1; s=0"},
		{"deleted", "s=; Max-Age=0", "own=1"},
		{"deleted as servers of old do it", "s=; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "own=1"},
		{"another name", "t=a b, \"c\"", "own=1; s=0; t=a b, \"c\""},
	} {
		script := rttest.NewScript(t, rttest.Respond("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"r\"\nSet-Cookie: "+row.set+"\n\nno"), yes)
		rt := &auth.Transport{Base: script, Credentials: keys("joe", "password")}
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil, "Cookie", "own=1; s=0")
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := script.Requests()[1].Header["Cookie"]; len(got) != 1 || got[0] != row.want {
			t.Errorf("cookies %q, want %q: %s", got, row.want, row.why)
		}
	}
}

// TestIgnoreProof: whoever knows that a server computes it wrongly says so.
func TestIgnoreProof(t *testing.T) {
	for _, qop := range []string{"auth", "auth-int"} {
		rt := &auth.Transport{
			Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.Digest{IgnoreProof: true}},
			Base: roundTripper(func(req *http.Request) (*http.Response, error) {
				resp, err := origin(`Digest realm="r", nonce="n", qop="` + qop + `"`)(req)
				resp.Header.Set("Authentication-Info", `rspauth="0", qop="`+qop+`", nextnonce="m"`)
				resp.Body = io.NopCloser(strings.NewReader("content"))
				return resp, err
			}),
		}
		for range 2 {
			if status, body, err := get(t, rt, "http://example.com/"); status != 200 || body != "content" || err != nil {
				t.Errorf("%s: %d %q %v", qop, status, body, err)
			}
		}
	}
}

// signing is a scheme outside of this package that signs the whole URL.
type signing struct{}

func (signing) Name() string                                       { return "sign" }
func (signing) Weigh(auth.Challenge, auth.Credential) (int, error) { return auth.StrengthDigest, nil }

func (signing) Session(*auth.Challenge, auth.Credential) (auth.Session, error) { return signing{}, nil }

func (signing) Sign(req *auth.Request) error {
	req.Authorize("Sign " + req.URL.Scheme + "|" + req.URL.Host + "|" + req.Host + "|" + req.Target)
	return nil
}

// TestAttemptURL: a scheme knows where the request goes, and no password of the URL.
func TestAttemptURL(t *testing.T) {
	script := rttest.NewScript(t, yes)
	rt := &auth.Transport{Base: script, Schemes: []auth.Scheme{signing{}}, Preemptive: true, Credentials: auth.SourceFunc(
		func(context.Context, auth.Target) ([]auth.Credential, error) {
			return []auth.Credential{{Username: "joe"}}, nil
		})}
	req := rttest.NewRequest(t, "GET", "https://joe@example.com:8443/a?b", nil)
	req.Host = "virtual.example"
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := script.Requests()[0].Header.Get("Authorization"); got != "Sign https|example.com:8443|virtual.example|/a?b" {
		t.Errorf("signed %q", got)
	}
}

// TestProofOfKnownLength: the error comes with the last byte, since readers that
// know the length do not come back for the end.
func TestProofOfKnownLength(t *testing.T) {
	const content = "content"
	for _, row := range []struct {
		why, proof string
		want       error
	}{
		{"a lie", strings.Repeat("0", 32), auth.ErrServerProof},
		{"the truth", "", nil},
	} {
		rt := &auth.Transport{Credentials: keys("joe", "password"), Base: roundTripper(func(req *http.Request) (*http.Response, error) {
			resp, err := origin(`Digest realm="r", nonce="n", qop="auth-int"`)(req)
			if p := params(req.Header.Get("Authorization")); resp.StatusCode == 200 {
				proof := row.proof
				if proof == "" {
					ha2 := md5hex(":" + p["uri"] + ":" + md5hex(content))
					proof = md5hex(strings.Join([]string{md5hex("joe:r:password"), "n", p["nc"], p["cnonce"], "auth-int", ha2}, ":"))
				}
				resp.Header.Set("Authentication-Info", `qop="auth-int", rspauth="`+proof+`"`)
				resp.ContentLength, resp.Body = int64(len(content)), io.NopCloser(iotest.OneByteReader(strings.NewReader(content)))
			}
			return resp, err
		})}
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 1)
		for range content {
			if _, err = resp.Body.Read(buf); err != nil {
				break
			}
		}
		if !errors.Is(err, row.want) {
			t.Errorf("with the last byte: %v, want %v: %s", err, row.want, row.why)
		}
		if rest, err := io.ReadAll(resp.Body); len(rest) > 0 || !errors.Is(err, row.want) {
			t.Errorf("then %q, %v: %s", rest, err, row.why)
		}
		_ = resp.Body.Close()
	}
}
