package tripper_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

// TestCookiesOfEveryResponse: RFC 6265 §3, a user agent keeps the cookies of every
// response, also of those that a layer below the Jar answers or tries again; and
// they go back byte for byte.
func TestCookiesOfEveryResponse(t *testing.T) {
	t.Parallel()
	const value = `{"step": "`
	var got []string
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = append(got, r.Header.Get("Cookie"))
		switch {
		case r.Header.Get("Proxy-Authorization") == "":
			w.Header().Set("Set-Cookie", "c="+value+`407"}`)
			w.Header().Set("Proxy-Authenticate", `Basic realm="p"`)
			w.WriteHeader(http.StatusProxyAuthRequired)
		case r.Header.Get("Authorization") == "":
			w.Header().Set("Set-Cookie", "d="+value+`401"}`)
			w.Header().Set("WWW-Authenticate", `Basic realm="o"`)
			w.WriteHeader(http.StatusUnauthorized)
		case len(got) == 3:
			w.Header().Set("Set-Cookie", "e="+value+`503"}`)
			w.WriteHeader(http.StatusServiceUnavailable)
		case r.URL.Path == "/":
			w.Header().Set("Set-Cookie", "f="+value+`302"}`)
			w.Header().Set("Location", "/x")
			w.WriteHeader(http.StatusFound)
		default:
			w.Header().Set("Set-Cookie", "g="+value+`200"}`)
		}
	}))
	defer proxy.Close()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys, proxyKeys := new(auth.Keyring), new(auth.Keyring)
	for _, k := range []*auth.Keyring{keys, proxyKeys} {
		if err := k.Add("joe", "secret"); err != nil {
			t.Fatal(err)
		}
	}
	u, _ := url.Parse(proxy.URL)
	leaf := &transport.Transport{Proxy: http.ProxyURL(u), ProxyAuth: &auth.Proxy{Credentials: proxyKeys}}
	defer leaf.CloseIdleConnections()
	client := tripper.Chain{&redirects.Transport{Jar: jar}, &retry.Transport{}, &auth.Transport{Credentials: keys}}.Client(leaf)
	resp, err := client.Get("http://far.example/")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 200 || len(got) < 5 {
		t.Fatalf("%s after %q", resp.Status, got)
	}
	const all = "c=" + value + `407"}; d=` + value + `401"}; e=` + value + `503"}; f=` + value + `302"}`
	if diff := cmp.Diff(all, got[len(got)-1]); diff != "" {
		t.Errorf("after the redirect mismatch (-want +got):\n%s", diff)
	}
	names := ""
	for _, c := range jar.Cookies(&url.URL{Scheme: "http", Host: "far.example", Path: "/"}) {
		names += c.Name
	}
	if names != "cdefg" {
		t.Errorf("the jar has %q", names)
	}
}

// TestUserinfoStaysHome: the user information of a URL reaches its own origin and
// no other, whatever the switch, with http.Client above and auth below.
func TestUserinfoStaysHome(t *testing.T) {
	t.Parallel()
	for _, f := range []redirects.Forwarding{redirects.SameOriginOnly, redirects.Nowhere, redirects.Everywhere} {
		other := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("WWW-Authenticate", `Basic realm="other"`)
			w.WriteHeader(http.StatusUnauthorized)
		})
		first := newOrigin(t, func(w http.ResponseWriter, r *http.Request) {
			switch _, _, ok := r.BasicAuth(); {
			case r.URL.Path == "/":
				http.Redirect(w, r, "/private", http.StatusFound)
			case !ok:
				w.Header().Set("WWW-Authenticate", `Basic realm="first"`)
				w.WriteHeader(http.StatusUnauthorized)
			default:
				http.Redirect(w, r, other.URL, http.StatusFound)
			}
		})
		client := tripper.Chain{&redirects.Transport{ForwardAuthorization: f}, &auth.Transport{}}.Client(&transport.Transport{})
		u, _ := url.Parse(first.URL)
		u.User, u.Path = url.UserPassword("joe", "secret"), "/"
		resp, err := client.Get(u.String())
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if asked := len(other.requests("/")); (asked > 0) != (f != redirects.Nowhere) {
			t.Errorf("%v: the other origin was asked %d times", f, asked)
		}
		for _, r := range other.requests("/") {
			if r.header.Get("Authorization") != "" {
				t.Errorf("%v: the other origin got the password", f)
			}
		}
	}
}
