package httplib2

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/tripper-go/tripper/transport"
)

// A ProxyType is one of PySocks' types of proxies.
type ProxyType int

// The types of proxies. The zero ProxyType is ProxyTypeHTTP.
const (
	ProxyTypeSOCKS4 ProxyType = iota + 1
	ProxyTypeSOCKS5
	ProxyTypeHTTP
)

// ProxyInfo is httplib2's description of a proxy. It never prints its password.
type ProxyInfo struct {
	Type ProxyType
	Host string
	// Port is that of the proxy. If zero, it is 80, or 1080 for SOCKS.
	Port int
	// LocalDNS is proxy_rdns=False: names are resolved here, not by the proxy.
	LocalDNS bool
	// User and Pass are for the proxy. If User is empty, it gets none.
	User, Pass string
	// Headers are further fields of CONNECT.
	Headers http.Header
	// BypassHosts are not reached through the proxy: names, ".domain" for a
	// domain and all in it, "*" for all hosts.
	BypassHosts []string
}

// ProxyInfoFromURL returns the proxy that a URL names, such as
// "socks5://user:password@localhost:1080".
func ProxyInfoFromURL(rawURL string) (*ProxyInfo, error) {
	u, err := transport.ParseProxy(rawURL)
	if err != nil {
		return nil, err
	}
	p := &ProxyInfo{Host: u.Hostname(), User: u.User.Username()}
	p.Pass, _ = u.User.Password()
	if port := u.Port(); port != "" {
		if p.Port, err = strconv.Atoi(port); err != nil {
			return nil, err
		}
	}
	switch u.Scheme {
	case "socks4", "socks4a":
		p.Type = ProxyTypeSOCKS4
	case "socks5", "socks5h":
		p.Type = ProxyTypeSOCKS5
	default:
		p.Type = ProxyTypeHTTP
	}
	return p, nil
}

// ProxyInfoFromEnvironment returns the proxy that the environment names now for
// URLs of a scheme, "http" or "https", in the variables http_proxy or https_proxy
// and no_proxy, or those in capitals. It returns nil if there is none. In a CGI program
// HTTP_PROXY is a field of the request and not believed.
func ProxyInfoFromEnvironment(scheme string) (*ProxyInfo, error) {
	if scheme != "http" && scheme != "https" {
		return nil, nil
	}
	address := getenv(scheme + "_proxy")
	if address == "" || scheme == "http" && os.Getenv("http_proxy") == "" && os.Getenv("REQUEST_METHOD") != "" {
		return nil, nil
	}
	p, err := ProxyInfoFromURL(address)
	if err != nil {
		return nil, err
	}
	for host := range strings.SplitSeq(getenv("no_proxy"), ",") {
		if host = strings.TrimSpace(host); host != "" {
			p.BypassHosts = append(p.BypassHosts, host)
		}
	}
	return p, nil
}

func getenv(name string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return os.Getenv(strings.ToUpper(name))
}

// AppliesTo reports whether a host is reached through the proxy.
func (p *ProxyInfo) AppliesTo(host string) bool {
	return !slices.ContainsFunc(p.BypassHosts, func(b string) bool {
		domain, isDomain := strings.CutPrefix(b, ".")
		return b == "*" || strings.EqualFold(b, host) ||
			isDomain && (strings.EqualFold(domain, host) || strings.HasSuffix(strings.ToLower(host), strings.ToLower(b)))
	})
}

// URL returns the proxy as transport.Transport.Proxy names it.
func (p *ProxyInfo) URL() *url.URL {
	u := &url.URL{Scheme: "http", Host: p.Host}
	switch p.Type {
	case ProxyTypeSOCKS4:
		if u.Scheme = "socks4a"; p.LocalDNS {
			u.Scheme = "socks4"
		}
	case ProxyTypeSOCKS5:
		u.Scheme = "socks5"
	}
	if strings.Contains(p.Host, ":") {
		u.Host = "[" + p.Host + "]"
	}
	if p.Port != 0 {
		u.Host = net.JoinHostPort(p.Host, strconv.Itoa(p.Port))
	}
	if p.User != "" {
		u.User = url.UserPassword(p.User, p.Pass)
	}
	return u
}

// choose is the Proxy field of a transport.Transport.
func (p *ProxyInfo) choose(req *http.Request) (*url.URL, error) {
	if !p.AppliesTo(req.URL.Hostname()) {
		return nil, nil
	}
	return p.URL(), nil
}

// key returns what tells p from other proxies.
func (p *ProxyInfo) key() string {
	if p == nil {
		return ""
	}
	type plain ProxyInfo // has no String
	return fmt.Sprintf("%+v", plain(*p))
}

// String returns the proxy without its password.
func (p ProxyInfo) String() string { return "ProxyInfo(" + p.URL().Redacted() + ")" }

// GoString returns what String does.
func (p ProxyInfo) GoString() string { return p.String() }
