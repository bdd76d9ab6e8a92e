package caching

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// exchange is one request on its way through the cache.
type exchange struct {
	st  *state
	req *http.Request
	// wire is the header as it is sent, if not that of req: names that are not in
	// canonical form are for the origin, not for the decisions here.
	wire   http.Header
	route  *route
	demand demand
	cond   conditions
	opts   options
	// method is GET, HEAD or QUERY for what the cache is asked about.
	method string
	// user is whose answers may be used, empty for everybody's.
	user string
	// authorized is true if the request has Authorization, or a layer below answers
	// for the credentials it is going to add.
	authorized bool
	// credentials is true if the request has any other credential-like field.
	credentials bool
	// asked is what the layers below have said about whose credentials they add.
	asked roundtrip.Asked
	// key is that of the response, or of the index of its variants.
	key string
	// open is the key of everybody's response to a user's request, empty if there can
	// be none (see [Transport.SharePublic]).
	open string
	// also is the key that a No-Vary-Search leads to, if that was asked for.
	also string
	// content is that of a QUERY.
	content []byte
	now     time.Time
	// epoch is the number of invalidations before the request was sent.
	epoch uint64
	// ended is the number of flights that were over before the store was asked.
	ended uint64
	found found
	// waited is for how long the request has waited for the Store.
	waited time.Duration
	// looking is true during the look-up. late is the answer to one of its questions,
	// about lateKey, that has not come in time. It is nil if there is none. overdue is
	// true if the last look-up had to go without an answer.
	looking bool
	overdue bool
	late    *answer[*Entry]
	lateKey string
	// first is what was read of the body already, see preview.
	first []byte
	// verdict is what was decided about what was found.
	verdict   verdict
	collapsed bool
	// passed is true if it is known for some time that the like is not stored.
	passed bool
	// unattended is true if no caller waits for the answer.
	unattended bool
	// news is true if the origin, confirming what was found, has set cookies.
	news bool
	// secretless is true if the Store has not given the secret that the keys need.
	secretless bool
	// lease ends the right to fetch for all processes. It may be nil.
	lease func()
}

// found is what the store has for a request.
type found struct {
	// entry, with the facts f, is the response the request selects. It is nil if
	// there is none.
	entry *Entry
	f     *facts
	// key is where entry is stored.
	key string
	// variants are all that the index lists, if there is one.
	variants []variant
	// primary is where entry or the index was found, and until how long the index
	// is kept.
	primary string
	until   time.Time
}

func (x *exchange) drop() {
	_ = x.found.entry.Close()
	x.found = found{}
	x.late.drop(true)
	x.late = nil
}

// roundTrip asks what to do about req, does it, and tells.
func (st *state) roundTrip(req *http.Request, r *route) (*http.Response, error) {
	x := exchange{st: st, req: req, route: r, now: time.Now()}
	if req.URL == nil || req.URL.Host == "" || !web(req.URL.Scheme) {
		if optionsOf(req.Context()).offline {
			roundtrip.CloseBody(req)
			return x.refused("offline, no http or https URL"), nil
		}
		return r.next.RoundTrip(req)
	}
	reason := x.examine()
	switch {
	case reason != "" && (x.demand.dir.onlyIfCached || x.opts.offline):
		roundtrip.CloseBody(req)
		return x.refused("only-if-cached, " + reason), nil
	case reason == "unsafe":
		return st.unsafe(x)
	case reason != "":
		return st.pass(x, reason)
	}
	if x.method == methodQuery {
		if reason := x.readContent(); reason != "" {
			return st.pass(x, reason)
		}
	}
	x.identify()
	if x.secretless {
		return st.secretless(&x)
	}
	x.ended = st.flights.ended.Load()
	x.lookup()
	x.verdict = decide(st.cfg, &x.demand, x.found.f, x.now)
	if x.verdict.action == reuse || x.verdict.action == refresh {
		p, ok := x.portion()
		lost := ok && !x.preview(p)
		if ok && !lost {
			return x.answer(p), nil
		}
		x.verdict = verdict{action: fetch, fwd: "partial", reason: "not all of it is stored"}
		if lost {
			x.drop()
			x.verdict = verdict{action: fetch, fwd: "miss", reason: "the store has lost the body"}
		}
		if x.demand.dir.onlyIfCached || x.opts.offline {
			x.verdict.action = refuse
		}
	}
	if x.verdict.action == refuse {
		x.drop()
		return x.refused(x.verdict.reason), nil
	}
	return st.forward(&x)
}

const methodQuery = "QUERY"

func web(scheme string) bool {
	return scheme == "http" || scheme == "https" || httpfield.EqualFold(scheme, "http") || httpfield.EqualFold(scheme, "https")
}

// examine looks at the request, and returns why the cache has nothing to do
// with it, if so: "unsafe" or another reason.
func (x *exchange) examine() string {
	x.opts = optionsOf(x.req.Context())
	x.demand = demand{dir: noDirectives(), reload: x.opts.reload, offline: x.opts.offline}
	upgrade, ok := x.readFields(false)
	if !ok {
		x.wire = x.req.Header
		x.req = x.req.WithContext(x.req.Context())
		x.req.Header = canonicalised(x.wire)
		upgrade, _ = x.readFields(true)
	}
	switch x.method = roundtrip.Method(x.req); x.method {
	case http.MethodGet, http.MethodHead:
	case methodQuery:
		if !x.st.t.Query {
			return "method"
		}
	default:
		if x.method == http.MethodConnect || roundtrip.Safe(x.method) {
			return "method"
		}
		return "unsafe" // RFC 9111 §4.4: a method that is not known to be safe is not
	}
	switch {
	case !keyed(x.req.URL):
		return "target in a form of its own"
	case x.opts.bypass:
		return "bypass"
	case upgrade:
		return "upgrade"
	case x.cond.forOrigin():
		return "precondition for the origin"
	case x.cond&instance != 0:
		return "asks for a part in a way of its own"
	case x.method != methodQuery && roundtrip.HasBody(x.req):
		return "request with content"
	}
	if x.method == http.MethodHead {
		x.cond &^= withRange | ifRange // RFC 9110 §14.2: Range is for GET
	}
	return ""
}

// canonical reports whether a name is in canonical form. net/http sends others as
// they are.
func canonical(name string) bool {
	start := true
	for i := range len(name) {
		if c := name[i]; start && 'a' <= c && c <= 'z' || !start && 'A' <= c && c <= 'Z' {
			return false
		}
		start = name[i] == '-'
	}
	return true
}

func canonicalised(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		name = http.CanonicalHeaderKey(name)
		out[name] = append(out[name], values...)
	}
	return out
}

// readFields goes through the header once, which is quicker than a dozen
// lookups, and reports whether the request wants another protocol. ok is false if
// there are names in another form than the canonical one, and anyForm is not set.
func (x *exchange) readFields(anyForm bool) (upgrade, ok bool) {
	for name, values := range x.req.Header {
		if len(values) == 0 {
			continue
		}
		switch name {
		case "Cache-Control", "Pragma":
			x.demand.dir = requestDirectives(x.req.Header)
		case "If-None-Match":
			x.cond |= ifNoneMatch
		case "If-Modified-Since":
			x.cond |= ifModifiedSince
		case "If-Match":
			x.cond |= ifMatch
		case "If-Unmodified-Since":
			x.cond |= ifUnmodifiedSince
		case "If-Range":
			x.cond |= ifRange
		case "Range":
			x.cond |= withRange
			if !inBytes(values) {
				x.cond |= instance
			}
		case "A-Im":
			x.cond |= instance
		case "Authorization":
			x.authorized = true
		case "Upgrade":
			upgrade = true
		default:
			if !anyForm && !canonical(name) {
				return false, false
			}
			if vendorRange(name) {
				x.cond |= instance
			}
			x.credentials = x.credentials || credentialLike(name)
		}
	}
	return upgrade, true
}

// pass sends the request on and leaves the cache out of it.
func (st *state) pass(x exchange, reason string) (*http.Response, error) {
	resp, err := receive(x.route.next, x.outgoing(x.req.Context(), &question{}))
	if err != nil {
		x.tell("bypass", reason, 0, err)
		return nil, err
	}
	fwd := "bypass"
	if reason == "method" || reason == "unsafe" {
		fwd = "method"
	}
	x.tell("bypass", reason, resp.StatusCode, nil)
	detail := reason
	if fwd == reason {
		detail = ""
	}
	resp = owned(resp)
	x.mark(resp, infoOrigin, &status{fwd: fwd, fwdStatus: resp.StatusCode, detail: detail})
	return resp, nil
}

// refused is the answer to a request that must not be sent (RFC 9111 §5.2.1.7).
func (x *exchange) refused(reason string) *http.Response {
	x.tell("refuse", reason, http.StatusGatewayTimeout, nil)
	resp := roundtrip.Synthesize(x.req, http.StatusGatewayTimeout, "", nil, 0)
	x.mark(resp, infoOrigin, &status{detail: reason})
	return resp
}

// lookup finds what the store has for the request.
func (x *exchange) lookup() {
	x.looking, x.overdue = true, false
	defer func() { x.looking = false }()
	if x.open != "" && x.findPublic() || !x.overdue && x.find(x.key) || x.overdue || !x.st.t.NoVarySearch {
		return
	}
	if key, search := x.searchKey(); key != "" && x.find(key) && x.found.f != nil && x.found.f.search != search {
		x.drop()
	}
}

// find looks under key, and reports whether there is anything.
func (x *exchange) find(key string) bool {
	e, f := x.st.get(x.req.Context(), key, x)
	if e == nil {
		return false
	}
	if x.st.undeleted.some.Load() && x.st.undeleted.has(x.target(), e.Meta.RequestTime) {
		_ = e.Close()
		return false
	}
	if !f.index {
		x.found = found{entry: e, f: f, key: key, primary: key}
		return true
	}
	_ = e.Close()
	x.found.variants, x.found.primary, x.found.until = f.variants, key, e.Meta.Expires
	if v := match(f.variants, x.req.Header, x.hide); v != nil {
		if e, f := x.st.get(x.req.Context(), v.key, x); e != nil && !f.index {
			x.found.entry, x.found.f, x.found.key = e, f, v.key
		}
	}
	return true
}

func (x *exchange) hide(value string) string { return hide(x.secret(), value) }

// get returns what is stored under key with its facts. What cannot be used is
// reported and taken for nothing.
func (st *state) get(ctx context.Context, key string, x *exchange) (*Entry, *facts) {
	e, f, _ := st.read(ctx, key, x)
	return e, f
}

// read is get for those to whom it matters whether the store knows. There is no
// error if it found something that cannot be used.
func (st *state) read(ctx context.Context, key string, x *exchange) (*Entry, *facts, error) {
	e, err := st.calls.get(ctx, key, x)
	if err != nil {
		x.tell("store", "reading failed", 0, err)
		if errors.Is(err, ErrCorrupt) {
			err = nil
		}
		return nil, nil, err
	}
	if e == nil {
		return nil, nil, nil
	}
	var f *facts
	if e.Meta != nil && e.Size >= 0 && (e.Body != nil || e.Size == int64(len(e.Bytes))) {
		f = factsOf(st.cfg, e.Meta)
	}
	if f == nil || f.key != key {
		_ = e.Close()
		x.tell("store", "entry of another kind or key", 0, ErrCorrupt)
		return nil, nil, nil
	}
	if st.landings.outdated(key, &st.tombs) {
		_ = e.Close()
		return nil, nil, nil
	}
	if st.undeleted.has(key, e.Meta.RequestTime) {
		_ = e.Close()
		st.delete(ctx, key, x)
		return nil, nil, nil
	}
	if len(f.groups) > 0 && st.struck(ctx, f, e.Meta.URL, e.Meta.RequestTime, x) {
		_ = e.Close()
		x.tell("miss", "its group was invalidated", 0, nil)
		return nil, nil, nil
	}
	return e, f, nil
}

// portion says what of the found response answers the request.
func (x *exchange) portion() (portion, bool) {
	e, f := x.found.entry, x.found.f
	if x.cond.own() && notModified(f, x.cond, x.req.Header) && !f.isPartial && (e.Meta.Status == http.StatusOK || e.Meta.Status == http.StatusNoContent) {
		return portion{status: http.StatusNotModified}, true
	}
	return portionOf(e.Meta, f, e.Size, x.cond, x.req.Header)
}

// tell reports a decision to trace.
func (x *exchange) tell(action, reason string, status int, err error) {
	if x == nil {
		return
	}
	if hook := trace.From(x.req.Context()); hook != nil {
		e := trace.About(x.req, "caching", action, reason)
		e.Status, e.Err = status, err
		hook(e)
	}
}
