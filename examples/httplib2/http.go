// Package httplib2 rebuilds the Http object of Python's httplib2 from the layers
// of tripper, for those who come from there:
//
//	h, err := httplib2.New(".cache")
//	resp, content, err := h.Request("http://example.org/", "GET", nil, nil)
//
// It is an example: every switch of httplib2 is one field of one layer, and this
// is which.
package httplib2

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/transport"
)

// DefaultCacheBytes bounds a cache directory.
const DefaultCacheBytes = 256 << 20

// Http is httplib2's client object. Its switches may be changed between requests,
// but not while one is under way; requests may run at the same time.
type Http struct {
	// Timeout bounds each silence of the network: connecting, waiting for an
	// answer, reading it. Zero means no limit.
	Timeout time.Duration

	// Proxy chooses the proxy of a request. If nil, the environment does;
	// transport.Direct is proxy_info=None.
	Proxy func(*http.Request) (*url.URL, error)

	// DisableSSLCertificateValidation accepts any certificate.
	DisableSSLCertificateValidation bool

	// FollowRedirects follows safe redirects; FollowAllRedirects the others too.
	FollowRedirects, FollowAllRedirects bool

	// ForwardAuthorizationHeaders sends the caller's Authorization to wherever a
	// redirect leads.
	ForwardAuthorizationHeaders bool

	// ForceExceptionToStatusCode turns errors into responses.
	ForceExceptionToStatusCode bool

	// IgnoreETag leaves the tags of stored responses unused.
	IgnoreETag bool

	// OptimisticConcurrencyMethods are guarded by If-Match.
	OptimisticConcurrencyMethods []string

	roots *x509.CertPool
	keys  auth.Keyring
	store caching.Store

	mu           sync.Mutex
	certificates []transport.Certificate
	wire         *transport.Transport
	wireKey      string
	caches       map[bool]*caching.Transport
	guards       map[string]*lostupdate.Transport
	signer       *auth.Transport
}

// New returns an Http. cache is "" for none, the path of a directory, or an
// [httpcache.Cache], which is httplib2's object with get, set and delete.
func New(cache any) (*Http, error) {
	h := &Http{
		FollowRedirects:              true,
		OptimisticConcurrencyMethods: []string{"PUT", "PATCH"},
		caches:                       make(map[bool]*caching.Transport),
		guards:                       make(map[string]*lostupdate.Transport),
	}
	h.signer = &auth.Transport{Credentials: &h.keys}
	switch c := cache.(type) {
	case nil:
	case string:
		if c == "" {
			break
		}
		dir, err := caching.OpenDir(c, DefaultCacheBytes)
		if err != nil {
			return nil, err
		}
		h.store = dir
	case httpcache.Cache:
		h.store = caching.Adapt(c)
	default:
		return nil, fmt.Errorf("httplib2: a cache is a path or an httpcache.Cache, not a %T", cache)
	}
	return h, nil
}

// SetCACerts has servers verified by the certificates in a PEM file alone.
func (h *Http) SetCACerts(file string) error {
	roots, err := transport.LoadRoots(file)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.roots, h.wire = roots, nil
	return nil
}

// AddCredentials adds a name and a password for the host, or host:port, domain;
// for any host that is asked directly if domain is empty. The error says that
// domain is none.
func (h *Http) AddCredentials(name, password, domain string) error {
	return h.keys.Add(name, password, domain)
}

// ClearCredentials forgets all names and passwords.
func (h *Http) ClearCredentials() { h.keys.Clear() }

// AddCertificate adds a client certificate for the host, or host:port, domain.
func (h *Http) AddCertificate(key, cert, domain, password string) error {
	c, err := transport.LoadCertificate(domain, cert, key, password)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.certificates = append(h.certificates, c)
	h.wire = nil
	return nil
}

// Close ends background work and idle connections.
func (h *Http) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.wire != nil {
		h.wire.CloseIdleConnections()
	}
	var errs []error
	for _, c := range h.caches {
		errs = append(errs, c.Close())
	}
	if c, ok := h.store.(io.Closer); ok {
		errs = append(errs, c.Close())
	}
	return errors.Join(errs...)
}

// Response is what httplib2 returns beside the content.
type Response struct {
	*http.Response
	// FromCache says that the content came from the cache.
	FromCache bool
	// Previous is the redirect that led here, nil if there was none.
	Previous *http.Response
}

// Request makes a request and returns its response and the whole content. An
// empty method means GET; a nil body is none.
func (h *Http) Request(uri, method string, body io.Reader, headers http.Header) (*Response, []byte, error) {
	return h.RequestContext(context.Background(), uri, method, body, headers)
}

// RequestContext is Request with a context.
func (h *Http) RequestContext(ctx context.Context, uri, method string, body io.Reader, headers http.Header) (*Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, strings.ReplaceAll(uri, " ", "%20"), body)
	if err != nil {
		return nil, nil, err
	}
	for name, values := range headers {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	resp, err := h.client().Do(req)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		if !h.ForceExceptionToStatusCode || ctx.Err() != nil {
			return nil, nil, err
		}
		resp, content = forced(resp, err)
	}
	return &Response{
		Response:  resp,
		FromCache: caching.FromCache(resp),
		Previous:  redirects.Previous(resp),
	}, content, nil
}

// forced turns an error that came while the content was read into a response.
// httplib2 reads everything before it returns, so its switch covers these too.
func forced(resp *http.Response, err error) (*http.Response, []byte) {
	out := *resp
	out.Body = http.NoBody
	var t interface{ Timeout() bool }
	var d *decompress.Error
	switch {
	case errors.As(err, &d):
		out.StatusCode = http.StatusInternalServerError
		out.Status = "500 Content purported to be compressed with " + d.Coding + " but failed to decompress."
		return &out, nil
	case errors.As(err, &t) && t.Timeout():
		out.StatusCode, out.Status = http.StatusRequestTimeout, "408 Request Timeout"
		return &out, []byte("Request Timeout")
	}
	out.StatusCode, out.Status = http.StatusBadRequest, "400 Bad Request"
	return &out, []byte(err.Error())
}

// client chains the layers by the switches as they stand. The layers that
// remember something live as long as h; the others are made anew.
func (h *Http) client() *http.Client {
	h.mu.Lock()
	defer h.mu.Unlock()
	var chain tripper.Chain
	if h.ForceExceptionToStatusCode {
		chain = append(chain, tripper.ErrorResponses{})
	}
	maxHops := -1
	if h.FollowRedirects {
		maxHops = redirects.DefaultMax
	}
	forwarding := redirects.Nowhere
	if h.ForwardAuthorizationHeaders {
		forwarding = redirects.Everywhere
	}
	chain = append(chain,
		&decompress.Transport{Always: true},
		&redirects.Transport{
			Max:                  maxHops,
			Unsafe:               h.FollowAllRedirects,
			ForwardAuthorization: forwarding,
			ContentLocation:      true,
		})
	if h.store != nil {
		chain = append(chain, h.guard(), h.cache())
	}
	chain = append(chain, &retry.Transport{}, h.signer)
	return chain.Client(h.transport())
}

// guard returns the layer that adds If-Match, which remembers tags.
func (h *Http) guard() tripper.Layer {
	key := fmt.Sprint(h.IgnoreETag, h.OptimisticConcurrencyMethods)
	if h.guards[key] == nil {
		h.guards[key] = &lostupdate.Transport{
			Methods:    append([]string{}, h.OptimisticConcurrencyMethods...),
			IgnoreETag: h.IgnoreETag,
		}
	}
	return h.guards[key]
}

// cache returns the layer that caches, one for each value of IgnoreETag over the
// same store.
func (h *Http) cache() tripper.Layer {
	if h.caches[h.IgnoreETag] == nil {
		h.caches[h.IgnoreETag] = &caching.Transport{Store: h.store, IgnoreETag: h.IgnoreETag}
	}
	return h.caches[h.IgnoreETag]
}

// transport returns the leaf, a new one if its settings were changed.
func (h *Http) transport() *transport.Transport {
	key := fmt.Sprint(h.Timeout, h.DisableSSLCertificateValidation, h.Proxy != nil)
	if h.wire == nil || h.wireKey != key {
		if h.wire != nil {
			h.wire.CloseIdleConnections()
		}
		h.wireKey = key
		h.wire = &transport.Transport{
			Proxy:              h.Proxy,
			RootCAs:            h.roots,
			InsecureSkipVerify: h.DisableSSLCertificateValidation,
			Certificates:       append([]transport.Certificate(nil), h.certificates...),
			ConnectTimeout:     h.Timeout,
			TLSTimeout:         h.Timeout,
			HeaderTimeout:      h.Timeout,
			IdleTimeout:        h.Timeout,
		}
	}
	return h.wire
}
