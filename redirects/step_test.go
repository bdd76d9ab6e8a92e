package redirects

import (
	"fmt"
	"testing"
)

// stepTest is one cell of the table in the package documentation.
type stepTest struct {
	why       string
	transport Transport
	methods   []string
	codes     []int
	// want is the method of the next request, with a plus if a body goes along,
	// or a minus if the redirect is not followed. An asterisk is the method of
	// the request.
	want string
}

func (tt stepTest) run(t *testing.T) {
	if tt.why == "" {
		t.Fatal("row without a why")
	}
	for _, method := range tt.methods {
		for _, code := range tt.codes {
			want := tt.want
			if want[0] == '*' {
				want = method + want[1:]
			}
			got := "-"
			if tt.transport.redirects(code) {
				if s := tt.transport.step(code, method); s.why == "" {
					got = s.method
					if s.body {
						got += "+"
					}
				}
			}
			if got != want {
				t.Errorf("%s %d: got %s, want %s: %s", method, code, got, want, tt.why)
			}
		}
	}
}

func TestStep(t *testing.T) {
	var (
		safeMethods   = []string{"GET", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY"}
		unsafeMethods = []string{"POST", "PUT", "PATCH", "DELETE", "MKCOL", "LOCK", "get", "EVEN_NEW_ONES"}
		unsafe        = Transport{Unsafe: true}
	)
	for i, tt := range []stepTest{
		{why: "safe methods follow everything as they are", methods: safeMethods, codes: []int{300, 301, 302, 307, 308}, want: "*+"},
		{why: "RFC 9110 §15.4.4: 303 is another resource, to be retrieved", methods: safeMethods, codes: []int{303}, want: "GET"},
		{why: "HEAD asks for no body, before and after a redirect (httplib2 makes it GET)", methods: []string{"HEAD"}, codes: []int{300, 301, 302, 307, 308}, want: "*+"},
		{why: "RFC 9110 §15.4.4 allows HEAD at the target of a 303", methods: []string{"HEAD"}, codes: []int{303}, want: "HEAD"},
		{why: "RFC 9110 §15.4: the user might not wish to redirect an unsafe request", methods: unsafeMethods, codes: []int{300, 301, 302, 307}, want: "-"},
		{why: "303 says that the request has been done", methods: unsafeMethods, codes: []int{303}, want: "GET"},
		{why: "308 is followed by every method, as in httplib2", methods: unsafeMethods, codes: []int{308}, want: "*+"},
		{why: "Unsafe: 301 may keep POST, and httplib2 does", transport: unsafe, methods: []string{"POST"}, codes: []int{300, 301, 307, 308}, want: "POST+"},
		{why: "Unsafe: RFC 9110 §15.4.3, for historical reasons POST becomes GET", transport: unsafe, methods: []string{"POST"}, codes: []int{302, 303}, want: "GET"},
		{why: "PostToGet: as browsers do", transport: Transport{Unsafe: true, PostToGet: true}, methods: []string{"POST"}, codes: []int{300, 301, 302, 303}, want: "GET"},
		{why: "PostToGet: 307 and 308 were made not to change the method", transport: Transport{Unsafe: true, PostToGet: true}, methods: []string{"POST"}, codes: []int{307, 308}, want: "POST+"},
		{why: "Unsafe: only POST may become GET (RFC 9110 §15.4.2, §15.4.3)", transport: unsafe, methods: []string{"PUT", "PATCH", "DELETE"}, codes: []int{300, 301, 302, 307, 308}, want: "*+"},
		{why: "not modified is no redirect, a proxy is none to be taken from a response (RFC 9110 §15.4.6)", transport: unsafe, methods: []string{"GET", "POST"}, codes: []int{304, 305, 306}, want: "-"},
		{why: "nor if they are asked for", transport: Transport{Codes: []int{304, 305, 306}}, methods: []string{"GET"}, codes: []int{304, 305, 306}, want: "-"},
		{why: "other classes are answers", transport: unsafe, methods: []string{"GET", "POST"}, codes: []int{200, 201, 309, 399, 404, 503}, want: "-"},
		{why: "Codes replaces the list", transport: Transport{Codes: []int{300}}, methods: []string{"GET"}, codes: []int{301, 302, 303, 307, 308}, want: "-"},
		{why: "Codes replaces the list", transport: Transport{Codes: []int{300}}, methods: []string{"GET"}, codes: []int{300}, want: "GET+"},
		{why: "an empty list is a list", transport: Transport{Codes: []int{}}, methods: []string{"GET"}, codes: []int{300, 301, 302, 303, 307, 308}, want: "-"},
		{why: "another code keeps the method, as 307 does", transport: Transport{Codes: []int{201}, PostToGet: true, Unsafe: true}, methods: []string{"GET", "POST"}, codes: []int{201}, want: "*+"},
	} {
		t.Run(fmt.Sprint(i), tt.run)
	}
}
