package caching

import (
	"net/http"
	"slices"
	"strconv"
	"time"
	"unsafe"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// mark sets the caller's request, the source for [FromCache] and Cache-Status on a response
// of the origin.
func (x *exchange) mark(resp *http.Response, from *info, s *policy.CacheStatus) {
	if resp.Header == nil {
		resp.Header = make(http.Header)
	}
	if resp.Request == nil {
		resp.Request = x.Req
	}
	if resp.Request.Context().Value(infoKey{}) != nil || from != infoOrigin {
		resp.Request = resp.Request.WithContext(&infoContext{Context: resp.Request.Context(), info: from})
	}
	if x.st.t.Compat.XFromCache {
		delete(resp.Header, "X-From-Cache") // an origin's own would be a lie
	}
	s.Collapsed, s.Key = x.collapsed, x.shownKey()
	resp.Header["Cache-Status"] = append(resp.Header["Cache-Status"], x.st.statusText(s))
}

// statusText returns s as the list member with the name of the cache.
func (st *state) statusText(s *policy.CacheStatus) string {
	text := func() string { return s.String(st.Cfg.Name) }
	if s.HasTTL || s.Key != "" {
		return text() // it is another every second, or for every response
	}
	return st.statusMemo.Of(s, uint(len(s.Fwd)+len(s.Detail)+s.FwdStatus), text)
}

// shownKey is the key that Cache-Status tells, if it does.
func (x *exchange) shownKey() string {
	switch {
	case !x.st.Cfg.ShowKey:
		return ""
	case x.candidate.Key != "":
		return x.candidate.Key
	}
	return x.Key
}

// answer serves the portion p of the stored response, and revalidates it in the background
// if that was decided.
func (x *exchange) answer(p policy.Portion) *http.Response {
	f := x.candidate.F
	v := &x.verdict
	action := policy.ActionHit
	if v.Stale {
		action = policy.ActionStale
	}
	x.Tell(action, v.Reason, p.Status, nil)
	if v.Action == policy.Refresh {
		x.refresh()
	}
	if !v.Stale {
		return x.serve(p, nil)
	}
	ttl := int64((f.Lifetime - f.Age(x.Now)) / time.Second)
	return x.serve(p, &policy.CacheStatus{Hit: true, HasTTL: true, TTL: ttl, Detail: v.Reason})
}

// answerFound is answer for the portion that the request asks for. It must be stored.
func (x *exchange) answerFound() (*http.Response, error) {
	p, _ := x.portion()
	return x.answer(p), nil
}

// stored is a stored response on its way to the caller, in one allocation.
type stored struct {
	resp http.Response
	req  http.Request
	ctx  infoContext
	body bytesBody
	// room is for the values of the header, and text for those of Age and Cache-Status, if they
	// are not too many.
	room [10]string
	text [48]byte
}

// serve returns the stored response. A nil s stands for a fresh hit.
func (x *exchange) serve(p policy.Portion, s *policy.CacheStatus) *http.Response {
	e, f := x.candidate.Entry, x.candidate.F
	m := e.Meta
	age := f.Age(x.Now)
	if x.Method != http.MethodHead {
		x.saved = p.Length
	}
	out := &stored{ctx: infoContext{Context: x.Req.Context(), info: infoStored, f: f, age: age, validated: s != nil && s.FwdStatus == http.StatusNotModified}}
	if x.setCookies {
		out.ctx.info = infoConfirmed
	}
	resp := &out.resp
	resp.Status, resp.StatusCode = statusLine(m), m.Status
	resp.Proto = m.Proto
	resp.ProtoMajor, resp.ProtoMinor, _ = http.ParseHTTPVersion(m.Proto)
	out.req = *x.Req.WithContext(&out.ctx) // a copy that does not leave the stack
	resp.Request = &out.req
	resp.Header = x.header(m, f, p, s, age, out)
	resp.Trailer = m.Trailer.Map()
	resp.ContentLength = p.Length
	if p.Status != http.StatusOK {
		reshape(resp, p)
	}
	switch {
	case x.Method == http.MethodHead:
		resp.Body = http.NoBody
		_ = e.Close()
		if !m.Header.Has("Content-Length") && m.Status != http.StatusNoContent {
			resp.ContentLength = -1
		}
	case p.Length == 0:
		resp.Body = http.NoBody
		_ = e.Close()
	case e.Body == nil:
		out.body.rest = e.Bytes[p.Offset : p.Offset+p.Length]
		resp.Body = &out.body
	default:
		body := x.reader(e, f, p.Offset, p.Offset+p.Length)
		body.first = x.first
		resp.Body = body
	}
	return resp
}

// aging returns Age and Cache-Status of a response of that age. They are new for each response:
// with many entries, what others have made of them a second ago is seldom right. room holds them if it
// is large enough. A nil s stands for a fresh hit.
func (x *exchange) aging(f *catalog.Memo, s *policy.CacheStatus, age time.Duration, room []byte) (seconds, cacheStatus string) {
	whole := int64(age / time.Second)
	b := strconv.AppendInt(room, whole, 10)
	n := len(b)
	switch ttl := int64(f.Lifetime/time.Second) - whole; {
	case s != nil:
		s.Collapsed, s.Key = x.collapsed, x.shownKey()
		cacheStatus = x.st.statusText(s)
	case x.collapsed || x.st.Cfg.ShowKey:
		hit := policy.CacheStatus{Hit: true, HasTTL: true, TTL: ttl, Collapsed: x.collapsed, Key: x.shownKey()}
		b = hit.Append(b, x.st.Cfg.Name)
	default:
		b = policy.AppendHit(b, x.st.Cfg.Name, ttl)
	}
	text := unsafe.String(unsafe.SliceData(b), len(b)) // nothing else refers to b
	if s == nil {
		cacheStatus = text[n:]
	}
	return text[:n], cacheStatus
}

// header returns a copy of the stored fields, with the Age and Cache-Status of a response
// that is of that age. out has room for their values.
func (x *exchange) header(m *store.Meta, f *catalog.Memo, p policy.Portion, s *policy.CacheStatus, age time.Duration, out *stored) http.Header {
	seconds, cacheStatus := x.aging(f, s, age, out.text[:0])
	h, values := x.merged, out.room[:0]
	if h == nil || p.Status == http.StatusNotModified {
		h, values = x.copyFields(m, f, p, values)
	} else if x.setsCookiesOfOthers(m, f) {
		delete(h, "Set-Cookie")
	}
	values = append(values, seconds, cacheStatus)
	end := len(values)
	h["Age"] = values[end-2 : end-1 : end-1]
	if above := h["Cache-Status"]; len(above) > 0 {
		h["Cache-Status"] = append(above, cacheStatus)
	} else {
		h["Cache-Status"] = values[end-1 : end : end]
	}
	if x.st.t.Compat.XFromCache {
		h["X-From-Cache"] = []string{"1"}
	}
	return h
}

// copyFields returns the stored fields of the portion p, without Age, and their values, which are in room
// if it is large enough. There is room for two more.
func (x *exchange) copyFields(m *store.Meta, f *catalog.Memo, p policy.Portion, room []string) (h http.Header, values []string) {
	n := m.Header.Len() + 2
	if h, values = make(http.Header, n), room; n > cap(values) {
		values = make([]string, 0, n)
	}
	others, notModified := x.setsCookiesOfOthers(m, f), p.Status == http.StatusNotModified
	first, last := 0, ""
	for name, value := range m.Header.All() {
		switch {
		case name == "Age", others && name == "Set-Cookie", notModified && name != "Cache-Status" && !slices.Contains(policy.NotModifiedFields, name):
			continue // Age is set anew
		case name != last:
			first, last = len(values), name
		}
		values = append(values, value)
		h[name] = values[first:len(values):len(values)]
	}
	return h, values
}

// reshape turns the stored response into a 206, 304 or 416.
func reshape(resp *http.Response, p policy.Portion) {
	resp.StatusCode = p.Status
	resp.Status = strconv.Itoa(p.Status) + " " + http.StatusText(p.Status)
	switch p.Status {
	case http.StatusPartialContent:
		resp.Header.Set("Content-Range", p.ContentRange)
		resp.Header.Set("Content-Length", strconv.FormatInt(p.Length, 10))
	case http.StatusRequestedRangeNotSatisfiable:
		for _, name := range []string{"Content-Encoding", "Content-Type", "Last-Modified", "Etag"} {
			resp.Header.Del(name)
		}
		resp.Header.Set("Content-Range", p.ContentRange)
		resp.Header.Set("Content-Length", "0")
	}
}

func statusLine(m *store.Meta) string {
	if m.Status == http.StatusOK && m.StatusText == "OK" {
		return "200 OK"
	}
	return strconv.Itoa(m.Status) + " " + m.StatusText
}

// portion returns the portion of the stored response that the request asks for.
func (x *exchange) portion() (policy.Portion, bool) {
	e := x.candidate.Entry
	return x.candidate.F.PortionOf(e.Meta.Status, e.Size, x.cond, x.Req.Header)
}

// setsCookiesOfOthers reports whether the stored response sets cookies that were
// for the user who got it from the origin, and not for this one.
func (x *exchange) setsCookiesOfOthers(m *store.Meta, f *catalog.Memo) bool {
	return f.Public && !x.setCookies && m.Header.Has("Set-Cookie") && f.Owner != x.Owner(false)
}
