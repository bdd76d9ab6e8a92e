package auth

import (
	"net/http"
)

// expectation asks the server to decide by the header before the body is sent (RFC 9110
// §10.1.1).
const expectation = "100-continue"

// expects reports whether the first request should carry the expectation: it is not
// signed, its body may be too long to be sent twice, and there is a credential for a
// challenge. The body is then sent once, with the answer.
func (x *exchange) expects() bool {
	if x.session != nil || !x.body.MayOutgrow() {
		return false
	}
	if _, own := x.given.Header["Expect"]; own {
		return false
	}
	creds, err := x.credentials("", "")
	return err == nil && len(creds) > 0
}

// unexpect returns the request to send after a 417 to out: the same without the
// expectation (RFC 9110 §15.5.18). It is nil if the body cannot be sent again.
func (x *exchange) unexpect(out *http.Request) (*http.Request, error) {
	again := x.copyOf(out.Header)
	x.unset(again)
	if _, err := x.sign(again.Header); err != nil && !unsignable(err) {
		return nil, err
	}
	if !x.body.Ready() { // perhaps since a token was fetched
		return nil, nil
	}
	x.tell(actionUnexpect, reasonUnexpect, nil)
	return x.withBody(again)
}

// unset removes the expectation from out.
func (x *exchange) unset(out *http.Request) {
	delete(out.Header, "Expect")
	x.expecting = false
}
