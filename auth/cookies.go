package auth

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"

	"github.com/tripper-go/tripper/internal/cookie"
)

// addCookies puts the cookies of a 401 into jar, and what jar makes of them into
// the request that answers it. If jar is nil, they are only for that request: some
// servers know by them which challenge is being answered.
func addCookies(jar http.CookieJar, u *url.URL, resp *http.Response, again *http.Request) {
	set := cookie.FromHeader(resp.Header)
	if len(set) == 0 {
		return
	}
	if jar == nil {
		jar, _ = cookiejar.New(nil) // never fails
	}
	jar.SetCookies(u, set)
	isNew := func(name string) bool {
		return slices.ContainsFunc(set, func(c *http.Cookie) bool { return c.Name == name })
	}
	cookie.Remove(again.Header, isNew)
	for _, c := range jar.Cookies(u) {
		if isNew(c.Name) {
			cookie.Append(again.Header, []*http.Cookie{c})
		}
	}
}
