package lostupdate

import (
	"crypto/sha256"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

const (
	// weakSecond is a little longer than Apache's tags stay weak after a change.
	weakSecond = 1100 * time.Millisecond
	// maxFetch bounds the content that is compared with what was written.
	maxFetch = 16 << 20
)

// check does what the plan needs before the write is sent. It may ask for the present
// version, and may answer in the server's place.
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
		now, err := x.look()
		if err != nil {
			return nil, err
		}
		if mismatch := x.plan.missed(now); mismatch != "" {
			return x.answer(mismatch)
		}
		if x.plan.value == "*" {
			return nil, nil
		}
		found, now, err := x.compare(now)
		switch {
		case err != nil:
			return nil, err
		case found == changed:
			return x.answer("it has changed")
		case x.plan.field != "":
			return nil, nil // Verify: the plan stands.
		case found == unclear && x.Unsure != Fetch:
			x.plan.why += reasonAlso
			return nil, nil
		case found == unclear:
			return nil, x.refuse(reasonNothing, ErrUnsure)
		}
		x.plan.precondition = x.rules.precondition(now.Version)
		if x.plan.field != "" || try == 2 || !now.young() {
			// Either there is a strong validator now, or only a weak tag, which was
			// the same a moment ago.
			x.plan.why = reasonStillAsSeen
			return nil, nil
		}
		if err := roundtrip.Sleep(x.req.Context(), nil, weakSecond); err != nil {
			return nil, err
		}
	}
}

// missed returns why the precondition fails because the resource exists, or does not,
// and "" if it does not fail.
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

// finding is what a comparison comes to.
type finding int

const (
	unclear finding = iota // there is nothing to compare, or nothing follows from it
	same
	changed
)

// compare decides whether the resource is still the version that the caller saw, by the
// look now and, if that shows another version, by further ones. It returns the look that
// decided.
//
// Nothing follows from a validator that differs in each response, that only HEAD has,
// that belongs to another variant, or to an old response in a cache.
func (x *exchange) compare(now sight) (finding, sight, error) {
	if x.seen.Unknown {
		// There is no version to compare with: the present one is taken for the one
		// that was written.
		if now.status/100 == 2 && !now.Unknown {
			return same, now, nil
		}
		return unclear, now, nil
	}
	switch is, known := x.seen.same(now.Version); {
	case is:
		return same, now, nil
	case !known, now.varies, now.stored && !now.Date.After(x.seen.Date):
		return unclear, now, nil
	}
	if now.ETag == "" && now.young() {
		// Last-Modified is the present time. Either somebody has just written, or
		// this server always sends the present time.
		if err := roundtrip.Sleep(x.req.Context(), nil, weakSecond); err != nil {
			return unclear, now, err
		}
	}
	again, err := x.lookBy(x.req.Context(), http.MethodGet)
	if err != nil {
		return unclear, now, err
	}
	is, known := x.seen.same(again.Version)
	switch steady, _ := now.same(again.Version); {
	case is:
		return same, again, nil
	case !known:
		return unclear, again, nil
	case steady:
		return changed, again, nil
	case again.ETag == "":
		return unclear, again, nil
	}
	// HEAD may have a tag of its own: only two tags of GET show a change.
	third, err := x.lookBy(x.req.Context(), http.MethodGet)
	if steady, _ := again.same(third.Version); err == nil && steady {
		return changed, third, nil
	}
	return unclear, third, err
}

// compareContent asks whether the resource is still what the caller has written,
// if the response to that write had no validator.
func (x *exchange) compareContent() (*http.Response, error) {
	resp, err := x.next.RoundTrip(x.probe(x.req.Context(), http.MethodGet))
	if err != nil || resp == nil {
		return nil, err
	}
	resp = roundtrip.Complete(resp, x.req)
	h := sha256.New()
	n, err := io.Copy(h, io.LimitReader(resp.Body, maxFetch+1))
	roundtrip.Discard(resp)
	switch {
	case resp.StatusCode/100 != 2 || err != nil || n > maxFetch || coding(resp.Header["Content-Encoding"]) != "":
		return nil, x.refuse(reasonNothing, ErrUnsure)
	case encode(h) != x.seen.Sent:
		return x.answer("it is not what was written")
	}
	x.seen = versionOf(resp, time.Now())
	x.plan.precondition = x.rules.precondition(x.seen)
	if x.plan.field == "" && !x.seen.Unknown {
		x.plan.unsure = true
		return x.compareVersion()
	}
	x.plan.why = reasonStillAsSent
	return nil, nil
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
	if !roundtrip.SameOrigin(u, x.req.URL) {
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
