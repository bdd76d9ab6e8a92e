package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// demanding wants Basic of joe and tells who has sent it something.
func demanding(t *testing.T) (srv *httptest.Server, seen func() []string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if v := r.Header.Get("Authorization"); v != "" {
			mu.Lock()
			all = append(all, v)
			mu.Unlock()
			if v == joeBase {
				return
			}
		}
		w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
		w.WriteHeader(401)
	}))
	t.Cleanup(srv.Close)
	return srv, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return all
	}
}

// TestRedirects has http.Client follow redirects above this layer.
func TestRedirects(t *testing.T) {
	other, seen := demanding(t)
	host := strings.TrimPrefix(other.URL, "http://")
	var first *httptest.Server
	first = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/away":
			http.Redirect(w, r, other.URL+"/there", http.StatusFound)
		case "/planted":
			http.Redirect(w, r, "http://joe:password@"+host+"/there", http.StatusFound)
		case "/out-and-home":
			http.Redirect(w, r, first.URL+"/home", http.StatusFound)
		default:
			if r.Header.Get("Authorization") != joeBase {
				w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
				w.WriteHeader(401)
			}
		}
	}))
	defer first.Close()
	for _, row := range []struct {
		why, path string
		t         *auth.Transport
		status    int
		seen      int
	}{
		{"unscoped credentials are not for the target of a redirect", "/away", &auth.Transport{Credentials: keys("joe", "password")}, 401, 0},
		{"not pre-emptively either", "/away", &auth.Transport{Credentials: keys("joe", "password"), Preemptive: true}, 401, 0},
		{"nor those of the first origin, port and all", "/away", &auth.Transport{Credentials: keys("joe", "password", strings.TrimPrefix(first.URL, "http://"))}, 401, 0},
		{"those that name the target are", "/away", &auth.Transport{Credentials: keys("joe", "password", host)}, 200, 1},
		{"TrustRedirects says so", "/away", &auth.Transport{Credentials: keys("joe", "password"), TrustRedirects: true}, 200, 1},
		{"user information in a Location is not the caller's", "/planted", &auth.Transport{}, 401, 0},
		{"a redirect within the origin changes nothing", "/out-and-home", &auth.Transport{Credentials: keys("joe", "password")}, 200, 0},
	} {
		before := len(seen())
		row.t.Base = newBase(t)
		client := &http.Client{Transport: row.t}
		resp, err := client.Get(first.URL + row.path)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := len(seen()) - before; resp.StatusCode != row.status || got != row.seen {
			t.Errorf("%s: status %d, the other origin saw %d credentials; want %d and %d", row.why, resp.StatusCode, got, row.status, row.seen)
		}
	}
}

func TestClientUserInformation(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth"}
	u := strings.Replace(s.start(t), "http://", "http://joe:password@", 1)
	client := &http.Client{Transport: &auth.Transport{Base: newBase(t)}}
	for range 2 {
		resp, err := client.Get(u + "/x")
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || resp.Request.URL.User != nil {
			t.Errorf("status %d, URL of the request %q", resp.StatusCode, resp.Request.URL.Redacted())
		}
	}
	s.fine(t)
	if n, _ := s.counts(); n != 3 {
		t.Errorf("%d round trips for 2 requests, want 3", n)
	}
}

func TestKeyringClear(t *testing.T) {
	k := keys("joe", "password")
	script := rttest.NewScript(t, rttest.Respond(basic), yes, rttest.Respond(basic), rttest.Respond(basic), yes)
	rt := &auth.Transport{Base: script, Credentials: k}
	for i, want := range []int{200, 401, 200} {
		if i == 1 {
			k.Clear()
		}
		if i == 2 {
			k.Add("joe", "password")
		}
		if status, _, err := get(t, rt, "http://example.com/"); status != want || err != nil {
			t.Fatalf("request %d: %d %v, want %d", i, status, err, want)
		}
	}
	// What was learned is forgotten too.
	if got := wire(script.Requests()); got != "- basic:am9lOnBhc3N3b3Jk - - basic:am9lOnBhc3N3b3Jk" {
		t.Error(got)
	}
}

type userKey struct{}

// TestUsers has one Transport for many users, told apart by the context.
func TestUsers(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth", users: map[string]string{}}
	for i := range 8 {
		s.users[fmt.Sprint("user", i)] = fmt.Sprint("password", i)
	}
	srv := s.start(t)
	src := auth.SourceFunc(func(ctx context.Context, target auth.Target) ([]auth.Credential, error) {
		i, ok := ctx.Value(userKey{}).(int)
		if !ok || target.URL.Path != "" {
			return nil, nil
		}
		return []auth.Credential{{Username: fmt.Sprint("user", i), Password: fmt.Sprint("password", i)}}, nil
	})
	rt := &auth.Transport{Base: newBase(t), Credentials: src}
	ids := make([]string, 8)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			ctx := context.WithValue(t.Context(), userKey{}, i)
			for range 10 {
				req, err := http.NewRequestWithContext(ctx, "GET", srv, nil)
				if err != nil {
					t.Error(err)
					return
				}
				resp, err := rt.RoundTrip(req)
				if err != nil {
					t.Error(err)
					return
				}
				_ = resp.Body.Close()
				if p := params(resp.Request.Header.Get("Authorization")); resp.StatusCode != 200 || p["username"] != fmt.Sprint("user", i) {
					t.Errorf("user %d was sent as %q: %d", i, p["username"], resp.StatusCode)
				}
				ids[i] = rt.Identity(req)
			}
		})
	}
	wg.Wait()
	s.fine(t)
	seen := map[string]bool{"": true}
	for i, id := range ids {
		if seen[id] {
			t.Errorf("identity %q of user %d is another's too, or empty", id, i)
		}
		seen[id] = true
	}
	if status, _, err := get(t, rt, srv); status != 401 || err != nil {
		t.Errorf("without a user: %d %v", status, err)
	}
}

func TestIdentity(t *testing.T) {
	request := func(target string, change func(*http.Request)) *http.Request {
		req, err := http.NewRequestWithContext(t.Context(), "GET", target, nil)
		if err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(req)
		}
		return req
	}
	joe := &auth.Transport{Credentials: keys("joe", "password", "example.com")}
	id := joe.Identity(request("http://example.com/", nil))
	if id == "" || strings.Contains(id, "joe") || strings.Contains(id, "password") {
		t.Fatalf("identity %q", id)
	}
	again := &auth.Transport{Credentials: keys("joe", "password", "example.com")}
	if got := again.Identity(request("http://example.com/x", nil)); got != id {
		t.Errorf("another Transport says %q, want %q: caches on disk live on", got, id)
	}
	other := &auth.Transport{Credentials: keys("joe", "other", "example.com")}
	if got := other.Identity(request("http://example.com/", nil)); got == id {
		t.Error("another password has the same identity")
	}
	if got := roundtrip.Identity(joe.Wrap(http.DefaultTransport), request("http://example.com/", nil)); got != id {
		t.Errorf("through Wrap: %q, want %q", got, id)
	}
	if got := roundtrip.Identity(&auth.Transport{Base: joe.Wrap(nil)}, request("http://example.com/", nil)); !strings.Contains(got, id) && got != id {
		t.Errorf("through another: %q, want %q", got, id)
	}
	for why, req := range map[string]*http.Request{
		"another origin": request("http://example.org/", nil),
		"the caller's":   request("http://example.com/", func(r *http.Request) { r.Header.Set("Authorization", "Bearer x") }),
		"no URL":         {},
		"after a redirect": request("http://example.com/", func(r *http.Request) {
			r.Response = &http.Response{Request: request("https://example.com/", nil)}
		}),
	} {
		if got := joe.Identity(req); got != "" {
			t.Errorf("%s: identity %q, want none", why, got)
		}
	}
	failing := &auth.Transport{Credentials: auth.SourceFunc(func(context.Context, auth.Target) ([]auth.Credential, error) {
		return nil, errors.New("down")
	})}
	if a, b := failing.Identity(request("http://a/", nil)), failing.Identity(request("http://a/", nil)); a == "" || a == b {
		t.Error("an unknown identity must be shared with nobody")
	}
}

func TestBearer(t *testing.T) {
	expired := challenge(`Bearer realm="r", error="invalid_token", error_description="expired"`)
	t.Run("function", func(t *testing.T) {
		var asked []string
		src := auth.Credential{TokenFunc: func(_ context.Context, invalid string) (string, error) {
			asked = append(asked, invalid)
			if invalid != "" {
				return invalid + "'", nil
			}
			return "t", nil
		}}
		x := &exchangeTest{
			name: "refresh", why: "RFC 6750 §3.1: invalid_token asks for another, once",
			t:    auth.Transport{Credentials: src, Preemptive: true},
			urls: []string{"http://example.com/", "http://example.com/"}, steps: []rttest.Step{yes, expired, expired},
			want: "bearer:t bearer:t bearer:t'", status: 401,
		}
		x.run(t)
		if got := strings.Join(asked, ","); got != ",,t" {
			t.Errorf("the function was asked for %q", got)
		}
	})
	for _, x := range []*exchangeTest{
		{
			name: "static", why: "asked, then at once",
			t:    auth.Transport{Credentials: auth.Credential{Token: "t"}},
			urls: []string{"http://example.com/", "http://example.com/"}, steps: []rttest.Step{challenge("Bearer"), yes, yes},
			want: "- bearer:t bearer:t",
		},
		{
			name: "static, expired", why: "there is nothing else to send",
			t:     auth.Transport{Credentials: auth.Credential{Token: "t"}, Preemptive: true},
			steps: []rttest.Step{expired}, want: "bearer:t", status: 401,
		},
		{
			name: "too little scope", why: "RFC 6750 §3.1: another try would not help",
			t:     auth.Transport{Credentials: auth.Credential{Token: "t"}},
			steps: []rttest.Step{challenge(`Bearer error="insufficient_scope"`)}, want: "-", status: 401,
		},
		{
			name: "function fails", why: "its error is the request's",
			t: auth.Transport{Preemptive: true, Credentials: auth.Credential{TokenFunc: func(context.Context, string) (string, error) {
				return "", context.DeadlineExceeded
			}}},
			want: "", err: context.DeadlineExceeded,
		},
	} {
		t.Run(x.name, x.run)
	}
}

// TestTimeout: an error of a token function keeps saying that it is a timeout.
func TestTimeout(t *testing.T) {
	rt := &auth.Transport{Preemptive: true, Credentials: auth.Credential{TokenFunc: func(context.Context, string) (string, error) {
		return "", context.DeadlineExceeded
	}}}
	_, err := (&http.Client{Transport: rt}).Get("http://example.com/")
	var u *url.Error
	if !errors.As(err, &u) || !u.Timeout() {
		t.Errorf("%v hides that it is a timeout", err)
	}
}

func TestJar(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	script := rttest.NewScript(t,
		rttest.Respond("HTTP/1.1 401 Unauthorized\nWWW-Authenticate: Basic realm=\"r\"\nSet-Cookie: session=new\nSet-Cookie: path=no; Path=/elsewhere\n\nno"), yes)
	rt := &auth.Transport{Base: script, Credentials: keys("joe", "password"), Jar: jar}
	req, err := http.NewRequestWithContext(t.Context(), "GET", "http://example.com/", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", "session=old; own=1")
	resp, err := rt.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := script.Requests()[1].Header.Get("Cookie"); got != "own=1; session=new" {
		t.Errorf("Cookie: %q", got)
	}
	if got := req.Header.Get("Cookie"); got != "session=old; own=1" {
		t.Errorf("the caller's Cookie became %q", got)
	}
}

// TestTraceTellsNoSecrets looks at every event of a full exchange.
func TestTraceTellsNoSecrets(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth"}
	srv := s.start(t)
	var mu sync.Mutex
	var events []string
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
		mu.Lock()
		defer mu.Unlock()
		events = append(events, fmt.Sprintf("%+v %s", e, e))
	})
	for _, password := range []string{"password", "hunter2"} {
		rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", password)}
		req, err := http.NewRequestWithContext(ctx, "GET", srv+"/?token=s3cr3t", nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	all := strings.Join(events, "\n")
	for _, secret := range []string{"hunter2", "s3cr3t", "nonce+", "cnonce", "response", "joe"} {
		if strings.Contains(all, secret) {
			t.Errorf("an event tells %q:\n%s", secret, all)
		}
	}
	if !strings.Contains(all, "SHA-256") || !strings.Contains(all, "wrong credential") {
		t.Errorf("events say too little:\n%s", all)
	}
	if got := fmt.Sprintf("%v %+v %#v", auth.Credential{Password: "hunter2"}, auth.Credential{Token: "hunter2"}, auth.Credential{HA1: "hunter2"}); strings.Contains(got, "hunter2") {
		t.Errorf("a printed credential tells its secret: %s", got)
	}
}

// TestForeignScheme plugs in a scheme that this package does not know.
func TestForeignScheme(t *testing.T) {
	x := &exchangeTest{
		name: "foreign", why: "Scheme is open to others",
		t:     auth.Transport{Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.Basic{}, rot13{}}},
		urls:  []string{"http://example.com/", "http://example.com/"},
		steps: []rttest.Step{challenge(`Basic realm="r", ROT13 realm="r"`), yes, yes}, want: "- rot13 rot13",
	}
	x.run(t)
}

type rot13 struct{}

func (rot13) Name() string                                       { return "rot13" }
func (rot13) Weigh(auth.Challenge, auth.Credential) (int, error) { return auth.StrengthBasic + 1, nil }

func (rot13) Session(c *auth.Challenge, _ auth.Credential) (auth.Session, error) {
	if c == nil {
		return nil, auth.ErrNeedsChallenge
	}
	return rot13{}, nil
}

func (rot13) Sign(req *auth.Request) error {
	req.Authorize("ROT13 " + strings.Map(func(r rune) rune { return 'a' + (r-'a'+13)%26 }, req.Credential.Username))
	return nil
}
