package httpsig

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A message is a request, or a response with the request that it answers.
type message struct {
	req  *http.Request
	resp *http.Response // nil for a request
}

// errAbsent says that a message does not have a component.
var errAbsent = errors.New("not in the message")

// value returns the value of a component (RFC 9421 §2). The error is errAbsent if the message
// does not have it.
func (m *message) value(c component) (string, error) {
	of := part{req: m.req}
	switch {
	case c.req && m.resp == nil:
		return "", errors.New("parameter req in the signature of a request")
	case !c.req && m.resp != nil:
		of = part{resp: m.resp}
	}
	v, err := of.value(c)
	if err != nil {
		return "", err
	}
	// A line break would begin a line of the signature base (§7.5.5).
	for i := range len(v) {
		if v[i] != '\t' && (v[i] < ' ' || v[i] >= 0x7f) {
			return "", errors.New("its value is not printable ASCII; parameter bs is for such fields")
		}
	}
	return v, nil
}

// A part is the request or the response of a message.
type part struct {
	req  *http.Request
	resp *http.Response
}

func (p part) value(c component) (string, error) {
	switch {
	case !strings.HasPrefix(c.name, "@"):
		return p.field(c)
	case c.name == "@status":
		if p.resp == nil {
			return "", errors.New("a request has no status")
		}
		return strconv.Itoa(p.resp.StatusCode), nil
	case p.req == nil:
		return "", errors.New("only a request has it")
	}
	return derived(p.req, c)
}

// derived returns the value of a derived component of a request (RFC 9421 §2.2).
func derived(req *http.Request, c component) (string, error) {
	scheme, target := schemeOf(req), targetOf(req)
	switch c.name {
	case "@method":
		return roundtrip.Method(req), nil
	case "@scheme":
		return scheme, nil
	case "@authority":
		return authorityOf(req, scheme), nil
	case "@request-target":
		return target, nil
	case "@target-uri":
		path, query := split(target)
		return scheme + "://" + authorityOf(req, scheme) + path + query, nil
	case "@path":
		path, _ := split(target)
		return path, nil
	case "@query":
		_, query := split(target)
		if query == "" {
			query = "?" // §2.2.7
		}
		return query, nil
	case "@query-param":
		_, query := split(target)
		return queryParam(query, c.param)
	}
	return "", errAbsent
}

// schemeOf returns the scheme of the target of req in lower case. req may be one that a server
// has received.
func schemeOf(req *http.Request) string {
	switch {
	case req.URL != nil && req.URL.Scheme != "":
		return httpfield.Lower(req.URL.Scheme)
	case req.TLS != nil:
		return "https"
	}
	return "http"
}

// targetOf returns the request target of req. A client does not know whether it will be sent
// in absolute form to a proxy.
func targetOf(req *http.Request) string {
	if req.RequestURI != "" { // received by a server
		return req.RequestURI
	}
	return roundtrip.RequestTarget(req)
}

// split returns the path of a request target, and the query with its question mark.
func split(target string) (path, query string) {
	if i := strings.IndexByte(target, '?'); i >= 0 {
		target, query = target[:i], target[i:]
	}
	if !strings.HasPrefix(target, "/") {
		if _, rest, absolute := strings.Cut(target, "://"); absolute {
			_, path, _ := strings.Cut(rest, "/")
			target = "/" + path
		}
	}
	if target == "" {
		target = "/" // RFC 9110 §4.2.3
	}
	return target, query
}

// authorityOf returns the authority of req, with the host in lower case and without a default
// port (RFC 9110 §4.2.3).
func authorityOf(req *http.Request, scheme string) string {
	host := httpfield.Lower(hostOf(req))
	switch scheme {
	case "http":
		host = strings.TrimSuffix(host, ":80")
	case "https":
		host = strings.TrimSuffix(host, ":443")
	}
	return strings.TrimSuffix(host, ":")
}

// hostOf returns the value of the field Host, as net/http sends it: names in ASCII, and IPv6
// addresses without a zone.
func hostOf(req *http.Request) string {
	host := req.Host
	if host == "" && req.URL != nil {
		host = req.URL.Host
	}
	if !httpfield.IsASCII(host) {
		return roundtrip.OriginOf(&url.URL{Host: host}).Authority()
	}
	if i, end := strings.IndexByte(host, '%'), strings.LastIndexByte(host, ']'); i >= 0 && i < end {
		host = host[:i] + host[end:]
	}
	return host
}

// queryParam returns the value of the parameter of the query with that name (RFC 9421 §2.2.8).
// Name and value are percent-encoded anew, so that it does not matter how they were encoded.
func queryParam(query, name string) (value string, err error) {
	err = errAbsent
	for pair := range strings.SplitSeq(strings.TrimPrefix(query, "?"), "&") {
		n, v, _ := strings.Cut(pair, "=")
		if pair == "" || reencode(n) != name {
			continue
		}
		if err == nil {
			return "", errors.New("the query has several parameters of that name")
		}
		value, err = reencode(v), nil
	}
	return value, err
}

// reencode decodes a name or a value of application/x-www-form-urlencoded, and returns it with
// everything percent-encoded but letters, digits and the characters *-._ in it.
func reencode(s string) string {
	decoded := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '+':
			decoded = append(decoded, ' ')
		case roundtrip.IsEscape(s[i:]):
			n, _ := strconv.ParseUint(s[i+1:i+3], 16, 8) // two hexadecimal digits
			decoded = append(decoded, byte(n))
			i += 2
		default:
			decoded = append(decoded, c)
		}
	}
	var b strings.Builder
	for _, c := range []byte(strings.ToValidUTF8(string(decoded), "\uFFFD")) {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', strings.IndexByte("*-._", c) >= 0:
			b.WriteByte(c)
		default:
			roundtrip.PercentEncode(&b, c)
		}
	}
	return b.String()
}
