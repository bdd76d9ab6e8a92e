package caching

import (
	"fmt"
	"math/bits"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A note is what credentials a request had when it left the cache. It is made before
// the request is sent, since many RoundTrippers write into the request they are given.
type note struct {
	fields []notedField
	query  string
}

type notedField struct {
	name   string // canonical
	values []string
}

// note makes a note of the request, which is about to be sent.
func (x *exchange) note() note {
	switch {
	case !x.own:
		return note{query: x.Req.URL.RawQuery}
	case x.wire != nil:
		return noteOf(x.Req.URL.RawQuery, x.wire)
	}
	return noteOf(x.Req.URL.RawQuery, x.Req.Header)
}

func noteOf(query string, h http.Header) note {
	n := note{query: query}
	for name, values := range h {
		if len(values) > 0 && httpfield.CredentialLike(name) {
			n.fields = append(n.fields, notedField{http.CanonicalHeaderKey(name), slices.Clone(values)})
		}
	}
	return n
}

// has reports whether the request had a field with these values. name is canonical.
func (n *note) has(name string, values []string) bool {
	return slices.ContainsFunc(n.fields, func(f notedField) bool {
		return f.name == name && slices.Equal(f.values, values)
	})
}

// added returns which credentials the request that was really sent has and the one
// that left the cache had not, or had otherwise, for a person to read: credentials
// of layers that nobody could ask. Those that signed tells of are left out.
//
// A field that the request has lost on its way does no harm: an http.Client further in
// drops some when it follows a redirect. Proxy-Authorization is for the way, not for the
// target (RFC 9110 §11.7.2).
func (n *note) added(really *http.Request, signed *roundtrip.Signed) []string {
	var names []string
	var kinds kind
	for name, values := range really.Header {
		if len(values) == 0 || signed.Owns(name, values) || !httpfield.CredentialLike(name) {
			continue
		}
		canonical := http.CanonicalHeaderKey(name)
		if canonical == "Proxy-Authorization" || n.has(canonical, values) || signed.Owns(canonical, values) {
			continue
		}
		names = append(names, canonical)
		kinds |= kindOf(canonical)
	}
	if really.URL != nil && really.URL.RawQuery != n.query && addsParameter(n.query, really.URL.RawQuery) {
		names = append(names, "a query parameter")
		kinds |= inQuery
	}
	if bits.OnesCount8(uint8(kinds)) <= signed.Vouched {
		return nil
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// kind is a way to carry credentials. A layer with an Identity that does not tell
// what it has added is taken to have added those of one kind.
type kind uint8

const (
	inAuthorization kind = 1 << iota
	inCookies
	inFields
	inQuery
)

// kindOf returns the kind of credentials that a field belongs to. Some fields go with
// those that others carry.
func kindOf(name string) kind {
	switch name {
	case "Authorization", "Dpop", "Signature", "Signature-Input", "X-Amz-Security-Token":
		return inAuthorization
	case "Cookie", "Cookie2":
		return inCookies
	}
	if low := httpfield.Lower(name); strings.Contains(low, "csrf") || strings.Contains(low, "xsrf") {
		return inCookies
	}
	return inFields
}

// addsParameter reports whether a query has a credential-like parameter that the
// query of the request that left the cache had not, or had with another value.
func addsParameter(sent, really string) bool {
	for pair := range strings.FieldsFuncSeq(really, ampersand) {
		name, _, _ := strings.Cut(pair, "=")
		if text, err := url.QueryUnescape(name); err == nil {
			name = text
		}
		if httpfield.CredentialLike(name) && !slices.Contains(strings.FieldsFunc(sent, ampersand), pair) {
			return true
		}
	}
	return false
}

func ampersand(r rune) bool { return r == '&' || r == ';' }

// recognise compares the credentials of the request that was sent in the end with those
// that this cache knows of: its own, and those that the layers below say they have added.
// If there are others, the response is for its caller alone: it is not stored, not shared
// and changes nothing that is stored, unless it is public.
func (x *exchange) recognise(a *reply, n *note) {
	if x.st.t.Partition != nil {
		return // which names the user, whatever was sent
	}
	signed := x.asked.Signed()
	var names []string
	if really := a.resp.Request; really != nil {
		names = n.added(really, &signed)
	}
	if x.st.Cfg.Shared {
		// RFC 9111 §3.5 is about this response too.
		x.authorized = x.authorized || signed.Principal != "" || slices.Contains(names, "Authorization")
	}
	renewed := signed.Principal != x.asked.Principal
	if x.st.Cfg.Shared && (renewed || len(names) > 0) && !x.variesByCredentials(a.resp.Header) {
		names, renewed = slices.DeleteFunc(names, catalog.IsAuthorization), false // it parts nobody
	}
	switch {
	case len(names) > 0:
		a.barred = fmt.Sprintf(policy.ReasonAddedCredentials, strings.Join(names, ", "))
	case renewed:
		a.barred = policy.ReasonOtherCredentials
	default:
		return
	}
	if a.unknown = true; x.public(a) {
		a.barred = ""
		return
	}
	if len(names) > 0 {
		x.route.foreign.Store(true)
	}
}

// variesByCredentials reports whether a response with the header h, or what is stored for the
// request, varies by a field with credentials.
func (x *exchange) variesByCredentials(h http.Header) bool {
	names, _ := policy.VaryNames(h)
	return slices.ContainsFunc(names, httpfield.CredentialLike) || slices.ContainsFunc(x.VaryNames(), httpfield.CredentialLike)
}

// public reports whether SharePublic makes a response everybody's, together with the
// stored response that it confirms, completes or describes.
func (x *exchange) public(a *reply) bool {
	if !x.sharesPublic() {
		return false
	}
	status, h := a.resp.StatusCode, a.resp.Header
	if f := x.candidate.F; status == http.StatusNotModified || x.Method == http.MethodHead || status == http.StatusPartialContent && f != nil {
		if f == nil || !f.Public {
			return false
		}
		status, h = x.candidate.Entry.Meta.Status, policy.Merge(x.st.Cfg, x.candidate.Entry.Meta.Header.Map(), h)
	}
	return policy.SaysPublic(x.st.Cfg, status, h)
}
