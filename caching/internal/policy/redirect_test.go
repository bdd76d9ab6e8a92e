package policy

import (
	"net/url"
	"testing"
)

func TestRedirectTarget(t *testing.T) {
	t.Parallel()
	here, _ := url.Parse("http://example.com/a/b")
	for _, r := range []struct {
		why    string
		status int
		lines  []string
		there  string
		reason string
	}{
		{"relative", 302, []string{"Location: c"}, "http://example.com/a/c", ""},
		{"300 with a target", 300, []string{"Location: /c"}, "http://example.com/c", ""},
		{"no target", 301, nil, "", reasonNoTarget},
		{"what is no URL", 308, []string{"Location: http://[::1"}, "", reasonNoTarget},
		{"no target, but it says for how long", 307, []string{"Cache-Control: max-age=60"}, "", ""},
		{"no target, and stale", 303, []string{"Cache-Control: max-age=0"}, "", reasonNoTarget},
	} {
		resp := responseFrom(r.status, r.lines...)
		f := factsOf(testConfig(false), resp, Imposed{})
		if !Redirects(r.status, resp.Header) {
			t.Errorf("%d does not redirect: %s", r.status, r.why)
		}
		there, reason := f.RedirectTarget(resp.Header, here)
		text := ""
		if there != nil {
			text = there.String()
		}
		if text != r.there || reason != r.reason {
			t.Errorf("%d %q: %q (%s), want %q (%s): %s", r.status, r.lines, text, reason, r.there, r.reason, r.why)
		}
	}
	for _, status := range []int{200, 300, 304, 404} {
		if Redirects(status, nil) || status != 300 && Redirects(status, headerOf("Location: /")) {
			t.Errorf("%d redirects", status)
		}
	}
}
