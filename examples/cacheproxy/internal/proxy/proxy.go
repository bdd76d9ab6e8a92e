// Package proxy is the cacheproxy command without its choice of stores.
package proxy

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"sync"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// Main runs the command. open opens the store that -store names.
func Main(open func(spec string) (store.Store, error)) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := Run(ctx, os.Args[1:], open, func(url string) { log.Println("cacheproxy: listening on", url) }); err != nil {
		log.Fatalln("cacheproxy:", err)
	}
}

// Run serves until ctx is done. It calls ready with the proxy's URL.
func Run(ctx context.Context, args []string, open func(string) (store.Store, error), ready func(url string)) error {
	flags := flag.NewFlagSet("cacheproxy", flag.ContinueOnError)
	listen := flags.String("listen", "localhost:8080", "listen on this `address`")
	upstream := flags.String("upstream", "", "send requests on to this `URL`")
	mode := flags.String("mode", "shared", "private, shared, or cdn: a shared cache that obeys CDN-Cache-Control")
	spec := flags.String("store", "memory", "memory, dir:PATH, or what else this build has")
	if err := flags.Parse(args); err != nil {
		return err
	}
	target, err := url.Parse(*upstream)
	if err != nil || target.Host == "" || flags.NArg() > 0 {
		return fmt.Errorf("want -upstream http://host[:port][/path] and no arguments, not %q %q", *upstream, flags.Args())
	}
	cache, err := Settings(*mode)
	if err != nil {
		return err
	}
	if cache.Store, err = open(*spec); err != nil {
		return err
	}
	if c, ok := cache.Store.(io.Closer); ok {
		defer c.Close()
	}
	defer cache.Close()
	defer cache.CloseIdleConnections()

	l, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: Handler(target, cache), ReadHeaderTimeout: time.Minute}
	down := make(chan error, 1)
	defer context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		down <- server.Shutdown(grace)
	})()
	ready("http://" + l.Addr().String())
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-down
}

// Settings returns the cache of a mode.
func Settings(mode string) (*caching.Transport, error) {
	// Without DisableCompression, Go asks for gzip on its own account and undoes it.
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableCompression = true
	switch mode {
	case "private":
		return &caching.Transport{Base: base, Partition: byCredentials}, nil
	case "shared":
		return &caching.Transport{Base: base, Partition: byNothing, Shared: true}, nil
	case "cdn":
		return &caching.Transport{Base: base, Partition: byNothing, Shared: true, Targeted: []string{"CDN-Cache-Control"}}, nil
	}
	return nil, fmt.Errorf("-mode %q: want private, shared or cdn", mode)
}

// A Go program may serve many users with one client, so that caching parts them
// by the cookies they send. To a proxy cookies mean what RFC 9111 has them mean:
// nothing, unless the origin says Vary or private.
func byCredentials(r *http.Request) string { return r.Header.Get("Authorization") }

// In a shared cache RFC 9111 §3.5 decides what credentials mean.
func byNothing(*http.Request) string { return "" }

// OpenStore opens the stores memory, of 64 MiB, and dir:PATH, of 1 GiB.
func OpenStore(spec string) (store.Store, error) {
	if path, ok := strings.CutPrefix(spec, "dir:"); ok && path != "" {
		return dirstore.Open(path, nil)
	}
	if spec != "memory" {
		return nil, fmt.Errorf("-store %q: want memory or dir:PATH", spec)
	}
	return memorystore.New(0), nil
}

// Handler sends requests to target through cache. What cannot be had from there
// is 502; a 504 is the cache's own.
func Handler(target *url.URL, cache http.RoundTripper) http.Handler {
	p := &httputil.ReverseProxy{
		Rewrite:    func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:  cache,
		BufferPool: new(buffers),
		ErrorLog:   log.New(io.Discard, "", 0),
		ModifyResponse: func(resp *http.Response) error {
			if !caching.FromCache(resp) {
				resp.ContentLength = -1 // then ReverseProxy passes the body on as it comes
			}
			return nil
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) {
			w.WriteHeader(http.StatusBadGateway)
		},
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Content-Type"] = nil // net/http would guess one
		p.ServeHTTP(w, r)
	})
}

// buffers are the buffers by which bodies are passed on. Without them each response makes one, which
// costs more than a hit.
type buffers struct{ pool sync.Pool }

func (b *buffers) Get() []byte {
	if p, ok := b.pool.Get().(*[32 << 10]byte); ok {
		return p[:]
	}
	return make([]byte, 32<<10)
}

func (b *buffers) Put(p []byte) { b.pool.Put((*[32 << 10]byte)(p)) }
