package caching

import (
	"testing"
	"time"
)

// What is refused to one request says nothing about what is stored for others.
func TestRefusals(t *testing.T) {
	const stored = "200 OK\nETag: \"a\"\nCache-Control: max-age=10\n\nbody"
	for _, row := range []struct{ status, why string }{
		{"401 Unauthorized", "the credentials of one request"},
		{"408 Request Timeout", "its time"},
		{"421 Misdirected Request", "its connection"},
		{"425 Too Early", "its TLS handshake"},
		{"429 Too Many Requests", "its client"},
	} {
		d := dialogue{name: row.status, why: row.why, turns: []turn{
			{ask: "GET /", origin: stored, want: "200 body"},
			{after: 20 * time.Second, ask: "GET /", origin: row.status + "\n\nno", want: row.status[:3] + " no", saw: []string{`If-None-Match: "a"`}},
			{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}},
		}}
		t.Run(d.name, d.run)
	}
	d := dialogue{name: "gone", why: "a 410 is about the target: what was there is not kept for worse times", turns: []turn{
		{ask: "GET /", origin: stored, want: "200 body"},
		{after: 20 * time.Second, ask: "GET /", origin: "410 Gone\nCache-Control: no-store\n\nno", want: "410 no"},
		{ask: "GET /", origin: "error", want: "error"},
	}}
	t.Run(d.name, d.run)
}
