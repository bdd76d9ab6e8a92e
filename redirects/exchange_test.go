package redirects

import (
	"io"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestFollow(t *testing.T) {
	const ok = "200 OK\n\nthere"
	long := []string{
		"302 Found\nLocation: /1\n\none", "302 Found\nLocation: /2\n\ntwo", "302 Found\nLocation: /3\n\nthree",
		"302 Found\nLocation: /4\n\nfour", "302 Found\nLocation: /5\n\nfive", "302 Found\nLocation: /6\n\nsix",
	}
	for _, tt := range []followTest{
		{
			name: "a chain", why: "every hop is resolved against the one before",
			request: "GET http://a.example/x/",
			answers: []string{"301 Moved\nLocation: y/", "302 Found\nLocation: ../z", "303 See Other\nLocation: //b.example/?q", "307 T\nLocation: p", "308 P\nLocation: http://a.example/end", ok},
			want:    []string{"GET http://a.example/x/", "GET http://a.example/x/y/", "GET http://a.example/x/z", "GET http://b.example/?q", "GET http://b.example/p", "GET http://a.example/end"},
			status:  200,
		},
		{
			name: "300 with a Location", why: "the server's preferred choice (RFC 9110 §15.4.1)",
			request: "GET http://a.example/", answers: []string{"300 M\nLocation: /x", ok},
			want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200,
		},
		{
			name: "300 without a Location", why: "a list to choose from is an answer",
			request: "GET http://a.example/", answers: []string{"300 M\n\nchoose"}, want: []string{"GET http://a.example/"}, status: 300,
		},
		{
			name: "308 without a Location", why: "Google's resumable uploads: Resume Incomplete",
			request: "PUT http://a.example/\n\ndata", answers: []string{"308 Resume\nRange: 0-3"}, want: []string{"PUT http://a.example/ data"}, status: 308,
		},
		{
			name: "302 without a Location", why: "httplib2's RedirectMissingLocation",
			request: "GET http://a.example/", answers: []string{"302 Found\n\nnowhere"}, want: []string{"GET http://a.example/"}, err: ErrMissingLocation,
		},
		{
			name: "302 without a Location, not followed anyway", why: "what is not followed is an answer",
			request: "POST http://a.example/\n\ndata", answers: []string{"302 Found\n\nnowhere"}, want: []string{"POST http://a.example/ data"}, status: 302,
		},
		{
			name: "five redirects", why: "DefaultMax is 5, and the fifth is followed",
			request: "GET http://a.example/", answers: append(long[:5:5], ok),
			want:   []string{"GET http://a.example/", "GET http://a.example/1", "GET http://a.example/2", "GET http://a.example/3", "GET http://a.example/4", "GET http://a.example/5"},
			status: 200,
		},
		{
			name: "six redirects", why: "the sixth is one too many",
			request: "GET http://a.example/", answers: long,
			want: []string{"GET http://a.example/", "GET http://a.example/1", "GET http://a.example/2", "GET http://a.example/3", "GET http://a.example/4", "GET http://a.example/5"},
			err:  ErrLimit,
		},
		{
			name: "Max 1", why: "one is followed, the second fails", transport: &Transport{Max: 1},
			request: "GET http://a.example/", answers: long[:2], want: []string{"GET http://a.example/", "GET http://a.example/1"}, err: ErrLimit,
		},
		{
			name: "Max -1", why: "none is followed, and none is an error", transport: &Transport{Max: -1, Unsafe: true},
			request: "GET http://a.example/", answers: []string{"302 Found\n\nnowhere"}, want: []string{"GET http://a.example/"}, status: 302,
		},
		{
			name: "a loop", why: "the limit ends it: the second time the answer may be another (a cookie was set)",
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: /", "302 F\nLocation: http://a.example", ok},
			want: []string{"GET http://a.example/", "GET http://a.example/", "GET http://a.example"}, status: 200,
		},
		{
			name: "paths that differ in case", why: "paths are case-sensitive, hosts are not",
			request: "GET http://a.example/x\nCookie: c=1", answers: []string{"302 F\nLocation: HTTP://A.Example/X", ok},
			want: []string{"GET http://a.example/x", "GET http://A.Example/X"}, status: 200, check: field("Cookie", "c=1", "c=1"),
		},
		{
			name: "POST 307 unsafe", why: "method and body stay", transport: &Transport{Unsafe: true},
			request: "POST http://a.example/\nContent-Type: text/plain\n\ndata", answers: []string{"307 T\nLocation: /x", ok},
			want: []string{"POST http://a.example/ data", "POST http://a.example/x data"}, status: 200, check: field("Content-Type", "text/plain", "text/plain"),
		},
		{
			name: "POST 308 twice", why: "the body goes along as often as it must (httplib2 loses it)",
			request: "POST http://a.example/\n\ndata", answers: []string{"308 P\nLocation: /x", "308 P\nLocation: /y", ok},
			want: []string{"POST http://a.example/ data", "POST http://a.example/x data", "POST http://a.example/y data"}, status: 200,
		},
		{
			name: "POST 308 with a body that cannot be sent again", why: "half a request is worse than none", stream: true,
			request: "POST http://a.example/\n\ndata", answers: []string{"308 P\nLocation: /x\n\nmoved"}, want: []string{"POST http://a.example/ data"}, status: 308,
			check: func(t *testing.T, _ []rttest.Recorded, resp *http.Response) {
				t.Helper()
				if body, _ := io.ReadAll(resp.Body); string(body) != "moved" {
					t.Errorf("the body of a redirect that is returned is the caller's: %q", body)
				}
			},
		},
		{
			name: "POST 303 with a body that cannot be sent again", why: "it need not be", stream: true,
			request: "POST http://a.example/\n\ndata", answers: []string{"303 S\nLocation: /x", ok},
			want: []string{"POST http://a.example/ data", "GET http://a.example/x"}, status: 200,
		},
		{
			name: "POST 303 then 308", why: "what was dropped stays dropped",
			request: "POST http://a.example/\n\ndata", answers: []string{"303 S\nLocation: /x", "308 P\nLocation: /y", ok},
			want: []string{"POST http://a.example/ data", "GET http://a.example/x", "GET http://a.example/y"}, status: 200,
		},
		{
			name: "fields of a body that is dropped", why: "RFC 9110 §15.4: they describe what is not there",
			request: "POST http://a.example/\nContent-Type: text/plain\nContent-Encoding: gzip\nContent-Length: 4\ncontent-digest: x\nExpect: 100-continue\nTransfer-Encoding: chunked\nX-Other: 1\n\ndata",
			answers: []string{"303 S\nLocation: /x", ok}, want: []string{"POST http://a.example/ data", "GET http://a.example/x"}, status: 200,
			check: func(t *testing.T, sent []rttest.Recorded, _ *http.Response) {
				t.Helper()
				want := http.Header{"X-Other": {"1"}, "Referer": {"http://a.example/"}}
				if diff := compare.Diff(want, sent[1].Header); diff != "" {
					t.Errorf("fields mismatch (-want +got):\n%s", diff)
				}
				if r := sent[1].Request; r.ContentLength != 0 || r.Body != nil || r.GetBody != nil || r.TransferEncoding != nil {
					t.Errorf("the request still claims a body: %d", r.ContentLength)
				}
			},
		},
		{
			name: "conditions of a read", why: "a tag names versions of one resource only; at worst a 200 follows",
			request: "GET http://a.example/\nIf-None-Match: \"a\"\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT\nIf-Range: \"a\"\nRange: bytes=1-\nX: 1",
			answers: []string{"302 F\nLocation: /x", ok}, want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200,
			check: func(t *testing.T, sent []rttest.Recorded, _ *http.Response) {
				t.Helper()
				if diff := compare.Diff(http.Header{"X": {"1"}, "Referer": {"http://a.example/"}}, sent[1].Header); diff != "" {
					t.Errorf("fields mismatch (-want +got):\n%s", diff)
				}
			},
		},
		{
			name: "a range without a condition", why: "of a download that has moved, the same part is wanted",
			request: "GET http://a.example/\nRange: bytes=1-", answers: []string{"302 F\nLocation: http://b.example/x", ok},
			want: []string{"GET http://a.example/", "GET http://b.example/x"}, status: 200, check: field("Range", "bytes=1-", "bytes=1-"),
		},
		{
			name: "conditions of a write", why: "without them the write would be unconditional; at worst a 412 follows",
			request: "PUT http://a.example/\nIf-Match: \"a\"\n\ndata", answers: []string{"308 P\nLocation: /x", ok},
			want: []string{"PUT http://a.example/ data", "PUT http://a.example/x data"}, status: 200, check: field("If-Match", `"a"`, `"a"`),
		},
		{
			name: "conditions of a write that becomes a read", why: "they were about the write, which is done",
			request: "PUT http://a.example/\nIf-Match: \"a\"\n\ndata", answers: []string{"303 S\nLocation: /x", ok},
			want: []string{"PUT http://a.example/ data", "GET http://a.example/x"}, status: 200, check: field("If-Match", `"a"`, ""),
		},
		{
			name: "create only", why: "If-None-Match: * of a write is a guard, too",
			request: "PUT http://a.example/\nIf-None-Match: *\n\ndata", answers: []string{"308 P\nLocation: /x", ok},
			want: []string{"PUT http://a.example/ data", "PUT http://a.example/x data"}, status: 200, check: field("If-None-Match", "*", "*"),
		},
		{
			name: "Authorization on one origin", why: "nothing leaks there, and clients with tokens of their own (oauth2, go-github) break without",
			request: "GET http://a.example/\nAuthorization: Bearer x", answers: []string{"302 F\nLocation: /x", "302 F\nLocation: http://A.example:80/y", ok},
			want: []string{"GET http://a.example/", "GET http://a.example/x", "GET http://A.example:80/y"}, status: 200, check: field("Authorization", "Bearer x", "Bearer x", "Bearer x"),
		},
		{
			name: "Authorization to another port and back", why: "what was left out once stays out (curl CVE-2022-27774, golang.org/issue/70530)",
			request: "GET http://a.example/\nAuthorization: Bearer x", answers: []string{"302 F\nLocation: http://a.example:81/", "302 F\nLocation: http://a.example/y", ok},
			want: []string{"GET http://a.example/", "GET http://a.example:81/", "GET http://a.example/y"}, status: 200, check: field("Authorization", "Bearer x", "", ""),
		},
		{
			name: "Authorization to a name below", why: "http.Client keeps it there; a name is no origin",
			request: "GET http://a.example/\nAuthorization: Bearer x", answers: []string{"302 F\nLocation: http://b.a.example/", ok},
			want: []string{"GET http://a.example/", "GET http://b.a.example/"}, status: 200, check: field("Authorization", "Bearer x", ""),
		},
		{
			name: "Nowhere", why: "httplib2's default: not even on one origin; auth adds it anew", transport: &Transport{ForwardAuthorization: Nowhere},
			request: "GET http://a.example/\nAuthorization: Basic x", answers: []string{"302 F\nLocation: /x", ok},
			want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200, check: field("Authorization", "Basic x", ""),
		},
		{
			name: "Everywhere", why: "asked for, as httplib2's switch", transport: &Transport{ForwardAuthorization: Everywhere},
			request: "GET http://a.example/\nAuthorization: Basic x", answers: []string{"302 F\nLocation: https://b.example/x", ok},
			want: []string{"GET http://a.example/", "GET https://b.example/x"}, status: 200, check: field("Authorization", "Basic x", "Basic x"),
		},
		{
			name: "Everywhere from https to http", why: "never in the clear what was not", transport: &Transport{ForwardAuthorization: Everywhere, Downgrade: true},
			request: "GET https://a.example/\nAuthorization: Basic x", answers: []string{"302 F\nLocation: http://a.example/x", "302 F\nLocation: https://a.example/y", ok},
			want: []string{"GET https://a.example/", "GET http://a.example/x", "GET https://a.example/y"}, status: 200, check: field("Authorization", "Basic x", "", ""),
		},
		{
			name: "user information on one origin", why: "it is Authorization in another form (curl 2081)",
			request: "GET http://u:p@a.example/", answers: []string{"302 F\nLocation: http://v:q@a.example/x", "302 F\nLocation: /y", ok},
			want:   []string{"GET http://u:p@a.example/", "GET http://u:p@a.example/x", "GET http://u:p@a.example/y"},
			status: 200, check: field("Referer", "", "http://a.example/", "http://a.example/x"),
		},
		{
			name: "user information, Nowhere", why: "it is Authorization in another form", transport: &Transport{ForwardAuthorization: Nowhere},
			request: "GET http://u:p@a.example/", answers: []string{"302 F\nLocation: /x", ok},
			want: []string{"GET http://u:p@a.example/", "GET http://a.example/x"}, status: 200,
		},
		{
			name: "user information, Everywhere", why: "it is for its own origin, whatever the switch (curl 998)", transport: &Transport{ForwardAuthorization: Everywhere},
			request: "GET http://u:p@a.example/", answers: []string{"302 F\nLocation: /x", "302 F\nLocation: http://b.example/", "302 F\nLocation: http://a.example/", ok},
			want: []string{"GET http://u:p@a.example/", "GET http://u:p@a.example/x", "GET http://b.example/", "GET http://a.example/"}, status: 200,
		},
		{
			name: "user information as http.Client writes it, Everywhere", why: "the Authorization that http.Client makes of it is not the caller's", transport: &Transport{ForwardAuthorization: Everywhere},
			request: "GET http://u:p@a.example/\nAuthorization: Basic dTpw", answers: []string{"302 F\nLocation: /x", "302 F\nLocation: https://a.example/", ok},
			want:   []string{"GET http://u:p@a.example/", "GET http://u:p@a.example/x", "GET https://a.example/"},
			status: 200, check: field("Authorization", "Basic dTpw", "Basic dTpw", ""),
		},
		{
			name: "a user without a password, Everywhere", why: "http.Client writes an empty one", transport: &Transport{ForwardAuthorization: Everywhere},
			request: "GET http://u@a.example/\nAuthorization: Basic dTo=", answers: []string{"302 F\nLocation: http://b.example/", ok},
			want: []string{"GET http://u@a.example/", "GET http://b.example/"}, status: 200, check: field("Authorization", "Basic dTo=", ""),
		},
		{
			name: "user information beside the caller's own field, Everywhere", why: "the field is the caller's then", transport: &Transport{ForwardAuthorization: Everywhere},
			request: "GET http://u:p@a.example/\nAuthorization: Bearer x", answers: []string{"302 F\nLocation: http://b.example/", ok},
			want: []string{"GET http://u:p@a.example/", "GET http://b.example/"}, status: 200, check: field("Authorization", "Bearer x", "Bearer x"),
		},
		{
			name: "Referer of each hop", why: "RFC 9110 §10.1.3: the resource that the reference was obtained from",
			request: "GET http://a.example/1?q#f", answers: []string{"302 F\nLocation: /2?r", "302 F\nLocation: http://b.example/3", "302 F\nLocation: /4", "302 F\nLocation: https://b.example/5", "302 F\nLocation: http://b.example/6", ok},
			want:   []string{"GET http://a.example/1?q#f", "GET http://a.example/2?r#f", "GET http://b.example/3#f", "GET http://b.example/4#f", "GET https://b.example/5#f", "GET http://b.example/6#f"},
			status: 200, check: field("Referer", "", "http://a.example/1?q", "http://a.example/", "http://b.example/3", "http://b.example/", ""),
		},
		{
			name: "a Referer of the caller's", why: "it stays the caller's on every hop (as in net/http), cut where the origin changes",
			request: "GET http://a.example/1\nReferer: http://c.example/x?secret", answers: []string{"302 F\nLocation: /2", "302 F\nLocation: http://b.example/3", "302 F\nLocation: /4", ok},
			want:   []string{"GET http://a.example/1", "GET http://a.example/2", "GET http://b.example/3", "GET http://b.example/4"},
			status: 200, check: field("Referer", "http://c.example/x?secret", "http://c.example/x?secret", "http://c.example/", "http://c.example/"),
		},
		{
			name: "an app's own scheme", why: "there is nobody to send it to; the error holds the answer", err: ErrScheme,
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: com.example.app://callback?code=secret\n\nback to the app"}, want: []string{"GET http://a.example/"},
			check: func(t *testing.T, _ []rttest.Recorded, resp *http.Response) {
				t.Helper()
				if body, _ := io.ReadAll(resp.Body); string(body) != "back to the app" || resp.Header.Get("Location") != "com.example.app://callback?code=secret" {
					t.Errorf("%q, %v", body, resp.Header)
				}
			},
		},
		{
			name: "a file", why: "curl CVE-2009-0037: a server must not choose what is read here", err: ErrScheme,
			request: "GET http://a.example/", answers: []string{"301 M\nLocation: file:///etc/passwd"}, want: []string{"GET http://a.example/"},
		},
		{
			name: "300 to another scheme", why: "a list to choose from is an answer, whatever the server prefers",
			request: "GET http://a.example/", answers: []string{"300 M\nLocation: ftp://a.example/"}, want: []string{"GET http://a.example/"}, status: 300,
		},
		{
			name: "another scheme, not followed anyway", why: "what is not followed is an answer", transport: &Transport{Max: -1},
			request: "GET http://a.example/", answers: []string{"302 F\nLocation: ftp://a.example/"}, want: []string{"GET http://a.example/"}, status: 302,
		},
		{
			name: "https to http", why: "there is nothing to protect but the URL",
			request: "GET https://a.example/", answers: []string{"302 F\nLocation: http://a.example/", ok},
			want: []string{"GET https://a.example/", "GET http://a.example/"}, status: 200, check: field("Referer", "", ""),
		},
		{
			name: "https to http with a cookie", why: "the request carries credentials",
			request: "GET https://a.example/\nCookie: c=1", answers: []string{"302 F\nLocation: http://a.example/"}, want: []string{"GET https://a.example/"}, status: 302,
		},
		{
			name: "https to http with a body", why: "what was for one ear is not for all", transport: &Transport{Unsafe: true},
			request: "POST https://a.example/\n\ndata", answers: []string{"307 T\nLocation: http://a.example/"}, want: []string{"POST https://a.example/ data"}, status: 307,
		},
		{
			name: "https to http after a body", why: "the body does not go along",
			request: "POST https://a.example/\n\ndata", answers: []string{"303 S\nLocation: http://a.example/", ok}, want: []string{"POST https://a.example/ data", "GET http://a.example/"}, status: 200,
		},
		{
			name: "Downgrade", why: "asked for, but credentials stay behind", transport: &Transport{Downgrade: true, Unsafe: true},
			request: "POST https://a.example/\nCookie: c=1\nX-Api-Key: k\n\ndata", answers: []string{"307 T\nLocation: http://a.example/x", ok},
			want: []string{"POST https://a.example/ data", "POST http://a.example/x data"}, status: 200, check: field("X-Api-Key", "k", ""),
		},
		{
			name: "for good", why: "what was left out does not come back with the way (CVE-2024-45336)",
			request: "GET http://a.example/\nCookie: c=1\nX-Auth-Token: t\nX-Other: o",
			answers: []string{"302 F\nLocation: /1", "302 F\nLocation: http://b.example/2", "302 F\nLocation: http://a.example/3", ok},
			want:    []string{"GET http://a.example/", "GET http://a.example/1", "GET http://b.example/2", "GET http://a.example/3"}, status: 200,
			check: func(t *testing.T, sent []rttest.Recorded, resp *http.Response) {
				t.Helper()
				field("Cookie", "c=1", "c=1", "", "")(t, sent, resp)
				field("X-Auth-Token", "t", "t", "", "")(t, sent, resp)
				field("X-Other", "o", "o", "o", "o")(t, sent, resp)
			},
		},
		{
			name: "Sensitive", why: "the list is the caller's, but for what is always secret",
			transport: &Transport{Sensitive: func(f string) bool { return f == "X-Tenant" }},
			request:   "GET http://a.example/\nCookie: c=1\nX-Tenant: t\nX-Api-Key: k", answers: []string{"302 F\nLocation: http://b.example/", ok},
			want: []string{"GET http://a.example/", "GET http://b.example/"}, status: 200,
			check: func(t *testing.T, sent []rttest.Recorded, resp *http.Response) {
				t.Helper()
				field("Cookie", "c=1", "")(t, sent, resp)
				field("X-Tenant", "t", "")(t, sent, resp)
				field("X-Api-Key", "k", "k")(t, sent, resp)
			},
		},
		{
			name: "Referer", why: "a full one stays on its origin (the browsers' strict-origin-when-cross-origin)",
			request: "GET http://a.example/x?token=t#f", answers: []string{"302 F\nLocation: /y?z", "302 F\nLocation: http://b.example/", ok},
			want:  []string{"GET http://a.example/x?token=t#f", "GET http://a.example/y?z#f", "GET http://b.example/#f"},
			check: field("Referer", "", "http://a.example/x?token=t", "http://a.example/"), status: 200,
		},
		{
			name: "Referer of the caller's", why: "it stays on the origin, and is cut for others",
			request: "GET http://a.example/x\nReferer: https://u:p@c.example/secret?q#f", answers: []string{"302 F\nLocation: /y", "302 F\nLocation: https://b.example/", ok},
			want:  []string{"GET http://a.example/x", "GET http://a.example/y", "GET https://b.example/"},
			check: field("Referer", "https://u:p@c.example/secret?q#f", "https://u:p@c.example/secret?q#f", "https://c.example/"), status: 200,
		},
		{
			name: "Referers that are none", why: "what cannot be cut is left out",
			request: "GET http://a.example/x\nReferer: /relative?secret", answers: []string{"302 F\nLocation: http://b.example/", ok},
			want:  []string{"GET http://a.example/x", "GET http://b.example/"},
			check: field("Referer", "/relative?secret", ""), status: 200,
		},
		{
			name: "https to http with a token", why: "a field that is Sensitive is a credential",
			request: "GET https://a.example/\nX-Api-Key: k", answers: []string{"302 F\nLocation: http://a.example/"}, want: []string{"GET https://a.example/"}, status: 302,
		},
		{
			name: "https to http with user information", why: "it is a credential",
			request: "GET https://u:p@a.example/", answers: []string{"302 F\nLocation: http://a.example/"}, want: []string{"GET https://u:p@a.example/"}, status: 302,
		},
		{
			name: "Origin", why: "it is not this origin's any more",
			request: "GET http://a.example/x\nOrigin: http://a.example", answers: []string{"302 F\nLocation: /y", "302 F\nLocation: http://b.example/", ok},
			want:  []string{"GET http://a.example/x", "GET http://a.example/y", "GET http://b.example/"},
			check: field("Origin", "http://a.example", "http://a.example", ""), status: 200,
		},
		{
			name: "ContentLocation", why: "httplib2's content-location, on every response", transport: &Transport{ContentLocation: true},
			request: "GET http://u:p@a.example/x#f", answers: []string{"302 F\nLocation: /y", "302 F\nLocation: /z\nContent-Location: /own", ok},
			want: []string{"GET http://u:p@a.example/x#f", "GET http://u:p@a.example/y#f", "GET http://u:p@a.example/z#f"}, status: 200,
			check: func(t *testing.T, _ []rttest.Recorded, resp *http.Response) {
				t.Helper()
				var got []string
				for _, r := range append(History(resp), resp) {
					got = append(got, r.Header.Get("Content-Location"))
				}
				if diff := compare.Diff([]string{"http://a.example/x", "/own", "http://a.example/z"}, got); diff != "" {
					t.Errorf("Content-Location mismatch (-want +got):\n%s", diff)
				}
			},
		},
		{
			name: "an empty method", why: "it is GET", request: " http://a.example/", answers: []string{"302 F\nLocation: /x", ok},
			want: []string{"GET http://a.example/", "GET http://a.example/x"}, status: 200,
		},
		{
			name: "hops from a cache", why: "a redirect met in a cache is one like any other: it counts, and keeps method and body", transport: &Transport{Max: 1},
			request: "PUT http://a.example/\n\ndata", answers: []string{"308 P\nLocation: /x\nAge: 5", "308 P\nLocation: /y\nAge: 5"},
			want: []string{"PUT http://a.example/ data", "PUT http://a.example/x data"}, err: ErrLimit,
		},
	} {
		t.Run(tt.name, tt.run)
	}
}

func (timeout) Error() string { return "timeout" }
func (timeout) Timeout() bool { return true }
