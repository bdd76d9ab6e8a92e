package integration_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/lostupdate"
)

// An ack is a write that an origin has confirmed to a caller above a store.
type ack struct {
	res     *resource
	version int
	door    *door
	secret  string // the credentials of the request
	at      time.Time
}

// slack is how long a response may take from where it is made to where it is
// read, and what HTTP's seconds add: nobody can know better.
func (w *world) slack() time.Duration {
	if w.real {
		return 5 * time.Second
	}
	return 4 * time.Second
}

// judge holds what came of an exchange against what was promised.
func (w *world) judge(x *exchange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	x.res.advance(w)
	w.note(x.res, "%s: %s", x.p.name, x)
	x.checkSecrets()
	if _, ok := errors.AsType[*lostupdate.ConflictError](x.err); ok {
		return // a 412, as an error
	}
	x.checkError()
	if x.resp == nil {
		x.forget()
		return
	}
	x.checkUploads()
	if x.writes() {
		x.checkWrite()
		return
	}
	switch x.resp.StatusCode {
	case 200, 206, 404:
		if x.version() > x.res.current() {
			x.failf("there is no version %d", x.version())
			return
		}
		if x.version() >= 0 {
			x.checkBody()
			x.checkTime(x.version())
			x.remember()
			return
		}
	case 304:
		x.checkNotModified()
	}
	x.forget()
	x.checkStatus()
}

// writes reports whether the request that was answered is a write: a redirect makes
// a GET of some.
func (x *exchange) writes() bool {
	method := x.req.Method
	if x.resp != nil && x.resp.Request != nil {
		method = x.resp.Request.Method
	}
	return method != "GET" && method != "HEAD" && method != ""
}

func (x *exchange) failf(format string, args ...any) {
	x.p.w.failf(x.res.host+x.res.uri, "%s\n      by %s, %s\n      through %s\n      about %s", fmt.Sprintf(format, args...),
		x.p.name, x, x.d.name, x.res)
}

func (x *exchange) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s begun %s by %s", x.req.Method, x.req.URL.Redacted(), x.t0.Format(clock), x.p.user)
	for _, name := range []string{"X-Write", "Idempotency-Key", "Range", "If-Range", "If-None-Match", "Cache-Control", "Accept-Language", "Accept-Encoding"} {
		if v := x.req.Header.Get(name); v != "" {
			fmt.Fprintf(&b, " %s=%q", name, v)
		}
	}
	if x.resp != nil {
		fmt.Fprintf(&b, " → %d at %s, version %s", x.resp.StatusCode, x.t1.Format(clock), x.resp.Header.Get("X-Version"))
		for _, name := range []string{"Etag", "Age", "Content-Range", "Content-Encoding", "Cache-Status"} {
			if v := x.resp.Header.Get(name); v != "" {
				fmt.Fprintf(&b, " %s=%q", name, v)
			}
		}
		fmt.Fprintf(&b, ", %d bytes", len(x.body))
	}
	if x.err != nil {
		fmt.Fprintf(&b, ", error %v", x.err)
	}
	if x.cancelled {
		b.WriteString(", cancelled")
	}
	return b.String()
}

// checkSecrets looks for secrets where the layers print something.
func (x *exchange) checkSecrets() {
	if x.err == nil {
		return
	}
	err := x.err
	if outer, ok := errors.AsType[*url.Error](err); ok { // http.Client's own, which tells the whole URL
		err = outer.Err
	}
	text := fmt.Sprintf("%v %+v %#v", err, err, err)
	if secret := x.p.w.foreign("", text); secret != "" {
		x.failf("%s is in the error %s", secret, text)
	}
}

// excusable reports whether something can have gone wrong without a fault of the
// layers.
func (x *exchange) excusable() bool {
	if x.cancelled {
		return true
	}
	from := x.t0
	if x.resp != nil && strings.Contains(x.resp.Header.Get("Cache-Status"), "collapsed") {
		from = from.Add(-x.p.w.scaled(2 * time.Minute)) // the body of another's trip, which is read slowly and may have been cut by now
	}
	for _, o := range x.p.w.origins {
		if o.faultIn(x.res.uri, from, x.t2) || o.faultIn(x.req.URL.RequestURI(), from, x.t2) {
			return true
		}
	}
	return false
}

func (x *exchange) checkError() {
	if x.err != nil && !x.excusable() && !x.incompletable() {
		x.failf("a request failed though nothing went wrong: %v", x.err)
	}
}

// incompletable reports whether a bad store may have lost the rest of a body that
// the origin cannot complete: it has no strong validator, its version has gone, or
// the caller has signed the request.
func (x *exchange) incompletable() bool {
	return x.p.w.bad && x.resp != nil && strings.Contains(x.err.Error(), "was not completed")
}

// checkStatus judges a response that is no version of anything.
func (x *exchange) checkStatus() {
	status := x.resp.StatusCode
	switch {
	case status < 400 && status != 200:
		return
	case status == 416 && x.req.Header.Get("Range") != "":
		return
	case status == 504 && x.offline, x.unwelcome():
		return
	case status == 401 && !x.entitled():
		return
	case x.excusable():
		return
	}
	x.failf("status %d for no reason", status)
}

// entitled reports whether the credentials that went along are good for res.
func (x *exchange) entitled() bool {
	switch x.d.way {
	case byJar:
		return false // the login may have failed, or the jar be of another origin
	case byCaller:
		return !strings.HasPrefix(x.req.URL.Path, "/go/")
	}
	return true
}

func (x *exchange) version() int {
	v, err := strconv.Atoi(x.resp.Header.Get("X-Version"))
	if err != nil {
		return -1
	}
	return v
}

// form is what the response ought to be a form of.
func (x *exchange) form() form {
	f := form{x.version(), "-", x.res.variantFor(x.req.Header.Get("Accept-Language")), x.resp.Header.Get("Content-Encoding")}
	if x.res.private {
		f.user = x.p.user
	}
	return f
}

// checkBody compares the response with the one that the origin has made for this
// user, in this variant, of that version.
func (x *exchange) checkBody() {
	f, h := x.form(), x.resp.Header
	if h.Get("X-User") != f.user || h.Get("X-Variant") != f.variant {
		x.failf("the header is for %s and variant %s, not for %s and %s", h.Get("X-User"), h.Get("X-Variant"), f.user, f.variant)
	}
	if tag := h.Get("ETag"); tag != "" {
		ok := false
		for _, coding := range []string{"", "gzip", "br"} {
			g := f
			g.coding = coding
			ok = ok || x.res.etag(g) == tag
		}
		if !ok {
			x.failf("the tag %s is not that of version %d", tag, f.version)
		}
	}
	want := x.res.body(f)
	first, last := 0, len(want)-1
	if x.resp.StatusCode == 206 {
		var total int
		if _, err := fmt.Sscanf(h.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &total); err != nil || total != len(want) {
			x.failf("Content-Range %q of %d bytes", h.Get("Content-Range"), len(want))
			return
		}
		if a, b, ok := parseRange(x.req.Header.Get("Range"), len(want)); !ok || a != first || b != last {
			x.failf("the range %q was not asked for", h.Get("Content-Range"))
			return
		}
	}
	if x.req.Method == "HEAD" {
		return
	}
	want = want[first : last+1]
	whole := x.err == nil && x.upTo < 0
	if whole && !bytes.Equal(x.body, want) || !bytes.HasPrefix(want, x.body) {
		x.failf("%s", x.wrongBytes(f, want))
	}
}

func (x *exchange) wrongBytes(f form, want []byte) string {
	got := x.body
	if b, err := decoded(f.coding, got); err == nil {
		got = b
	}
	n := 0
	for n < min(len(x.body), len(want)) && x.body[n] == want[n] {
		n++
	}
	line, _, _ := bytes.Cut(got, []byte("\n"))
	return fmt.Sprintf("wrong bytes for %+v: %d in place of %d, the same up to %d; it begins %.200q", f, len(x.body), len(want), n, line)
}

// checkTime holds the age of version v against what was allowed, and against the
// writes that were acknowledged before.
func (x *exchange) checkTime(v int) {
	w := x.p.w
	end, over := x.res.until(v)
	if !over {
		return
	}
	if since := x.t0.Sub(end); since > x.allowed(v, end)+w.slack() {
		x.failf("version %d was over %s before it was asked for, and %s is allowed", v, since, x.allowed(v, end))
	}
	if x.d.cache < 0 || x.offline {
		return
	}
	for _, a := range w.acks {
		if a.res == x.res && a.door.cache == x.d.cache && a.at.Before(x.t0) && a.version > v && x.hearsOf(a) {
			x.failf("version %d was delivered after %d had been written and acknowledged at %s", v, a.version, a.at.Format(clock))
			return
		}
	}
}

// hearsOf reports whether x must not be answered by what a has made outdated.
func (x *exchange) hearsOf(a ack) bool {
	return !gaps.forgetful || !x.p.w.forgets[x.d.cache] || a.door == x.d && a.secret == x.secret() && !x.res.varies && !x.res.coded
}

// secret tells apart whom a cache keeps apart: an auth layer knows the person, and
// the request that the caller made may hold nothing.
func (x *exchange) secret() string {
	h := x.req.Header
	return x.p.user + " " + h.Get("Authorization") + h.Get("Cookie") + h.Get("X-Api-Key") + x.req.URL.User.String()
}

// allowed is how long after its end a version may be delivered.
func (x *exchange) allowed(v int, end time.Time) time.Duration {
	res := x.res
	var d time.Duration
	switch {
	case x.d.cache < 0 || x.fresh:
		return 0
	case res.strict && !x.offline && res.lifetime == 0:
		return 0
	case res.guess:
		d = min(end.Sub(res.versions[v].start)/10+time.Second, caching.DefaultHeuristicMax)
	default:
		d = res.lifetime
	}
	if x.most > 0 {
		d = min(d, x.most)
	}
	if !res.strict || x.offline {
		d += res.swr + x.stale
		if x.p.w.origin(res).faultIn(res.uri, x.t0.Add(-x.p.w.slack()), x.t1) {
			d += res.sie
			if !x.p.w.layers.unkind {
				d += caching.DefaultStaleIfError
			}
		}
	}
	return d
}

func (w *world) origin(res *resource) *origin {
	for _, o := range w.origins {
		if o.host == res.host {
			return o
		}
	}
	return nil
}

func (x *exchange) checkNotModified() {
	tag := x.req.Header.Get("If-None-Match")
	if tag == "" {
		x.failf("304 to a request without a condition")
		return
	}
	if v := versionOf(tag); v >= 0 && v <= x.res.current() {
		x.checkTime(v)
	}
}

// checkWrite notes what was acknowledged, and what it was based on.
func (x *exchange) checkWrite() {
	resp, res := x.resp, x.res
	if resp.StatusCode >= 300 {
		if resp.StatusCode != 412 && resp.StatusCode != 409 {
			x.checkStatus()
			x.forget()
		}
		return
	}
	v := x.version()
	if v < 0 {
		x.failf("a write was acknowledged by no version")
		return
	}
	// A redirect, or a query, is another URL than the one that a later write is sent to.
	direct := !strings.HasPrefix(x.req.URL.Path, "/go/") && !strings.HasSuffix(x.req.URL.RequestURI(), appending)
	w := x.p.w
	w.acks = append(w.acks, ack{res, v, x.d, x.secret(), x.t1})
	seen, known := x.p.seen[res]
	signed := x.req.Header.Get("X-Signed") != "" // nothing is added to it
	guarded := w.layers.lostupdate && !signed && res.tag == "strong" && (x.req.Method == http.MethodPut || x.req.Method == http.MethodPatch)
	if known && direct && guarded && resp.Header.Get("X-Base") != strconv.Itoa(seen) {
		x.failf("lost update: %s had seen version %d and has overwritten %s", x.p.name, seen, resp.Header.Get("X-Base"))
	}
	x.forget()
	if direct && resp.Header.Get("ETag") != "" {
		x.p.seen[res] = v
	}
}

// remember notes what the person has seen.
func (x *exchange) remember() {
	tag := x.resp.Header.Get("ETag")
	if tag != "" {
		x.p.tags[x.res] = tag
	}
	x.forget()
	if x.resp.StatusCode == 200 && x.err == nil && x.upTo < 0 && tag != "" && !strings.HasPrefix(x.req.URL.Path, "/go/") {
		x.p.seen[x.res] = x.version()
	}
}

func (x *exchange) forget() { delete(x.p.seen, x.res) }
