package auth

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// A Request is a request that is about to be signed, as a [Session] sees it.
type Request struct {
	// Context is that of the request.
	Context context.Context
	// Method and Target are those of the request line: Target is what is sent as
	// the request target, byte for byte.
	Method, Target string
	// URL is that of the request, without user information, or that of the proxy
	// if a proxy has asked. It must not be changed.
	URL *url.URL
	// Host is what is sent in the field Host, if not what URL says.
	Host string
	// Header is that of the request. Sign changes it.
	Header http.Header
	// Proxy is true if a proxy has asked.
	Proxy bool
	// Credential is to be used.
	Credential Credential
	// Latin1 asks for the user name and the password in ISO 8859-1: a server that
	// does not say charset="UTF-8" has refused them in UTF-8.
	Latin1 bool
	// Refused is the value of Authorization that this request was refused with
	// just before, by the same credential, or empty.
	Refused string
	// Body returns the content of the request from its beginning, for schemes
	// that hash it. It fails if the content cannot be read twice.
	Body func() (io.ReadCloser, error)

	proof  proof  // what Digest expects back
	answer string // Transport.AnswerField
}

// Authorize sets the value of Authorization, or of Proxy-Authorization if it is a
// proxy that asks.
func (r *Request) Authorize(value string) {
	// One slice of our own: the caller's is shared with the header it was cloned
	// from.
	r.Header[r.field()] = []string{value}
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

// value returns what Authorize has set.
func (r *Request) value() string {
	if v := r.Header[r.field()]; len(v) > 0 {
		return v[0]
	}
	return ""
}

// Format implements [fmt.Formatter]: the header and what it was refused with are
// secrets, the query may be one.
func (r Request) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, "request with the "+r.Credential.String())
}
