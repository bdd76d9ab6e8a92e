package benchmarks

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gregjones/httpcache"

	"github.com/tripper-go/tripper/caching"
)

// target tells URLs apart without building a string.
type target struct{ scheme, host, path, query string }

type floorEntry struct {
	meta   http.Response
	header http.Header
	body   []byte
	born   time.Time
	fresh  time.Duration
	vary   string
	value  string
}

// floorCache is the least that a correct cache can do: it holds prebuilt
// entries, knows one kind of freshness and one Vary, and bounds nothing.
type floorCache struct {
	next   http.RoundTripper
	shards [64]struct {
		sync.RWMutex
		m map[target][]*floorEntry
	}
}

type floorReply struct {
	resp http.Response
	body bytes.Reader
}

func (r *floorReply) Read(p []byte) (int, error)         { return r.body.Read(p) }
func (r *floorReply) WriteTo(w io.Writer) (int64, error) { return r.body.WriteTo(w) }
func (r *floorReply) Close() error                       { return nil }

func (c *floorCache) RoundTrip(req *http.Request) (*http.Response, error) {
	u := req.URL
	key := target{u.Scheme, u.Host, u.Path, u.RawQuery}
	s := &c.shards[(len(u.Path)+len(u.RawQuery))%len(c.shards)]
	if len(req.Header["Cache-Control"]) == 0 {
		s.RLock()
		entries := s.m[key]
		s.RUnlock()
		now := time.Now()
		for _, e := range entries {
			if e.vary != "" && req.Header.Get(e.vary) != e.value {
				continue
			}
			if age := now.Sub(e.born); age < e.fresh {
				return e.reply(req, age), nil
			}
			out := *req
			out.Header = req.Header.Clone()
			out.Header["If-None-Match"] = e.header["Etag"]
			resp, err := c.next.RoundTrip(&out)
			if err != nil || resp.StatusCode != http.StatusNotModified {
				return resp, err
			}
			_ = resp.Body.Close()
			// What a 304 says about freshness has to be read anew.
			if resp.Header.Get("Etag") != e.header.Get("Etag") {
				return nil, errors.New("about something else")
			}
			date, _ := http.ParseTime(resp.Header.Get("Date"))
			_, maxAge, _ := strings.Cut(resp.Header.Get("Cache-Control"), "max-age=")
			seconds, _ := strconv.Atoi(maxAge)
			merged := maps.Clone(e.header)
			maps.Copy(merged, resp.Header)
			e2 := *e
			e2.header = merged
			e2.born, e2.fresh = date, time.Duration(seconds)*time.Second
			s.Lock()
			s.m[key] = []*floorEntry{&e2}
			s.Unlock()
			return e2.reply(req, 0), nil
		}
	}
	resp, err := c.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body := make([]byte, 0, resp.ContentLength)
	resp.Body = &floorTee{src: resp.Body, buf: body, done: func(body []byte) {
		e := &floorEntry{meta: *resp, header: resp.Header.Clone(), body: body, born: time.Now(), fresh: time.Minute}
		e.meta.Request, e.meta.Body, e.meta.Header = nil, nil, nil
		s.Lock()
		if s.m == nil {
			s.m = map[target][]*floorEntry{}
		}
		s.m[key] = []*floorEntry{e}
		s.Unlock()
	}}
	return resp, nil
}

// expire makes all that is stored stale.
func (c *floorCache) expire() {
	for i := range c.shards {
		for _, entries := range c.shards[i].m {
			entries[0].fresh = 0
		}
	}
}

type floorTee struct {
	src  io.ReadCloser
	buf  []byte
	done func([]byte)
}

func (t *floorTee) Read(p []byte) (int, error) {
	n, err := t.src.Read(p)
	t.buf = append(t.buf, p[:n]...)
	if err == io.EOF {
		t.done(t.buf)
	}
	return n, err
}

func (t *floorTee) Close() error { return t.src.Close() }

func (e *floorEntry) reply(req *http.Request, age time.Duration) *http.Response {
	r := &floorReply{resp: e.meta}
	r.body.Reset(e.body)
	r.resp.Header = e.header.Clone()
	r.resp.Header["Age"] = []string{strconv.Itoa(int(age / time.Second))}
	r.resp.Request = req
	r.resp.Body = r
	return &r.resp
}

// answers is an origin in memory.
type answers struct {
	header   http.Header
	body     []byte
	validate bool
}

type quick struct{ bytes.Reader }

func (*quick) Close() error { return nil }

func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: a.header.Clone(), ContentLength: int64(len(a.body)), Request: req,
	}
	if v := req.Header["Accept-Language"]; len(v) > 0 && a.header["Vary"] != nil {
		resp.Header["X-Varied-Accept-Language"] = v
	}
	if a.validate && len(req.Header["If-None-Match"]) > 0 {
		resp.Status, resp.StatusCode, resp.ContentLength, resp.Body = "304 Not Modified", 304, 0, http.NoBody
		return resp, nil
	}
	body := new(quick)
	body.Reset(a.body)
	resp.Body = body
	return resp, nil
}

func originHeader(cc string, more ...string) http.Header {
	h := http.Header{
		"Date": {time.Now().UTC().Format(http.TimeFormat)}, "Content-Type": {"application/json"},
		"Cache-Control": {cc}, "Etag": {`"a"`}, "Last-Modified": {"Mon, 01 Jan 1990 00:00:00 GMT"},
	}
	for i := 0; i+1 < len(more); i += 2 {
		h.Set(more[i], more[i+1])
	}
	return h
}

func exchangeOf(b testing.TB, rt http.RoundTripper, req *http.Request, want int) {
	resp, err := rt.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
	if err != nil || int(n) != want || resp.StatusCode != 200 {
		b.Fatalf("%d: %d bytes, %v; want %d", resp.StatusCode, n, err, want)
	}
}

func newGet(b testing.TB, url string) *http.Request {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	return req
}

func caches(next http.RoundTripper) map[string]http.RoundTripper {
	peer := httpcache.NewMemoryCacheTransport()
	peer.Transport = next
	return map[string]http.RoundTripper{
		"floor": &floorCache{next: next}, "httpcache": peer, "otter": overOtter(next), "ours": &caching.Transport{Base: next},
	}
}

// BenchmarkCachingHit is a fresh hit from memory.
func BenchmarkCachingHit(b *testing.B) {
	for _, size := range []int{1 << 10, 64 << 10, 1 << 20} {
		origin := &answers{header: originHeader("max-age=3600", "Content-Length", strconv.Itoa(size)), body: make([]byte, size)}
		works := map[string]func(){}
		for name, rt := range caches(origin) {
			req := newGet(b, "http://example.com/a/path?q=1")
			exchangeOf(b, rt, req, size)
			works[name] = func() { exchangeOf(b, rt, req, size) }
		}
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) { compare(b, works) })
	}
}

// compare runs each work alone, for its allocations, and then all of them in
// turn, for the ratio of their times.
func compare(b *testing.B, works map[string]func()) {
	for _, name := range []string{"floor", "httpcache", "otter", "ours"} {
		work, ok := works[name]
		if !ok {
			continue
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				work()
			}
		})
	}
	b.Run("ratio", func(b *testing.B) { alternate(b, works, "floor") })
}

// BenchmarkCachingVariants is a fresh hit on one of ten variants. The floor
// is that of a single one.
func BenchmarkCachingVariants(b *testing.B) {
	const size = 1 << 10
	origin := &answers{header: originHeader("max-age=3600", "Vary", "Accept-Language", "Content-Length", "1024"), body: make([]byte, size)}
	works := map[string]func(){}
	for name, rt := range caches(origin) {
		var reqs []*http.Request
		for i := range 10 {
			req := newGet(b, "http://example.com/a/path?q=1")
			req.Header.Set("Accept-Language", fmt.Sprintf("l%d", i))
			exchangeOf(b, rt, req, size)
			reqs = append(reqs, req)
		}
		i := 0
		works[name] = func() {
			if name == "ours" {
				i++
			}
			exchangeOf(b, rt, reqs[i%10], size)
		}
	}
	compare(b, works)
}

// BenchmarkCachingValidate is a stale response that the origin confirms.
func BenchmarkCachingValidate(b *testing.B) {
	for _, size := range []int{1 << 10, 1 << 20} {
		origin := &answers{header: originHeader("max-age=0", "Content-Length", strconv.Itoa(size)), body: make([]byte, size), validate: true}
		works := map[string]func(){}
		for name, rt := range caches(origin) {
			req := newGet(b, "http://example.com/a/path?q=1")
			exchangeOf(b, rt, req, size)
			if f, ok := rt.(*floorCache); ok {
				f.expire()
			}
			works[name] = func() { exchangeOf(b, rt, req, size) }
		}
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) { compare(b, works) })
	}
}

// BenchmarkCachingMiss fetches and stores 64 KiB under a new key each time.
func BenchmarkCachingMiss(b *testing.B) {
	const size = 64 << 10
	origin := &answers{header: originHeader("max-age=3600", "Content-Length", strconv.Itoa(size)), body: make([]byte, size)}
	works := map[string]func(){}
	for name, rt := range caches(origin) {
		req := newGet(b, "http://example.com/a/path")
		i := 0
		works[name] = func() {
			// The keys come again, so that no store grows for ever.
			i++
			req.URL.RawQuery = strconv.Itoa(i % 256)
			req.Header["Cache-Control"] = noCache
			exchangeOf(b, rt, req, size)
		}
	}
	compare(b, works)
}

// BenchmarkCachingFields fetches and stores a response of 1 KiB with many fields, under a new key each time.
func BenchmarkCachingFields(b *testing.B) {
	const size = 1 << 10
	for _, fields := range []int{6, 30, 100} {
		h := originHeader("max-age=3600", "Content-Length", strconv.Itoa(size))
		for i := len(h); i < fields; i++ {
			h.Set(fmt.Sprint("X-Field-", i), fmt.Sprint("a value of some length ", i))
		}
		works := map[string]func(){}
		for name, rt := range caches(&answers{header: h, body: make([]byte, size)}) {
			req := newGet(b, "http://example.com/a/path")
			i := 0
			works[name] = func() {
				i++
				req.URL.RawQuery = strconv.Itoa(i % 256)
				req.Header["Cache-Control"] = noCache
				exchangeOf(b, rt, req, size)
			}
		}
		b.Run(strconv.Itoa(fields), func(b *testing.B) { compare(b, works) })
	}
}

var noCache = []string{"no-cache"}
