package main

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// inner returns the layers below the cache, and the transport.
func (o *requestOptions) inner(ctx context.Context, c *console, t target) (tripper.Chain, *transport.Transport, error) {
	leaf, err := o.leaf(ctx, c, t)
	if err != nil {
		return nil, nil, err
	}
	credentials, err := o.credentials(ctx, c, t)
	if err != nil || credentials == nil {
		return nil, leaf, err
	}
	signer := &auth.Transport{Credentials: credentials}
	signer.Schemes, signer.Preemptive = o.schemes()
	return tripper.Chain{signer}, leaf, nil
}

// leaf returns the transport for the options.
func (o *requestOptions) leaf(ctx context.Context, c *console, t target) (*transport.Transport, error) {
	leaf := &transport.Transport{
		InsecureSkipVerify: o.insecure,
		ConnectTimeout:     time.Duration(o.connectTime),
		TLSTimeout:         time.Duration(o.connectTime),
		// net/http must not ask for gzip by itself: what is printed is what was sent.
		Tune: func(h *http.Transport) { h.DisableCompression = true },
	}
	if o.proxyUser != "" && o.proxy == "" {
		return nil, failf(exitUsage, "-U is for the proxy of -x, and there is none")
	}
	if o.proxySet {
		var err error
		if leaf.Proxy, err = o.proxyFunc(ctx, c); err != nil {
			return nil, err
		}
	}
	if o.roots != "" {
		pool, err := transport.LoadRoots(o.roots)
		if err != nil {
			return nil, fileFailure(exitRoots, err)
		}
		leaf.RootCAs = pool
	}
	if o.cert != "" {
		file, password := o.cert, ""
		if _, err := os.Stat(file); err != nil {
			file, password, _ = strings.Cut(o.cert, ":")
		}
		key := o.key
		if key == "" {
			key = file
		}
		cert, err := transport.LoadCertificate(t.url.Host, file, key, password)
		if err != nil {
			return nil, fileFailure(exitCertificate, err)
		}
		leaf.Certificates = []transport.Certificate{cert}
	}
	return leaf, nil
}

// proxyFunc returns the proxy of -x and -U.
func (o *requestOptions) proxyFunc(ctx context.Context, c *console) (func(*http.Request) (*url.URL, error), error) {
	if o.proxy == "" {
		return transport.Direct, nil
	}
	u, err := transport.ParseProxy(o.proxy)
	if err != nil {
		return nil, failf(exitProxyName, "%s", trace.RedactError(err))
	}
	if o.proxyUser != "" {
		user, password, complete := strings.Cut(o.proxyUser, ":")
		if !complete {
			if password, err = c.ask(ctx, "Password of "+user+" at the proxy "+u.Host+": "); err != nil {
				return nil, failf(exitUsage, "the password: %w", err)
			}
		}
		u.User = url.UserPassword(user, password)
	}
	return http.ProxyURL(u), nil
}

// A session is the client of one get.
type session struct {
	client *http.Client
	cache  *caching.Transport // nil without --cache
	stock  *stock             // the store of cache
	har    *trace.HAR         // nil without --har
	line   *trace.Timeline    // nil without --timeline and --page
}

// session returns the client for the options.
func (o *getOptions) session(ctx context.Context, c *console, t target, st *stock) (*session, error) {
	below, leaf, err := o.inner(ctx, c, t)
	if err != nil {
		return nil, err
	}
	s := &session{stock: st}
	var chain tripper.Chain
	if o.har != "" {
		s.har = &trace.HAR{Exchanges: true, MaxEntries: -1}
		chain = append(chain, s.har)
	}
	if o.timeline || o.page != "" {
		s.line = &trace.Timeline{}
		chain = append(chain, s.line)
	}
	if o.verbose {
		w := c.err
		if c.errTerminal {
			w = &printable{w}
		}
		chain = append(chain, &trace.Log{Logger: slog.New(slog.DiscardHandler), Verbose: w})
	}
	if o.compressed {
		chain = append(chain, &decompress.Transport{})
	}
	chain = append(chain, o.redirects())
	if st != nil {
		s.cache = &caching.Transport{Store: st.Store}
		chain = append(chain, s.cache)
	}
	if o.retries > 0 {
		chain = append(chain, o.retry())
	}
	s.client = append(chain, below...).Client(leaf)
	return s, nil
}

// close ends what the session has under way.
func (s *session) close() error {
	s.client.CloseIdleConnections()
	if s.cache == nil {
		return nil
	}
	return errors.Join(s.cache.Close(), s.stock.close())
}

// redirects returns the layer for -L, or one that follows nothing.
func (o *getOptions) redirects() *redirects.Transport {
	r := &redirects.Transport{Max: -1}
	if !o.location {
		return r
	}
	r.Max, r.Unsafe, r.PostToGet = o.maxRedirects, true, true
	if o.maxRedirects < 0 {
		r.Max = math.MaxInt32
	}
	if o.method != "" {
		// curl sends the method of -X to each URL that redirects lead to.
		r.Policy = func(req *http.Request, _ []*http.Request) error {
			req.Method = o.method
			return nil
		}
	}
	return r
}

// retry returns the layer for --retry.
func (o *getOptions) retry() *retry.Transport {
	began := time.Now()
	r := &retry.Transport{
		Attempts: o.retries + 1,
		Retryable: func(a retry.Attempt) bool {
			if o.retryTime > 0 && time.Since(began) > time.Duration(o.retryTime) {
				return false
			}
			return retry.Retryable(a) || a.Response != nil && a.Response.StatusCode == http.StatusInternalServerError
		},
	}
	if o.retryDelay > 0 {
		r.Backoff = retry.Constant(time.Duration(o.retryDelay))
	}
	return r
}
