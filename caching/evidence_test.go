package caching

import (
	"strings"
	"time"
)

func validatorDialogues() []dialogue {
	const noCache = "200 OK\nCache-Control: no-cache\n"
	var all []dialogue
	for _, tag := range []string{"abc", `w/"abc"`, "W/abc", `"abc`, "'a b'"} {
		all = append(all, dialogue{
			name: "the tag " + tag, why: "OkHttp, httplib2: what is no entity tag goes back as the origin wrote it, and matches the same string",
			turns: []turn{
				{ask: "GET /", origin: noCache + "ETag: " + tag + "\n\nbody", want: "200 body"},
				{ask: "GET /", origin: "304 Not Modified\nETag: " + tag, want: "200 body", cached: true, saw: []string{"If-None-Match: " + tag}},
				{ask: "GET /", origin: "304 Not Modified", want: "200 body", cached: true, saw: []string{"If-None-Match: " + tag}},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"" + tag + "2\"\n---\n" + noCache + "ETag: x\n\nnew", want: "200 new", unseen: []string{"If-None-Match"}},
				{ask: "GET /\nIf-None-Match: " + tag + "2", origin: noCache + "ETag: x\n\nnew", want: "200 new", saw: []string{"If-None-Match: " + tag + "2"}},
			},
		})
	}
	for _, date := range []string{"Thu, 26 Nov 2026 11:40:16 +0000", "Thu, 26 Nov 2026 11:40:16 -0000", "Thu, 26 Nov 2026 11:40:16 UTC", "1795693216", "2026-11-26T11:40:16Z"} {
		all = append(all, dialogue{
			name: "the date " + date, why: "RFC 9110 §13.1.3: the exact value of Last-Modified goes back; it says nothing about freshness",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nLast-Modified: " + date + "\n\nbody", want: "200 body"},
				{ask: "GET /", origin: "304 Not Modified", want: "200 body", cached: true, saw: []string{"If-Modified-Since: " + date}},
				{ask: "GET /", origin: "304 Not Modified\nCache-Control: max-age=60\nLast-Modified: " + date, want: "200 body", cached: true},
				{ask: "GET /\nIf-Modified-Since: " + date, want: "304", cached: true},
				{ask: "GET /\nIf-Modified-Since: Thu, 26 Nov 2026 11:40:16 GMT", want: "200 body", cached: true},
			},
		})
	}
	for _, tag := range []string{"*", "a, b", `"a", "b"`, strings.Repeat("a", 2000)} {
		all = append(all, dialogue{
			name: "the tag " + tag[:1], why: "it is something else in If-None-Match, or longer than anybody reads",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=1\nETag: " + tag + "\n\nbody", want: "200 body"},
				{after: 2 * time.Second, ask: "GET /", origin: noCache + "\nnew", want: "200 new", unseen: []string{"If-None-Match"}},
			},
		})
	}
	return append(all,
		dialogue{
			name: "a tag that does not parse among variants", why: "in a list it could be read as anything: it is sent alone",
			turns: []turn{
				{ask: "GET /\nA: 1", origin: noCache + "Vary: A\nETag: \"one\"\n\n1", want: "200 1"},
				{ask: "GET /\nA: 2", origin: noCache + "Vary: A\nETag: two\n\n2", want: "200 2", saw: []string{`If-None-Match: "one"`}},
				{ask: "GET /\nA: 2", origin: "304 Not Modified\nETag: two", want: "200 2", cached: true, saw: []string{"If-None-Match: two"}},
				{ask: "GET /\nA: 1", origin: "304 Not Modified\nETag: \"one\"", want: "200 1", cached: true, saw: []string{`If-None-Match: "one"`}},
				{ask: "GET /\nA: 3", origin: "304 Not Modified\nVary: A\nETag: \"one\"", want: "200 1", cached: true, saw: []string{`If-None-Match: "one"`}},
			},
		},
		dialogue{
			name: "a part under a tag that does not parse", why: "it is not strong: no If-Range, no combining (RFC 9111 §3.4)",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-1", origin: "206 Partial Content\nCache-Control: max-age=60\nETag: abc\nContent-Range: bytes 0-1/4\n\nbo", want: "206 bo"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=60\nETag: abc\n\nbody", want: "200 body", unseen: []string{"Range", "If-Range"}},
				{ask: "GET /\nRange: bytes=0-1\nIf-Range: abc", want: "200 body", cached: true},
			},
		},
		dialogue{
			name: "an error that was stored", why: "RFC 9110 §15.4.5: a 304 stands for a 200, and confirms no error",
			turns: []turn{
				{ask: "GET /", origin: "503 Service Unavailable\nCache-Control: max-age=10\nETag: \"a\"\n\ndown", want: "503 down"},
				{ask: "GET /", want: "503 down", cached: true},
				{after: 11 * time.Second, ask: "GET /", origin: "200 OK\nETag: \"a\"\n\nbody", want: "200 body", unseen: []string{"If-None-Match"}},
			},
		},
		dialogue{
			name: "an error with the validator of what is stored", why: "httplib2 keeps the entry on a 5xx",
			turns: []turn{
				{ask: "GET /", origin: noCache + "ETag: \"a\"\n\nbody", want: "200 body"},
				{ask: "GET /", origin: "500 Internal Server Error\nCache-Control: no-cache\nETag: \"a\"\n\nfailed", want: "500 failed"},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}},
			},
		},
	)
}

func redirectDialogues() []dialogue {
	moved := func(lines string) string {
		return "301 Moved Permanently\nCache-Control: max-age=60\n" + lines + "\n\n"
	}
	page := turn{ask: "GET /x", origin: "200 OK\nCache-Control: max-age=60\n\npage", want: "200 page"}
	var all []dialogue
	for _, r := range []struct{ location, why string }{
		{"/x", "an origin that answers otherwise with a cookie, or the second time"},
		{"http://example.com/x", "the same, absolute"},
		{"http://example.com:80/x", "RFC 9110 §4.2.3: equivalent"},
		{"HTTP://EXAMPLE.COM/x", "RFC 9110 §4.2.3: equivalent"},
		{"x#there", "RFC 9110 §10.2.2: a fragment is not sent"},
		{"//example.com/x", "relative to the scheme"},
	} {
		for _, status := range []string{"301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"} {
			all = append(all, dialogue{
				name: status + " to " + r.location, why: r.why,
				turns: []turn{
					{ask: "GET /x", origin: status + "\nCache-Control: max-age=60\nLocation: " + r.location + "\n\n", want: status[:3]},
					page,
				},
			})
		}
	}
	return append(all,
		dialogue{
			name: "redirects to other targets", why: "RFC 3986 §6.2.3, §3.2.2: a query that is empty and a final dot are not the same",
			turns: []turn{
				{ask: "GET /x?", origin: moved("Location: /x"), want: "301"},
				{ask: "GET /x?", want: "301", cached: true},
				page,
				{ask: "GET http://example.com./x", origin: moved("Location: http://example.com/x"), want: "301"},
				{ask: "GET http://example.com./x", want: "301", cached: true},
			},
		},
		dialogue{
			name: "a redirect of one spelling", why: "what is stored for the target stays: the redirect was not about that",
			turns: []turn{
				{ask: "GET /x", origin: "200 OK\nCache-Control: max-age=60\nETag: \"a\"\n\npage", want: "200 page"},
				{after: 61 * time.Second, ask: "GET http://EXAMPLE.com/x", origin: moved("Location: http://example.com/x"), want: "301"},
				{ask: "GET /x", origin: "304 Not Modified", want: "200 page", cached: true},
			},
		},
		dialogue{
			name: "a redirect that No-Vary-Search makes one to itself", why: "both queries have one key",
			cache: Transport{ObeyNoVarySearch: true},
			turns: []turn{
				{ask: "GET /x?utm=1", origin: moved("No-Vary-Search: params=(\"utm\")\nLocation: /x"), want: "301"},
				page,
			},
		},
		dialogue{
			name: "a redirect without a target", why: "DefaultPermanent is for redirects: this one will be repaired",
			turns: []turn{{ask: "GET /x", origin: "301 Moved Permanently\n\n", want: "301"}, page},
		},
		dialogue{
			name: "a redirect to what is no URL", why: "no target either",
			turns: []turn{{ask: "GET /x", origin: "308 Permanent Redirect\nLocation: http://%zz/\n\n", want: "308"}, page},
		},
		dialogue{
			name: "a redirect to nothing", why: "an empty Location is no target",
			turns: []turn{{ask: "GET /x", origin: "301 Moved Permanently\nLocation: \n\n", want: "301"}, page},
		},
		dialogue{
			name: "a redirect without a target that says for how long", why: "the official suite has it stored: it says so",
			turns: []turn{{ask: "GET /x", origin: moved("X: 1"), want: "301"}, {ask: "GET /x", want: "301", cached: true}},
		},
	)
}

func evidenceDialogues() []dialogue {
	const stored = "200 OK\nCache-Control: max-age=10\nETag: \"a\"\nLast-Modified: Mon, 01 Jan 1990 00:00:00 GMT\n\nbody"
	head := func(why, fields string, freshens bool) dialogue {
		last := turn{ask: "GET /", want: "200 body", cached: true}
		if !freshens {
			last = turn{ask: "GET /", origin: "200 OK\n\nnew", want: "200 new"}
		}
		return dialogue{name: "HEAD: " + why, why: "RFC 9111 §4.3.5: " + why, turns: []turn{
			{ask: "GET /", origin: stored, want: "200 body"},
			{after: 11 * time.Second, ask: "HEAD /", origin: "200 OK\nCache-Control: max-age=60\n" + fields + "\n\n", want: "200"},
			last,
		}}
	}
	return []dialogue{
		head("the same tag", `ETag: "a"`, true),
		head("the same date", "Last-Modified: Mon, 01 Jan 1990 00:00:00 GMT", true),
		head("the same length, which other content may have", "Content-Length: 4", false),
		head("nothing that could differ", "X: 1", false),
		head("a length that is no number", "X-Content-Length: 4", false),
		head("another tag", `ETag: "b"`, false),
		head("a tag that does not parse", `ETag: a`, false),
		head("the same tag, another length", "ETag: \"a\"\nContent-Length: 5", false),
		head("the same length, another date", "Content-Length: 4\nLast-Modified: Mon, 01 Jan 1990 00:00:01 GMT", false),
		{
			name: "HEAD refused", why: "RFC 6585 §4: too many requests, which says nothing about the target",
			turns: []turn{
				{ask: "GET /", origin: stored, want: "200 body"},
				{after: 11 * time.Second, ask: "HEAD /", origin: "429 Too Many Requests\n\n", want: "429"},
				{ask: "GET /\nCache-Control: max-stale", want: "200 body", cached: true},
			},
		},
		{
			name: "a part under 200", why: "RFC 9110 §14.4: PostgREST, ModelScope: not the whole",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-1", origin: "200 OK\nCache-Control: max-age=60\nContent-Range: bytes 0-1/4\n\nbo", want: "200 bo"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=60\n\nbody", want: "200 body"},
				{ask: "GET /", want: "200 body", cached: true},
			},
		},
	}
}
