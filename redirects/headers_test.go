package redirects

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestCredentialLike(t *testing.T) {
	for _, tt := range []struct {
		want   bool
		fields []string
		why    string
	}{
		{true, []string{"Authorization", "Proxy-Authorization", "Cookie", "Cookie2", "WWW-Authenticate"}, "the standard ones"},
		{true, []string{"X-WSSE", "x-wsse", "X-Authorization", "X-Auth", "X-Auth-User"}, "other ways to authenticate"},
		{true, []string{"X-Api-Key", "x-api-key", "Api-Key", "ApiKey", "X-ApiKey", "X-Rapidapi-Key", "DD-API-KEY", "DD-APPLICATION-KEY", "X_API_KEY", "Ocp-Apim-Subscription-Key", "X-Functions-Key", "X-Goog-Api-Key", "X-Master-Key"}, "keys"},
		{true, []string{"X-Auth-Token", "Private-Token", "Job-Token", "X-Vault-Token", "X-Amz-Security-Token", "X-Shopify-Access-Token", "Circle-Token", "X-Xsrf-Token"}, "tokens"},
		{true, []string{"CF-Access-Client-Secret", "X-Client-Secret", "X-Password", "X-Passwd", "X-Credentials", "X-Session-Id", "Mcp-Session-Id", "X-Jwt-Assertion", "Dpop", "Signature", "X-Hub-Signature-256", "X-Otp"}, "secrets by other names"},
		{false, []string{
			"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Content-Type", "Content-Length", "Date", "Host", "If-None-Match", "Range", "Referer", "User-Agent",
			"X-Request-Id", "Traceparent", "Tracestate", "X-Requested-With", "X-Forwarded-For", "Prefer", "Depth", "X-Tenant", "Accept-Signaling", "X-Keyword", "X-Monkey",
		}, "what says nothing about who asks"},
		{false, []string{"Idempotency-Key", "X-Idempotency-Key", "Sec-WebSocket-Key"}, "keys that are no secrets, and without which a request means something else"},
		{false, []string{"Author", "X-Author", ""}, "words that only look alike"},
	} {
		for _, f := range tt.fields {
			if got := CredentialLike(f); got != tt.want {
				t.Errorf("CredentialLike(%q) = %v: %s", f, got, tt.why)
			}
		}
	}
}

func TestSameOrigin(t *testing.T) {
	for _, tt := range []struct {
		a, hostA, b, hostB string
		want               bool
		why                string
	}{
		{"http://a.example/", "", "http://a.example/x?y", "", true, "paths are of one origin"},
		{"http://a.example/", "", "http://a.example:80/", "", true, "80 is the default port"},
		{"https://a.example:443/", "", "https://a.example/", "", true, "443 is the default port"},
		{"http://a.example/", "", "https://a.example/", "", false, "another scheme"},
		{"http://a.example/", "", "http://a.example:8080/", "", false, "another port"},
		{"http://a.example/", "", "http://b.a.example/", "", false, "a name below"},
		{"http://b.a.example/", "", "http://a.example/", "", false, "a name above"},
		{"http://bücher.example/", "", "http://xn--bcher-kva.example/", "", true, "IDNA"},
		{"http://127.0.0.1/", "", "http://localhost/", "", false, "names are compared, not addresses"},
		{"http://[::1]/", "", "http://[::1]:80/", "", true, "IPv6"},
		{"http://intranet/", "", "http://intranet./", "", false, "a name that a search list may complete, and one that it may not"},
		{"http://a.example./", "", "http://a.example:80/", "", false, "likewise"},
		{"http://a.example./", "", "http://A.example.:80/", "", true, "both names are whole"},
		{"http://127.0.0.1/", "a.example", "http://127.0.0.1/", "a.example.", false, "another virtual host, as far as we know"},
		{"http://127.0.0.1/", "a.example", "http://127.0.0.1/", "a.example", true, "one virtual host"},
		{"http://127.0.0.1/", "a.example", "http://127.0.0.1/", "", false, "another virtual host at the same address"},
		{"http://127.0.0.1/", "127.0.0.1", "http://127.0.0.1/", "", true, "the Host that http.NewRequest sets"},
	} {
		if got := sameOrigin(requestTo(t, tt.a, tt.hostA), requestTo(t, tt.b, tt.hostB)); got != tt.want {
			t.Errorf("%s (%s) and %s (%s): %v: %s", tt.a, tt.hostA, tt.b, tt.hostB, got, tt.why)
		}
	}
	if sameOrigin(&http.Request{}, &http.Request{}) {
		t.Error("no URL, no origin")
	}
}

func requestTo(t *testing.T, target, host string) *http.Request {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Request{URL: u, Host: host}
}

// A Host of the caller's own stays under relative references only.
func TestHost(t *testing.T) {
	for _, tt := range []struct{ location, want, why string }{
		{"/x", "virtual.example", "golang.org/issue/22233: the URL still stands"},
		{"?x", "virtual.example", "the URL still stands"},
		{"//127.0.0.1/x", "", "the authority is named anew (net/http keeps the Host here)"},
		{"http://127.0.0.1/x", "", "the authority is named anew"},
	} {
		var got []string
		n := 0
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			n++
			got = append(got, req.Host+" "+req.Header.Get("Cookie"))
			resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}
			if n == 1 {
				resp.StatusCode = 302
				resp.Header.Set("Location", tt.location)
			}
			return resp, nil
		})
		req := rttest.ReadRequest(t, "GET http://127.0.0.1/\nCookie: c=1")
		req.Host = "virtual.example"
		if _, err := (&Transport{}).Wrap(base).RoundTrip(req); err != nil { //nolint:bodyclose // http.NoBody
			t.Fatal(err)
		}
		want := tt.want
		if want != "" {
			want += " c=1"
		} else {
			want += " "
		}
		if len(got) != 2 || got[1] != want {
			t.Errorf("%s: %q, want %q: %s", tt.location, got, want, tt.why)
		}
	}
}
