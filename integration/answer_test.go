package integration_test

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// An answer is what an origin says, made at one moment.
type answer struct {
	res    *resource
	status int
	header http.Header
	body   []byte
}

// answer judges a request and does it, if it is a write.
func (o *origin) answer(res *resource, r *http.Request, user string) *answer {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	res.advance(o.w)
	f := form{res.current(), user, res.variantFor(r.Header.Get("Accept-Language")), res.codingFor(r.Header.Get("Accept-Encoding"))}
	a := &answer{res: res, status: 200, header: make(http.Header)}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		o.write(a, r, f)
	} else {
		o.read(a, r, f)
	}
	id := ""
	if w := r.Header.Get("X-Write"); w != "" {
		id = " " + w
	}
	o.w.note(res, "origin: %s%s by %s range=%q if-match=%q if-none-match=%q → %d, version %d %s %s", r.Method, id, user, r.Header.Get("Range"),
		r.Header.Get("If-Match"), r.Header.Get("If-None-Match"), a.status, f.version, f.variant, f.coding)
	return a
}

// write executes r, unless its precondition forbids it.
func (o *origin) write(a *answer, r *http.Request, f form) {
	res, now := a.res, time.Now()
	a.header.Set("Cache-Control", "no-store")
	if match := r.Header.Get("If-Match"); match != "" && match != "*" && !slices.ContainsFunc(strings.Split(match, ","), func(tag string) bool {
		tag = strings.TrimSpace(tag)
		return !strings.HasPrefix(tag, "W/") && versionOf(tag) == f.version && res.tag == "strong" && !res.versions[f.version].gone
	}) {
		a.status = 412
		return
	}
	if since, err := http.ParseTime(r.Header.Get("If-Unmodified-Since")); err == nil && res.modified && res.lastModified(f.version).After(since) {
		a.status = 412
		return
	}
	// Two versions in one second would share Last-Modified, and nobody could tell them apart.
	if now.Sub(res.versions[f.version].start) < 2*time.Second && !o.w.real {
		a.status = 409
		return
	}
	id := r.Header.Get("X-Write")
	res.versions = append(res.versions, version{start: now, gone: r.Method == http.MethodDelete, write: id})
	o.executed[id]++
	if n := o.executed[id]; n > 1 && !o.mayRepeat(r, n) {
		o.w.failf(res.host+res.uri, "%s %s was executed %d times", r.Method, id, n)
	}
	f.version++
	a.header.Set("X-Base", strconv.Itoa(f.version-1))
	a.header.Set("X-Version", strconv.Itoa(f.version))
	if r.Method == http.MethodDelete {
		a.status = 204
		return
	}
	if res.tells && res.tag != "" {
		a.header.Set("ETag", res.etag(form{f.version, f.user, f.variant, ""}))
	}
	a.body = []byte("written")
}

// mayRepeat reports whether the n-th execution of a write is in order: RFC 9110
// §9.2.2 lets idempotent methods be sent again after a failure. What has an
// Idempotency-Key is also sent again by net/http.
func (o *origin) mayRepeat(r *http.Request, n int) bool {
	idempotent := r.Method == http.MethodPut || r.Method == http.MethodDelete
	return (idempotent && o.w.layers.retry || r.Header.Get("Idempotency-Key") != "") && o.excused[r.Header.Get("X-Write")] >= n-1
}

// read answers GET and HEAD.
func (o *origin) read(a *answer, r *http.Request, f form) {
	res, h := a.res, a.header
	if res.control != "" {
		h.Set("Cache-Control", res.control)
	}
	if res.varies {
		h.Add("Vary", "Accept-Language")
	}
	if res.coded {
		h.Add("Vary", "Accept-Encoding")
	}
	h.Set("X-Version", strconv.Itoa(f.version))
	h.Set("X-User", f.user)
	h.Set("X-Variant", f.variant)
	tag := res.etag(f)
	if tag != "" {
		h.Set("ETag", tag)
	}
	if res.modified {
		h.Set("Last-Modified", res.lastModified(f.version).UTC().Format(http.TimeFormat))
	}
	gone := res.versions[f.version].gone
	if !gone && notModified(res, r, f, tag) {
		a.status = 304
		return
	}
	if f.coding != "" {
		h.Set("Content-Encoding", f.coding)
	}
	a.body = res.body(f)
	if gone {
		a.status = 404
		return
	}
	h.Set("Accept-Ranges", "bytes")
	a.part(r, f, tag)
}

func notModified(res *resource, r *http.Request, f form, tag string) bool {
	if none := r.Header.Get("If-None-Match"); none != "" {
		return tag != "" && slices.ContainsFunc(strings.Split(none, ","), func(t string) bool {
			return strings.TrimPrefix(strings.TrimSpace(t), "W/") == strings.TrimPrefix(tag, "W/")
		})
	}
	since, err := http.ParseTime(r.Header.Get("If-Modified-Since"))
	return err == nil && res.modified && !res.lastModified(f.version).After(since)
}

// part cuts the body to the range that was asked for (RFC 9110 §14).
func (a *answer) part(r *http.Request, f form, tag string) {
	first, last, ok := parseRange(r.Header.Get("Range"), len(a.body))
	if !ok || r.Method != http.MethodGet {
		return
	}
	if cond := r.Header.Get("If-Range"); cond != "" {
		since, err := http.ParseTime(cond)
		same := cond == tag && a.res.tag == "strong" || err == nil && a.res.modified && a.res.lastModified(f.version).Equal(since)
		if !same {
			return
		}
	}
	if first >= len(a.body) {
		a.status, a.header, a.body = 416, http.Header{"Content-Range": {fmt.Sprintf("bytes */%d", len(a.body))}}, nil
		return
	}
	a.status = 206
	a.header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", first, last, len(a.body)))
	a.body = a.body[first : last+1]
}

// parseRange reads one range of bytes, the last of which is included.
func parseRange(s string, size int) (first, last int, ok bool) {
	from, to, ok := strings.Cut(strings.TrimPrefix(s, "bytes="), "-")
	if !ok || strings.Contains(to, ",") {
		return 0, 0, false
	}
	last = size - 1
	if from == "" {
		n, err := strconv.Atoi(to)
		return max(0, size-n), last, err == nil && n > 0
	}
	first, err := strconv.Atoi(from)
	if err != nil {
		return 0, 0, false
	}
	if to != "" {
		n, err := strconv.Atoi(to)
		if err != nil || n < first {
			return 0, 0, false
		}
		last = min(last, n)
	}
	return first, last, true
}

// send writes the answer, whole or as its turn has it.
func (a *answer) send(o *origin, w http.ResponseWriter, r *http.Request, t turn) {
	maps.Copy(w.Header(), a.header)
	if !a.res.chunked && a.status != 304 && a.status != 204 {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead || len(a.body) == 0 {
		return
	}
	body := a.body
	if t.fault == "cut" {
		// The head has to go out, or net/http sends the request again by itself.
		_ = http.NewResponseController(w).Flush()
		body = body[:t.IntN(len(body))]
	}
	drips := t.IntN(4) == 0
	for len(body) > 0 {
		n := len(body)
		if drips {
			n = min(n, 1+t.IntN(len(a.body)/2+1))
			time.Sleep(o.w.some(t.Rand, 3*time.Second))
		}
		if _, err := w.Write(body[:n]); err != nil {
			return
		}
		_ = http.NewResponseController(w).Flush()
		body = body[n:]
	}
	if t.fault == "cut" {
		o.excuse(r)
		o.fault(r.RequestURI, "cut", 0)
		if chance(t.Rand, 50) {
			o.replace(a.res) // what resumes now must notice
		}
		panic(http.ErrAbortHandler)
	}
}

// replace makes a new version of res.
func (o *origin) replace(res *resource) {
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	res.advance(o.w)
	if now := time.Now(); now.Sub(res.versions[res.current()].start) >= 2*time.Second || o.w.real {
		res.versions = append(res.versions, version{start: now})
		o.w.note(res, "has changed to version %d", res.current())
	}
}
