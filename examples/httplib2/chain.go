package httplib2

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// client makes a chain of layers by the present switches. Requests are sent by base, or
// over the network if base is nil.
func (h *Http) client(base http.RoundTripper) (*http.Client, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.start(); err != nil {
		return nil, err
	}
	var chain tripper.Chain
	if h.ForceExceptionToStatusCode {
		chain = append(chain, tripper.ErrorResponses{})
	}
	if h.DebugLevel > 0 {
		chain = append(chain, h.debug())
	}
	hops, forwarding := -1, redirects.Nowhere
	if h.FollowRedirects {
		hops = DefaultMaxRedirects
	}
	if h.ForwardAuthorizationHeaders {
		forwarding = redirects.Everywhere
	}
	chain = append(chain,
		tripper.LayerFunc(whole),
		&decompress.Transport{Always: true, Probe: true},
		&redirects.Transport{
			Max:                  hops,
			Unsafe:               h.FollowAllRedirects,
			Codes:                h.RedirectCodes,
			ForwardAuthorization: forwarding,
			ContentLocation:      true,
		})
	if h.cache != nil {
		chain = append(chain, h.guard(), h.cache)
	} else {
		chain = append(chain, tripper.LayerFunc(uncached))
	}
	chain = append(chain, &retry.Transport{Attempts: max(1, h.Retries)}, h.signer)
	if base == nil {
		base = h.network()
	}
	return chain.Client(base), nil
}

// guard returns the layer that adds If-Match. All of them share the versions that were seen.
func (h *Http) guard() tripper.Layer {
	key := fmt.Sprintf("%q", h.OptimisticConcurrencyMethods)
	if h.guards[key] == nil {
		methods := append([]string{}, h.OptimisticConcurrencyMethods...)
		h.guards[key] = &lostupdate.Transport{Methods: methods, Tags: h.tags}
	}
	return h.guards[key]
}

// debug returns the layer that logs.
func (h *Http) debug() tripper.Layer {
	log := &trace.Log{Logger: h.DebugLog, Headers: true}
	if log.Logger == nil {
		log.Logger = slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	if h.DebugLevel < 2 {
		log.Events = slog.LevelWarn
	}
	return log
}

// network returns the leaf, a new one if its settings were changed.
func (h *Http) network() *transport.Transport {
	t := &transport.Transport{
		RootCAs:            h.roots,
		InsecureSkipVerify: h.DisableSSLCertificateValidation,
		MinTLS:             h.TLSMinimumVersion,
		MaxTLS:             h.TLSMaximumVersion,
		Certificates:       slices.Clone(h.certificates),
		ConnectTimeout:     orNone(h.Timeout),
		TLSTimeout:         orNone(h.Timeout),
		HeaderTimeout:      h.Timeout,
		IdleTimeout:        h.Timeout,
	}
	// Functions cannot be compared, so the leaf calls the present one for each request.
	// If it is nil, transport reads the environment.
	switch {
	case h.ProxyInfo != nil:
		p := *h.ProxyInfo
		t.Proxy, t.LocalDNS, t.ProxyHeader = p.choose, p.LocalDNS, p.Headers
	case h.Proxy != nil:
		t.Proxy = func(req *http.Request) (*url.URL, error) { return h.Proxy(req) }
	}
	key := fmt.Sprintln(h.Timeout, t.InsecureSkipVerify, t.MinTLS, t.MaxTLS, h.Proxy != nil, h.ProxyInfo.key())
	if h.wire == nil || h.wireKey != key {
		h.hangUp()
		h.wire, h.wireKey = t, key
	}
	return h.wire
}

// orNone returns a limit of transport's, for which zero means its default.
func orNone(d time.Duration) time.Duration {
	if d <= 0 {
		return -1
	}
	return d
}

// whole is a layer that reads responses to their end. httplib2 does so before it
// returns, so what goes wrong while a body is read is an error of the request, and
// ForceExceptionToStatusCode covers it.
func whole(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(resp.Body)
		if cerr := resp.Body.Close(); err == nil {
			err = cerr
		}
		out := *resp
		out.Body = io.NopCloser(bytes.NewReader(content))
		if err != nil {
			return nil, &contentError{&out, err}
		}
		return &out, nil
	})
}

// uncached is a layer in place of the cache, if there is none: it answers only-if-cached by
// 504 (RFC 9111 §5.2.1.7).
func uncached(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		directives := strings.ToLower(strings.Join(req.Header["Cache-Control"], ","))
		if !strings.Contains(directives, "only-if-cached") {
			return next.RoundTrip(req)
		}
		if req.Body != nil {
			_ = req.Body.Close()
		}
		return &http.Response{
			Status: "504 Gateway Timeout", StatusCode: http.StatusGatewayTimeout, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
			Header: http.Header{}, Body: http.NoBody, Request: req,
		}, nil
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// contentError is an error while the content was read.
type contentError struct {
	resp *http.Response
	err  error
}

func (e *contentError) Error() string { return e.err.Error() }
func (e *contentError) Unwrap() error { return e.err }

// Timeout reports whether the server sent nothing for too long.
func (e *contentError) Timeout() bool {
	var t interface{ Timeout() bool }
	return errors.As(e.err, &t) && t.Timeout()
}

// HTTPResponse returns the response if its content could not be decoded. httplib2 keeps the
// response in this case only.
func (e *contentError) HTTPResponse() *http.Response {
	if _, ok := errors.AsType[*decompress.Error](e.err); ok {
		return e.resp
	}
	return nil
}
