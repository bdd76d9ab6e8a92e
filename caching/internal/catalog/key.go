package catalog

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// The kinds of keys. The kind is the first byte of what is hashed, so that keys of different
// kinds are different.
const (
	keyGet     = 'g' // a target, with the response to a GET, or the response to one user's
	keyQuery   = 'q' // the response to a QUERY
	keyVariant = 'v' // one variant
	keyPath    = 'p' // a path
	keyNVS     = 's' // a response with No-Vary-Search
	keyGroup   = 'c' // the note of the invalidation of a group
)

// hashKey returns the key of an entry: a hash of its kind, its target and its parts, which
// are what else tells responses apart. With a hasher it is a keyed hash, so that a reader
// of keys cannot try users and passwords.
func hashKey(kind byte, target []byte, keyed *hasher, parts ...string) string {
	if keyed != nil {
		return keyed.hashParts(kind, target, parts)
	}
	sum := hashParts(kind, target, parts)
	return keyText(&sum)
}

func hashParts(kind byte, target []byte, parts []string) [sha256.Size]byte {
	var room [512]byte
	return sha256.Sum256(appendParts(room[:0], kind, target, parts))
}

// appendParts appends what is hashed. Each part has its length before it, so that different
// parts give different bytes.
func appendParts(b []byte, kind byte, target []byte, parts []string) []byte {
	b = append(b, kind)
	b = binary.AppendUvarint(b, uint64(len(target)))
	b = append(b, target...)
	for _, p := range parts {
		b = binary.AppendUvarint(b, uint64(len(p)))
		b = append(b, p...)
	}
	return b
}

func keyText(sum *[sha256.Size]byte) string {
	var text [43]byte
	base64.RawURLEncoding.Encode(text[:], sum[:])
	return string(text[:])
}

// AppendTarget appends the target URI of req with a query in place of its own: the URL, and
// before it the Host of the request if it is not the host of the URL (RFC 9110 §7.1). Two
// targets give the same bytes exactly if RFC 9110 §4.2.3 calls them equivalent, except that
// characters that are escaped without need are not unescaped: to some servers they differ.
func AppendTarget(b []byte, req *http.Request, query string) []byte {
	if req.Host != "" && req.Host != req.URL.Host {
		var room [2][128]byte
		own := appendAuthority(room[0][:0], &url.URL{Scheme: req.URL.Scheme, Host: req.Host})
		if string(own) != string(appendAuthority(room[1][:0], req.URL)) {
			b = append(b, 0) // no URL begins with it
			b = binary.AppendUvarint(b, uint64(len(own)))
			b = append(b, own...)
		}
	}
	return AppendURL(b, req.URL, query)
}

// URLOf returns the URL of req as [AppendURL] writes it.
func URLOf(req *http.Request) string {
	return string(AppendURL(make([]byte, 0, 128), req.URL, req.URL.RawQuery))
}

// AppendURL appends u in normal form, with a query in place of its own: scheme and host in
// lower case, no default port, no user information, no fragment, and "/" for an empty path
// (RFC 9110 §4.2.3). An empty query is kept, and so is a final dot of the host: without them
// the URL is another one (RFC 3986 §6.2.3, §3.2.2). Paths and queries are left as they are.
func AppendURL(b []byte, u *url.URL, query string) []byte {
	b = append(b, httpfield.Lower(u.Scheme)...)
	b = append(b, "://"...)
	b = appendAuthority(b, u)
	path := u.EscapedPath()
	if u.Opaque != "" {
		path, _ = opaquePath(u)
	}
	if path == "" || path[0] != '/' {
		b = append(b, '/')
	}
	b = append(b, path...)
	if query != "" || u.ForceQuery && u.RawQuery == "" {
		b = append(b, '?')
		b = append(b, query...)
	}
	return b
}

// appendAuthority appends the host and the port of u in normal form.
func appendAuthority(b []byte, u *url.URL) []byte {
	if plainAuthority(u.Host) {
		return append(b, u.Host...)
	}
	o := roundtrip.OriginOf(u)
	if strings.Contains(o.Host, ":") {
		b = append(b, '[')
		b = append(b, strings.ReplaceAll(o.Host, "%", "%25")...) // a zone (RFC 6874)
		b = append(b, ']')
	} else {
		b = append(b, o.Host...)
	}
	if strings.HasSuffix(u.Host, ".") || strings.Contains(u.Host, ".:") {
		b = append(b, '.') // which an Origin leaves out
	}
	if o.Port != "" && !(o.Scheme == "http" && o.Port == "80") && !(o.Scheme == "https" && o.Port == "443") {
		b = append(b, ':')
		b = append(b, o.Port...)
	}
	return b
}

// plainAuthority is a quick test of whether an authority is in normal form already: a name or
// an IPv4 address in lower-case ASCII without a final dot, and no port, or one that is no
// scheme's default. If false, it may be all the same.
func plainAuthority(authority string) bool {
	host, port, hasPort := strings.Cut(authority, ":")
	if host == "" || host[len(host)-1] == '.' || hasPort && (port == "" || port == "80" || port == "443") {
		return false
	}
	for i := range len(host) {
		if c := host[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	for i := range len(port) {
		if port[i] < '0' || port[i] > '9' {
			return false
		}
	}
	return true
}

// opaquePath returns the path of a URL that has it in Opaque, alone or with the host before
// it, so that it is sent with the escapes it has. ok is false for other forms, which net/http
// sends as they are.
func opaquePath(u *url.URL) (path string, ok bool) {
	path = u.Opaque
	if rest, is := strings.CutPrefix(path, "//"); is {
		host, _, _ := strings.Cut(rest, "/")
		if !roundtrip.SameOrigin(&url.URL{Scheme: u.Scheme, Host: host}, u) {
			return u.Opaque, false
		}
		path = rest[len(host):]
	}
	return path, strings.HasPrefix(path, "/") && !strings.HasPrefix(path, "//")
}

// Keyed reports whether a key can be made for u: [AppendURL] writes no other URL like it.
func Keyed(u *url.URL) bool {
	if u.Opaque == "" {
		// net/http sends a path that does not begin with "/" as it is.
		return u.Path == "" || u.Path[0] == '/'
	}
	_, ok := opaquePath(u)
	return ok
}

// VariantKey returns the key of the variant with the selectors, of a response whose key would be base
// without.
func VariantKey(base string, selectors []policy.Selector) string {
	var room [16]string
	parts := room[:0]
	for _, s := range selectors {
		parts = append(parts, s.Name, s.Value)
	}
	return hashKey(keyVariant, []byte(base), nil, parts...)
}

// variantKey returns the key of the variant that the request selects by the fields with these
// names.
func (q *Query) variantKey(base string, names []string) string {
	var room [16]string
	parts := room[:0]
	for _, name := range names {
		parts = append(parts, name, q.Selecting(name))
	}
	sum := hashParts(keyVariant, []byte(base), parts)
	return q.Cat.variants.Of(&sum, uint(sum[0]), func() string { return keyText(&sum) })
}
