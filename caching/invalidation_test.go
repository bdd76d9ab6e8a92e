package caching

import (
	"io"
	"net/http"
	"testing"
	"testing/synctest"
)

func invalidationDialogues() []dialogue {
	return []dialogue{
		{
			name: "invalidation", why: "RFC 9111 §4.4: by any method that is not known to be safe, with Location and Content-Location of the same origin",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /b", origin: fresh, want: "200 body"},
				{ask: "GET /c", origin: fresh, want: "200 body"},
				{ask: "GET http://other.example/", origin: fresh, want: "200 body"},
				{ask: "FROB /", origin: "303 See Other\nLocation: /b\nContent-Location: http://other.example/\n\n", want: "303"},
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /b", origin: fresh, want: "200 body"},
				{ask: "GET /c", want: "200 body", cached: true},
				{ask: "GET http://other.example/", want: "200 body", cached: true},
			},
		}, {
			name: "failed writes", why: "X10: what can be validated is, the rest stays; but nothing does if there was no answer, and nobody knows what came of it",
			turns: []turn{
				{ask: "GET /", origin: fresh, want: "200 body"},
				{ask: "GET /none", origin: "200 OK\nCache-Control: max-age=100\n\nnone", want: "200 none"},
				{ask: "DELETE /", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "DELETE /none", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "GET /", origin: "304 Not Modified\nETag: \"a\"", want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}},
				{ask: "GET /", want: "200 body", cached: true},
				{ask: "GET /none", want: "200 none", cached: true},
				{ask: "PUT /", origin: "error", want: "error"},
				{ask: "GET /", origin: "200 OK\n\nchanged", want: "200 changed"},
				{ask: "PUT /none", origin: "error", want: "error"},
				{ask: "GET /none", origin: "200 OK\n\nchanged", want: "200 changed"},
			},
		}, {
			name: "InvalidateOnError", why: "C34: as httplib2", cache: Transport{InvalidateOnError: true},
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\n\nx", want: "200 x"},
				{ask: "DELETE /", origin: "405 Method Not Allowed\n\nno", want: "405 no"},
				{ask: "GET /", origin: "200 OK\n\ny", want: "200 y"},
			},
		}, {
			name: "POST that describes its target", why: "RFC 9110 §9.3.3: stored for GET",
			turns: []turn{
				{ask: "POST /\n\nx", origin: "200 OK\nCache-Control: max-age=100\nContent-Location: /\n\nnow", want: "200 now", status: "stored"},
				{ask: "GET /", want: "200 now", cached: true},
				{ask: "POST /\n\nx", origin: "200 OK\nCache-Control: max-age=100\nContent-Location: /else\n\nnot this", want: "200 not this"},
				{ask: "GET /", origin: "200 OK\n\nthat", want: "200 that"},
			},
		},
	}
}

// What was asked for before an invalidation is not stored after it.
func TestInvalidatedWhileItCame(t *testing.T) {
	for _, kind := range contexts {
		t.Run(kind, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx := contextOf(t, kind)
				c, body, trips := dribbling(-1)
				inner := c.Base
				c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
					if req.Method == "PUT" {
						return text(req, 204, ""), nil
					}
					return inner.RoundTrip(req)
				})
				resp := send(t, c, ctx)
				body().pieces <- "old"
				readSome(t, resp.Body, "old")
				if _, _, err := try(c, ctx, "PUT", "http://example.com/"); err != nil {
					t.Fatal(err)
				}
				close(body().pieces)
				if b, err := io.ReadAll(resp.Body); len(b) != 0 || err != nil {
					t.Errorf("the reader got %q, %v", b, err)
				}
				_ = resp.Body.Close()
				resp = send(t, c, ctx)
				if FromCache(resp) || trips.Load() != 2 {
					t.Error("what came before the PUT was stored after it")
				}
				_ = resp.Body.Close()
			})
		})
	}
}
