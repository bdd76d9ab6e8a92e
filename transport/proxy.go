package transport

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"

	"golang.org/x/net/http/httpproxy"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Direct is the value for [Transport.Proxy] that uses no proxy, whatever the
// environment says.
func Direct(*http.Request) (*url.URL, error) { return nil, nil }

// ParseProxy parses the address of a proxy for use with [http.ProxyURL]: a URL, or
// host:port of an HTTP proxy. The password that may be in it is not in the error.
func ParseProxy(address string) (*url.URL, error) {
	address = strings.TrimSpace(address)
	if !strings.Contains(address, "://") {
		address = "http://" + address
	}
	u, err := url.Parse(address)
	if err != nil {
		return nil, &Error{Phase: PhaseProxy, Err: redacted(err)}
	}
	if _, err := kindOf(u); err != nil {
		return nil, err
	}
	return u, nil
}

// A proxyKind is the protocol of a proxy.
type proxyKind int

const (
	noProxy proxyKind = iota
	httpProxy
	httpsProxy
	socks5Proxy
	socks4Proxy
	socks4aProxy
)

func (k proxyKind) socks() bool { return k >= socks5Proxy }

func (k proxyKind) String() string {
	return [...]string{"none", "http", "https", "socks5", "socks4", "socks4a"}[k]
}

// port is the port of a proxy whose URL names none.
func (k proxyKind) port() string {
	return [...]string{"", "80", "443", "1080", "1080", "1080"}[k]
}

// proxyKinds are the kinds by the scheme of the URL.
var proxyKinds = map[string]proxyKind{
	"http": httpProxy, "https": httpsProxy, "socks5": socks5Proxy, "socks5h": socks5Proxy, "socks": socks5Proxy,
	"socks4": socks4Proxy, "socks4a": socks4aProxy,
}

// kindOf returns the kind of the proxy u, or an error if u is not valid.
func kindOf(u *url.URL) (proxyKind, error) {
	k := proxyKinds[httpfield.Lower(u.Scheme)]
	if k == noProxy {
		if u.Host == "" { // "user:password@host": the scheme may be a user name
			return noProxy, ErrProxyScheme
		}
		return noProxy, fmt.Errorf("%w %q", ErrProxyScheme, u.Scheme)
	}
	if u.Hostname() == "" {
		return noProxy, &Error{Phase: PhaseProxy, Err: errors.New("no host in its URL")}
	}
	if !validHost(u.Host) { // such as "user:password@host"
		return noProxy, &Error{Phase: PhaseProxy, Err: errors.New("invalid character in the host of its URL")}
	}
	if p := u.Port(); p != "" {
		if n, err := strconv.ParseUint(p, 10, 16); err != nil || n == 0 {
			return noProxy, &Error{Phase: PhaseProxy, Err: errors.New("no such port: " + p)}
		}
	}
	return k, nil
}

// addressOf returns the host:port of the proxy u.
func addressOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		k, _ := kindOf(u) // u was valid before
		port = k.port()
	}
	return net.JoinHostPort(hostOf(u), port)
}

// hostOf returns the host of the proxy u in the form that is looked up: an
// international name by IDNA, and a zone of an IPv6 address as it is.
func hostOf(u *url.URL) string {
	if host := u.Hostname(); httpfield.IsASCII(host) {
		return host
	}
	return roundtrip.Host(u)
}

// redacted returns err without the URL that an error of url.Parse holds, which may have
// a password in it.
func redacted(err error) error {
	if _, ok := errors.AsType[*url.Error](err); ok {
		return errors.New("invalid URL")
	}
	return err
}

// invalidScheme stands for a proxy in the environment that cannot be parsed.
const invalidScheme = "invalid"

// environment returns the function that chooses the proxies that the environment names,
// nil if it names none. httpproxy ignores an address that it cannot parse. Here it is an
// error: a program for which a proxy was set should not connect without it.
func environment() func(*http.Request) (*url.URL, error) {
	env := httpproxy.FromEnvironment()
	if all := cmp.Or(os.Getenv("ALL_PROXY"), os.Getenv("all_proxy")); all != "" {
		if env.HTTPProxy == "" {
			// In a CGI program HTTP_PROXY may be a field of its request, and httpproxy
			// refuses it. No field of a request is named ALL_PROXY there.
			env.HTTPProxy, env.CGI = all, false
		}
		env.HTTPSProxy = cmp.Or(env.HTTPSProxy, all)
	}
	if env.HTTPProxy == "" && env.HTTPSProxy == "" {
		return nil
	}
	for _, p := range []*string{&env.HTTPProxy, &env.HTTPSProxy} {
		if *p == "" {
			continue
		}
		u, err := ParseProxy(*p)
		switch {
		case errors.Is(err, ErrProxyScheme): // the error of the first request that uses it
		case err != nil:
			*p = invalidScheme + "://invalid"
		default:
			*p = u.String()
		}
	}
	choose := env.ProxyFunc()
	return func(req *http.Request) (*url.URL, error) {
		u, err := choose(req.URL)
		if err == nil && u != nil && u.Scheme == invalidScheme {
			return nil, roundtrip.Final(fmt.Errorf("%s_PROXY or ALL_PROXY in the environment is not a URL", strings.ToUpper(req.URL.Scheme)))
		}
		return u, roundtrip.Final(err) // such as HTTP_PROXY in a CGI program
	}
}

// saysNotFound reports whether a proxy's answer means that it could not resolve
// the name of the server.
func saysNotFound(status int, h http.Header) bool {
	if status < 500 {
		return false
	}
	// squid: "X-Squid-Error: ERR_DNS_FAIL 0".
	if code, _, _ := strings.Cut(h.Get("X-Squid-Error"), " "); code == "ERR_DNS_FAIL" {
		return true
	}
	// RFC 9209 §2.3.2: Proxy-Status: proxy; error=dns_error.
	for _, v := range h.Values("Proxy-Status") {
		for _, param := range strings.Split(v, ";")[1:] {
			if httpfield.TrimBlanks(param) == "error=dns_error" {
				return true
			}
		}
	}
	return false
}

// notFound is the error for the server host that proxy could not find.
func notFound(host string, proxy *url.URL) error {
	return &Error{Phase: PhaseLookup, Err: &net.DNSError{
		Err: "no such host", Name: host, Server: addressOf(proxy), IsNotFound: true,
	}}
}
