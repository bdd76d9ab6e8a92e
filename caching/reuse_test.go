package caching

import (
	"time"
)

func reuseDialogues() []dialogue {
	return []dialogue{
		{
			name: "fresh", why: "RFC 9111 §4: a fresh response is reused, with its age",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body", status: "tripper; fwd=uri-miss; fwd-status=200; stored", lacks: []string{"Age"}, trace: []string{"fetch: nothing stored", "store: stored"}},
				{after: 3 * time.Second, ask: "GET /", want: "200 body", cached: true, status: "tripper; hit; ttl=97", has: []string{"Age: 3"}, trace: []string{"hit: fresh"}},
				{ask: "GET /#fragment", want: "200 body", cached: true},
				{ask: "GET http://EXAMPLE.com:80", want: "200 body", cached: true},
				{ask: "GET /other", origin: "404 Not Found\n\nno", want: "404 no", status: "fwd=uri-miss", trace: []string{"pass: neither fresh nor with a validator"}},
			},
		}, {
			name: "no Date", why: "RFC 9110 §6.6.1: who stores a response without one says when it came; a 304 without one came when it came",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\nETag: \"a\"\nDate: -\n\nbody", want: "200 body"},
				{after: time.Second, ask: "GET /", want: "200 body", cached: true, has: []string{"Date: Sat, 01 Jan 2000 00:00:00 GMT", "Age: 1"}},
				{after: 199 * time.Second, ask: "GET /", origin: "304 Not Modified\nETag: \"a\"\nDate: -", want: "200 body", cached: true},
				{after: 99 * time.Second, ask: "GET /", want: "200 body", cached: true, has: []string{"Date: Sat, 01 Jan 2000 00:03:20 GMT", "Age: 99"}},
			},
		}, {
			name: "HEAD", why: "answered from a GET, never stored, never in its place",
			turns: []turn{
				{ask: "HEAD /", origin: "200 OK\nCache-Control: max-age=100\nContent-Length: 4", want: "200"},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "HEAD /", want: "200", cached: true, has: []string{`Etag: "a"`}},
				{after: 101 * time.Second, ask: "HEAD /", origin: "304 Not Modified\nETag: \"a\"\nCache-Control: max-age=2", want: "200", cached: true},
				{ask: "GET /", want: "200 body", cached: true},
				{after: 3 * time.Second, ask: "HEAD /", origin: "200 OK\nETag: \"a\"\nCache-Control: max-age=50\nX-Head: 1\nContent-Length: 4", want: "200"},
				{ask: "GET /", want: "200 body", cached: true, has: []string{"X-Head: 1"}},
				{after: 51 * time.Second, ask: "HEAD /", origin: "200 OK\nETag: \"b\"\nCache-Control: max-age=50\nContent-Length: 4", want: "200"},
				{ask: "GET /", origin: "200 OK\nETag: \"b\"\nCache-Control: max-age=50\n\nnew!", want: "200 new!"},
			},
		}, {
			name: "OPTIONS and TRACE", why: "RFC 9110 §9.3.7: their answers are not for GET",
			turns: []turn{
				{ask: "OPTIONS /", origin: fresh, want: "200 body", status: "fwd=method", trace: []string{"bypass: method"}},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "TRACE /", origin: "200 OK\n\ntrace", want: "200 trace"},
				{ask: "GET /", want: "200 body", cached: true},
			},
		}, {
			name: "only-if-cached", why: "504 unless fresh; nothing is sent, whatever the method",
			turns: []turn{
				{ask: "GET /\nCache-Control: only-if-cached", want: "504"},
				{ask: "POST /\nCache-Control: only-if-cached", want: "504", trace: []string{"refuse: only-if-cached, unsafe"}},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\nCache-Control: only-if-cached", want: "200 body", cached: true},
				{after: 101 * time.Second, ask: "GET /\nCache-Control: only-if-cached", want: "504"},
				{ask: "GET /\nCache-Control: only-if-cached, max-stale=10", want: "200 body", cached: true, status: "ttl=-1"},
			},
		}, {
			name: "offline, another scheme", why: "nothing is sent, whatever it is",
			turns: []turn{{ask: "GET unix://socket/\n!offline: 1", want: "504"}},
		}, {
			name: "OnlyIfCachedServesStale", why: "httplib2 does so", cache: Transport{Compat: Compat{OnlyIfCachedServesStale: true}},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nETag: \"a\"\n\nbody", want: "200 body"},
				{after: time.Hour, ask: "GET /\nCache-Control: only-if-cached", want: "200 body", cached: true},
				{ask: "GET /must", origin: "200 OK\nETag: \"a\"\nCache-Control: max-age=1, must-revalidate\n\nbody", want: "200 body"},
				{after: 5 * time.Second, ask: "GET /must\nCache-Control: only-if-cached", want: "504"},
			},
		}, {
			name: "variants", why: "RFC 9111 §4.1: any number of them, and all tags are offered (§4.3.1)",
			turns: []turn{
				{ask: "GET /\nAccept-Language: en", origin: "200 OK\nVary: Accept-Language\nETag: \"en\"\nCache-Control: max-age=100\n\nenglish", want: "200 english"},
				{ask: "GET /\nAccept-Language: de", origin: "200 OK\nVary: Accept-Language\nETag: \"de\"\nCache-Control: max-age=100\n\ndeutsch", want: "200 deutsch", status: "fwd=vary-miss", saw: []string{`If-None-Match: "en"`}},
				{ask: "GET /\nAccept-Language: en", want: "200 english", cached: true},
				{ask: "GET /\nAccept-Language: DE", want: "200 deutsch", cached: true},
				{ask: "GET /\nAccept-Language: fr", origin: "304 Not Modified\nETag: \"en\"", want: "200 english", cached: true, status: "fwd=vary-miss; fwd-status=304", saw: []string{`If-None-Match: "en", "de"`}},
				{ask: "GET /\nAccept-Language: fr", want: "200 english", cached: true},
				{ask: "GET /\nAccept-Language: de", want: "200 deutsch", cached: true},
				{ask: "POST /", origin: "200 OK\n\n", want: "200"},
				{ask: "GET /\nAccept-Language: de", origin: "200 OK\nVary: Accept-Language\n\nneu", want: "200 neu", unseen: []string{"If-None-Match"}},
				{ask: "GET /\nAccept-Language: en", origin: "200 OK\n\nnew", want: "200 new"},
			},
		}, {
			name: "Vary: *", why: "RFC 9111 §4.1: never reused, on whatever line it stands",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nVary: A\nVary: b, *\nCache-Control: max-age=100\n\none", want: "200 one", status: `detail="varies on everything"`},
				{ask: "GET /", origin: "200 OK\n\ntwo", want: "200 two"},
			},
		}, {
			name: "QUERY", why: "the content is part of the key", cache: Transport{CacheQuery: true},
			turns: []turn{
				{ask: "QUERY /\n\na", origin: "200 OK\nCache-Control: max-age=100\n\nA", want: "200 A"},
				{ask: "QUERY /\n\nb", origin: "200 OK\nCache-Control: max-age=100\n\nB", want: "200 B"},
				{ask: "QUERY /\n\na", want: "200 A", cached: true},
				{ask: "GET /", origin: "200 OK\n\nget", want: "200 get"},
				{ask: "POST /", origin: "200 OK\n\n", want: "200"},
				{ask: "QUERY /\n\na", origin: "200 OK\n\nA2", want: "200 A2"},
				{ask: "QUERY /\n\nb", origin: "200 OK\n\nB2", want: "200 B2"},
			},
		}, {
			name: "No-Vary-Search", why: "queries that differ in nothing that matters", cache: Transport{ObeyNoVarySearch: true},
			turns: []turn{
				{ask: "GET /?a=1&utm=x", origin: "200 OK\nCache-Control: max-age=100\nNo-Vary-Search: params=(\"utm\"), key-order\n\none", want: "200 one"},
				{ask: "GET /?a=1&utm=x", want: "200 one", cached: true},
				{ask: "GET /?utm=y&a=1", want: "200 one", cached: true},
				{ask: "GET /?a=1", want: "200 one", cached: true},
				{ask: "GET /?a=2&utm=x", origin: "200 OK\nCache-Control: max-age=100\n\ntwo", want: "200 two"},
				{ask: "GET /?a=1&utm=z", want: "200 one", cached: true},
				{ask: "PUT /?a=1", origin: "204 No Content", want: "204"},
				{ask: "GET /?a=1&utm=z", origin: "200 OK\n\nnew", want: "200 new"},
			},
		}, {
			name: "fields that are not stored", why: "RFC 9111 §3.1, §5.2.2.4", turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100, no-cache=\"X-Once\"\nConnection: X-Hop\nX-Hop: 1\nX-Once: 1\nKeep-Alive: 5\nSet-Cookie: a=1\nSet-Cookie: b=2\n\nx", want: "200 x", has: []string{"X-Once: 1"}},
				{ask: "GET /", want: "200 x", cached: true, lacks: []string{"X-Hop", "X-Once", "Keep-Alive", "Connection"}, has: []string{"Set-Cookie: a=1", "Set-Cookie: b=2"}},
			},
		}, {
			name: "permanent redirect", why: "fresh for a while, and obeys the request",
			turns: []turn{
				{ask: "GET /", origin: "301 Moved Permanently\nLocation: /there\nDate: -\n\n", want: "301"},
				{after: 23 * time.Hour, ask: "GET /", want: "301", cached: true, has: []string{"Location: /there"}},
				{ask: "GET /\nCache-Control: no-cache", origin: "200 OK\n\nback", want: "200 back"},
			},
		}, {
			name: "not storable now", why: "what a 200 with no-store takes the place of is not kept for worse times",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=1\nETag: \"a\"\n\nx", want: "200 x"},
				{after: 2 * time.Second, ask: "GET /", origin: "200 OK\nCache-Control: no-store\n\nsecret", want: "200 secret", status: `detail="no-store in the response"`},
				{ask: "GET /", origin: "error", want: "error"},
			},
		}, {
			name: "gone since", why: "nor is what an explicit reload has found to be there no more",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /\n!reload: 1", origin: "404 Not Found\nCache-Control: no-store\n\ngone", want: "404 gone"},
				{ask: "GET /", origin: "404 Not Found\nCache-Control: no-store\n\ngone", want: "404 gone"},
			},
		},
	}
}
