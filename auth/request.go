package auth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Request is a request that is about to be signed, as a [Session] sees it.
type Request struct {
	// Context is the context of the request.
	Context context.Context
	// Method and Target are those of the request line. Target is sent byte for byte.
	Method, Target string
	// URL is the URL of the request without user information, or that of the proxy if
	// Proxy is true. It must not be changed.
	URL *url.URL
	// Host is the value of the field Host. If empty, it is that of URL.
	Host string
	// Header is the header that is sent. Sign changes it.
	Header http.Header
	// Proxy is true if the challenge is that of a proxy.
	Proxy bool
	// Credential is the credential to sign with.
	Credential Credential
	// Latin1 is true if the user name and the password are to be sent in ISO 8859-1: a
	// server that does not say charset="UTF-8" has refused them in UTF-8.
	Latin1 bool
	// Refused is the value of Authorization with this credential that the server has
	// just refused, or empty.
	Refused string
	// Body returns the content of the request from its beginning, for schemes that hash
	// it. It fails if the content cannot be read twice. If nil, there is no content.
	Body func() (io.ReadCloser, error)

	proof    proof  // of Digest
	answer   string // Transport.AnswerField
	exchange *exchange
	// valueRoom is empty, and has room for a value in Header; nil for none.
	valueRoom []string
}

// Allows reports whether Credential may be sent to the origin of u too, which a challenge has
// named: the origin of the request, or one that a domain of the credential covers, by the rules
// for the target of a redirect. A scheme that gets tokens by a password needs it.
func (r *Request) Allows(u *url.URL) bool {
	x := r.exchange
	if x == nil || u == nil {
		return false
	}
	w := roundtrip.Way{Origin: roundtrip.OriginOf(u), Crossed: true}
	w.Lowered = w.Origin.Scheme == "http" && x.way.Origin.Scheme == "https"
	return w.Origin == x.way.Origin || x.knows(w, "", r.Credential.key())
}

// Authorize sets the field Authorization, or Proxy-Authorization if Proxy is true, or
// [Transport.AnswerField].
func (r *Request) Authorize(value string) {
	// Not in place: the values are shared with the header that this one was cloned from.
	r.Header[r.field()] = append(r.valueRoom, value)
}

func (r *Request) field() string {
	switch {
	case r.answer != "":
		return r.answer
	case r.Proxy:
		return "Proxy-Authorization"
	}
	return "Authorization"
}

// value returns the value that Authorize has set.
func (r *Request) value() string {
	if v := r.Header[r.field()]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Format implements [fmt.Formatter]. It prints the user name: the header and Refused are
// secret, and the target may be.
func (r Request) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "request with the "+r.Credential.String())
}
