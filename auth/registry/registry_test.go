package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
)

// A hub is a registry with a token service on an origin of its own, by the specification of the
// token protocol. Repositories whose name begins with private belong to joe.
type hub struct {
	registry, tokens *httptest.Server

	requests, fetches atomic.Int32 // since expect
	issued            atomic.Int32

	mu     sync.Mutex
	valid  map[string]string // tokens with their "user scopes"
	asked  []string          // queries of the token service, with its user
	life   int               // of tokens in seconds, 0: not told
	status int               // of the token service, if not 200
}

func newHub(t *testing.T, tls bool) *hub {
	t.Helper()
	h := &hub{valid: map[string]string{}}
	start := httptest.NewServer
	if tls {
		start = httptest.NewTLSServer
	}
	h.registry, h.tokens = start(http.HandlerFunc(h.serve)), start(http.HandlerFunc(h.issue))
	t.Cleanup(h.registry.Close)
	t.Cleanup(h.tokens.Close)
	return h
}

// serve answers as a registry does: a token that is unknown is invalid, and one for another scope
// insufficient.
func (h *hub) serve(w http.ResponseWriter, r *http.Request) {
	h.requests.Add(1)
	at := placeOf(&auth.Request{URL: r.URL, Method: r.Method})
	action := "pull"
	if at.write {
		action = "pull,push"
	}
	scope := "repository:" + strings.TrimPrefix(at.name, "/v2/") + ":" + action
	token, bearer := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	h.mu.Lock()
	owner, known := h.valid[token]
	h.mu.Unlock()
	problem := ""
	switch {
	case !bearer:
	case !known:
		problem = `,error="invalid_token"`
	case !slices.Contains(strings.Fields(owner)[1:], scope):
		problem = `,error="insufficient_scope"`
	default:
		w.Header().Set("Cache-Control", "max-age=60")
		fmt.Fprintf(w, "%s of %s", at.name, strings.Fields(owner)[0])
		return
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="%s/token?x=1",service="hub",scope="%s"%s`, h.tokens.URL, scope, problem))
	w.WriteHeader(http.StatusUnauthorized)
}

// issue answers as a token service does: whoever may not do all of what is asked gets a token
// for less.
func (h *hub) issue(w http.ResponseWriter, r *http.Request) {
	h.fetches.Add(1)
	n := h.issued.Add(1)
	user, password, basic := r.BasicAuth()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.asked = append(h.asked, user+" "+r.URL.RawQuery)
	switch {
	case h.status != 0:
		w.WriteHeader(h.status)
		fmt.Fprint(w, `{"details":"`+password+`"}`)
		return
	case basic && (user != "joe" || password != "hunter2"):
		w.WriteHeader(http.StatusUnauthorized)
		return
	case !basic:
		user = "anonymous"
	}
	granted := user
	for _, scope := range r.URL.Query()["scope"] {
		if user == "joe" || !strings.HasPrefix(scope, "repository:private") && strings.HasSuffix(scope, ":pull") {
			granted += " " + scope
		}
	}
	token := fmt.Sprintf("token-%d", n)
	h.valid[token] = granted
	answer := map[string]any{"token": token, "access_token": token, "issued_at": time.Now().Add(time.Hour)}
	if h.life != 0 {
		answer["expires_in"] = h.life
	}
	_ = json.NewEncoder(w).Encode(answer)
}

// revoke makes all tokens invalid.
func (h *hub) revoke() {
	h.mu.Lock()
	defer h.mu.Unlock()
	clear(h.valid)
}

func host(t *testing.T, s *httptest.Server) string {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

func (h *hub) joe(t *testing.T) *auth.Keyring {
	t.Helper()
	keys := new(auth.Keyring)
	if err := keys.Add("joe", "hunter2", host(t, h.registry), host(t, h.tokens)); err != nil {
		t.Fatal(err)
	}
	return keys
}

// layer returns an auth layer over the client of the test server, which knows its certificate.
func (h *hub) layer(credentials auth.Source) *auth.Transport {
	base := h.registry.Client().Transport
	return &auth.Transport{Base: base, Credentials: credentials, Schemes: []auth.Scheme{&Bearer{Base: h.tokens.Client().Transport}, auth.Basic{}}}
}

func send(t *testing.T, rt http.RoundTripper, method, url string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(tracetest.Context(t, "../.."), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

func (h *hub) expect(t *testing.T, requests, fetches int32, why string) {
	t.Helper()
	if r, f := h.requests.Swap(0), h.fetches.Swap(0); r != requests || f != fetches {
		t.Errorf("%d requests and %d tokens, want %d and %d: %s", r, f, requests, fetches, why)
	}
}

func TestFlow(t *testing.T) {
	for _, tls := range []bool{false, true} {
		h := newHub(t, tls)
		for _, who := range []struct {
			name   string
			source auth.Source
		}{{"anonymous", auth.Credential{}}, {"joe", h.joe(t)}} {
			rt := h.layer(who.source)
			get := func(method, path, want string, requests, fetches int32, why string) {
				t.Helper()
				status, body, err := send(t, rt, method, h.registry.URL+path)
				if want == "" && status != 401 || want != "" && (status != 200 || body != want+" of "+who.name && method != "HEAD") || err != nil {
					t.Errorf("%s: %d %q, %v: %s", who.name, status, body, err, why)
				}
				h.expect(t, requests, fetches, who.name+": "+why)
			}
			get("GET", "/v2/a/b/manifests/latest", "/v2/a/b", 2, 1, "a challenge, a token, the answer")
			get("GET", "/v2/a/b/manifests/latest", "/v2/a/b", 1, 0, "the token is sent at once")
			get("HEAD", "/v2/a/b/manifests/other", "/v2/a/b", 1, 0, "likewise")
			if who.name == "joe" {
				get("GET", "/v2/private/manifests/1", "/v2/private", 2, 1, "another repository, another token")
				get("POST", "/v2/a/b/blobs/uploads/", "/v2/a/b", 2, 1, "to write is another scope")
				get("GET", "/v2/a/b/manifests/latest", "/v2/a/b", 1, 0, "the first token is still there")
				get("POST", "/v2/a/b/blobs/uploads/", "/v2/a/b", 1, 0, "so is the other")
			} else {
				get("GET", "/v2/private/manifests/1", "", 2, 1, "it is not for everybody: the 401 is returned")
				get("GET", "/v2/private/manifests/1", "", 2, 0, "and the token is not got again and again")
			}
			h.revoke()
			get("GET", "/v2/a/b/manifests/latest", "/v2/a/b", 2, 1, "a token that was refused is got again")
		}
	}
}

// TestQueries: what the token service is asked.
func TestQueries(t *testing.T) {
	t.Parallel()
	h := newHub(t, false)
	if status, _, err := send(t, h.layer(h.joe(t)), "GET", h.registry.URL+"/v2/a/manifests/1"); status != 200 || err != nil {
		t.Error(status, err)
	}
	want := "joe account=joe&scope=repository%3Aa%3Apull&service=hub&x=1"
	if len(h.asked) != 1 || h.asked[0] != want {
		t.Errorf("asked %q, want %q", h.asked, want)
	}
	several := grant{realm: h.tokens.URL, scope: "repository:a:pull  repository:b:pull,push"}
	if _, err := new(Bearer).token(t.Context(), need{grant: several}, ""); err != nil || h.asked[1] != " scope=repository%3Aa%3Apull&scope=repository%3Ab%3Apull%2Cpush" {
		t.Errorf("asked %q, %v", h.asked[1], err)
	}
}

// TestOrder: registries write scopes and actions in any order.
func TestOrder(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"":                       "",
		"repository:a:push,pull": "repository:a:pull,push",
		" repository:b:pull  repository:a:x,pull": "repository:a:pull,x repository:b:pull",
		"repository:a:5000/b:pull,pull":           "repository:a:5000/b:pull",
		"registry:catalog:*":                      "registry:catalog:*",
		"scope other scope":                       "other scope",
	} {
		if got := inOrder(list); got != want {
			t.Errorf("%q is %q, want %q", list, got, want)
		}
	}
}

// TestParallel counts at the servers: one token for all, one more when it is refused.
func TestParallel(t *testing.T) {
	t.Parallel()
	h := newHub(t, false)
	rt := h.layer(h.joe(t))
	pull := func() {
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				if status, _, err := send(t, rt, "GET", fmt.Sprintf("%s/v2/a/blobs/%d", h.registry.URL, i)); status != 200 || err != nil {
					t.Error(status, err)
				}
			})
		}
		wg.Wait()
	}
	for _, why := range []string{"the first", "after they were revoked"} {
		pull()
		if n := h.fetches.Swap(0); n != 1 {
			t.Errorf("%d tokens for 100 pulls, want 1: %s", n, why)
		}
		h.revoke()
	}
}

// TestExpiry: the life that is told counts from when the token was asked for.
func TestExpiry(t *testing.T) {
	t.Parallel()
	begun := time.Now()
	for _, row := range []struct {
		body string
		want string
		life time.Duration
	}{
		{`{"token":"a"}`, "a", time.Minute},
		{`{"token":"a","expires_in":300}`, "a", 5 * time.Minute},
		{`{"access_token":"b","expires_in":1}`, "b", time.Second},
		{`{"token":"","access_token":"b","expires_in":0}`, "b", time.Minute},
		{`{"token":"a","expires_in":-5}`, "a", time.Minute},
		{`{"token":"a","expires_in":9223372036854775807}`, "a", 365 * 24 * time.Hour},
		{`{"token":"a b"}`, "", 0},
		{`{"token":"a\r\nX: y"}`, "", 0},
		{`{"token":7}`, "", 0},
		{`{}`, "", 0},
		{`[]`, "", 0},
		{``, "", 0},
		{`null`, "", 0},
		{`{"token":"a","expires_in":"x"}`, "", 0},
		{`{"token":"` + strings.Repeat("a", maxBody) + `"}`, "", 0},
	} {
		got, err := parse(strings.NewReader(row.body), begun)
		if got.Value != row.want || (err == nil) != (row.want != "") || err == nil && got.Expires.Sub(begun) != row.life {
			t.Errorf("%.60s: %q until %v, %v", row.body, got.Value, got.Expires.Sub(begun), err)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`{"token":"a","expires_in":300}`, `{"access_token":"b"}`, `{`, `{"token":"\u0000"}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		begun := time.Now()
		got, err := parse(strings.NewReader(body), begun)
		if err == nil && (got.Value == "" || strings.ContainsAny(got.Value, "\r\n ") || !got.Expires.After(begun)) {
			t.Errorf("%q is token %q until %v", body, got.Value, got.Expires)
		}
	})
}

// TestWhere: to whom a password goes.
func TestWhere(t *testing.T) {
	t.Parallel()
	const registry = "https://registry.example"
	own := func(domains ...string) auth.Source {
		keys := new(auth.Keyring)
		if err := keys.Add("joe", "hunter2", domains...); err != nil {
			t.Fatal(err)
		}
		return keys
	}
	for _, row := range []struct {
		why, origin, realm string
		source             auth.Source
		want               string // the Authorization that the token service gets; "-" if it gets none
	}{
		{"the registry's own origin", registry, registry + "/token", own("registry.example"), "Basic am9lOmh1bnRlcjI="},
		{"an origin that a domain names", registry, "https://auth.example/token", own("registry.example", "auth.example"), "Basic am9lOmh1bnRlcjI="},
		{"an origin that no domain names", registry, "https://auth.example/token", own("registry.example"), "-"},
		{"a credential without a domain is for what the caller asks", registry, "https://auth.example/token", own(), "-"},
		{"another port", registry, registry + ":8443/token", own("https://registry.example"), "-"},
		{"the user of another", registry, "https://auth.example/token", func() auth.Source {
			keys := new(auth.Keyring)
			_ = keys.Add("joe", "hunter2", "registry.example")
			_ = keys.Add("joe", "another", "auth.example")
			return keys
		}(), "-"},
		{"nobody, elsewhere", registry, "https://auth.example/token", auth.Credential{}, ""},
		{"from https in the clear", registry, "http://registry.example/token", own("registry.example"), "-"},
		{"to a domain in the clear", registry, "http://auth.example/token", own("registry.example", "http://auth.example"), "-"},
		{"nobody, in the clear", registry, "http://auth.example/token", auth.Credential{}, "-"},
		{"from http in the clear", "http://registry.example", "http://registry.example/token", own("registry.example"), "Basic am9lOmh1bnRlcjI="},
		{"from http to https", "http://registry.example", "https://auth.example/token", own("registry.example", "auth.example"), "Basic am9lOmh1bnRlcjI="},
		{"no URL", registry, "token", own("registry.example"), "-"},
		{"another scheme", registry, "ftp://registry.example/token", own("registry.example"), "-"},
		{"a user in the URL", registry, "https://a:b@registry.example/token", own("registry.example"), "-"},
		{"a relative URL", registry, "/token", own("registry.example"), "-"},
		{"too long", registry, registry + "/" + strings.Repeat("x", maxParam), own("registry.example"), "-"},
	} {
		got, served := "-", 0
		service := rttest.Func(func(req *http.Request) (*http.Response, error) {
			got = req.Header.Get("Authorization")
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"token":"t"}`)), Request: req}, nil
		})
		rt := &auth.Transport{
			Credentials: row.source, Schemes: []auth.Scheme{&Bearer{Base: service}},
			Base: rttest.Func(func(req *http.Request) (*http.Response, error) {
				resp := &http.Response{StatusCode: 401, Header: http.Header{}, Body: http.NoBody, Request: req}
				if served++; req.Header.Get("Authorization") == "Bearer t" {
					resp.StatusCode = 200
				}
				resp.Header.Set("WWW-Authenticate", `Bearer realm="`+row.realm+`",service="s",scope="x"`)
				return resp, nil
			}),
		}
		status, _, err := send(t, rt, "GET", row.origin+"/v2/")
		if got != row.want || err != nil || (status == 200) != (row.want != "-") || served > 2 {
			t.Errorf("status %d, %v; the token service got %q, want %q: %s", status, err, got, row.want, row.why)
		}
	}
}

// TestFailures: the request fails with what the token service has said.
func TestFailures(t *testing.T) {
	t.Parallel()
	h := newHub(t, false)
	for status, permanent := range map[int]bool{401: true, 403: true, 404: true, 429: false, 503: false, 302: true, 204: false} {
		h.status = status
		_, _, err := send(t, h.layer(h.joe(t)), "GET", h.registry.URL+"/v2/a/manifests/1")
		var e *Error
		if !errors.As(err, &e) || e.StatusCode != status || e.Origin != h.tokens.URL || roundtrip.Permanent(err) != permanent || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("status %d: error %v", status, err)
		}
	}
	h.fetches.Store(0)
	h.status = 401
	rt := h.layer(h.joe(t))
	if _, _, err := send(t, rt, "GET", h.registry.URL+"/v2/a/manifests/1"); err == nil {
		t.Error("no error")
	}
	if n := h.fetches.Load(); n != 1 {
		t.Errorf("a wrong password was sent %d times for one request, want once", n)
	}
	down := errors.New("down")
	rt.Schemes = []auth.Scheme{&Bearer{Base: rttest.Fail(down)}}
	rt = &auth.Transport{Base: rt.Base, Credentials: rt.Credentials, Schemes: rt.Schemes}
	if _, _, err := send(t, rt, "GET", h.registry.URL+"/v2/a/manifests/1"); !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(down)
	if _, err := new(Bearer).token(ctx, need{grant: grant{realm: h.tokens.URL}}, ""); err != down {
		t.Errorf("error %v", err)
	}
}

// TestCache: tokens come and go, and the responses stay with their user.
func TestCache(t *testing.T) {
	t.Parallel()
	h := newHub(t, false)
	cache := &caching.Transport{}
	defer cache.Close()
	joe, nobody := tripper.Chain{cache}.Wrap(h.layer(h.joe(t))), tripper.Chain{cache}.Wrap(h.layer(auth.Credential{}))
	for range 3 {
		for _, row := range []struct {
			rt   http.RoundTripper
			want string
		}{{joe, "/v2/a of joe"}, {nobody, "/v2/a of anonymous"}} {
			if _, body, err := send(t, row.rt, "GET", h.registry.URL+"/v2/a/manifests/1"); body != row.want || err != nil {
				t.Errorf("%q, %v, want %q", body, err, row.want)
			}
		}
		h.revoke()
	}
	h.expect(t, 4, 2, "two users, and hits that need no token")
}

func TestPrints(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	h := newHub(t, false)
	b := &Bearer{Base: h.tokens.Client().Transport}
	rt := &auth.Transport{Base: h.registry.Client().Transport, Credentials: h.joe(t), Schemes: []auth.Scheme{b}}
	if status, _, err := send(t, rt, "GET", h.registry.URL+"/v2/private/manifests/1"); status != 200 || err != nil {
		t.Fatal(status, err)
	}
	byValue := &struct{ B Bearer }{}
	if _, err := byValue.B.token(t.Context(), need{grant{realm: h.tokens.URL}, "joe", secret}, ""); err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%v %+v %#v", byValue, byValue, byValue); strings.Contains(text, secret) || strings.Contains(text, "token-") {
		t.Errorf("printed with a struct that holds it by value: %s", text)
	}
	rttest.Prints(t, secret, map[string][]any{
		"Bearer": {b, rt},
		"Error":  {&Error{Origin: "https://a.example", StatusCode: 401}},
	})
}
