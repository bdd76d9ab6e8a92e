package integration_test

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// storyOrigin redirects, fails once and then answers, for each value of the parameter n.
func storyOrigin(t *testing.T) *httptest.Server {
	t.Helper()
	var failed sync.Map
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch n := r.URL.Query().Get("n"); r.URL.Path {
		case "/start":
			http.Redirect(w, r, "/end?n="+n, http.StatusFound)
		case "/end":
			if _, again := failed.LoadOrStore(n, true); !again {
				w.WriteHeader(http.StatusServiceUnavailable)
				return
			}
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("Etag", `"e"`)
			_, _ = io.WriteString(w, "hello")
		}
	}))
	t.Cleanup(srv.Close)
	return srv
}

func storyChain(t *testing.T, outer ...tripper.Layer) *http.Client {
	t.Helper()
	cache := &caching.Transport{}
	t.Cleanup(func() { _ = cache.Close() })
	noWait := func(retry.Attempt) time.Duration { return 0 }
	leaf := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true}
	t.Cleanup(leaf.CloseIdleConnections)
	return append(tripper.Chain(outer),
		&decompress.Transport{}, &redirects.Transport{}, cache, &retry.Transport{Backoff: noWait}, &auth.Transport{},
	).Client(leaf)
}

func fetch(t *testing.T, client *http.Client, url string) *http.Response {
	t.Helper()
	resp, err := client.Get(url)
	if err != nil {
		t.Error(err)
		return nil
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	return resp
}

// Requests that are made at the same time are told apart, and each event says which hop and
// attempt it is of.
func TestEventsBelongToCalls(t *testing.T) {
	t.Parallel()
	srv := storyOrigin(t)
	var mu sync.Mutex
	calls := make(map[uint64][]string)
	client := storyChain(t, &trace.Hook{Exchanges: true, Func: func(e trace.Event) {
		mu.Lock()
		defer mu.Unlock()
		calls[e.Call] = append(calls[e.Call], fmt.Sprint(e.Layer, " ", e.Action, " ", e.Hop, " ", e.Attempt))
	}})
	var group sync.WaitGroup
	for n := range 10 {
		group.Go(func() {
			resp := fetch(t, client, fmt.Sprint(srv.URL, "/start?n=", n))
			if x, ok := trace.ExchangeOf(resp); !ok || x.Hop != 1 || x.Attempt != 2 || x.Status != 200 || x.Received != 5 {
				t.Errorf("exchange %+v", x)
			}
		})
	}
	group.Wait()
	want := []string{
		"caching lookup 0 0", "wire response 0 1", "retry done 0 1", "caching pass 0 0", "wire body 0 1", "redirects follow 0 0",
		"caching lookup 1 0", "wire response 1 1", "retry retry 1 1", "wire body 1 1",
		"wire response 1 2", "retry done 1 2", "caching fetch 1 0", "wire body 1 2", "caching store 1 0",
	}
	if len(calls) != 10 {
		t.Errorf("%d calls, want 10", len(calls))
	}
	for id, got := range calls {
		// The body is empty, or its end comes with its head: its events come when they come.
		slices.Sort(got)
		sorted := slices.Sorted(slices.Values(want))
		if !slices.Equal(got, sorted) {
			t.Errorf("call %d: heard\n%s\nwant\n%s", id, strings.Join(got, "\n"), strings.Join(sorted, "\n"))
		}
	}
}

// What goes on when the response has been returned says so, and which call began it.
func TestEventsOfBackgroundWork(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=0, stale-while-revalidate=60")
		_, _ = io.WriteString(w, "hello")
	}))
	t.Cleanup(srv.Close)
	events := make(chan trace.Event, 100)
	client := storyChain(t, &trace.Hook{Exchanges: true, Func: func(e trace.Event) { events <- e }})
	fetch(t, client, srv.URL)
	for len(events) > 0 {
		<-events
	}
	resp := fetch(t, client, srv.URL)
	if x, ok := trace.ExchangeOf(resp); ok {
		t.Errorf("a stale response came with exchange %+v", x)
	}
	<-events // the lookup
	served := <-events
	if served.Layer != "caching" || served.Action != "stale" || served.Background {
		t.Fatalf("heard first %+v", served)
	}
	for {
		e := <-events
		if e.Layer == "decompress" {
			continue
		}
		if !e.Background || e.Call != served.Call {
			t.Errorf("heard %v of call %d, want call %d in the background", e, e.Call, served.Call)
		}
		if e.Action == "refresh" {
			return
		}
	}
}

// harEntry is what a viewer of HAR files looks at.
type harEntry struct {
	StartedDateTime string
	Time            float64
	Request         struct {
		URL         string
		HeadersSize int64
	}
	Response struct {
		Status       int
		HeadersSize  int64
		BodySize     int64
		TransferSize int64 `json:"_transferSize"`
		Content      struct{ Size int64 }
	}
	Timings         map[string]float64
	ServerIPAddress string
	Connection      string
	FromCache       string                      `json:"_fromCache"`
	Initiator       *struct{ Type, URL string } `json:"_initiator"`
	Hop             int                         `json:"_hop"`
	Attempt         int                         `json:"_attempt"`
}

// A HAR records each request, or each exchange, and what came from a store.
func TestHARThroughChain(t *testing.T) {
	t.Parallel()
	srv := storyOrigin(t)
	for _, row := range []struct {
		why       string
		exchanges bool
		want      []string // path, status, hop, attempt, from, initiator
	}{
		{"an entry for each request", false, []string{"/start 200 0 0 false ", "/start 200 0 0 true "}},
		{"an entry for each exchange", true, []string{
			"/start 302 0 1 false ", "/end 503 1 1 false redirect", "/end 200 1 2 false retry", "/start 302 0 1 false ",
		}},
	} {
		archive := &trace.HAR{Exchanges: row.exchanges}
		client := storyChain(t, archive)
		for range 2 {
			fetch(t, client, fmt.Sprint(srv.URL, "/start?n=", row.exchanges))
		}
		var buf bytes.Buffer
		if _, err := archive.WriteTo(&buf); err != nil {
			t.Fatal(err)
		}
		var doc struct{ Log struct{ Entries []harEntry } }
		if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, e := range doc.Log.Entries {
			path, _, _ := strings.Cut(strings.TrimPrefix(e.Request.URL, srv.URL), "?")
			initiator := ""
			if e.Initiator != nil {
				initiator = e.Initiator.Type
			}
			got = append(got, fmt.Sprint(path, " ", e.Response.Status, " ", e.Hop, " ", e.Attempt, " ", e.FromCache != "", " ", initiator))
			if e.FromCache != "" {
				continue
			}
			if e.ServerIPAddress != "127.0.0.1" || e.Connection == "" || e.Request.HeadersSize <= 0 || e.Response.HeadersSize <= 0 ||
				e.Response.TransferSize != e.Response.HeadersSize+e.Response.BodySize || e.Response.BodySize != e.Response.Content.Size {
				t.Errorf("%+v: %s", e, row.why)
			}
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("got %q, want %q: %s", got, row.want, row.why)
		}
	}
}
