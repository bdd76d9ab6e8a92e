package cookie

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"time"
)

// Answer handles the cookies of resp, a 401 or 407 to a request for u: it stores them in jar,
// and adds those that jar returns for u to h, the header of the request that answers resp. Some
// servers find the challenge by such a cookie. If jar is nil, they are stored nowhere.
func Answer(jar http.CookieJar, u *url.URL, resp *http.Response, h http.Header) {
	set := FromHeader(resp.Header)
	if len(set) == 0 {
		return
	}
	if jar == nil {
		jar, _ = cookiejar.New(nil) // never fails
	}
	jar.SetCookies(u, set)
	named := func(name string, all []*http.Cookie) bool {
		return slices.ContainsFunc(all, func(c *http.Cookie) bool { return c.Name == name })
	}
	added := slices.DeleteFunc(jar.Cookies(u), func(c *http.Cookie) bool { return !named(c.Name, set) })
	// Cookies in h that were deleted or replaced. One for another path replaces none.
	gone := slices.DeleteFunc(set, func(c *http.Cookie) bool { return !deletes(c) && !named(c.Name, added) })
	Remove(h, func(name string) bool { return named(name, gone) })
	Append(h, added)
}

// deletes reports whether c deletes a cookie (RFC 6265 §5.3).
func deletes(c *http.Cookie) bool {
	return c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && c.Expires.Before(time.Now())
}
