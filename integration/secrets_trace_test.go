package integration_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// secret is in every secret that is planted: no output may have it.
const secret = "s3cr3t"

// leakyOrigin answers with secrets wherever a response can have one.
func leakyOrigin(t *testing.T) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Set-Cookie", "session="+secret)
		h.Set("X-Token", secret)
		h.Set("Etag", `"tag"`)
		switch r.URL.Path {
		case "/redirect":
			h.Set("Location", "http://joe:"+secret+"@"+r.Host+"/ok?token="+secret+"#"+secret)
			w.WriteHeader(http.StatusFound)
		case "/odd-redirect":
			h.Set("Location", "ftp://joe:"+secret+"@"+r.Host+"/?"+secret)
			w.WriteHeader(http.StatusFound)
		case "/challenge":
			if r.Header.Get("Authorization") == "" || strings.HasPrefix(r.Header.Get("Authorization"), "Bearer") {
				h.Add("Www-Authenticate", `Digest realm="`+secret+`", nonce="`+secret+`", opaque="`+secret+`", qop="auth"`)
				h.Add("Www-Authenticate", `Odd `+secret)
				w.WriteHeader(http.StatusUnauthorized)
			}
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		case "/broken":
			h.Set("Content-Length", "100")
			h.Set("Cache-Control", "max-age=60")
		case "/odd-coding":
			h.Set("Content-Encoding", "gzip")
		case "/stored":
			h.Set("Cache-Control", "max-age=60")
			h.Set("Content-Location", "/x?token="+secret)
		case "/conflict":
			w.WriteHeader(http.StatusPreconditionFailed)
		}
		_, _ = io.WriteString(w, secret)
	}))
	t.Cleanup(srv.Close)
	return srv
}

// leakyErrors is a foreign RoundTripper whose errors quote what was asked for.
func leakyErrors(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(req *http.Request) (*http.Response, error) {
		if req.URL.Path == "/error" {
			u := *req.URL
			u.User = url.UserPassword("joe", secret)
			return nil, &url.Error{Op: "Get", URL: u.String(), Err: fmt.Errorf("asking %s: %w", &u, io.ErrUnexpectedEOF)}
		}
		return next.RoundTrip(req)
	})
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }

// leakyStore fails now and then, with an address that has a password.
type leakyStore struct{ store.Store }

func (s leakyStore) Get(ctx context.Context, key string) (*store.Entry, error) {
	if rand.IntN(4) == 0 {
		return nil, errors.New("redis://joe:" + secret + "@127.0.0.1/?password=" + secret + " refused")
	}
	return s.Store.Get(ctx, key)
}

// leakyRequest has secrets wherever a request can have one.
func leakyRequest(t *testing.T, base string) *http.Request {
	t.Helper()
	paths := []string{
		"/ok", "/redirect", "/odd-redirect", "/challenge", "/busy", "/broken", "/odd-coding", "/stored", "/conflict", "/error",
	}
	methods := []string{"GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE"}
	u, err := url.Parse(base + paths[rand.IntN(len(paths))] + "?token=" + secret + "&" + secret + "#" + secret)
	if err != nil {
		t.Fatal(err)
	}
	if rand.IntN(2) == 0 {
		u.User = url.UserPassword("joe", secret)
	}
	method := methods[rand.IntN(len(methods))]
	var content io.Reader
	if method == "POST" || method == "PUT" {
		content = strings.NewReader(secret)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, u.String(), content)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Cookie", "session="+secret)
	req.Header.Set("X-Api-Key", secret)
	req.Header.Set("Referer", "http://joe:"+secret+"@a.example/?"+secret)
	req.Header.Set("Proxy-Authorization", "Basic "+secret)
	if rand.IntN(3) == 0 {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	return req
}

// No output has a secret, wherever there was one.
func TestTraceTellsNoSecrets(t *testing.T) {
	t.Parallel()
	origin := leakyOrigin(t)
	var keys auth.Keyring
	keys.Add("joe", secret)
	var mu sync.Mutex
	var heard, log, verbose bytes.Buffer
	documented := tracetest.Documented(t, "..")
	stream := new(bytes.Buffer)
	archives := []*trace.HAR{{MaxEntries: -1}, {MaxEntries: -1, Exchanges: true}, {Writer: stream, Exchanges: true}}
	cache := &caching.Transport{Store: leakyStore{memorystore.New(1 << 20)}}
	t.Cleanup(func() { _ = cache.Close() })
	leaf := new(http.Transport)
	t.Cleanup(leaf.CloseIdleConnections)
	client := tripper.Chain{
		&trace.Hook{Func: func(e trace.Event) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(&heard, e, e.Reason, e.URL, e.Attrs)
			documented(e)
			if e.Exchange != nil {
				fmt.Fprintf(&heard, "%+v\n%#v\n", *e.Exchange, *e.Exchange)
			}
		}},
		&trace.Log{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug})), Headers: true, Verbose: &verbose},
		archives[0], archives[1], archives[2],
		&decompress.Transport{}, &redirects.Transport{}, &lostupdate.Transport{}, cache, &compress.Transport{},
		&retry.Transport{Backoff: func(retry.Attempt) time.Duration { return 0 }}, &auth.Transport{Credentials: &keys},
		tripper.LayerFunc(leakyErrors),
	}.Client(leaf)
	for range 1000 {
		resp, err := client.Do(leakyRequest(t, origin.URL))
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	outputs := map[string]string{"hook": heard.String(), "log": log.String(), "verbose": verbose.String()}
	for i, h := range archives {
		var buf bytes.Buffer
		if h.Writer != nil {
			if err := h.Close(); err != nil {
				t.Fatal(err)
			}
			buf = *stream
		} else if _, err := h.WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		outputs[fmt.Sprint("archive ", i)] = buf.String()
	}
	for name, out := range outputs {
		if len(out) < 100_000 {
			t.Errorf("%s has %d bytes only", name, len(out))
		}
		told := 0
		for line := range strings.Lines(out) {
			if i := strings.Index(line, secret); i >= 0 && told < 3 {
				told++
				t.Errorf("%s tells a secret: …%s…", name, line[max(0, i-300):min(len(line), i+50)])
			}
		}
	}
}
