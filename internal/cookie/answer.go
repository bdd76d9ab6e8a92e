package cookie

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
)

// Answer puts the cookies that resp, a 401 or 407 to a request for u, sets into jar,
// and what jar makes of them into h, the header of the request that answers it. If jar
// is nil, they are only for that request: some servers know by them which challenge is
// being answered.
func Answer(jar http.CookieJar, u *url.URL, resp *http.Response, h http.Header) {
	set := FromHeader(resp.Header)
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
	Remove(h, isNew)
	cookies := slices.DeleteFunc(jar.Cookies(u), func(c *http.Cookie) bool { return !isNew(c.Name) })
	Append(h, cookies)
}
