package tripper_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/trace"
)

// A noHit is a program whose hit rate is zero: a cache, and a request that is sent
// again and again.
type noHit struct {
	cache   caching.Transport
	answer  string
	prepare func(req *http.Request, n int)
	wait    time.Duration
}

// noHits are the causes that the page describes, by the heading there.
func noHits() map[string]*noHit {
	const fresh = "HTTP/1.1 200 OK\nCache-Control: max-age=60\n\nbody"
	with := func(name, value string) func(*http.Request, int) {
		return func(req *http.Request, n int) { req.Header.Set(name, strings.ReplaceAll(value, "#", fmt.Sprint(n))) }
	}
	return map[string]*noHit{
		"The response forbids it":               {answer: "HTTP/1.1 200 OK\nCache-Control: no-store\n\nbody"},
		"Nothing says how long it is fresh":     {answer: "HTTP/1.1 200 OK\n\nbody"},
		"It is validated each time":             {answer: "HTTP/1.1 200 OK\nETag: \"a\"\nCache-Control: max-age=1\n\nbody", wait: 2 * time.Second},
		"Credentials that a layer below adds":   {answer: fresh, cache: caching.Transport{Base: addsToken{}}},
		"A token that is another one each time": {answer: fresh, prepare: with("Authorization", "Bearer #")},
		"Cookies that change with each response": {
			answer: "HTTP/1.1 200 OK\nCache-Control: public, max-age=60\n\nbody", prepare: with("Cookie", "AWSALB=#"),
		},
		"Requests that are signed before the cache": {answer: fresh, prepare: with("Authorization", "AWS4-HMAC-SHA256 Credential=AKIA/1/r/s3/aws4_request, Signature=#")},
		"Vary":              {answer: "HTTP/1.1 200 OK\nCache-Control: max-age=60\nVary: *\n\nbody"},
		"The store is slow": {answer: fresh, cache: caching.Transport{Store: lameStore{wait: time.Second}}},
		"The store fails":   {answer: fresh, cache: caching.Transport{Store: lameStore{err: errors.New("connection refused")}}},
		"The cache is passed by": {answer: fresh, prepare: func(req *http.Request, _ int) {
			req.Body, req.ContentLength = io.NopCloser(strings.NewReader("{}")), 2
		}},
	}
}

// addsToken is a layer that does not say whose credentials it adds.
type addsToken struct{ http.RoundTripper }

func (l addsToken) RoundTrip(req *http.Request) (*http.Response, error) {
	out := req.Clone(req.Context())
	out.Header.Set("Authorization", "Bearer token")
	return l.RoundTripper.RoundTrip(out)
}

// lameStore is a store that is slow, or fails.
type lameStore struct {
	store.Store
	wait time.Duration
	err  error
}

func (s lameStore) Get(ctx context.Context, key string) (*store.Entry, error) {
	time.Sleep(s.wait)
	if s.err != nil {
		return nil, s.err
	}
	return s.Store.Get(ctx, key)
}

// requests is how many each program sends: more than a store may fail in a row.
const requests = 5

// lines returns all that the cache says about a few requests.
func (n *noHit) lines(t *testing.T) (lines []string) {
	t.Helper()
	origin := rttest.NewScript(t, rttest.Repeat(requests, rttest.Func(func(req *http.Request) (*http.Response, error) {
		if req.Header.Get("If-None-Match") != "" {
			return rttest.Respond("HTTP/1.1 304 Not Modified\nETag: \"a\"\n\n")(req)
		}
		return rttest.Respond(n.answer)(req)
	}))...)
	if n.cache.Base == nil {
		n.cache.Base = origin
	} else {
		n.cache.Base = addsToken{origin}
	}
	if s, ok := n.cache.Store.(lameStore); ok {
		s.Store = memorystore.New(0)
		n.cache.Store = s
	}
	var mu sync.Mutex // guards lines: calls of a store may go on beside
	ctx := trace.WithHook(t.Context(), func(e trace.Event) {
		mu.Lock()
		defer mu.Unlock()
		lines = append(lines, e.String())
	})
	for i := range requests {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://example.com/", nil)
		if err != nil {
			t.Fatal(err)
		}
		if n.prepare != nil {
			n.prepare(req, i)
		}
		resp, err := n.cache.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		if err := errors.Join(err, resp.Body.Close()); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(resp.Header.Get("Cache-Status"), "; hit") {
			t.Errorf("request %d is a hit", i)
		}
		mu.Lock()
		lines = append(lines, "Cache-Status: "+resp.Header.Get("Cache-Status"))
		mu.Unlock()
		time.Sleep(n.wait)
	}
	if err := n.cache.Close(); err != nil {
		t.Error(err)
	}
	time.Sleep(time.Minute) // the store answers what nobody waits for any more
	return lines
}

// quotedLines are the lines that docs/why-no-hits.md quotes, by the heading they are under.
func quotedLines(t *testing.T) map[string][]string {
	t.Helper()
	page, err := os.ReadFile("docs/why-no-hits.md")
	if err != nil {
		t.Fatal(err)
	}
	quoted, heading, inside := make(map[string][]string), "", false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		switch title, ok := strings.CutPrefix(line, "## "); {
		case ok:
			heading = title
			quoted[heading] = nil
		case line == "```text":
			inside = true
		case line == "```":
			inside = false
		case inside:
			quoted[heading] = append(quoted[heading], line)
		}
	}
	return quoted
}

// TestWhyNoHits: what the page says that the cache says, it says.
func TestWhyNoHits(t *testing.T) {
	t.Parallel()
	quoted, causes := quotedLines(t), noHits()
	for heading := range causes {
		if _, ok := quoted[heading]; !ok {
			t.Errorf("the page does not describe %q", heading)
		}
	}
	for heading, want := range quoted {
		t.Run(heading, func(t *testing.T) {
			t.Parallel()
			if causes[heading] == nil || len(want) == 0 {
				t.Fatal("no lines, or nobody to say them")
			}
			synctest.Test(t, func(t *testing.T) {
				said := strings.Join(causes[heading].lines(t), "\n")
				for _, line := range want {
					if !strings.Contains("\n"+said+"\n", "\n"+line+"\n") {
						t.Errorf("the page says %q, the cache says\n%s", line, said)
					}
				}
			})
		})
	}
}
