package redirects

import (
	"net/http"
	"net/url"

	"github.com/tripper-go/tripper/internal/cookie"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// withCookies returns req with the cookies that jar has for it, after those of the
// caller's own Cookie field, as in http.Client. Cookies of responses that a layer below
// drops (a 401 or 407 that is answered, a 503 that is tried again) are put into jar
// too: a user agent keeps the cookies of every response (RFC 6265 §3).
func withCookies(req *http.Request, jar http.CookieJar) *http.Request {
	p := placeOf(req, jar)
	out := req.WithContext(roundtrip.WithDropped(req.Context(), p))
	if cookies := jar.Cookies(&p.url); len(cookies) > 0 {
		out.Header = roundtrip.CloneHeader(req.Header)
		cookie.Append(out.Header, cookies)
	}
	return out
}

// place is a jar, and the URL by which the cookies of a request are found in it.
type place struct {
	jar http.CookieJar
	url url.URL
}

// placeOf returns the place of the cookies of req in jar.
func placeOf(req *http.Request, jar http.CookieJar) *place {
	return &place{jar: jar, url: *cookieURL(req)}
}

// Dropped keeps the cookies of a response that a layer below dropped.
func (p *place) Dropped(resp *http.Response) { p.keep(resp) }

// keep puts the cookies of resp into the jar, unless resp is a stored response: its
// cookies were put there when the origin sent it, and may have changed since.
func (p *place) keep(resp *http.Response) {
	if len(resp.Header["Set-Cookie"]) == 0 || roundtrip.IsRepeat(resp) {
		return
	}
	if set := cookie.FromHeader(resp.Header); len(set) > 0 {
		p.jar.SetCookies(&p.url, set)
	}
}

// cookieURL returns the URL that the cookies of req belong to: like http.Client,
// that of the Host field if the caller set one. It is not inlined, since its copy is much code.
//
//go:noinline
func cookieURL(req *http.Request) *url.URL {
	if req.Host == "" || req.Host == req.URL.Host {
		return req.URL
	}
	u := *req.URL
	u.Host = req.Host
	return &u
}

// forgetCookies removes from the caller's own Cookie field the cookies that resp has
// set: the Jar has them now. As in http.Client, they are compared by name only, since
// a Cookie field does not name the domain and the path of a cookie.
func (w *walk) forgetCookies(h http.Header, resp *http.Response) {
	if w.Jar == nil || len(h["Cookie"]) == 0 || roundtrip.IsRepeat(resp) {
		return
	}
	set := make(map[string]bool)
	for _, c := range cookie.FromHeader(resp.Header) {
		set[c.Name] = true
	}
	cookie.Remove(h, func(name string) bool { return set[name] })
}
