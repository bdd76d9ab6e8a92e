package roundtrip

import (
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A Scope is a parsed domain of credentials: a host, a host with a port, or an origin. Parts
// that are empty cover every value.
type Scope struct {
	Scheme, Host, Port string
}

// ParseScope parses a domain. ok is false if it covers no origin.
func ParseScope(domain string) (s Scope, ok bool) {
	domain = httpfield.TrimBlanks(domain)
	if a, err := netip.ParseAddr(domain); err == nil {
		return Scope{Host: a.String()}, true
	}
	text, path := domain, "/"
	if !strings.Contains(domain, "://") {
		text, path = "//"+domain, ""
	}
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Path != "" && u.Path != path || u.ForceQuery || u.RawQuery != "" || u.Fragment != "" {
		return Scope{}, false
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return Scope{}, false
		}
	}
	host := Host(u)
	if _, err := netip.ParseAddr(host); err != nil && !isHostName(host) {
		return Scope{}, false
	}
	switch o := OriginOf(u); o.Scheme {
	case "":
		return Scope{Host: host, Port: u.Port()}, true
	case "http", "https":
		return Scope{o.Scheme, host, o.Port}, true
	}
	return Scope{}, false
}

// isHostName reports whether host consists of labels of ASCII letters, digits,
// hyphens and underscores.
func isHostName(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if label == "" || strings.ContainsFunc(label, notInLabel) {
			return false
		}
	}
	return true
}

func notInLabel(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
}

// Covers reports whether o is within s.
func (s Scope) Covers(o Origin) bool {
	return s.Host == o.Host && (s.Port == "" || s.Port == o.Port) && (s.Scheme == "" || s.Scheme == o.Scheme)
}

// A Way says how a request came to its origin.
type Way struct {
	Origin Origin
	// Crossed is true if redirects led here from another origin.
	Crossed bool
	// Lowered is true if one of them led from https to http.
	Lowered bool
}

// WayOf returns how req came to its origin: http.Client and the redirects layer
// set Response to the redirect that led here.
func WayOf(req *http.Request) Way {
	w := Way{Origin: OriginOf(req.URL)}
	const most = 64
	r := req
	for range most {
		if r.Response == nil {
			return w
		}
		if r = r.Response.Request; r == nil {
			break
		}
		o := OriginOf(r.URL)
		// The origin looked at last is the one that the caller asked: if redirects
		// lead back to it, nothing was crossed.
		w.Crossed = o != w.Origin
		w.Lowered = w.Lowered || o.Scheme == "https" && w.Origin.Scheme == "http"
	}
	// A redirect without a request, or too many to look at.
	w.Crossed, w.Lowered = true, true
	return w
}

// Allows reports whether a credential with that domain may be sent to w.Origin. An empty
// domain covers every origin that the caller asks.
func (w Way) Allows(domain string) bool {
	if domain == "" {
		return !w.Crossed
	}
	s, ok := ParseScope(domain)
	return ok && w.Within(s)
}

// Within reports whether a credential with the domain s may be sent to w.Origin.
func (w Way) Within(s Scope) bool {
	// A host alone covers https and http. A redirect from https must not send its
	// credential unencrypted.
	return s.Covers(w.Origin) && (!w.Lowered || s.Scheme != "" || s.Port != "")
}
