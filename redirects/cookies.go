package redirects

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// addCookies returns req with the cookies that jar has for it. The caller's own
// Cookie field stays, as with http.Client.
func addCookies(req *http.Request, jar http.CookieJar) *http.Request {
	cookies := jar.Cookies(cookieURL(req))
	if len(cookies) == 0 {
		return req
	}
	out := roundtrip.Clone(req)
	for _, c := range cookies {
		out.AddCookie(c)
	}
	return out
}

// cookieURL returns the URL that the cookies of req belong to: like http.Client,
// that of the Host field if the caller set one.
func cookieURL(req *http.Request) *url.URL {
	if req.Host == "" || req.Host == req.URL.Host {
		return req.URL
	}
	u := *req.URL
	u.Host = req.Host
	return &u
}

// forgetCookies removes from the caller's own Cookie field what resp set anew:
// the Jar has it now. As in http.Client, the name alone counts, since a Cookie
// field does not say for which domain and path its cookies are.
func (w *walk) forgetCookies(h http.Header, resp *http.Response) {
	lines := h["Cookie"]
	if w.Jar == nil || len(lines) == 0 || roundtrip.IsRepeat(resp) {
		return
	}
	set := make(map[string]bool)
	for _, c := range resp.Cookies() {
		set[c.Name] = true
	}
	if len(set) == 0 {
		return
	}
	var kept []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			if name, _, _ := strings.Cut(pair, "="); pair != "" && !set[strings.TrimSpace(name)] {
				kept = append(kept, pair)
			}
		}
	}
	if len(kept) == 0 {
		h.Del("Cookie")
		return
	}
	h["Cookie"] = []string{strings.Join(kept, "; ")}
}
