package redirects

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// What a layer below returned stays as it is: a recorder or a cache that keeps
// it must not see what this layer makes of it.
func TestResponseOfBelowStays(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	for name, tr := range map[string]*Transport{
		"followed": {ContentLocation: true, Jar: jar}, "bodies dropped": {KeepBody: -1}, "returned": {Max: -1, ContentLocation: true}, "failed": {Policy: Limit(0)},
	} {
		type kept struct {
			resp, was *http.Response
			header    http.Header
		}
		var all []kept
		base := rttest.Func(func(*http.Request) (*http.Response, error) {
			resp := &http.Response{StatusCode: 200, Header: http.Header{"X": {"1"}}, Body: io.NopCloser(strings.NewReader("body"))}
			if len(all) == 0 {
				resp.StatusCode = 302
				resp.Header.Set("Location", "/x")
			}
			was := *resp
			all = append(all, kept{resp, &was, resp.Header.Clone()})
			return resp, nil
		})
		resp, err := tr.Wrap(base).RoundTrip(rttest.ReadRequest(t, "GET http://a.example/"))
		if err == nil {
			_ = resp.Body.Close()
		}
		for i, k := range all {
			if k.resp.Body != k.was.Body || k.resp.Request != nil || compare.Diff(k.header, k.resp.Header) != "" {
				t.Errorf("%s: response %d was changed: %+v", name, i, k.resp)
			}
		}
	}
}

// A layer below may write into the request it is given, as doubles in tests and
// token middleware do: what the request was is known from before.
func TestRequestWrittenBelow(t *testing.T) {
	for _, tt := range []struct {
		name    string
		write   func(*http.Request)
		request string
		want    []string
		why     string
	}{
		{
			"a body", func(r *http.Request) { r.Body, r.GetBody = io.NopCloser(strings.NewReader("")), nil }, "GET http://a.example/",
			[]string{"GET http://a.example/ []", "GET http://a.example/x []"},
			"go-vcr gives a request without a body an empty one: it can be sent again",
		},
		{
			"no GetBody", func(r *http.Request) { r.GetBody = nil }, "PUT http://a.example/\n\ndata",
			[]string{"PUT http://a.example/ []", "PUT http://a.example/x []"},
			"the caller's GetBody counts",
		},
		{
			"another method", func(r *http.Request) { r.Method = "POST" }, "GET http://a.example/",
			[]string{"GET http://a.example/ []", "GET http://a.example/x []"},
			"a tunnel of methods is the business of the layer that makes it",
		},
		{
			"another host", func(r *http.Request) { r.URL.Host, r.Host = "127.0.0.1:8080", "127.0.0.1:8080" }, "GET http://a.example/y/",
			[]string{"GET http://a.example/y/ []", "GET http://a.example/x []"},
			"a Location is relative to what was asked for, not to where a router sent it",
		},
		{
			"a token", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+r.URL.Host) }, "GET http://a.example/",
			[]string{"GET http://a.example/ []", "GET http://a.example/x []"},
			"it is for one request, and its layer adds it again",
		},
		{
			"a token in place of the caller's", func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+r.URL.Host) }, "GET http://a.example/\nAuthorization: Basic own",
			[]string{"GET http://a.example/ [Basic own]", "GET http://a.example/x [Basic own]"},
			"the caller's goes on, the layer's does not",
		},
	} {
		var got []string
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			roundtrip.CloseBody(req)
			got = append(got, req.Method+" "+req.URL.String()+" ["+req.Header.Get("Authorization")+"]")
			tt.write(req)
			resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
			if len(got) == 1 {
				resp.StatusCode = 308
				resp.Header.Set("Location", "/x")
			}
			return resp, nil
		})
		resp, err := (&Transport{ForwardAuthorization: Everywhere}).Wrap(base).RoundTrip(rttest.ReadRequest(t, tt.request))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		_ = resp.Body.Close()
		if diff := compare.Diff(tt.want, got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s%s", tt.name, diff, tt.why)
		}
	}
}

// The cookies of responses that a layer below drops are kept.
func TestDroppedBelow(t *testing.T) {
	for status, why := range map[int]string{
		401: "auth answers it", 407: "transport answers it", 503: "retry sends the request again", 417: "and so on: RFC 6265 §3, of responses with any status code",
	} {
		jar, _ := cookiejar.New(nil)
		var got []string
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			got = append(got, req.Header.Get("Cookie"))
			if len(got) == 1 {
				roundtrip.Discard(&http.Response{StatusCode: status, Header: http.Header{"Set-Cookie": {`s="a b"`, "t=1; Domain=b.example"}}, Body: http.NoBody, Request: req})
				return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/x"}}, Body: http.NoBody, Request: req}, nil
			}
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
		})
		resp, err := (&Transport{Jar: jar}).Wrap(base).RoundTrip(rttest.ReadRequest(t, "GET http://a.example/"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if diff := compare.Diff([]string{"", `s="a b"`}, got); diff != "" {
			t.Errorf("%d mismatch (-want +got):\n%s%s", status, diff, why)
		}
	}
}

// Cookies that a redirect sets are lost without a Jar, also to the one of
// http.Client; that is told.
func TestCookiesWithoutJar(t *testing.T) {
	jar, _ := cookiejar.New(nil)
	for _, tt := range []struct {
		jar    http.CookieJar
		cookie string
		want   bool
		why    string
	}{
		{nil, "a=secret", true, "nobody keeps it"},
		{nil, "", false, "there is none"},
		{jar, "a=secret", false, "the Jar has it"},
	} {
		told := false
		ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
			told = told || e.Action == "drop"
			if strings.Contains(e.String(), "secret") {
				t.Errorf("the event tells the cookie: %s", e)
			}
		})
		answer := "302 F\nLocation: /x"
		if tt.cookie != "" {
			answer += "\nSet-Cookie: " + tt.cookie
		}
		followTest{
			name: "cookie", why: tt.why, transport: &Transport{Jar: tt.jar, Policy: func(*http.Request, []*http.Request) error { return nil }},
			request: "GET http://a.example/", answers: []string{answer, "200 OK"}, want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200, ctx: ctx,
		}.run(t)
		if told != tt.want {
			t.Errorf("%+v: told %v", tt, told)
		}
	}
}
