package integration_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/compare"
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
	if diff := compare.Diff(all, got[len(got)-1]); diff != "" {
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

// TestCookiesOfHits: Set-Cookie counts when the origin sends it, and not each
// time a stored response repeats it.
func TestCookiesOfHits(t *testing.T) {
	t.Parallel()
	o := newServer(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cache-Control", "max-age=1000")
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Set-Cookie", "seen=page; Path=/other")
		case "/other/change":
			w.Header().Set("Set-Cookie", "seen=change; Path=/other")
		case "/hop":
			w.Header().Set("Set-Cookie", "hop=1; Path=/other")
			w.Header().Set("Location", "/end")
			w.WriteHeader(http.StatusMovedPermanently)
		}
		_, _ = fmt.Fprint(w, r.URL.Path)
	})
	jar, _ := cookiejar.New(nil)
	l := newStack(t)
	l.redirects = &redirects.Transport{Jar: jar}
	client := l.client()
	u, _ := url.Parse(o.URL + "/other")
	cookies := func() string {
		var all []string
		for _, c := range jar.Cookies(u) {
			all = append(all, c.String())
		}
		return strings.Join(all, " ")
	}
	ask(t.Context(), client, "GET "+o.URL+"/page")
	if got := cookies(); got != "seen=page" {
		t.Errorf("cookies %q after the first answer", got)
	}
	ask(t.Context(), client, "GET "+o.URL+"/other/change")
	if r := ask(t.Context(), client, "GET "+o.URL+"/page"); !r.cached || r.header.Get("Set-Cookie") == "" {
		t.Errorf("cached %v, Set-Cookie %q", r.cached, r.header.Get("Set-Cookie"))
	}
	if got := cookies(); got != "seen=change" {
		t.Errorf("cookies %q: a stored response set an old one again", got)
	}
	wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/hop"), 200, "/end")
	jar.SetCookies(u, []*http.Cookie{{Name: "hop", Value: "2", Path: "/other"}})
	wantReply(t, ask(t.Context(), client, "GET "+o.URL+"/hop"), 200, "/end")
	if got := cookies(); !strings.Contains(got, "hop=2") {
		t.Errorf("cookies %q: a stored redirect set an old one again", got)
	}
	if n := len(o.requests("/hop")); n != 1 {
		t.Errorf("%d requests for a permanent redirect", n)
	}
}
