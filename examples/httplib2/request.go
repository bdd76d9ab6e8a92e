package httplib2

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
)

// Response is what httplib2 returns beside the content. Its Content-Location is
// the URI that was requested in the end, unless the server says another.
type Response struct {
	*http.Response
	// FromCache says that the response came from the cache.
	FromCache bool
	// Previous is the redirect that led here, nil if there was none; its Previous
	// is the one before it, and so on to the first response. The bodies can be
	// read, in the coding of the wire.
	Previous *Response
}

// newResponse returns resp with all that led to it.
func newResponse(resp *http.Response) *Response {
	if resp == nil {
		return nil
	}
	return &Response{Response: resp, FromCache: caching.FromCache(resp), Previous: newResponse(redirects.Previous(resp))}
}

// An Option is one of the less usual arguments of request.
type Option func(*options)

type options struct {
	redirections *int
	base         http.RoundTripper
}

// Redirections is how many redirects of a request are followed; one more is an
// error. It replaces [DefaultMaxRedirects].
func Redirections(n int) Option { return func(o *options) { o.redirections = &n } }

// ConnectionType has rt stand for the network. httplib2 takes a class of
// connections; here anything that answers requests will do.
func ConnectionType(rt http.RoundTripper) Option { return func(o *options) { o.base = rt } }

// escape keeps what follows a blank or a line break in a URI from becoming another
// part of the request (CVE-2020-11078).
var escape = strings.NewReplacer(" ", "%20", "\r", "%0D", "\n", "%0A")

// unsent is what comes of a request that cannot be made. The error of net/url would
// print a password in the URI.
func (h *Http) unsent(ctx context.Context, err error) (*Response, []byte, error) {
	if _, ok := errors.AsType[*url.Error](err); ok {
		err = errors.New("httplib2: the URI cannot be parsed")
	}
	if !h.ForceExceptionToStatusCode {
		return nil, nil, err
	}
	fail := roundTripper(func(*http.Request) (*http.Response, error) { return nil, err })
	req := (&http.Request{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: "invalid"}, Header: http.Header{}}).WithContext(ctx)
	resp, err := tripper.ErrorResponses{Base: fail}.RoundTrip(req)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(resp.Body)
	return newResponse(resp), content, err
}

// Request makes a request and returns its response and the whole content. An
// empty method means GET; a nil body is none.
func (h *Http) Request(uri, method string, body io.Reader, headers http.Header, opts ...Option) (*Response, []byte, error) {
	return h.RequestContext(context.Background(), uri, method, body, headers, opts...)
}

// RequestContext is Request with a context.
func (h *Http) RequestContext(ctx context.Context, uri, method string, body io.Reader, headers http.Header, opts ...Option) (*Response, []byte, error) {
	var o options
	for _, set := range opts {
		set(&o)
	}
	if o.redirections != nil && h.FollowRedirects {
		ctx = redirects.WithMax(ctx, max(0, *o.redirections))
	}
	if h.IgnoreETag {
		ctx = lostupdate.WithMode(caching.WithoutETag(ctx), lostupdate.Override)
	}
	req, err := http.NewRequestWithContext(ctx, method, escape.Replace(uri), body)
	if err != nil {
		return h.unsent(ctx, err)
	}
	for name, values := range headers {
		req.Header[http.CanonicalHeaderKey(name)] = values
	}
	req.Host = req.Header.Get("Host") // if empty, that of the URI
	client, err := h.client(o.base)
	if err != nil {
		return nil, nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	content, err := io.ReadAll(resp.Body) // in memory: whole has read it
	if err != nil {
		return nil, nil, err
	}
	return newResponse(resp), content, nil
}
