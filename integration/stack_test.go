package integration_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// server is an origin that remembers what it was asked.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []seenRequest
}

type seenRequest struct {
	method, uri, body string
	header            http.Header
}

func newServer(t *testing.T, h http.HandlerFunc) *server {
	t.Helper()
	o := &server{}
	o.Server = httptest.NewServer(o.recorded(h))
	t.Cleanup(o.Close)
	return o
}

func (o *server) recorded(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		o.mu.Lock()
		o.seen = append(o.seen, seenRequest{r.Method, r.URL.RequestURI(), string(body), r.Header.Clone()})
		o.mu.Unlock()
		h(w, r)
	})
}

// requests returns those so far whose URI begins with prefix.
func (o *server) requests(prefix string) []seenRequest {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(o.seen), func(r seenRequest) bool { return !strings.HasPrefix(r.uri, prefix) })
}

// addr is host:port.
func (o *server) addr() string { return o.Listener.Addr().String() }

// stack holds the layers of a chain, to be changed before it is made.
type stack struct {
	log        *trace.Log
	decompress *decompress.Transport
	redirects  *redirects.Transport
	lostupdate *lostupdate.Transport
	caching    *caching.Transport
	compress   *compress.Transport
	retry      *retry.Transport
	auth       *auth.Transport
	transport  *transport.Transport
}

// newStack returns all layers; retries do not wait.
func newStack(t *testing.T) *stack {
	t.Helper()
	l := &stack{
		decompress: &decompress.Transport{}, redirects: &redirects.Transport{}, lostupdate: &lostupdate.Transport{},
		caching: &caching.Transport{}, compress: &compress.Transport{}, retry: &retry.Transport{Backoff: retry.Constant(0)}, auth: &auth.Transport{},
		transport: &transport.Transport{Proxy: transport.Direct},
	}
	t.Cleanup(func() {
		_ = l.caching.Close()
		l.transport.CloseIdleConnections()
	})
	return l
}

func (l *stack) chain() tripper.Chain {
	c := tripper.Chain{}
	if l.log != nil {
		c = append(c, l.log)
	}
	return append(c, l.decompress, l.redirects, l.lostupdate, l.caching, l.compress, l.retry, l.auth)
}

func (l *stack) client() *http.Client { return l.chain().Client(l.transport) }

// reply is what a caller got.
type reply struct {
	status int
	body   string
	header http.Header
	cached bool
	err    error
}

func (r reply) String() string {
	if r.err != nil {
		return fmt.Sprintf("%d %q, %v", r.status, r.body, r.err)
	}
	return fmt.Sprintf("%d %q", r.status, r.body)
}

// ask sends a request; head is "METHOD URL" and lines of header fields.
func ask(ctx context.Context, client *http.Client, head string, body ...string) reply {
	lines := strings.Split(head, "\n")
	method, url, _ := strings.Cut(lines[0], " ")
	var content io.Reader
	if len(body) > 0 {
		content = strings.NewReader(body[0])
	}
	req, err := http.NewRequestWithContext(ctx, method, url, content)
	if err != nil {
		return reply{err: err}
	}
	for _, l := range lines[1:] {
		name, value, _ := strings.Cut(l, ": ")
		req.Header.Add(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		return reply{err: err}
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	return reply{resp.StatusCode, string(b), resp.Header, caching.FromCache(resp), err}
}

func wantReply(t *testing.T, got reply, status int, body string) {
	t.Helper()
	if got.err != nil || got.status != status || got.body != body {
		t.Errorf("got %v, want %d %q", got, status, body)
	}
}

func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error %v, want %v", err, want)
	}
}

// text is some 200 KiB that do not compress to nothing.
func text() string {
	var b strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&b, "%x ", uint32(i)*2654435761)
	}
	return b.String()
}

var modTime = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
