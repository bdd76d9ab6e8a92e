package caching

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
)

// The trailer reaches everybody: who fetches, who shares the fetch, and who gets
// the stored response; over HTTP/1.1 and HTTP/2, announced or not.
func TestTrailers(t *testing.T) {
	for _, row := range []struct {
		name     string
		http2    bool
		length   bool // Content-Length, which HTTP/1.1 has no trailers with
		announce bool
		why      string
	}{
		{"chunked", false, false, true, "RFC 9112 §7.1.2"},
		{"not announced", false, false, false, "RFC 9110 §6.5: Trailer is a SHOULD"},
		{"http2", true, false, true, "RFC 9113 §8.1"},
		{"http2 with a length", true, true, true, "the last byte of the content is not the end of the response"},
	} {
		for _, kind := range contexts {
			t.Run(row.name+"/"+kind, func(t *testing.T) {
				entered, goOn := make(chan bool, 10), make(chan bool)
				server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Cache-Control", "max-age=60")
					if row.length {
						w.Header().Set("Content-Length", "8")
					}
					name := http.TrailerPrefix + "Digest"
					if row.announce {
						w.Header().Set("Trailer", "Digest")
						name = "Digest"
					}
					_, _ = io.WriteString(w, "half")
					_ = http.NewResponseController(w).Flush()
					entered <- true
					<-goOn
					_, _ = io.WriteString(w, "half")
					_ = http.NewResponseController(w).Flush()
					w.Header().Set(name, "x")
				}))
				server.EnableHTTP2 = row.http2
				server.StartTLS()
				defer server.Close()
				c := &Transport{Base: server.Client().Transport}
				defer c.Close()

				ask := func() *http.Response {
					req, _ := http.NewRequestWithContext(contextOf(t, kind), "GET", server.URL, nil)
					resp, err := c.RoundTrip(req)
					if err != nil {
						t.Fatal(err)
					}
					return resp
				}
				first := ask()
				<-entered
				second := ask()
				if s := second.Header.Get("Cache-Status"); !strings.Contains(s, "collapsed") {
					t.Fatalf("not shared: %s", s)
				}
				if row.announce {
					want := http.Header{"Digest": nil}
					for _, resp := range []*http.Response{first, second} {
						if diff := compare.Diff(want, resp.Trailer); diff != "" {
							t.Errorf("before the body (-want +got):\n%s", diff)
						}
					}
				}
				close(goOn)
				var wg sync.WaitGroup
				check := func(resp *http.Response, who string) {
					// The caller looks at it while others may read the same body.
					_ = resp.Trailer.Clone()
					body, err := io.ReadAll(resp.Body)
					_ = resp.Body.Close()
					if string(body) != "halfhalf" || err != nil {
						t.Errorf("%s: body %q, %v", who, body, err)
					}
					if diff := compare.Diff(http.Header{"Digest": {"x"}}, resp.Trailer); diff != "" {
						t.Errorf("%s: trailer (-want +got): %s\n%s", who, row.why, diff)
					}
					resp.Trailer["Digest"][0] = "changed by its owner"
				}
				wg.Go(func() { check(first, "who fetched") })
				wg.Go(func() { check(second, "who shared") })
				wg.Wait()
				third := ask()
				if !FromCache(third) {
					t.Errorf("not stored: %s", third.Header.Get("Cache-Status"))
				}
				check(third, "from the store")
			})
		}
	}
}

// A caller who reads no further than the content leaves the rest to the cache,
// and in HTTP/2 the stream is not reset for that.
func TestTrailerUnread(t *testing.T) {
	reset := make(chan bool, 1)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		w.Header().Set("Content-Length", "4")
		w.Header().Set("Trailer", "Digest")
		_, _ = io.WriteString(w, "body")
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("Digest", "x")
		reset <- req.Context().Err() != nil
	}))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	c := &Transport{Base: server.Client().Transport}
	defer c.Close()
	for i := range 2 {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL, nil)
		resp, err := c.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(resp.Body, make([]byte, 4)); err != nil {
			t.Error(err)
		}
		_ = resp.Body.Close()
		if FromCache(resp) != (i == 1) {
			t.Errorf("response %d: %s", i+1, resp.Header.Get("Cache-Status"))
		}
		if i == 1 && resp.Trailer.Get("Digest") != "x" {
			t.Errorf("stored with the trailer %v", resp.Trailer)
		}
	}
	if <-reset {
		t.Error("the stream was reset before it ended")
	}
}

// In HTTP/2 a trailer may follow when the whole body is there, and nobody has
// announced it: it is not read while it comes (run with -race).
func TestTrailerAfterTheEnd(t *testing.T) {
	for _, body := range []string{"body", ""} {
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
			_, _ = io.WriteString(w, body)
			_ = http.NewResponseController(w).Flush()
			w.Header().Set(http.TrailerPrefix+"Digest", "x")
		}))
		server.EnableHTTP2 = true
		server.StartTLS()
		c := &Transport{Base: server.Client().Transport}
		for i := range 30 {
			if _, got := get(t, c, t.Context(), server.URL+"/"+strconv.Itoa(i)); got != body {
				t.Errorf("got %q, want %q", got, body)
			}
		}
		_ = c.Close()
		server.Close()
	}
}
