package roundtrip

import (
	"net/url"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// An Origin is that of RFC 6454 §4: scheme, host and port, with the default port filled in
// and the host in lower-case ASCII. Two URLs have the same origin if and only if their Origins
// are equal.
type Origin struct {
	Scheme, Host, Port string
}

// SameOrigin reports whether a and b have the same origin.
func SameOrigin(a, b *url.URL) bool { return OriginOf(a) == OriginOf(b) }

// OriginOf returns the origin of u.
func OriginOf(u *url.URL) Origin {
	if u == nil {
		return Origin{}
	}
	scheme := u.Scheme
	if scheme != "http" && scheme != "https" {
		scheme = strings.ToLower(scheme)
	}
	host, port, ok := simple(u.Host)
	if !ok {
		host, port = Host(u), u.Port()
	}
	if port == "" {
		switch scheme {
		case "http", "ws":
			port = "80"
		case "https", "wss":
			port = "443"
		}
	}
	return Origin{Scheme: scheme, Host: host, Port: port}
}

// simple splits the usual form of an authority fast: a name or an IPv4 address in lower-case
// ASCII, with a port or without. The origin of a request is computed several times.
func simple(authority string) (host, port string, ok bool) {
	for i := range len(authority) {
		switch c := authority[i]; {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.':
		case c == ':':
			port = authority[i+1:]
			return strings.TrimSuffix(authority[:i], "."), port, httpfield.OnlyDigits(port)
		default:
			return "", "", false
		}
	}
	return strings.TrimSuffix(authority, "."), "", true
}

// Host returns the host of u without port, in lower-case ASCII: a name in
// Unicode is converted by IDNA, as net/http does before it dials.
func Host(u *url.URL) string {
	h := strings.TrimSuffix(u.Hostname(), ".")
	if !httpfield.IsASCII(h) {
		h = toASCII(h)
	}
	return strings.ToLower(h)
}

// Authority returns host:port, with an IPv6 address in brackets.
func (o Origin) Authority() string {
	h := o.Host
	if strings.Contains(h, ":") {
		h = "[" + h + "]"
	}
	if o.Port == "" {
		return h
	}
	return h + ":" + o.Port
}

// String returns the origin in URL form.
func (o Origin) String() string { return o.Scheme + "://" + o.Authority() }
