package trace

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
)

// hidden stands for a value that is not told.
const hidden = "[hidden]"

// harmless are the fields whose values are told unless somebody says otherwise:
// what HTTP itself needs, and nothing that tells who somebody is. A list of what
// may be told errs on the side of silence; a list of secrets would not know the
// next one.
var harmless = func() map[string]bool {
	m := make(map[string]bool)
	for name := range strings.FieldsSeq(`
		Accept Accept-Charset Accept-Encoding Accept-Language Accept-Patch Accept-Post Accept-Ranges Age Allow Alt-Svc
		Available-Dictionary Cache-Control Cache-Status Cdn-Cache-Control Connection Content-Digest Content-Disposition
		Content-Encoding Content-Language Content-Length Content-Md5 Content-Range Content-Type Date Dictionary-Id Digest Etag
		Expect Expires Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Keep-Alive Last-Modified
		Max-Forwards No-Vary-Search Pragma Range Repr-Digest Retry-After Server Strict-Transport-Security Te Trailer
		Transfer-Encoding Upgrade Use-As-Dictionary User-Agent Vary Via Warning Want-Content-Digest Want-Repr-Digest X-From-Cache`) {
		m[name] = true
	}
	return m
}()

// RedactError returns the text of err with every URL in it as [Redact] has it: errors of
// net/url and of other modules quote the URL that was asked for.
func RedactError(err error) string {
	return urls.ReplaceAllStringFunc(err.Error(), func(s string) string {
		u, err := url.Parse(s)
		if err != nil {
			return hidden
		}
		return Redact(u)
	})
}

var urls = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://[^\s"'<>]+`)

// values returns the values of a field to tell.
func values(name string, vs []string, reveal func(string) bool) []string {
	name = http.CanonicalHeaderKey(name)
	switch {
	case harmless[name] || reveal != nil && reveal(name):
		return vs
	case name == "Location" || name == "Content-Location" || name == "Referer":
		out := make([]string, len(vs))
		for i, v := range vs {
			out[i] = hidden
			if u, err := url.Parse(v); err == nil {
				out[i] = Redact(u)
			}
		}
		return out
	case name == "Authorization" || name == "Proxy-Authorization" || name == "Www-Authenticate" || name == "Proxy-Authenticate":
		// The scheme is worth knowing and no secret.
		out := make([]string, len(vs))
		for i, v := range vs {
			scheme, _, found := strings.Cut(v, " ")
			out[i] = hidden
			if found && len(scheme) < 20 {
				out[i] = scheme + " " + hidden
			}
		}
		return out
	}
	out := make([]string, len(vs))
	for i := range out {
		out[i] = hidden
	}
	return out
}
