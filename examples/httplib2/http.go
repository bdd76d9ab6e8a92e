// Package httplib2 rebuilds the Http object of Python's httplib2 from the layers of
// tripper, for programs that are ported from there:
//
//	h, err := httplib2.New(".cache")
//	resp, content, err := h.Request("http://example.org/", "GET", nil, nil)
//
// It is an example of which field of which layer each switch of httplib2 is. The names of
// httplib2, and their names here:
//
//	Http(cache, timeout, proxy_info, ca_certs)      New, Timeout, Proxy and ProxyInfo, SetCACerts
//	tls_minimum_version, tls_maximum_version        TLSMinimumVersion, TLSMaximumVersion
//	debuglevel, RETRIES                             DebugLevel, Retries
//	request(redirections=, connection_type=)        Redirections, ConnectionType
//	add_credentials, add_certificate, close         AddCredentials, AddCertificate, Close
//	follow_redirects and the other switches         the fields of the same names
//	ProxyInfo, proxy_info_from_environment, _url    ProxyInfo, ProxyInfoFromEnvironment, ProxyInfoFromURL
//	FileCache(cache, safe), safename                FileCache, SafeName
//	the exceptions                                  Exception says which one an error stands for
//	response.status, reason, version                StatusCode, Status, Proto
//	response.fromcache, previous                    FromCache, Previous
package httplib2

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/httpcachestore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/transport"
)

const (
	// DefaultCacheBytes bounds a cache directory.
	DefaultCacheBytes = 256 << 20
	// RETRIES is how often a request is tried.
	RETRIES = 2
	// DefaultMaxRedirects is how many redirects of a request are followed.
	DefaultMaxRedirects = redirects.DefaultMax
)

// Http is httplib2's client object. Its switches may be changed between requests,
// but not while one is under way, and hold from the next request on; requests may
// run at the same time. [New] makes one.
type Http struct {
	// DebugLevel is the amount of debugging information: with 1, a line for each
	// request, with its fields; with 2, one for each decision of a layer too.
	DebugLevel int

	// DebugLog takes the debugging information. If nil, it goes to the standard
	// output, as text.
	DebugLog *slog.Logger

	// Retries is how often a request is tried that may be tried again. Less than 1
	// is 1. New sets [RETRIES].
	Retries int

	// Timeout bounds each silence of the network: connecting, waiting for an
	// answer, reading it. Zero means no limit.
	Timeout time.Duration

	// ProxyInfo is the proxy of every request. If nil, Proxy decides.
	ProxyInfo *ProxyInfo

	// Proxy chooses the proxy of a request. If nil, the environment does;
	// transport.Direct is proxy_info=None.
	Proxy func(*http.Request) (*url.URL, error)

	// DisableSSLCertificateValidation accepts any certificate.
	DisableSSLCertificateValidation bool

	// TLSMinimumVersion and TLSMaximumVersion bound the version of TLS, as in
	// tls.VersionTLS12. If zero, the bounds are those of crypto/tls.
	TLSMinimumVersion, TLSMaximumVersion uint16

	// FollowRedirects follows safe redirects; FollowAllRedirects the others too.
	FollowRedirects, FollowAllRedirects bool

	// RedirectCodes are the status codes that are followed. If nil, they are 300,
	// 301, 302, 303, 307 and 308.
	RedirectCodes []int

	// ForwardAuthorizationHeaders sends the caller's Authorization to wherever a
	// redirect leads.
	ForwardAuthorizationHeaders bool

	// ForceExceptionToStatusCode turns errors into responses.
	ForceExceptionToStatusCode bool

	// IgnoreETag leaves the tags of stored responses unused.
	IgnoreETag bool

	// OptimisticConcurrencyMethods are guarded by If-Match.
	OptimisticConcurrencyMethods []string

	open func() (store.Store, error)
	keys *auth.Keyring
	tags *lostupdate.Memory

	mu           sync.Mutex
	roots        *x509.CertPool
	certificates []transport.Certificate
	wire         *transport.Transport
	wireKey      string
	store        store.Store
	cache        *caching.Transport
	guards       map[string]*lostupdate.Transport
	signer       *auth.Transport
}

// New returns an Http. cache is "" for none, the path of a directory, or an
// [httpcache.Cache], which is httplib2's object with get, set and delete; a
// [FileCache] is one.
func New(cache any) (*Http, error) {
	h := &Http{
		Retries:                      RETRIES,
		FollowRedirects:              true,
		OptimisticConcurrencyMethods: []string{"PUT", "PATCH"},
		keys:                         new(auth.Keyring),
	}
	switch c := cache.(type) {
	case nil:
	case string:
		if c == "" {
			break
		}
		h.open = func() (store.Store, error) {
			return dirstore.Open(c, &dirstore.Options{MaxBytes: DefaultCacheBytes})
		}
	case httpcache.Cache:
		h.open = func() (store.Store, error) { return httpcachestore.New(c, nil), nil }
	default:
		return nil, fmt.Errorf("httplib2: a cache is a path or an httpcache.Cache, not a %T", cache)
	}
	if err := h.start(); err != nil {
		return nil, err
	}
	return h, nil
}

// start makes the layers with a state, if they do not exist. Layers without a state are
// made for each request.
func (h *Http) start() error {
	if h.signer != nil {
		return nil
	}
	if h.open != nil {
		store, err := h.open()
		if err != nil {
			return err
		}
		h.store, h.cache = store, &caching.Transport{Store: store}
	}
	h.tags = lostupdate.NewMemory(0)
	h.guards = make(map[string]*lostupdate.Transport)
	h.signer = &auth.Transport{
		Credentials: h.keys,
		Schemes:     append(auth.DefaultSchemes(), auth.HMACDigest{}),
		Unsupported: true, // is an exception
	}
	return nil
}

// SetCACerts verifies servers by the certificates in a PEM file alone.
func (h *Http) SetCACerts(file string) error {
	roots, err := transport.LoadRoots(file)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.roots = roots
	h.hangUp()
	return nil
}

// AddCredentials adds a name and a password for domain, a host or host:port. If domain is
// empty, they are for any host except the targets of redirects. It fails if domain is
// neither.
func (h *Http) AddCredentials(name, password, domain string) error {
	return h.keys.Add(name, password, domain)
}

// ClearCredentials forgets all names and passwords.
func (h *Http) ClearCredentials() { h.keys.Clear() }

// AddCertificate adds a client certificate for domain, a host or host:port. The key may be
// encrypted by password.
func (h *Http) AddCertificate(key, cert, domain, password string) error {
	c, err := transport.LoadCertificate(domain, cert, key, password)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.certificates = append(h.certificates, c)
	h.hangUp()
	return nil
}

// hangUp closes the connections and drops the leaf, so that the next request makes one by
// the settings at that time.
func (h *Http) hangUp() {
	if h.wire != nil {
		h.wire.CloseIdleConnections()
	}
	h.wire = nil
}

// Close closes all connections, ends background work, and forgets all credentials,
// client certificates and what was learned of servers. The cache stays. Afterwards
// h can be used again.
func (h *Http) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hangUp()
	h.keys.Clear()
	h.certificates = nil
	var errs []error
	if h.cache != nil {
		errs = append(errs, h.cache.Close())
	}
	if c, ok := h.store.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	h.store, h.cache, h.signer = nil, nil, nil
	return errors.Join(errs...)
}

// String returns a fixed text: an Http holds passwords.
func (h *Http) String() string { return "httplib2.Http" }

// GoString returns the same text as String.
func (h *Http) GoString() string { return h.String() }
