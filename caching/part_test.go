package caching

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// brokenOrigin serves one body. Its first answer breaks off after cut bytes.
type brokenOrigin struct {
	body  string
	cut   int
	lines []string
	asked []string // Range and If-Range of each request
}

func (o *brokenOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	rng := req.Header.Get("Range")
	o.asked = append(o.asked, strings.TrimSpace(rng+" "+req.Header.Get("If-Range")))
	if specs, ok := httpfield.ParseRange(rng); ok {
		first, last, _ := specs[0].Resolve(int64(len(o.body)))
		cr := httpfield.ContentRange{First: first, Last: last, Total: int64(len(o.body))}
		return text(req, 206, o.body[first:last+1], append(o.lines, "Content-Range: "+cr.String())...), nil
	}
	if len(o.asked) > 1 {
		return text(req, 200, o.body, o.lines...), nil
	}
	r := io.MultiReader(strings.NewReader(o.body[:o.cut]), failingReader{})
	return respond(req, 200, r, int64(len(o.body)), o.lines...), nil
}

type failingReader struct{}

func (failingReader) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// What came of a body that was cut is kept, and the rest alone is fetched when it
// is asked for next (RFC 9111 §3.3, §3.4).
func TestCutBodyIsCompleted(t *testing.T) {
	body := strings.Repeat("0123456789abcdef", 16<<10) // 256 KiB
	const half = 130 << 10
	for _, row := range []struct {
		name  string
		cut   int
		lines []string
		again string // what the second request asks the origin for
		why   string
	}{
		{"strong tag", half, []string{`ETag: "a"`, "Accept-Ranges: bytes"}, fmt.Sprintf(`bytes=%d- "a"`, half), "the rest is asked for"},
		{"variant", half, []string{`ETag: "a"`, "Vary: Accept"}, fmt.Sprintf(`bytes=%d- "a"`, half), "variants have parts too"},
		{"weak tag", half, []string{`ETag: W/"a"`}, "", "RFC 9111 §3.4: a strong validator is needed"},
		{"no tag", half, nil, "", "RFC 9111 §3.4: a strong validator is needed"},
		{"no ranges", half, []string{`ETag: "a"`, "Accept-Ranges: none"}, "", "RFC 9110 §14.3: the origin has none"},
		{"little", minPart - 1, []string{`ETag: "a"`}, "", "not worth it"},
		{"no-store", half, []string{`ETag: "a"`, "Cache-Control: no-store"}, "", "not even a part"},
	} {
		for _, kind := range contexts {
			for name, open := range testStores(t) {
				t.Run(row.name+"/"+kind+"/"+name, func(t *testing.T) {
					lines := row.lines
					if !strings.Contains(strings.Join(lines, "\n"), "Cache-Control") {
						lines = append([]string{"Cache-Control: max-age=600"}, lines...)
					}
					origin := &brokenOrigin{body: body, cut: row.cut, lines: lines}
					c := &Transport{Base: origin, Store: open(t)}
					defer c.Close()
					ctx := contextOf(t, kind)
					if _, got, err := try(c, ctx, "GET", "http://example.com/"); err == nil || got != body[:row.cut] {
						t.Fatalf("the broken one: %d bytes, %v", len(got), err)
					}
					if row.again != "" {
						resp, got := get(t, c, ctx, "http://example.com/", "Range: bytes=1000-1999")
						if resp.StatusCode != 206 || got != body[1000:2000] || !FromCache(resp) {
							t.Errorf("a range of what is there: %d, %d bytes, %s", resp.StatusCode, len(got), resp.Header.Get("Cache-Status"))
						}
					}
					resp, got := get(t, c, ctx, "http://example.com/")
					if resp.StatusCode != 200 || got != body || resp.Header.Get("Content-Range") != "" {
						t.Errorf("the second: %d, %d bytes of %d", resp.StatusCode, len(got), len(body))
					}
					if last := origin.asked[len(origin.asked)-1]; last != row.again {
						t.Errorf("the origin was asked for %q, want %q: %s", last, row.again, row.why)
					}
					resp, got = get(t, c, ctx, "http://example.com/")
					if stored := row.name != "no-store"; FromCache(resp) != stored || got != body {
						t.Errorf("the third: %d bytes, %s", len(got), resp.Header.Get("Cache-Status"))
					}
				})
			}
		}
	}
}

func testStores(t *testing.T) map[string]func(*testing.T) store.Store {
	t.Helper()
	return map[string]func(*testing.T) store.Store{
		"memory": func(*testing.T) store.Store { return memorystore.New(memorystore.DefaultMaxBytes) },
		"dir": func(t *testing.T) store.Store {
			t.Helper()
			d, err := dirstore.Open(t.TempDir(), &dirstore.Options{MaxBytes: 1 << 30})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			return d
		},
	}
}

// A part does not take the place of a whole response that may still be of use,
// and what was invalidated while it came is not kept in part either.
func TestCutBodyReplacesNothing(t *testing.T) {
	body := strings.Repeat("x", 256<<10)
	synctest.Test(t, func(t *testing.T) {
		trips := 0
		c := &Transport{}
		c.Base = originFunc(func(req *http.Request) (*http.Response, error) {
			switch trips++; trips {
			case 1:
				return text(req, 200, body, `ETag: "a"`, "Cache-Control: max-age=0, stale-if-error=60"), nil
			case 2:
				r := io.MultiReader(strings.NewReader(body[:128<<10]), failingReader{})
				return respond(req, 200, r, int64(len(body)), `ETag: "b"`, "Cache-Control: max-age=60"), nil
			}
			return nil, errNetwork
		})
		defer c.Close()
		get(t, c, t.Context(), "http://example.com/")
		if _, _, err := try(c, t.Context(), "GET", "http://example.com/"); err == nil {
			t.Fatal("the second body was not cut")
		}
		if resp, got := get(t, c, t.Context(), "http://example.com/"); got != body || !FromCache(resp) {
			t.Errorf("the first response is gone: %d bytes", len(got))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		origin := &brokenOrigin{body: body, cut: 128 << 10, lines: []string{`ETag: "a"`, "Cache-Control: max-age=60"}}
		c := &Transport{Base: origin}
		defer c.Close()
		resp := send(t, c, context.WithoutCancel(t.Context()))
		if err := c.Purge(t.Context(), "http://example.com/"); err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		get(t, c, t.Context(), "http://example.com/")
		if last := origin.asked[len(origin.asked)-1]; last != "" {
			t.Errorf("the part of what was purged was completed: %q", last)
		}
	})
}

// What is cut while a newer response was stored whole does not take its place.
func TestCutBodyAfterNewer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.Repeat("x", 256<<10)
		trips := 0
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			if trips++; trips == 1 {
				r := io.MultiReader(strings.NewReader(body[:128<<10]), failingReader{})
				return respond(req, 200, r, int64(len(body)), "Cache-Control: max-age=60", `ETag: "a"`), nil
			}
			return text(req, 200, body, "Cache-Control: max-age=60", `ETag: "b"`), nil
		})}
		defer c.Close()
		first := send(t, c, t.Context())
		get(t, c, t.Context(), "http://example.com/", "Cache-Control: no-cache")
		_, _ = io.ReadAll(first.Body)
		_ = first.Body.Close()
		for _, lines := range [][]string{nil, {"Range: bytes=0-9"}} {
			resp, _ := get(t, c, t.Context(), "http://example.com/", lines...)
			if !FromCache(resp) || resp.Header.Get("Etag") != `"b"` {
				t.Errorf("%q: %d, %s, %s", lines, resp.StatusCode, resp.Header.Get("Etag"), resp.Header.Get("Cache-Status"))
			}
		}
	})
}

// RFC 9110 §6.6.1: a 206 without a Date came when it came, and what it completes
// is as old as it is.
func TestCompletedWithoutDate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := strings.Repeat("0123456789abcdef", 16<<10)
		origin := &brokenOrigin{body: body, cut: 130 << 10, lines: []string{"Cache-Control: max-age=60", `ETag: "a"`}}
		c := &Transport{Base: origin}
		defer c.Close()
		_, _, _ = try(c, t.Context(), "GET", "http://example.com/")
		time.Sleep(100 * time.Second)
		for i := range 2 {
			resp, got := get(t, c, t.Context(), "http://example.com/")
			if got != body || len(origin.asked) != 2 {
				t.Errorf("response %d: %d bytes after %d trips, Age %q: %s", i+1, len(got), len(origin.asked), resp.Header.Get("Age"), resp.Header.Get("Cache-Status"))
			}
		}
	})
}

// Each variant is completed by itself, and one that has changed since is fetched
// anew.
func TestCutVariants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const size, half = 256 << 10, 130 << 10
		version := map[string]string{"de": "d", "en": "e"}
		cut := map[string]bool{"de": true, "en": true}
		c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
			lang := req.Header.Get("Accept-Language")
			v := version[lang]
			body := strings.Repeat(v, size)
			lines := []string{"Cache-Control: max-age=500", "Vary: Accept-Language", `ETag: "` + v + `"`}
			switch {
			case req.Header.Get("If-Range") == `"`+v+`"`:
				return text(req, 206, body[half:], append(lines, fmt.Sprintf("Content-Range: bytes %d-%d/%d", half, size-1, size))...), nil
			case cut[lang]:
				cut[lang] = false
				return respond(req, 200, io.MultiReader(strings.NewReader(body[:half]), failingReader{}), size, lines...), nil
			}
			return text(req, 200, body, lines...), nil
		})}
		defer c.Close()
		ask := func(lang string) string {
			_, body, _ := try(c, t.Context(), "GET", "http://example.com/", "Accept-Language: "+lang)
			return body
		}
		for _, n := range []int{half, size} {
			for lang, v := range version {
				if body := ask(lang); body != strings.Repeat(v, n) {
					t.Errorf("%s: %d bytes, want %d of %s", lang, len(body), n, v)
				}
			}
		}
		if err := c.Purge(t.Context(), "http://example.com/"); err != nil {
			t.Fatal(err)
		}
		cut["de"] = true
		ask("de")
		version["de"] = "D"
		if body := ask("de"); body != strings.Repeat("D", size) {
			t.Errorf("changed: %d bytes", len(body))
		}
	})
}
