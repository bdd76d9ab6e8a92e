package caching

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

func writeDialogues() []dialogue {
	one := turn{ask: "GET /o", origin: "200 OK\nCache-Control: max-age=100\nETag: \"1\"\n\none", want: "200 one"}
	bare := turn{ask: "GET /o", origin: "200 OK\nCache-Control: max-age=100\n\none", want: "200 one"}
	validated := turn{ask: "GET /o", origin: "304 Not Modified\nETag: \"1\"", want: "200 one", cached: true, saw: []string{`If-None-Match: "1"`}}
	fetched := turn{ask: "GET /o", origin: "200 OK\n\ntwo", want: "200 two"}
	unasked := turn{ask: "GET /o", want: "200 one", cached: true}
	return []dialogue{
		{
			name: "a multipart upload", why: "the program reads its own old version otherwise",
			turns: []turn{one, {ask: "POST /o?uploadId=1", origin: "200 OK\n\n", want: "200"}, validated, unasked},
		},
		{
			name: "Azure: a list of blocks", why: "what cannot be validated is fetched",
			turns: []turn{bare, {ask: "PUT /o?comp=blocklist", origin: "201 Created\n\n", want: "201"}, fetched},
		},
		{
			name: "CouchDB: DELETE with a revision", why: "what is stored for other queries stays",
			turns: []turn{
				one,
				{ask: "GET /o?rev=1", origin: "200 OK\nCache-Control: max-age=100\n\nold", want: "200 old"},
				{ask: "DELETE /o?rev=2", origin: "200 OK\n\n", want: "200"},
				validated,
				{ask: "GET /o?rev=1", want: "200 old", cached: true},
			},
		},
		{
			name: "a write to an empty query", why: "RFC 3986 §6.2.3: it is a query",
			turns: []turn{one, {ask: "PUT /o?", origin: "204 No Content", want: "204"}, validated},
		},
		{
			name: "a write that is refused", why: "it has perhaps changed nothing: only what can be validated is",
			turns: []turn{bare, {ask: "PUT /o?x", origin: "403 Forbidden\n\n", want: "403"}, unasked},
		},
		{
			name: "a write to the path", why: "nothing is known of the queries",
			turns: []turn{
				{ask: "GET /o?a", origin: "200 OK\nCache-Control: max-age=100\n\none", want: "200 one"},
				{ask: "PUT /o", origin: "204 No Content", want: "204"},
				{ask: "GET /o?a", want: "200 one", cached: true},
			},
		},
		{
			name: "MOVE", why: "RFC 4918 §9.9: the destination is another resource afterwards",
			turns: []turn{one, {ask: "MOVE /p\nDestination: /o", origin: "201 Created\n\n", want: "201"}, fetched},
		},
		{
			name: "COPY to a URL", why: "RFC 4918 §10.3: an absolute URI, with the default port",
			turns: []turn{one, {ask: "COPY /p\nDestination: http://EXAMPLE.com:80/o", origin: "204 No Content", want: "204"}, fetched},
		},
		{
			name: "MOVE to another origin", why: "RFC 9111 §4.4: no origin speaks for another",
			turns: []turn{one, {ask: "MOVE /p\nDestination: http://example.com:81/o", origin: "201 Created\n\n", want: "201"}, unasked},
		},
		{
			name: "MOVE that is refused", why: "RFC 4918 §9.9.4: nothing was moved, or some of it",
			turns: []turn{one, {ask: "MOVE /p\nDestination: /o", origin: "502 Bad Gateway\n\n", want: "502"}, validated},
		},
		{
			name: "MOVE of which nothing is known", why: "as for the target",
			turns: []turn{bare, {ask: "MOVE /p\nDestination: /o", origin: "error", want: "error"}, fetched},
		},
		{
			name: "a Destination of POST", why: "it means nothing there",
			turns: []turn{one, {ask: "POST /p\nDestination: /o", origin: "200 OK\n\n", want: "200"}, unasked},
		},
		{
			name: "safe methods of WebDAV", why: "the HTTP Method Registry: they change nothing",
			turns: []turn{
				one,
				{ask: "PROPFIND /o", origin: "207 Multi-Status\n\n", want: "207"},
				{ask: "REPORT /o", origin: "207 Multi-Status\n\n", want: "207"},
				{ask: "CONNECT /o", origin: "200 OK\n\n", want: "200"},
				unasked,
			},
		},
	}
}

func varyDialogues() []dialogue {
	const base = "\nCache-Control: max-age=10\nETag: \"a\"\n"
	vary := func(names string) string {
		if names == "-" {
			return base
		}
		return base + "Vary: " + names + "\n"
	}
	var all []dialogue
	for _, r := range []struct{ full, short, why string }{
		{"A, B", "A", "Cloudflare before the npm registry"},
		{"A", "A, B", "wider"},
		{"-", "A", "added"},
		{"A", "", "an empty Vary takes it away"},
		{"A", "B", "another"},
	} {
		hit := turn{ask: "GET /\nA: 1\nB: 1", want: "200 body", cached: true}
		validation := turn{after: 11 * time.Second, ask: "GET /\nA: 1\nB: 1", origin: "304 Not Modified" + vary(r.short), want: "200 body", cached: true, saw: []string{`If-None-Match: "a"`}}
		all = append(all, dialogue{
			name: "Vary of a 304: " + r.full + " to " + r.short, why: "RFC 9111 §3.2: " + r.why,
			turns: []turn{{ask: "GET /\nA: 1\nB: 1", origin: "200 OK" + vary(r.full) + "\nbody", want: "200 body"}, hit, validation, hit, validation, hit},
		})
	}
	return append(all,
		dialogue{
			name: "a narrower Vary is obeyed", why: "RFC 9111 §4.1: the fields that it no longer names need not match",
			turns: []turn{
				{ask: "GET /\nA: 1\nB: 1", origin: "200 OK" + vary("A, B") + "\nbody", want: "200 body"},
				{after: 11 * time.Second, ask: "GET /\nA: 1\nB: 1", origin: "304 Not Modified" + vary("A"), want: "200 body", cached: true},
				{ask: "GET /\nA: 1\nB: 2", want: "200 body", cached: true},
				{ask: "GET /\nA: 2\nB: 1", origin: "200 OK" + vary("A") + "\nother", want: "200 other"},
			},
		},
		dialogue{
			name: "a wider Vary is obeyed", why: "RFC 9111 §4.1: the field that it names now was not looked at before",
			turns: []turn{
				{ask: "GET /\nA: 1\nB: 1", origin: "200 OK" + vary("A") + "\nbody", want: "200 body"},
				{after: 11 * time.Second, ask: "GET /\nA: 1\nB: 1", origin: "304 Not Modified" + vary("A, B"), want: "200 body", cached: true},
				{ask: "GET /\nA: 1\nB: 2", origin: "200 OK\nCache-Control: max-age=10\nVary: A, B\n\nother", want: "200 other"},
				{ask: "GET /\nA: 1\nB: 1", want: "200 body", cached: true},
			},
		},
		dialogue{
			name: "a 304 that varies on everything", why: "RFC 9111 §4.1: it matches nothing any more",
			turns: []turn{
				{ask: "GET /", origin: "200 OK" + vary("A") + "\nbody", want: "200 body"},
				{after: 11 * time.Second, ask: "GET /", origin: "304 Not Modified" + vary("*"), want: "200 body", cached: true},
				{ask: "GET /", origin: "200 OK\n\nnew", want: "200 new", unseen: []string{"If-None-Match"}},
			},
		},
		dialogue{
			name: "invalidation of what was moved", why: "RFC 9111 §4.4: all that is stored for the target",
			turns: []turn{
				{ask: "GET /\nA: 1", origin: "200 OK" + vary("A, B") + "\nbody", want: "200 body"},
				{after: 11 * time.Second, ask: "GET /\nA: 1", origin: "304 Not Modified" + vary("A"), want: "200 body", cached: true},
				{ask: "POST /", origin: "200 OK\n\n", want: "200"},
				{ask: "GET /\nA: 1", origin: "200 OK\n\nnew", want: "200 new", unseen: []string{"If-None-Match"}},
			},
		},
	)
}

func signedDialogues() []dialogue {
	var all []dialogue
	for _, signature := range []string{
		"Authorization: AWS4-HMAC-SHA256 Credential=AK", "Authorization: SharedKey account:c2ln", `Authorization: OAuth oauth_nonce="n", oauth_signature="s"`,
		`Authorization: Hawk id="x", nonce="n"`, "Signature-Input: sig1=()\nSignature: sig1=::", "Dpop: eyJ",
	} {
		all = append(all, dialogue{
			name: signature, why: "a signature may cover the conditions and the range: the request goes out as it is",
			turns: []turn{
				{ask: "GET /\n" + signature, origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\nLast-Modified: Mon, 01 Jan 1990 00:00:00 GMT\n\nbody", want: "200 body"},
				{ask: "GET /\n" + signature, want: "200 body", cached: true},
				{
					after: 11 * time.Second, ask: "GET /\n" + signature, origin: "200 OK\nCache-Control: max-age=10\nETag: \"a\"\n\nbody", want: "200 body",
					unseen: []string{"If-None-Match", "If-Modified-Since"}, status: "fwd=stale",
				},
				{ask: "GET /p\nRange: bytes=0-1\n" + signature, origin: "206 Partial Content\nCache-Control: max-age=60\nETag: \"a\"\nContent-Range: bytes 0-1/4\n\nbo", want: "206 bo"},
				{ask: "GET /p\n" + signature, origin: "200 OK\n\nbody", want: "200 body", unseen: []string{"Range", "If-Range"}},
				{ask: "GET /q\n" + signature + "\nIf-None-Match: \"b\"", origin: "304 Not Modified", want: "304", saw: []string{`If-None-Match: "b"`}},
			},
		})
	}
	return append(all, dialogue{
		name: "credentials for once", why: "RFC 5849 §3.3: a nonce is used once, whatever the origin answers",
		turns: []turn{{ask: "GET /\nAuthorization: OAuth oauth_nonce=\"n\"", origin: "304 Not Modified", want: "error"}},
	})
}

// A write whose connection was never made has changed nothing.
func TestNeverSent(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, r := range []struct {
		why  string
		err  error
		send func(ctx context.Context) // what the RoundTripper does before it fails
		none bool
	}{
		{"refused", refused, nil, true},
		{"no such host", &url.Error{Op: "Put", Err: &net.DNSError{Err: "no such host"}}, nil, true},
		{"a proxy refuses", fmt.Errorf("leaf: %w", &net.OpError{Op: "proxyconnect", Err: syscall.ECONNREFUSED}), nil, true},
		{"reset", &net.OpError{Op: "read", Err: syscall.ECONNRESET}, nil, false},
		{"anything", errNetwork, nil, false},
		{"a layer below has tried before, and it may have been sent then", refused, func(ctx context.Context) { roundtrip.CountAttempt(ctx); roundtrip.CountAttempt(ctx) }, false},
	} {
		ctx, c := watch(t.Context())
		if r.send != nil {
			r.send(ctx)
		}
		if c.none(r.err) != r.none {
			t.Errorf("%s: never sent %v, want %v", r.why, !r.none, r.none)
		}
	}
	// net/http tells of its connections, whatever it fails with.
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }))
	defer s.Close()
	for _, r := range []struct {
		url  string
		none bool
	}{{s.URL, false}, {"https" + s.URL[4:], true}} {
		ctx, c := watch(t.Context())
		req, _ := http.NewRequestWithContext(ctx, "PUT", r.url, nil)
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err == nil {
			_ = resp.Body.Close()
			t.Fatal("no error")
		}
		if c.none(err) != r.none {
			t.Errorf("PUT %s: %v: never sent %v, want %v", r.url, err, !r.none, r.none)
		}
	}
}

// noUpdate is a store that cannot change metadata.
type noUpdate struct {
	store.Store
	err error
}

// Update implements [store.Store].
func (s *noUpdate) Update(context.Context, string, *store.Meta) error { return s.err }

// What a store would go on saying about an entry that it could not update is not
// what is known of it.
func TestFailedUpdateDeletes(t *testing.T) {
	for _, r := range []struct {
		err  error
		kept bool
		why  string
	}{
		{errors.New("disk full"), false, "the old metadata are outdated"},
		{store.ErrConflict, true, "what is there now is another's"},
	} {
		synctest.Test(t, func(t *testing.T) {
			full := 0
			c := &Transport{Store: &noUpdate{memorystore.New(0), r.err}, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if req.Header.Get("If-None-Match") != "" {
					return text(req, 304, "", "Cache-Control: no-cache", `Etag: "a"`), nil
				}
				full++
				return text(req, 200, "x", "Cache-Control: max-age=10", `Etag: "a"`), nil
			})}
			defer c.Close()
			get(t, c, t.Context(), "http://example.com/")
			time.Sleep(11 * time.Second)
			get(t, c, t.Context(), "http://example.com/")
			get(t, c, t.Context(), "http://example.com/")
			if (full == 1) != r.kept {
				t.Errorf("%v: fetched %d times: %s", r.err, full, r.why)
			}
		})
	}
}
