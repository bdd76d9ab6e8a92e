package recipes_test

import (
	"crypto/md5"
	"fmt"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/transport"
)

func Example_digestThroughProxy() {
	origin := serve(digestOrigin)
	defer origin.Close()
	proxy := serve(basicProxy)
	defer proxy.Close()

	proxyURL, err := url.Parse(proxy.URL)
	if err != nil {
		log.Fatal(err)
	}
	var keys, proxyKeys auth.Keyring
	if err := keys.Add("user", "password", origin.URL); err != nil {
		log.Fatal(err)
	}
	if err := proxyKeys.Add("worker", "secret", proxy.URL); err != nil {
		log.Fatal(err)
	}
	client := tripper.Chain{
		&auth.Transport{Credentials: &keys},
	}.Client(&transport.Transport{
		Proxy:     http.ProxyURL(proxyURL),
		ProxyAuth: &auth.Proxy{Credentials: &proxyKeys},
	})

	resp, body := get(client, origin.URL)
	fmt.Println(resp.StatusCode, body)
	// Output: 200 hello, user
}

// basicProxy forwards the requests of a worker.
func basicProxy(w http.ResponseWriter, req *http.Request) {
	if req.Header.Get("Proxy-Authorization") != "Basic d29ya2VyOnNlY3JldA==" {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {}}).ServeHTTP(w, req)
}

// digestOrigin wants Digest of RFC 7616 with MD5.
func digestOrigin(w http.ResponseWriter, req *http.Request) {
	sum := func(s string) string { return fmt.Sprintf("%x", md5.Sum([]byte(s))) }
	value := func(name string) string {
		_, rest, _ := strings.Cut(req.Header.Get("Authorization"), " "+name+"=")
		rest, _, _ = strings.Cut(rest, ",")
		return strings.Trim(rest, `"`)
	}
	want := sum(strings.Join([]string{sum("user:origin:password"), "abc", value("nc"), value("cnonce"), "auth", sum(req.Method + ":" + value("uri"))}, ":"))
	if value("response") != want {
		w.Header().Set("WWW-Authenticate", `Digest realm="origin", nonce="abc", qop="auth", algorithm=MD5`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	fmt.Fprint(w, "hello, user")
}
