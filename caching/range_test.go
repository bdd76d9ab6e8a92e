package caching

import (
	"net/http"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

func rangeDialogues() []dialogue {
	return []dialogue{
		{
			name: "ranges", why: "RFC 9110 §14: served from the whole",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\nETag: \"a\"\nContent-Length: 10\n\n0123456789", want: "200 0123456789"},
				{ask: "GET /\nRange: bytes=2-4", want: "206 234", cached: true, has: []string{"Content-Range: bytes 2-4/10", "Content-Length: 3"}},
				{ask: "GET /\nRange: bytes=-3", want: "206 789", cached: true, has: []string{"Content-Range: bytes 7-9/10"}},
				{ask: "GET /\nRange: bytes=8-", want: "206 89", cached: true},
				{ask: "GET /\nRange: bytes=8-100", want: "206 89", cached: true},
				{ask: "GET /\nRange: bytes=20-", want: "416", cached: true, has: []string{"Content-Range: bytes */10"}},
				{ask: "GET /\nRange: bytes=4-2", want: "200 0123456789", cached: true},
				{ask: "GET /\nRange: bytes=2-4\nIf-Range: \"a\"", want: "206 234", cached: true},
				{ask: "GET /\nRange: bytes=2-4\nIf-Range: \"b\"", want: "200 0123456789", cached: true},
				{ask: "GET /\nRange: bytes=2-4\nIf-Range: W/\"a\"", want: "200 0123456789", cached: true},
				{ask: "HEAD /\nRange: bytes=2-4", want: "200", cached: true},
				{ask: "GET /\nRange: bytes=0-1,3-4", origin: "206 Partial Content\nContent-Type: multipart/byteranges; boundary=x\nCache-Control: max-age=9\n\nparts", want: "206 parts"},
				{ask: "GET /", want: "200 0123456789", cached: true},
			},
		}, {
			name: "parts that are not asked for in bytes", why: "RFC 9110 §14.1, RFC 3229, Azure, PostgREST: what the origin takes them for is not known, nor what the answer is a part of",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=100\nETag: \"a\"\n\n0123456789", want: "200 0123456789"},
				{ask: "GET /\nRange: lines=1-2", origin: "206 Partial Content\nCache-Control: max-age=9\nContent-Range: lines 1-2/9\n\n12", want: "206 12", saw: []string{"Range: lines=1-2"}},
				{ask: "GET /\nRange: 0-1\nRange-Unit: items", origin: "200 OK\nCache-Control: max-age=9\nContent-Range: 0-1/*\n\n01", want: "200 01"},
				{ask: "GET /\nRange: bytes=0-1\nRange: bytes=3-4", origin: "206 Partial Content\nCache-Control: max-age=9\n\nparts", want: "206 parts"},
				{ask: "GET /\nX-Ms-Range: bytes=0-1", origin: "206 Partial Content\nCache-Control: max-age=9\nETag: \"a\"\nContent-Range: bytes 0-1/10\n\n01", want: "206 01", saw: []string{"X-Ms-Range: bytes=0-1"}},
				{ask: "GET /\nRequest-Range: bytes=2-3", origin: "206 Partial Content\nCache-Control: max-age=9\nETag: \"a\"\nContent-Range: bytes 2-3/10\n\n23", want: "206 23"},
				{ask: "GET /\nA-IM: vcdiff\nIf-None-Match: \"0\"", origin: "226 IM Used\nCache-Control: max-age=9\nETag: \"a\"\nIM: vcdiff\n\ndelta", want: "226 delta"},
				{ask: "HEAD /\nRange: items=0-1", origin: "200 OK\nCache-Control: max-age=9\nContent-Range: items 0-1/9\n\n", want: "200"},
				{ask: "GET /\nRange: items=0-1\nCache-Control: only-if-cached", want: "504"},
				{ask: "GET /\nAccept-Ranges: bytes", want: "200 0123456789", cached: true},
			},
		}, {
			name: "a range of what is stale", why: "the whole is validated, and its range is served",
			turns: []turn{
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=1\nETag: \"a\"\n\n0123456789", want: "200 0123456789"},
				{after: 3 * time.Second, ask: "GET /\nRange: bytes=2-4", origin: "304 Not Modified\nETag: \"a\"", want: "206 234", cached: true, saw: []string{`If-None-Match: "a"`}},
			},
		}, {
			name: "errors of one range", why: "RFC 9110 §15.5.17: 416 is about the range that was asked for, and no answer to who asks for the whole",
			turns: []turn{
				{ask: "GET /\nRange: bytes=100-", origin: "416 Range Not Satisfiable\nCache-Control: max-age=60\nContent-Range: bytes */5\n\n", want: "416"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=60\n\nhello", want: "200 hello"},
			},
		}, {
			name: "a part of what is shorter now", why: "RFC 9110 §15.5.17: the 416 is to the cache, which asked for the rest, and not to the caller",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-4", origin: "206 Partial Content\nCache-Control: max-age=60\nETag: \"a\"\nContent-Range: bytes 0-4/10\n\nhello", want: "206 hello"},
				{ask: "GET /", origin: "416 Range Not Satisfiable\nContent-Range: bytes */3\n\n\n---\n200 OK\nETag: \"b\"\n\nnew", want: "200 new", unseen: []string{"Range", "If-Range"}},
			},
		}, {
			name: "a part that no Range asked for", why: "it may be what an unknown field asks for: neither stored nor completed, and the whole stays",
			turns: []turn{
				{ask: "GET /\nX-Block: 0", origin: "206 Partial Content\nCache-Control: max-age=60\nETag: \"a\"\nContent-Range: bytes 0-1/5\n\nhe", want: "206 he"},
				{ask: "GET /", origin: "200 OK\nCache-Control: max-age=60\nETag: \"a\"\n\nhello", want: "200 hello"},
				{ask: "GET /\nCache-Control: no-cache\nX-Block: 0", origin: "206 Partial Content\nCache-Control: max-age=60\nETag: \"a\"\nContent-Range: bytes 0-1/5\n\nhe", want: "206 he"},
				{ask: "GET /", want: "200 hello", cached: true},
			},
		}, {
			name: "parts", why: "RFC 9111 §3.3, §3.4: stored, reused, extended under one strong tag, and completed",
			turns: []turn{
				{ask: "GET /\nRange: bytes=2-4", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 2-4/10\nContent-Length: 3\n\n234", want: "206 234", status: "stored"},
				{ask: "GET /\nRange: bytes=3-4", want: "206 34", cached: true, has: []string{"Content-Range: bytes 3-4/10"}},
				{ask: "GET /\nRange: bytes=5-7", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 5-7/10\n\n567", want: "206 567"},
				{ask: "GET /\nRange: bytes=3-6", want: "206 3456", cached: true},
				{ask: "GET /\nRange: bytes=0-2", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 0-2/10\n\n012", want: "206 012"},
				{ask: "GET /\nRange: bytes=0-7", want: "206 01234567", cached: true},
				{ask: "HEAD /", origin: "200 OK\nETag: \"a\"", want: "200"},
				{
					ask: "GET /", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 8-9/10\nX-Last: 1\n\n89", want: "200 0123456789",
					saw: []string{"Range: bytes=8-", `If-Range: "a"`}, has: []string{"Content-Length: 10", "X-Last: 1"}, lacks: []string{"Content-Range"},
				},
				{ask: "GET /", want: "200 0123456789", cached: true, lacks: []string{"Content-Range"}, has: []string{"Content-Length: 10"}},
			},
		}, {
			name: "parts of another representation", why: "RFC 9111 §3.4: not combined without the same strong validator",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-4", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 0-4/10\n\n01234", want: "206 01234"},
				{ask: "GET /\nRange: bytes=5-9", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"b\"\nContent-Range: bytes 5-9/10\n\nfghij", want: "206 fghij"},
				{ask: "GET /", origin: "200 OK\nETag: \"b\"\nCache-Control: max-age=100\n\nabcdefghij", want: "200 abcdefghij", unseen: []string{"Range"}},
				{ask: "GET /\nRange: bytes=0-4", want: "206 abcde", cached: true},
			},
		}, {
			name: "a part that lies", why: "what is completed must fit: else the whole is fetched",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-4", origin: "206 Partial Content\nCache-Control: max-age=100\nETag: \"a\"\nContent-Range: bytes 0-4/10\n\n01234", want: "206 01234"},
				{ask: "GET /", origin: "206 Partial Content\nETag: \"a\"\nContent-Range: bytes 6-9/10\n\n6789\n---\n200 OK\n\n0123456789", want: "200 0123456789", unseen: []string{"Range"}},
			},
		}, {
			name: "part with a length that is not its range's", why: "a malformed 206 is not stored",
			turns: []turn{
				{ask: "GET /\nRange: bytes=0-4", origin: "206 Partial Content\nCache-Control: max-age=100\nContent-Range: bytes 0-4/10\n\n01", want: "206 01"},
				{ask: "GET /\nRange: bytes=0-1", origin: "206 Partial Content\nContent-Range: bytes 0-1/10\n\n01", want: "206 01"},
			},
		},
	}
}

// Parallel downloads in parts, asked for by a field that nobody knows: each gets its own.
func TestPartsOfUnknownField(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			b := req.Header.Get("X-Block")
			return text(req, 206, b+b, "Cache-Control: max-age=100", `ETag: "a"`, "Content-Range: bytes "+b+"-"+b+"/10"), nil
		})}
		defer c.Close()
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				block := strconv.Itoa(i)
				if _, body := get(t, c, t.Context(), "http://example.com/", "X-Block: "+block); body != block+block {
					t.Errorf("block %s is %s", block, body)
				}
			})
		}
		wg.Wait()
	})
}
