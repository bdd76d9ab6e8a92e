package caching

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// mark puts the request of the caller, where it came from and Cache-Status on a
// response of the origin.
func (x *exchange) mark(resp *http.Response, from *info, s *cacheStatus) {
	if resp.Header == nil {
		resp.Header = make(http.Header)
	}
	if resp.Request == nil {
		resp.Request = x.req
	}
	if resp.Request.Context().Value(infoKey{}) != nil || from != infoOrigin {
		resp.Request = resp.Request.WithContext(&infoContext{Context: resp.Request.Context(), info: from})
	}
	if x.st.t.Compat.XFromCache {
		delete(resp.Header, "X-From-Cache") // an origin's own would be a lie
	}
	s.collapsed, s.key = x.collapsed, x.shownKey()
	resp.Header["Cache-Status"] = append(resp.Header["Cache-Status"], x.st.said.text(s, x.st.cfg.name))
}

// shownKey is the key that Cache-Status tells, if it does.
func (x *exchange) shownKey() string {
	switch {
	case !x.st.cfg.showKey:
		return ""
	case x.found.key != "":
		return x.found.key
	}
	return x.key
}

// answer serves the portion p of the found response, and has it revalidated in the background
// if that was decided.
func (x *exchange) answer(p portion) *http.Response {
	f := x.found.f
	v := &x.verdict
	if v.action == refresh {
		x.refresh()
	}
	action := "hit"
	if v.stale {
		action = "stale"
	}
	x.tell(action, v.reason, p.status, nil)
	if !v.stale {
		return x.serve(p, nil)
	}
	ttl := int64((f.lifetime - f.age(x.now)) / time.Second)
	return x.serve(p, &cacheStatus{hit: true, hasTTL: true, ttl: ttl, detail: v.reason})
}

// answerFound is answer for a response of which the request wants a portion that is there.
func (x *exchange) answerFound() (*http.Response, error) {
	p, _ := x.portion()
	return x.answer(p), nil
}

// stored is a reply from the store with all that belongs to it, in one piece.
type stored struct {
	resp http.Response
	ctx  infoContext
	body bytesBody
	// room is for the values of the header, if there are not too many.
	room [12]string
}

// serve makes a reply of the found response. A nil s stands for a fresh hit.
func (x *exchange) serve(p portion, s *cacheStatus) *http.Response {
	e, f := x.found.entry, x.found.f
	m := e.Meta
	age := f.age(x.now)
	out := &stored{ctx: infoContext{Context: x.req.Context(), info: infoStored, f: f, age: age, validated: s != nil && s.fwdStatus == http.StatusNotModified}}
	if x.setCookies {
		out.ctx.info = infoConfirmed
	}
	resp := &out.resp
	resp.Status, resp.StatusCode = statusLine(m), m.Status
	resp.Proto = m.Proto
	resp.ProtoMajor, resp.ProtoMinor = protoOf(m.Proto)
	resp.Request = x.req.WithContext(&out.ctx)
	resp.Header = x.header(m, f, p, s, age, out.room[:0])
	resp.Trailer = m.Trailer.Clone()
	resp.ContentLength = p.length
	if p.status != http.StatusOK {
		x.reshape(resp, p)
	}
	switch {
	case x.method == http.MethodHead:
		resp.Body = http.NoBody
		_ = e.Close()
		if _, ok := m.Header["Content-Length"]; !ok && m.Status != http.StatusNoContent {
			resp.ContentLength = -1
		}
	case p.length == 0:
		resp.Body = http.NoBody
		_ = e.Close()
	case e.Body == nil:
		out.body.rest = e.Bytes[p.offset : p.offset+p.length]
		resp.Body = &out.body
	default:
		resp.Body = &readerBody{
			ReaderAt: e.Body, closer: e.Body, first: x.first, off: p.offset, end: p.offset + p.length, mender: x.mender(e, f, p.offset),
		}
	}
	return resp
}

// header copies the stored fields and adds those that say how old they are: old, the age.
// room is used for their values if it is large enough.
func (x *exchange) header(m *Meta, f *memo, p portion, s *cacheStatus, old time.Duration, room []string) http.Header {
	var age, cacheStatus string
	if s != nil {
		s.collapsed, s.key = x.collapsed, x.shownKey()
		age, cacheStatus = strconv.FormatInt(int64(old/time.Second), 10), x.st.said.text(s, f.cfg.name)
	} else {
		st := f.stampAt(old)
		if age, cacheStatus = st.text, st.cacheStatus; x.collapsed {
			cacheStatus += "; collapsed"
		}
	}
	h := make(http.Header, len(f.fields)+2)
	values := room
	if f.lines+3 > cap(room) {
		values = make([]string, 0, f.lines+3)
	}
	others := x.setsCookiesOfOthers(m, f)
	for i := range f.fields {
		fl := &f.fields[i]
		if others && fl.name == "Set-Cookie" {
			continue
		}
		if p.status == http.StatusNotModified && !slices.Contains(notModifiedFields, fl.name) {
			continue
		}
		first := len(values)
		values = append(values, fl.values...)
		h[fl.name] = values[first:len(values):len(values)]
	}
	first := len(values)
	values = append(values, age)
	h["Age"] = values[first : first+1 : first+1]
	values = append(values, cacheStatus)
	if above := m.Header["Cache-Status"]; len(above) > 0 {
		h["Cache-Status"] = append(slices.Clip(above), cacheStatus)
	} else {
		h["Cache-Status"] = values[first+1 : first+2 : first+2]
	}
	if x.st.t.Compat.XFromCache {
		h["X-From-Cache"] = []string{"1"}
	}
	return h
}

// reshape turns the reply into a 206, 304 or 416.
func (x *exchange) reshape(resp *http.Response, p portion) {
	resp.StatusCode = p.status
	resp.Status = strconv.Itoa(p.status) + " " + http.StatusText(p.status)
	switch p.status {
	case http.StatusPartialContent:
		resp.Header.Set("Content-Range", p.contentRange)
		resp.Header.Set("Content-Length", strconv.FormatInt(p.length, 10))
	case http.StatusRequestedRangeNotSatisfiable:
		for _, name := range []string{"Content-Encoding", "Content-Type", "Last-Modified", "Etag"} {
			resp.Header.Del(name)
		}
		resp.Header.Set("Content-Range", p.contentRange)
		resp.Header.Set("Content-Length", "0")
	}
}

func statusLine(m *Meta) string {
	if m.Status == http.StatusOK && m.StatusText == "OK" {
		return "200 OK"
	}
	return strconv.Itoa(m.Status) + " " + m.StatusText
}

func protoOf(proto string) (major, minor int) {
	if proto == "HTTP/1.1" {
		return 1, 1
	}
	major, minor, _ = http.ParseHTTPVersion(proto)
	return major, minor
}

// portion says what of the found response answers the request.
func (x *exchange) portion() (portion, bool) {
	e := x.found.entry
	return x.found.f.portionOf(e.Meta.Status, e.Size, x.cond, x.req.Header)
}

// setsCookiesOfOthers reports whether the stored response sets cookies that were
// for the user who got it from the origin, and not for this one.
func (x *exchange) setsCookiesOfOthers(m *Meta, f *memo) bool {
	return f.public && !x.setCookies && len(m.Header["Set-Cookie"]) > 0 && f.owner != x.owner(false)
}
