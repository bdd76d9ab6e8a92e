package tripper_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
)

// secretsOf returns the fields of r that could hold one.
func secretsOf(r seenRequest) string {
	var found []string
	for _, name := range []string{"Authorization", "Cookie", "X-Api-Key", "Proxy-Authorization", "X-Wsse"} {
		if v := r.header.Get(name); v != "" {
			found = append(found, name+": "+v)
		}
	}
	return strings.Join(found, ", ")
}

// TestCredentialsStayAtTheirOrigin: what belongs to the first origin never
// reaches the one that it redirects to, whether the redirect is new, stored,
// reached by a retry, or shared with others.
func TestCredentialsStayAtTheirOrigin(t *testing.T) {
	t.Parallel()
	for _, cancellable := range []bool{false, true} {
		for _, wrong := range []string{"", `Basic realm="r"`, `Digest realm="r", nonce="n", qop="auth"`, "Bearer"} {
			t.Run(fmt.Sprint(wrong, cancellable), func(t *testing.T) {
				t.Parallel()
				fail := true
				foreign := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Cache-Control", "max-age=1000")
					switch {
					case r.URL.Path == "/once" && fail:
						fail = false
						w.WriteHeader(http.StatusServiceUnavailable)
					case wrong != "":
						w.Header().Set("WWW-Authenticate", wrong)
						w.WriteHeader(http.StatusUnauthorized)
					}
				})
				home := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
					if user, _, ok := r.BasicAuth(); !ok || user != "joe" {
						w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
						w.WriteHeader(http.StatusUnauthorized)
						return
					}
					w.Header().Set("Cache-Control", "max-age=1000")
					w.Header().Set("Location", strings.Replace(foreign.URL, "http://", "http://eve:pw@", 1)+r.URL.Path)
					w.WriteHeader(http.StatusMovedPermanently)
				})
				var keys auth.Keyring
				keys.Add("joe", "secret") // for every origin that the caller asks
				for _, preemptive := range []bool{false, true} {
					l := newLayers(t)
					l.auth.Credentials, l.auth.Preemptive = &keys, preemptive
					client := l.client()
					ctx := t.Context()
					if !cancellable {
						ctx = context.WithoutCancel(ctx)
					}
					for range 2 {
						for _, path := range []string{"/a", "/once"} {
							r := ask(ctx, client, "GET "+home.URL+path+"\nCookie: sid=1\nX-Api-Key: k")
							want := 200
							if wrong != "" {
								want = 401
							}
							wantReply(t, r, want, "")
						}
					}
				}
				for _, r := range foreign.requests("/") {
					if s := secretsOf(r); s != "" {
						t.Errorf("the other origin received %s", s)
					}
				}
				if len(foreign.requests("/once")) < 2 || len(home.requests("/a")) == 0 {
					t.Error("the test does not test")
				}
			})
		}
	}
}

// TestStoredPermanentRedirect: a stored 308 is followed with method and body.
func TestStoredPermanentRedirect(t *testing.T) {
	t.Parallel()
	target := newOrigin(t, func(w http.ResponseWriter, r *http.Request) { _, _ = fmt.Fprint(w, r.Method) })
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		http.Redirect(w, r, target.URL+"/new", http.StatusPermanentRedirect)
	})
	l := newLayers(t)
	l.redirects.Unsafe = true
	client := l.client()
	wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/old"), 200, "GET")
	wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/old"), 200, "GET")
	if n := len(o.requests("/old")); n != 1 {
		t.Errorf("the stored redirect was asked for %d times", n)
	}
	// RFC 9111 §4: what was stored for GET answers no PUT.
	wantReply(t, ask(t.Context(), client, "PUT "+o.URL+"/old", "content"), 200, "PUT")
	seen := target.requests("/new")
	if last := seen[len(seen)-1]; last.method != "PUT" || last.body != "content" {
		t.Errorf("the target received %s %q", last.method, last.body)
	}
	for _, r := range o.requests("/old") {
		if r.method == "PUT" && r.body != "content" {
			t.Errorf("the origin received PUT %q", r.body)
		}
	}
}

// TestLoopOfStoredRedirects ends, and says why. Two targets that lead to each other
// are stored; a redirect of a target to itself is not, since it may be meant for
// what the key does not hold.
func TestLoopOfStoredRedirects(t *testing.T) {
	t.Parallel()
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		to := "/b"
		if r.URL.Path == "/b" {
			to = "/c"
		}
		http.Redirect(w, r, to, http.StatusMovedPermanently)
	})
	client := newLayers(t).client()
	for range 2 {
		r := ask(t.Context(), client, "GET "+o.URL+"/b?token=hush")
		wantError(t, r.err, redirects.ErrLimit)
	}
	if n := len(o.requests("/b")); n > 2 {
		t.Errorf("%d requests for a redirect that is stored", n)
	}
}

// TestNoMoneyTwice: what the origin sees of a POST when something goes wrong. It
// is sent twice only where the first was refused for want of credentials.
func TestNoMoneyTwice(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, why string
		body      bool // with GetBody
		handler   http.HandlerFunc
		status    int // 0 for an error
		want      int
	}{
		{"dropped", "it was received, nobody knows what became of it", true, drop, 0, 1},
		{"dropped, no GetBody", "likewise", false, drop, 0, 1},
		{"503", "it may have been done", true, status(503), 503, 1},
		{"502", "likewise", true, status(502), 502, 1},
		{"504", "likewise", true, status(504), 504, 1},
		{"429", "likewise", true, status(429), 429, 1},
		{"408", "likewise", true, status(408), 408, 1},
		{"401", "it was refused, and is sent with a password", true, login, 200, 2},
		{"401, no GetBody", "a short body is kept", false, login, 200, 2},
		{"401 then dropped", "what was answered was the login", true, loginThen(drop), 0, 2},
		{"401 then 503", "likewise", true, loginThen(status(503)), 503, 2},
		{"307", "not followed unless asked", true, status(307), 307, 1},
		{"302", "likewise", true, status(302), 302, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			o := newOrigin(t, row.handler)
			l := newLayers(t)
			l.retry = &retry.Transport{Attempts: 5, Backoff: retry.Constant(0)}
			var keys auth.Keyring
			keys.Add("joe", "secret", o.addr())
			l.auth.Credentials = &keys
			client := l.client()
			// A connection that was used before: net/http replays by itself what
			// is idempotent, over a connection that turns out to be dead.
			ask(t.Context(), client, "GET "+o.URL+"/warm")
			req, _ := http.NewRequestWithContext(t.Context(), "POST", o.URL+"/pay", strings.NewReader("100 EUR"))
			if !row.body {
				req.GetBody = nil
			}
			resp, err := client.Do(req)
			got := 0
			if err == nil {
				got = resp.StatusCode
				_ = resp.Body.Close()
			}
			if got != row.status {
				t.Errorf("status %d, %v, want %d", got, err, row.status)
			}
			seen := o.requests("/pay")
			if len(seen) != row.want {
				t.Errorf("the origin received it %d times, want %d: %s", len(seen), row.want, row.why)
			}
			for _, r := range seen {
				if r.body != "100 EUR" || r.method != "POST" {
					t.Errorf("the origin received %s %q", r.method, r.body)
				}
			}
		})
	}
}

func drop(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/warm" {
		return
	}
	panic(http.ErrAbortHandler)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "/elsewhere")
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(code)
	}
}

func login(w http.ResponseWriter, r *http.Request) {
	loginThen(func(http.ResponseWriter, *http.Request) {})(w, r)
}

func loginThen(h http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/warm" {
			return
		}
		if _, _, ok := r.BasicAuth(); !ok {
			w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		h(w, r)
	}
}

// TestOneTryMoreIsSigned: each try has a nonce count of its own, and a 401 is no
// try.
func TestOneTryMoreIsSigned(t *testing.T) {
	t.Parallel()
	fails := 2
	o := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
		a := r.Header.Get("Authorization")
		switch {
		case a == "":
			w.Header().Set("WWW-Authenticate", `Digest realm="r", nonce="abc", qop="auth", algorithm=SHA-256`)
			w.WriteHeader(http.StatusUnauthorized)
		case fails > 0:
			fails--
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	l := newLayers(t)
	l.retry.Attempts = 3
	var keys auth.Keyring
	keys.Add("joe", "secret", o.addr())
	l.auth.Credentials = &keys
	wantReply(t, ask(t.Context(), l.client(), "GET "+o.URL+"/d"), 200, "")
	var counts []string
	for _, r := range o.requests("/d") {
		a := r.header.Get("Authorization")
		_, nc, _ := strings.Cut(a, "nc=")
		nc, _, _ = strings.Cut(nc, ",")
		counts = append(counts, nc)
	}
	if got := strings.Join(counts, " "); got != " 00000001 00000002 00000003" {
		t.Errorf("nonce counts %q", got)
	}
}
