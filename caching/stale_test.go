package caching

import (
	"time"
)

func staleDialogues() []dialogue {
	return []dialogue{
		{
			name: "stale-while-revalidate", why: "RFC 5861 §3: served at once, validated after",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, stale-while-revalidate=20\nETag: \"a\"\n\none", want: "200 one"},
				{after: 15 * time.Second, ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\n\ntwo", want: "200 one", cached: true, status: "hit; ttl=-5", saw: []string{}},
				{ask: "GET /", want: "200 two", cached: true},
				{after: 31 * time.Second, ask: "GET /", origin: "200 OK\n\nthree", want: "200 three"},
			},
		}, {
			name: "stale-while-revalidate, confirmed", why: "RFC 5861 §3: a 304 makes it fresh again",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, stale-while-revalidate=20\nETag: \"a\"\n\none", want: "200 one"},
				{after: 15 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 one", cached: true, status: "hit; ttl=-5", trace: []string{"stale: stale-while-revalidate", "refresh: stale-while-revalidate"}},
				{after: 5 * time.Second, ask: "GET /", want: "200 one", cached: true, status: "hit; ttl=5"},
			},
		}, {
			name: "stale-while-revalidate has an end", why: "RFC 5861 §3",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, stale-while-revalidate=20\nETag: \"a\"\n\none", want: "200 one"},
				{after: 31 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 one", cached: true, status: "fwd=stale"},
			},
		}, {
			name: "must-revalidate", why: "RFC 9111 §5.2.2.2: never stale, not for max-stale, not on errors, not offline",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, must-revalidate, stale-while-revalidate=99, stale-if-error=99\nETag: \"a\"\n\none", want: "200 one"},
				{after: 11 * time.Second, ask: "GET /\nCache-Control: max-stale", origin: "error", want: "error"},
				{ask: "GET /", origin: "503 Service Unavailable\n\nno", want: "503 no"},
				{ask: "GET /\n!offline", want: "504"},
			},
		}, {
			name: "errors", why: "RFC 5861 §4 and RFC 9111 §4.2.4: stale if allowed, from its expiry on; the entry stays",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10, stale-if-error=20\nETag: \"a\"\n\none", want: "200 one"},
				{after: 25 * time.Second, ask: "GET /", origin: "503 Service Unavailable\n\nno", want: "200 one", cached: true, status: "fwd=stale; fwd-status=503; ttl=-15", trace: []string{"stale: stale-if-error"}},
				{ask: "GET /", origin: "error", want: "200 one", cached: true, status: "hit; ttl=-15", trace: []string{"stale: stale-if-error"}},
				{ask: "GET /", origin: "404 Not Found\nCache-Control: no-store\n\ngone", want: "404 gone"},
			},
		}, {
			name: "errors without leave", why: "a 5xx is passed on without stale-if-error, an unreachable origin is not (RFC 9111 §4.2.4)",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\n\none", want: "200 one"},
				{after: 11 * time.Second, ask: "GET /", origin: "503 Service Unavailable\n\nno", want: "503 no"},
				{ask: "GET /", origin: "error", want: "200 one", cached: true},
				{ask: "GET /\nCache-Control: no-cache", origin: "error", want: "error"},
				{after: 25 * time.Hour, ask: "GET /", origin: "error", want: "error"},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 one", cached: true},
			},
		}, {
			name: "StaleIfError", why: "a default for servers that do not say it", cache: Transport{StaleIfError: time.Minute, StaleWhileRevalidate: 5 * time.Second},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\n\none", want: "200 one"},
				{after: 12 * time.Second, ask: "GET /", origin: "error", want: "200 one", cached: true, status: "stale-while-revalidate"},
				{after: 50 * time.Second, ask: "GET /", origin: "500 Internal Server Error\n\nno", want: "200 one", cached: true},
				{after: 60 * time.Second, ask: "GET /", origin: "500 Internal Server Error\n\nno", want: "500 no"},
			},
		}, {
			name: "StaleIfError off", why: "negative means never", cache: Transport{StaleIfError: -1},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\n\none", want: "200 one"},
				{after: 11 * time.Second, ask: "GET /", origin: "error", want: "error"},
			},
		},
	}
}
