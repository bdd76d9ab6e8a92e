package caching

import (
	"time"
)

func validationDialogues() []dialogue {
	return []dialogue{
		{
			name: "validated", why: "RFC 9111 §4.3: both validators are sent, and a 304 freshens the stored response",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{
					after: 101 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nX-New: 1\nCache-Control: max-age=10\nContent-Length: 0", want: "200 body", cached: true,
					saw: []string{`If-None-Match: "a"`, "If-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT"}, has: []string{"X-New: 1", "Cache-Control: max-age=10", "Age: 0"},
					status: "tripper; fwd=stale; fwd-status=304", trace: []string{"validated: stale"},
				},
				{after: 5 * time.Second, ask: "GET /", want: "200 body", cached: true, has: []string{"X-New: 1", "Age: 5"}},
				{after: 6 * time.Second, ask: "GET /", origin: "200 OK\nCache-Control: max-age=9\n\nnew", want: "200 new", lacks: []string{"X-New"}},
				{ask: "GET /", want: "200 new", cached: true, lacks: []string{"X-New", "Etag"}},
			},
		}, {
			name: "IgnoreETag", why: "no If-None-Match, but If-Modified-Since", cache: Transport{IgnoreETag: true},
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{
					after: 101 * time.Second, ask: "GET /", origin: "304 Not Modified\nCache-Control: max-age=10", want: "200 body", cached: true,
					saw: []string{"If-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT"}, unseen: []string{"If-None-Match"},
				},
			},
		}, {
			name: "WithoutETag", why: "as IgnoreETag, for one request",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{
					after: 101 * time.Second, ask: "GET /\n!withoutETag: 1", origin: "304 Not Modified\nCache-Control: max-age=10", want: "200 body", cached: true,
					saw: []string{"If-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT"}, unseen: []string{"If-None-Match"},
				},
				{after: 11 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}},
			},
		}, {
			name: "a date beside the tags of others", why: "RFC 9110 §13.1.3: If-Modified-Since is ignored where there is If-None-Match",
			turns: []turn{
				{ask: "GET /\nAccept-Language: en", origin: "200 OK\nVary: Accept-Language\nLast-Modified: Mon, 01 Jan 1990 00:00:00 GMT\nCache-Control: max-age=1\n\nenglish", want: "200 english"},
				{ask: "GET /\nAccept-Language: fr", origin: "200 OK\nVary: Accept-Language\nETag: \"fr\"\nCache-Control: max-age=1\n\nfrançais", want: "200 français"},
				{
					after: 5 * time.Second, ask: "GET /\nAccept-Language: en", origin: "304 Not Modified\nLast-Modified: Mon, 01 Jan 1990 00:00:00 GMT", want: "200 english", cached: true,
					saw: []string{"If-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT"}, unseen: []string{"If-None-Match"},
				},
			},
		}, {
			name: "a lifetime of one caller", why: "WithTTL is about the answer to one request: the next validation is about another's",
			turns: []turn{
				{ask: "GET /\n!ttl: 1h", origin: "200 OK\nETag: \"a\"\nCache-Control: no-cache\n\nbody", want: "200 body"},
				{after: 2 * time.Hour, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: no-cache", want: "200 body", cached: true},
				{after: time.Minute, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: no-cache", want: "200 body", cached: true},
			},
		}, {
			name: "fields that a 304 forbids to keep", why: "RFC 9111 §5.2.2.7: what it says now holds for what is stored already", cache: Transport{Shared: true},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nETag: \"a\"\nCache-Control: max-age=1\nX-User: alice\n\nbody", want: "200 body"},
				{after: 2 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=60, private=\"x-user\"", want: "200 body", cached: true},
				{ask: "GET /", want: "200 body", cached: true, lacks: []string{"X-User"}},
			},
		}, {
			name: "unmatched 304", why: "RFC 9111 §4.3.3: a 304 about something else is no answer to who has nothing",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{after: 101 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"z\"\n---\n200 OK\nETag: \"z\"\nCache-Control: max-age=9\n\nother", want: "200 other", unseen: []string{"If-None-Match", "If-Modified-Since"}},
				{ask: "GET /", want: "200 other", cached: true},
			},
		}, {
			name: "304 to a request without conditions", why: "a broken origin: never shown to a caller who has nothing to use it for, asked once more, and not for ever",
			turns: []turn{
				{ask: "GET /", origin: "304 Not Modified\n---\n200 OK\n\nx", want: "200 x"},
				{ask: "GET /", origin: "304 Not Modified\n---\n304 Not Modified", want: "error"},
				{ask: "GET /a\nRange: bytes=0-1", origin: "304 Not Modified\n---\n304 Not Modified", want: "error"},
				{ask: "GET /\nIf-None-Match: \"x\"", origin: "304 Not Modified", want: "304"},
			},
		}, {
			name: "the caller's own conditions, fresh", why: "RFC 9111 §4.3.2: the cache answers them",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\nIf-None-Match: W/\"a\"", want: "304", cached: true, has: []string{`Etag: "a"`, "Age: 0"}, lacks: []string{"Content-Length"}},
				{ask: "GET /\nIf-None-Match: \"x\", \"a\"", want: "304", cached: true},
				{ask: "GET /\nIf-None-Match: *", want: "304", cached: true},
				{ask: "GET /\nIf-None-Match: \"x\"", want: "200 body", cached: true},
				{ask: "GET /\nIf-None-Match: \"x\"\nIf-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT", want: "200 body", cached: true},
				{ask: "GET /\nIf-Modified-Since: Mon, 01 Jan 1990 00:00:00 GMT", want: "304", cached: true},
				{ask: "GET /\nIf-Modified-Since: Mon, 01 Jan 1989 00:00:00 GMT", want: "200 body", cached: true},
				{ask: "HEAD /\nIf-None-Match: \"a\"", want: "304", cached: true},
			},
		}, {
			name: "the caller's own conditions, stale", why: "passed through, never overwritten; a 304 is the caller's, and freshens what it is about",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{after: 101 * time.Second, ask: "GET /\nIf-None-Match: \"fred\"", origin: "304 Not Modified\nETag: \"fred\"", want: "304", saw: []string{`If-None-Match: "fred"`}, unseen: []string{"If-Modified-Since"}},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=1", want: "200 body", cached: true},
				{after: 2 * time.Second, ask: "GET /\nIf-None-Match: \"a\"", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=100", want: "304"},
				{ask: "GET /", want: "200 body", cached: true},
			},
		}, {
			name: "conditions for the origin", why: "RFC 9111 §4.3.2: a cache does not evaluate If-Match",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\nIf-Match: \"z\"", origin: "412 Precondition Failed\n\nno", want: "412 no"},
				{ask: "GET /", want: "200 body", cached: true},
			},
		},
	}
}
