package cookie

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"slices"
	"time"
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
	named := func(name string, all []*http.Cookie) bool {
		return slices.ContainsFunc(all, func(c *http.Cookie) bool { return c.Name == name })
	}
	added := slices.DeleteFunc(jar.Cookies(u), func(c *http.Cookie) bool { return !named(c.Name, set) })
	// What takes the place of others, or deletes them; not what is for another path.
	gone := slices.DeleteFunc(set, func(c *http.Cookie) bool { return !deletes(c) && !named(c.Name, added) })
	Remove(h, func(name string) bool { return named(name, gone) })
	Append(h, added)
}

// deletes reports whether c is set to have it deleted (RFC 6265 §5.3).
func deletes(c *http.Cookie) bool {
	return c.MaxAge < 0 || c.MaxAge == 0 && !c.Expires.IsZero() && c.Expires.Before(time.Now())
}
