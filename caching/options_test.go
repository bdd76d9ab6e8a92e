package caching

import (
	"net/http"
	"time"
)

func optionDialogues() []dialogue {
	key, _ := keysOfPage()
	return []dialogue{
		{
			name: "targeted", why: "RFC 9213: the first field of the list that is valid", cache: Transport{Shared: true, Targeted: []string{"Mine-Cache-Control", "CDN-Cache-Control"}},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nMine-Cache-Control: &&\nCDN-Cache-Control: max-age=100\nCache-Control: no-store\n\nx", want: "200 x"},
				{ask: "GET /", want: "200 x", cached: true},
			},
		}, {
			name: "options of a request", why: "reload validates, bypass leaves the cache out of it, offline leaves the network out, a TTL forces",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\n!reload: 1", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}, unseen: []string{"Cache-Control"}},
				{ask: "GET /\n!bypass: 1", origin: "200 OK\nCache-Control: max-age=9\n\nother", want: "200 other", status: "fwd=bypass", trace: []string{"bypass: bypass"}},
				{ask: "GET /", want: "200 body", cached: true},
				{after: time.Hour, ask: "GET /\n!offline: 1", want: "200 body", cached: true, status: `detail="offline"`},
				{ask: "GET /new\n!offline: 1", want: "504", trace: []string{"refuse: offline, nothing stored"}},
				{ask: "GET /forced\n!ttl: 1m", origin: "200 OK\nCache-Control: no-store\n\nx", want: "200 x", status: "stored"},
				{after: 59 * time.Second, ask: "GET /forced", want: "200 x", cached: true},
				{ask: "GET /never\n!ttl: -1s", origin: fresh, want: "200 body"},
				{ask: "GET /never", origin: fresh, want: "200 body"},
			},
		}, {
			name: "hooks", why: "the application has the last word",
			cache: Transport{
				StatusTTL: map[int]time.Duration{503: 5 * time.Second}, Compat: Compat{XFromCache: true}, Name: "my cache",
				ShouldStore: func(r *http.Response) bool { return r.Request.URL.Path != "/no" },
				TTL:         func(r *http.Response) time.Duration { d, _ := time.ParseDuration(r.Header.Get("X-TTL")); return d },
			},
			turns: []turn{
				{ask: "GET /no", origin: fresh, want: "200 body", status: `"my cache"; fwd=uri-miss; fwd-status=200; detail="refused by the application"`, lacks: []string{"X-From-Cache"}},
				{ask: "GET /no", origin: fresh, want: "200 body"},
				{ask: "GET /ttl", origin: "200 OK\nX-TTL: 1h\nCache-Control: no-cache\n\nx", want: "200 x"},
				{after: 59 * time.Minute, ask: "GET /ttl", want: "200 x", cached: true, has: []string{"X-From-Cache: 1"}},
				{ask: "GET /neg", origin: "503 Service Unavailable\n\nno", want: "503 no"},
				{after: 4 * time.Second, ask: "GET /neg", want: "503 no", cached: true},
				{after: 2 * time.Second, ask: "GET /neg", origin: "503 Service Unavailable\n\nno", want: "503 no"},
			},
		}, {
			name: "ShowKey", why: "RFC 9211 §2.7: the key that the response has in the store, whether it was there or not", cache: Transport{Compat: Compat{ShowKey: true}},
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body", status: `tripper; fwd=uri-miss; fwd-status=200; stored; key="` + key + `"`},
				{ask: "GET /", want: "200 body", cached: true, status: `tripper; hit; ttl=100; key="` + key + `"`},
			},
		}, {
			name: "XFromCache", why: "it tells what comes from this cache, and no origin what comes from it", cache: Transport{Compat: Compat{XFromCache: true}},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=60\nX-From-Cache: 1\n\nbody", want: "200 body", lacks: []string{"X-From-Cache"}},
				{ask: "GET /", want: "200 body", cached: true, has: []string{"X-From-Cache: 1"}},
				{ask: "POST /", origin: "200 OK\nX-From-Cache: 1\n\n", want: "200", lacks: []string{"X-From-Cache"}},
			},
		},
	}
}
