package caching

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

var errDown = errors.New("the origin is down")

// statsOrigin answers by what the path says, and is down or fails when a field of the request says so.
func statsOrigin(req *http.Request) (*http.Response, error) {
	lines := map[string][]string{
		"/fresh":     {"Cache-Control: max-age=60", `ETag: "a"`},
		"/validator": {"Cache-Control: max-age=1", `ETag: "a"`},
		"/must":      {"Cache-Control: max-age=1, must-revalidate", `ETag: "a"`},
		"/changed":   {"Cache-Control: max-age=1"},
		"/swr":       {"Cache-Control: max-age=1, stale-while-revalidate=60", `ETag: "a"`},
		"/sie":       {"Cache-Control: max-age=1, stale-if-error=60", `ETag: "a"`},
		"/vary":      {"Cache-Control: max-age=60", "Vary: Accept-Language"},
		"/no-store":  {"Cache-Control: no-store"},
	}[req.URL.Path]
	switch {
	case req.Header.Get("X-Fail") == "503":
		return text(req, 503, "later"), nil
	case req.Header.Get("X-Fail") != "":
		return nil, errDown
	case req.Header.Get("If-None-Match") == `"a"`:
		return text(req, 304, "", lines...), nil
	}
	return text(req, 200, "hello", lines...), nil
}

// outcomes are the events that say what has become of a request, with what counts it.
var outcomes = map[string]func(*Stats) *int64{
	"hit":       func(s *Stats) *int64 { return &s.Hits },
	"stale":     func(s *Stats) *int64 { return &s.Stale },
	"validated": func(s *Stats) *int64 { return &s.Validated },
	"fetch":     func(s *Stats) *int64 { return &s.Misses },
	"collapse":  func(s *Stats) *int64 { return &s.Collapsed },
	"pass":      func(s *Stats) *int64 { return &s.Passed },
	"bypass":    func(s *Stats) *int64 { return &s.Passed },
	"refuse":    func(s *Stats) *int64 { return &s.Refused },
	"error":     func(s *Stats) *int64 { return &s.Errors },
}

// The events, Cache-Status and Stats say the same of a request.
func TestStats(t *testing.T) {
	for _, row := range []struct {
		name, path, method string
		first              string // a line of the request before, which is 5 s ago; "-" if there is none
		line               string // of the request
		also               Stats  // what is counted besides the outcome
		event, status, why string
	}{
		{name: "hit", path: "/fresh", event: "hit", status: "tripper; hit; ttl=55", also: Stats{BytesSaved: 5}, why: "RFC 9111 §4.2"},
		{name: "hit to HEAD", path: "/fresh", method: "HEAD", event: "hit", status: "tripper; hit; ttl=55", why: "no body is given"},
		{name: "hit by 304", path: "/fresh", line: `If-None-Match: "a"`, event: "hit", status: "tripper; hit; ttl=55", why: "RFC 9111 §4.3.2: no body is given"},
		{name: "hit of a part", path: "/fresh", line: "Range: bytes=1-2", event: "hit", status: "tripper; hit; ttl=55", also: Stats{BytesSaved: 2}, why: "its length is what is saved"},
		{name: "max-stale", path: "/validator", line: "Cache-Control: max-stale", event: "stale", status: `tripper; hit; ttl=-4; detail="max-stale"`, also: Stats{BytesSaved: 5}, why: "RFC 9111 §5.2.1.2"},
		{name: "in the background", path: "/swr", event: "stale", status: `tripper; hit; ttl=-4; detail="stale-while-revalidate"`, also: Stats{BytesSaved: 5, Refreshed: 1}, why: "RFC 5861 §3"},
		{name: "in place of no response", path: "/sie", line: "X-Fail: down", event: "stale", status: `tripper; hit; ttl=-4; detail="stale-if-error"`, also: Stats{BytesSaved: 5}, why: "RFC 5861 §4"},
		{name: "in place of a 503", path: "/sie", line: "X-Fail: 503", event: "stale", status: `tripper; fwd=stale; fwd-status=503; ttl=-4; detail="stale-if-error"`, also: Stats{BytesSaved: 5}, why: "RFC 5861 §4"},
		{name: "validated", path: "/validator", event: "validated", status: "tripper; fwd=stale; fwd-status=304", also: Stats{BytesSaved: 5}, why: "RFC 9111 §4.3"},
		{name: "miss", path: "/fresh", first: "-", event: "fetch", status: "tripper; fwd=uri-miss; fwd-status=200; stored", also: Stats{Stored: 1}, why: "nothing is stored"},
		{name: "another variant", path: "/vary", line: "Accept-Language: de", event: "fetch", status: "tripper; fwd=vary-miss; fwd-status=200; stored", also: Stats{Stored: 1}, why: "RFC 9111 §4.1"},
		{name: "changed", path: "/changed", event: "fetch", status: "tripper; fwd=stale; fwd-status=200; stored", also: Stats{Stored: 1}, why: "there was no validator"},
		{name: "no-store", path: "/no-store", first: "-", event: "pass", status: `tripper; fwd=uri-miss; fwd-status=200; detail="no-store in the response"`, why: "no miss: it can never be a hit"},
		{name: "unsafe", path: "/fresh", method: "DELETE", event: "pass", status: "tripper; fwd=method; fwd-status=200", also: Stats{Invalidated: 1}, why: "RFC 9111 §4.4"},
		{name: "precondition", path: "/fresh", line: `If-Match: "a"`, event: "bypass", status: `tripper; fwd=bypass; fwd-status=200; detail="precondition for the origin"`, why: "for the origin to judge"},
		{name: "only-if-cached", path: "/fresh", first: "-", line: "Cache-Control: only-if-cached", event: "refuse", status: `tripper; detail="only-if-cached, nothing stored"`, why: "RFC 9111 §5.2.1.7"},
		{name: "no response", path: "/fresh", first: "-", line: "X-Fail: down", event: "error", why: "there is nothing to serve"},
		{name: "no answer to a DELETE", path: "/fresh", method: "DELETE", line: "X-Fail: down", event: "error", also: Stats{Invalidated: 1}, why: "told as pass, with an error"},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := &Transport{Base: originFunc(statsOrigin)}
				defer c.Close()
				url := "http://example.com" + row.path
				if row.first != "-" {
					get(t, c, t.Context(), url, "Accept: */*")
				}
				time.Sleep(5 * time.Second)
				before := c.Stats()
				last := ""
				ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
					if _, ok := outcomes[e.Action]; ok && e.Layer == "caching" && !e.Background {
						if last = e.Action; e.Err != nil && e.Action == "pass" {
							last = "error"
						}
					}
				})
				method := "GET"
				if row.method != "" {
					method = row.method
				}
				var lines []string
				if row.line != "" {
					lines = append(lines, row.line)
				}
				resp, _, err := try(c, ctx, method, url, lines...)
				synctest.Wait()
				if last != row.event {
					t.Errorf("told %s, not %s: %s", last, row.event, row.why)
				}
				if err == nil {
					if got := resp.Header.Get("Cache-Status"); got != row.status {
						t.Errorf("Cache-Status: %s, not %s: %s", got, row.status, row.why)
					}
				}
				want := row.also
				*outcomes[row.event](&want)++
				if diff := compare.Diff(want, c.Stats().since(before)); diff != "" {
					t.Errorf("%s (-want +got):\n%s", row.why, diff)
				}
			})
		})
	}
}

// since returns what was counted after before.
func (s Stats) since(before Stats) Stats {
	var now, then map[string]int64
	for v, m := range map[*map[string]int64]Stats{&now: s, &then: before} {
		b, _ := json.Marshal(m)
		_ = json.Unmarshal(b, v)
	}
	for name := range now {
		now[name] -= then[name]
	}
	var d Stats
	b, _ := json.Marshal(now)
	_ = json.Unmarshal(b, &d)
	return d
}

func TestStatsCollapsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return text(req, 200, "hello", "Cache-Control: max-age=60"), nil
		})}
		defer c.Close()
		for range 3 {
			go func() {
				resp := send(t, c, t.Context())
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}()
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if diff := compare.Diff(Stats{Misses: 1, Collapsed: 2, Stored: 1}, c.Stats()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// What a Store does not take is a miss all the same.
func TestStatsOfStoreFailures(t *testing.T) {
	t.Parallel()
	c := &Transport{Base: originFunc(statsOrigin), Store: &failing{Store: memorystore.New(1 << 20), get: errDown, create: errDown}}
	defer c.Close()
	get(t, c, t.Context(), "http://example.com/fresh")
	s := c.Stats()
	if s.Misses != 1 || s.NotStored != 1 || s.Stored != 0 || s.StoreFailures == 0 {
		t.Errorf("%+v", s)
	}
}
