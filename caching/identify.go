package caching

import (
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// identify asks the layers below whose credentials they would add, once for the
// whole exchange, and works out the key that follows from it.
func (x *exchange) identify() {
	x.asked = x.route.signers.Ask(x.req)
	x.divide()
}

// divide works out whose answers the request may be given, and the key that follows
// from it. In a shared cache Authorization does not part users: there what answers it
// is stored only if it is for everybody (RFC 9111 §3.5).
func (x *exchange) divide() {
	principal, shared := x.asked.Principal, x.st.cfg.shared
	if principal != "" {
		x.authorized = true
	}
	user := ""
	switch {
	case x.st.t.Partition != nil:
		user = x.st.t.Partition(x.req)
	case shared && x.credentials:
		user = credentials(x.req.Header, "", notAuthorization)
	case !shared && (x.authorized || x.credentials):
		user = credentials(x.req.Header, principal, nil)
	}
	x.setUser(user, x.sharesPublic())
}

// mixed reports whether the request has credentials that are not part of its key:
// what happens to it may be about them.
func (x *exchange) mixed() bool {
	return (x.authorized || x.credentials) && (x.st.t.Partition != nil || x.st.cfg.shared)
}

// secretless sends a request of a user that no key can be made for.
func (st *state) secretless(x *exchange) (*http.Response, error) {
	if x.demand.dir.has(onlyIfCached) || x.opts.offline {
		roundtrip.CloseBody(x.req)
		return x.refused(reasonOnlyIfCached + ", " + reasonNoSecret), nil
	}
	return st.pass(*x, reasonNoSecret)
}
