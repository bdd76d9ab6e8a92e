package lostupdate

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

const (
	// weakSecond is how long Apache's tags stay weak after a change, and some.
	weakSecond = 1100 * time.Millisecond
	// maxFetch bounds the content that is compared with what was written.
	maxFetch = 16 << 20
)

// check does what has to be done before the write is sent: it may fetch, and it
// may answer in the server's place.
func (x *exchange) check() (*http.Response, error) {
	switch {
	case x.plan.own:
		return nil, nil
	case x.plan.unsure && (x.Unsure == Refuse || x.Unsure == Fetch && !x.mayLook):
		return nil, x.refuse(x.plan.why, ErrUnsure)
	case !x.mayLook:
		return nil, nil
	case x.plan.unsure && x.Unsure == Fetch && x.seen.Sent != "":
		return x.compareContent()
	case x.plan.unsure && (x.Unsure == Fetch || x.Unsure == Wait && x.seen.weak()), x.Verify && (x.plan.unsure || x.plan.field != ""):
		return x.compareVersion()
	}
	return nil, nil
}

// compareVersion asks whether the resource is still what the caller saw. If not,
// it returns a 412.
func (x *exchange) compareVersion() (*http.Response, error) {
	for try := 0; ; try++ {
		now, err := x.look(http.MethodHead)
		if err != nil {
			roundtrip.CloseBody(x.req)
			return nil, err
		}
		if why := x.plan.missed(now); why != "" {
			return x.answer(why)
		}
		if x.plan.value == "*" {
			return nil, nil
		}
		same, known := x.seen.same(now.Version)
		if x.seen.Unknown {
			// Nothing to compare with: take what is there for what was written.
			same, known = true, now.status/100 == 2 && !now.Unknown
		}
		if known && !same {
			if same, known, err = x.confirm(now); err != nil {
				roundtrip.CloseBody(x.req)
				return nil, err
			}
		}
		switch {
		case known && !same:
			return x.answer("it has changed")
		case x.plan.field != "":
			return nil, nil // Verify: the plan stands.
		case !known && x.Unsure != Fetch:
			x.plan.why += ", and there is nothing to compare"
			return nil, nil
		case !known:
			return nil, x.refuse("there is nothing to compare", ErrUnsure)
		}
		x.plan.precondition = x.rules.precondition(now.Version)
		if x.plan.field != "" || try == 2 || !now.young() {
			// Either it can be protected by now, or there is only a weak tag,
			// which was the same a moment ago: better than nothing.
			x.plan.why = "fetched: still as it was seen"
			return nil, nil
		}
		if err := wait(x.req.Context(), weakSecond); err != nil {
			roundtrip.CloseBody(x.req)
			return nil, err
		}
	}
}

// missed says why the precondition fails by whether the resource exists, if so.
func (p plan) missed(now sight) string {
	switch {
	case p.field == "If-None-Match" && now.status/100 == 2:
		return "it exists already"
	case p.field == "If-None-Match" || !now.gone():
		return ""
	case p.value == "*":
		return "it does not exist"
	}
	return "it does not exist any more"
}

// confirm says what it means that the resource looks different now. A validator
// that is another one each time, that only HEAD has, or that belongs to another
// variant says nothing: known is false then.
func (x *exchange) confirm(now sight) (same, known bool, err error) {
	if now.varies {
		return false, false, nil
	}
	if x.seen.ETag != "" && now.strong() != "" {
		return false, true, nil
	}
	if now.ETag == "" && now.young() {
		// Last-Modified is the present time. Either somebody has just written, or
		// it always is.
		if err := wait(x.req.Context(), weakSecond); err != nil {
			return false, false, err
		}
	}
	again, err := x.look(http.MethodGet)
	if err != nil {
		return false, false, err
	}
	if same, known = x.seen.same(again.Version); same {
		return true, known, nil
	}
	steady, known := now.same(again.Version)
	return false, known && steady, nil
}

// compareContent asks whether the resource is still what the caller has written,
// where the server did not say how to recognize it.
func (x *exchange) compareContent() (*http.Response, error) {
	resp, err := x.next.RoundTrip(x.probe(http.MethodGet))
	if err != nil || resp == nil {
		roundtrip.CloseBody(x.req)
		return nil, err
	}
	resp = roundtrip.Complete(resp, x.req)
	sum, whole := sumOf(io.LimitReader(resp.Body, maxFetch+1), maxFetch)
	roundtrip.Discard(resp)
	switch {
	case resp.StatusCode/100 != 2 || !whole || coding(resp.Header["Content-Encoding"]) != "":
		return nil, x.refuse("there is nothing to compare", ErrUnsure)
	case sum != x.seen.Sent:
		return x.answer("it is not what was written")
	}
	x.seen = versionOf(resp, time.Now())
	x.plan.precondition = x.rules.precondition(x.seen)
	if x.plan.field == "" && !x.seen.Unknown {
		x.plan.unsure = true
		return x.compareVersion()
	}
	x.plan.why = "fetched: still as it was written"
	return nil, nil
}

// sight is what a look at a resource shows.
type sight struct {
	Version
	status int
	// varies says that the representation may be another variant than the one
	// that was seen: it depends on more of the request than its Accept-Encoding.
	varies bool
	// stored says that a cache has answered, which may not know the present
	// state: RFC 9111 §5.1.
	stored bool
}

func (s sight) gone() bool { return s.status == http.StatusNotFound || s.status == http.StatusGone }

// look asks for the present validators of the resource.
func (x *exchange) look(method string) (sight, error) {
	resp, err := x.next.RoundTrip(x.probe(method))
	if err != nil || resp == nil {
		return sight{}, err
	}
	roundtrip.Discard(resp)
	if code := resp.StatusCode; method == http.MethodHead && (code == http.StatusMethodNotAllowed || code == http.StatusNotImplemented) {
		return x.look(http.MethodGet)
	}
	return sight{versionOf(resp, time.Now()), resp.StatusCode, varies(resp.Header["Vary"]), len(resp.Header["Age"]) > 0}, nil
}

// varies reports whether a Vary names fields that tell variants apart, other than
// by their coding, and that may have been others when the resource was read.
func varies(vary []string) bool {
	for name := range httpfield.List(vary) {
		switch httpfield.Lower(name) {
		case "*", "accept", "accept-language", "prefer":
			return true
		}
	}
	return false
}

// probe returns a request that reads the resource as it is now: past any cache,
// and without a content coding, whose tags are not those to write with.
func (x *exchange) probe(method string) *http.Request {
	out := roundtrip.Clone(x.req)
	out.Method = method
	out.Body, out.GetBody, out.ContentLength = nil, nil, 0
	out.TransferEncoding, out.Trailer = nil, nil
	for name := range out.Header {
		switch c := http.CanonicalHeaderKey(name); {
		case strings.HasPrefix(c, "Content-"), strings.HasPrefix(c, "If-"), c == "If", c == "Range",
			c == "Expect", c == "Trailer", c == "Transfer-Encoding", c == "Idempotency-Key", c == "Prefer":
			delete(out.Header, name)
		}
	}
	out.Header["Accept-Encoding"] = []string{"identity"}
	out.Header["Cache-Control"] = []string{"no-cache"}
	return out
}

// target returns the key of the resource that the answer to a write is about.
// RFC 9110 §15.3.2: the validators of a 201 are those of what was created.
func (x *exchange) target(resp *http.Response) string {
	if resp.StatusCode != http.StatusCreated {
		return x.id()
	}
	return x.keyOf(resp.Header.Get("Location"))
}

// destination forgets the resource that MOVE and COPY have written to.
func (x *exchange) destination(resp *http.Response) {
	if (x.method == "MOVE" || x.method == "COPY") && resp.StatusCode/100 == 2 {
		if key := x.keyOf(x.req.Header.Get("Destination")); key != x.id() {
			x.remember(key, forget, Version{})
		}
	}
}

// keyOf returns the key of a resource that a field names, relative to that of
// the request; one at another origin is not believed.
func (x *exchange) keyOf(ref string) string {
	if ref == "" || len(ref) > maxReference {
		return x.id()
	}
	u, err := url.Parse(ref)
	if err != nil {
		return x.id()
	}
	u = x.req.URL.ResolveReference(u)
	if roundtrip.OriginOf(u) != roundtrip.OriginOf(x.req.URL) {
		return x.id()
	}
	other := *x.req
	other.URL = u
	if other.Host == x.req.URL.Host {
		other.Host = ""
	}
	return resourceKey(&other)
}

// maxReference bounds a Location that is looked at, in bytes.
const maxReference = 16 << 10
