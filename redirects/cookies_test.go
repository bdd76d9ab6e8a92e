package redirects

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestJar(t *testing.T) {
	for _, tt := range []followTest{
		{
			name: "set on the way", why: "each hop's cookies are taken and sent (the loop that a login makes)",
			request: "GET http://a.example/",
			answers: []string{"302 F\nLocation: /\nSet-Cookie: s=1", "302 F\nLocation: http://b.example/\nSet-Cookie: s=2", "302 F\nLocation: http://a.example/\nSet-Cookie: b=1", "200 OK"},
			want:    []string{"GET http://a.example/", "GET http://a.example/", "GET http://b.example/", "GET http://a.example/"},
			status:  200, check: field("Cookie", "", "s=1", "", "s=2"),
		},
		{
			name: "the caller's own", why: "it is sent beside the Jar's, and no longer once a response sets that name",
			request: "GET http://a.example/\nCookie: s=mine; t=mine",
			answers: []string{"302 F\nLocation: /\nSet-Cookie: s=jar", "302 F\nLocation: /\nSet-Cookie: t=jar", "200 OK"},
			want:    []string{"GET http://a.example/", "GET http://a.example/", "GET http://a.example/"},
			status:  200, check: field("Cookie", "s=mine; t=mine", "t=mine; s=jar", "s=jar; t=jar"),
		},
		{
			name: "path and secure", why: "the Jar decides where a cookie goes",
			request: "GET https://a.example/x/",
			answers: []string{"302 F\nLocation: /y\nSet-Cookie: p=1; Path=/x\nSet-Cookie: s=1; Secure; Path=/", "302 F\nLocation: http://a.example/x/", "200 OK"},
			want:    []string{"GET https://a.example/x/", "GET https://a.example/y", "GET http://a.example/x/"},
			status:  200, check: field("Cookie", "", "s=1", "p=1"),
		},
		{
			name: "several fields of the caller's", why: "all of them are sent, and the Jar's behind them in one line (RFC 6265 §5.4)",
			request: "GET http://a.example/\nCookie: t=1\nCookie: u=2",
			answers: []string{"302 F\nLocation: /\nSet-Cookie: s=1", "200 OK"}, want: []string{"GET http://a.example/", "GET http://a.example/"},
			status: 200, check: field("Cookie", "t=1|u=2", "t=1; u=2; s=1"),
		},
		{
			name: "the caller's own in odd forms", why: "what no response sets stays as the caller wrote it",
			request: "GET http://a.example/\nCookie: t={\"a\":1};u=\"x y\"",
			answers: []string{"302 F\nLocation: /\nSet-Cookie: s=1", "200 OK"}, want: []string{"GET http://a.example/", "GET http://a.example/"},
			status: 200, check: field("Cookie", "t={\"a\":1};u=\"x y\"", "t={\"a\":1};u=\"x y\"; s=1"),
		},
		{
			name: "byte for byte", why: "RFC 6265 §5.2, §5.4: a user agent changes nothing in a value",
			request: "GET http://a.example/",
			answers: []string{"302 F\nLocation: /\nSet-Cookie: a={\"b\": [1, 2]}; Path=/\nSet-Cookie: c=\"x y\"; HttpOnly\nSet-Cookie: d=Zo\xc3\xab", "200 OK"},
			want:    []string{"GET http://a.example/", "GET http://a.example/"},
			status:  200, check: field("Cookie", "", "a={\"b\": [1, 2]}; c=\"x y\"; d=Zo\xc3\xab"),
		},
		{
			name: "deleted on the way", why: "§5.1.1: dates in any form (net/http would keep this one for the session)",
			request: "GET http://a.example/",
			answers: []string{"302 F\nLocation: /\nSet-Cookie: s=1", "302 F\nLocation: /\nSet-Cookie: s=; Expires=Thu Jan  1 00:00:00 1970", "200 OK"},
			want:    []string{"GET http://a.example/", "GET http://a.example/", "GET http://a.example/"},
			status:  200, check: field("Cookie", "", "s=1", ""),
		},
		{
			name: "without a redirect", why: "the cookies are this layer's then too", transport: &Transport{Max: -1},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /\nSet-Cookie: s=1"},
			want: []string{"GET http://a.example/"}, status: 302,
		},
	} {
		jar, err := cookiejar.New(nil)
		if err != nil {
			t.Fatal(err)
		}
		if tt.transport == nil {
			tt.transport = &Transport{}
		}
		tt.transport.Jar = jar
		t.Run(tt.name, tt.run)
		u, _ := url.Parse("http://a.example/")
		if tt.transport.Max < 0 && len(jar.Cookies(u)) != 1 {
			t.Errorf("%s: cookie not taken: %s", tt.name, tt.why)
		}
	}
}

// The request of a virtual host has the cookies of that host, as with
// http.Client.
func TestJarHost(t *testing.T) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	script := rttest.NewScript(t, rttest.Answers("302 F\nLocation: /\nSet-Cookie: s=1", "200 OK")...)
	req := rttest.ReadRequest(t, "GET http://127.0.0.1/")
	req.Host = "virtual.example"
	resp, err := (&Transport{Jar: jar}).Wrap(script).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if got := script.Requests()[1].Header.Get("Cookie"); got != "s=1" {
		t.Errorf("cookie %q", got)
	}
	for host, want := range map[string]int{"virtual.example": 1, "127.0.0.1": 0} {
		if got := jar.Cookies(&url.URL{Scheme: "http", Host: host, Path: "/"}); len(got) != want {
			t.Errorf("%s has %v", host, got)
		}
	}
}

func TestJarNoURL(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	base := rttest.Func(func(*http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/x"}, "Set-Cookie": {"a=b"}}}, nil
	})
	resp, err := (&Transport{Jar: jar, ContentLocation: true}).Wrap(base).RoundTrip((&http.Request{}).WithContext(t.Context()))
	if resp != nil || err == nil {
		t.Errorf("%v, %v: a relative Location without a URL leads nowhere", resp, err)
	}
}
