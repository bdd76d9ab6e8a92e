package retry

import (
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestLiars asks a server to resume that lies about what it sends, in every way a
// test could think of: never is a byte delivered that is not the right one.
func TestLiars(t *testing.T) {
	const n = len(representation)
	total := strconv.Itoa(n)
	wrong := strings.Repeat("#", n)
	liar := func(lines string) rttest.Step {
		return rttest.Respond("HTTP/1.1 206 Partial Content\n" + lines + "\n" + wrong)
	}
	for name, step := range map[string]rttest.Step{
		"overlap":               liar("ETag: \"v1\"\nContent-Range: bytes 9-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"hole":                  liar("ETag: \"v1\"\nContent-Range: bytes 11-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"from zero":             liar("ETag: \"v1\"\nContent-Range: bytes 0-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"other total":           liar("ETag: \"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + strconv.Itoa(n+1) + "\n"),
		"too long":              liar("ETag: \"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n) + "/*\n"),
		"no Content-Range":      liar("ETag: \"v1\"\n"),
		"bad Content-Range":     liar("ETag: \"v1\"\nContent-Range: bytes 10--1/" + total + "\n"),
		"overflow":              liar("ETag: \"v1\"\nContent-Range: bytes 10-99999999999999999999/99999999999999999999\n"),
		"two Content-Ranges":    liar("ETag: \"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\nContent-Range: bytes 0-9/" + total + "\n"),
		"other units":           liar("ETag: \"v1\"\nContent-Range: rows 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"no ETag":               liar("Content-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"other ETag":            liar("ETag: \"v2\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"weak ETag":             liar("ETag: W/\"v1\"\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"coded":                 liar("ETag: \"v1\"\nContent-Encoding: br\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"length does not fit":   liar("ETag: \"v1\"\nContent-Length: " + total + "\nContent-Range: bytes 10-" + strconv.Itoa(n-1) + "/" + total + "\n"),
		"multipart":             liar("ETag: \"v1\"\nContent-Type: multipart/byteranges; boundary=b\n"),
		"200 of the same":       rttest.Respond("HTTP/1.1 200 OK\nETag: \"v1\"\nContent-Length: " + total + "\n\n" + wrong),
		"200 of something else": rttest.Respond("HTTP/1.1 200 OK\nETag: \"v2\"\n\n" + wrong),
		"404":                   rttest.Respond("HTTP/1.1 404 Not Found\n\n" + wrong),
		"416":                   rttest.Respond("HTTP/1.1 416 Range Not Satisfiable\nContent-Range: bytes */10\n\n" + wrong),
		"204":                   rttest.Respond("HTTP/1.1 204 No Content\n\n"),
		"304":                   rttest.Respond("HTTP/1.1 304 Not Modified\n\n"),
		"301":                   rttest.Respond("HTTP/1.1 301 Moved Permanently\nLocation: /x\n\n" + wrong),
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				resp, err := (&Transport{Attempts: 9}).Wrap(rttest.NewScript(t, whole(10), step)).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(resp.Body)
				if err != io.ErrUnexpectedEOF || string(got) != representation[:10] { //nolint:errorlint // The original error, as it was.
					t.Errorf("got %q, %v", got, err)
				}
				_ = resp.Body.Close()
			})
		})
	}
}

// TestRandomBreaks breaks downloads at random, with servers that are honest or lie
// at random, and looks at each byte.
func TestRandomBreaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rnd := rand.New(rand.NewPCG(7, 11))
		completed := 0
		for range 3000 {
			sent := 0
			base := roundTripper(func(req *http.Request) (*http.Response, error) {
				sent++
				if sent > 1 && rnd.IntN(8) == 0 {
					return nil, errReset
				}
				first := 0
				step := whole(rnd.IntN(len(representation) + 1))
				if sent > 1 {
					specs, _ := httpfield.ParseRange(req.Header.Get("Range"))
					first = int(specs[0].First)
					step = rest(rnd.IntN(len(representation) - first + 1))
				}
				resp, err := step(req)
				if sent > 1 && rnd.IntN(6) == 0 {
					lie(rnd, resp)
				}
				return resp, err
			})
			resp, err := (&Transport{Attempts: 8, Backoff: Constant(0)}).Wrap(base).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(iotestOneByte{resp.Body})
			_ = resp.Body.Close()
			if !strings.HasPrefix(representation, string(got)) || (err == nil) != (len(got) == len(representation)) {
				t.Fatalf("got %q, %v", got, err)
			}
			if err == nil {
				completed++
			}
		}
		if completed < 1000 {
			t.Errorf("only %d of 3000 downloads were completed", completed)
		}
	})
}

// lie makes an honest 206 one that is not.
func lie(rnd *rand.Rand, resp *http.Response) {
	r, _ := httpfield.ParseContentRange(resp.Header.Get("Content-Range"))
	switch rnd.IntN(7) {
	case 0:
		r.First++
	case 1:
		r.First--
	case 2:
		r.Total++
	case 3:
		resp.Header.Set("Etag", `"v2"`)
	case 4:
		resp.Header.Del("Content-Range")
	case 5:
		resp.Header.Set("Content-Encoding", "gzip")
	case 6:
		if resp.StatusCode = 200; r.First == 0 {
			return // the same from the start: that is no lie
		}
	}
	if resp.Header.Get("Content-Range") != "" {
		resp.Header.Set("Content-Range", r.String())
	}
	resp.Body = io.NopCloser(strings.NewReader(strings.Repeat("#", 100)))
}

// A pattern is an endless deterministic stream that can be entered anywhere.
type pattern struct{ off int64 }

func (p *pattern) Read(b []byte) (int, error) {
	for i := range b {
		x := uint64(p.off+int64(i)) >> 3
		b[i] = byte((x * 0x9e3779b97f4a7c15) >> (56 - 8*(uint64(p.off+int64(i))&7)))
	}
	p.off += int64(len(b))
	return len(b), nil
}

// TestLongDownload reads over real connections that break every so often: 64 MiB
// every 4 MiB, or 1 GiB every 64 MiB with TRIPPER_STRESS=1.
func TestLongDownload(t *testing.T) {
	size, piece := int64(64<<20), int64(4<<20)
	if os.Getenv("TRIPPER_STRESS") == "1" {
		size, piece = 1<<30, 64<<20
	}
	url, conns := rawServer(t, nil, func(c net.Conn, req *http.Request) {
		first := int64(0)
		if specs, ok := httpfield.ParseRange(req.Header.Get("Range")); ok {
			first = specs[0].First
			fmt.Fprintf(c, "HTTP/1.1 206 Partial Content\r\nETag: \"p\"\r\nContent-Range: bytes %d-%d/%d\r\nContent-Length: %d\r\n\r\n", first, size-1, size, size-first)
		} else {
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nETag: \"p\"\r\nAccept-Ranges: bytes\r\nContent-Length: %d\r\n\r\n", size)
		}
		_, _ = io.CopyN(c, &pattern{first}, min(piece, size-first))
	})
	tr := &Transport{Base: newTransport(t), Attempts: 20, Backoff: Constant(0)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	resp, err := tr.RoundTrip(rttest.NewRequest(t, "GET", url, nil))
	if err != nil {
		t.Fatal(err)
	}
	got := sha256.New()
	n, err := io.CopyBuffer(got, struct{ io.Reader }{resp.Body}, make([]byte, 64<<10))
	_ = resp.Body.Close()
	runtime.ReadMemStats(&after)
	if n != size || err != nil {
		t.Fatalf("got %d bytes, %v", n, err)
	}
	if !sameSum(got, size) {
		t.Error("the bytes are not those that were sent")
	}
	if c := conns.Load(); int64(c) != size/piece {
		t.Errorf("%d connections, want %d", c, size/piece)
	}
	// All allocations of both sides, live or not: a few buffers for each
	// connection, and nothing that grows with the body.
	if used := after.TotalAlloc - before.TotalAlloc; used > 8<<20 {
		t.Errorf("%d MiB were allocated for %d MiB", used>>20, size>>20)
	}
}

func sameSum(got hash.Hash, size int64) bool {
	want := sha256.New()
	_, _ = io.CopyN(want, &pattern{}, size)
	return string(want.Sum(nil)) == string(got.Sum(nil))
}
