package auth

import (
	"errors"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Bearer is RFC 6750: a token, static or from a function.
//
// Most services that take tokens do not challenge a request without one, so that
// [Transport.Preemptive] has to be set with it.
type Bearer struct{}

// errNoToken and errNoPassword say that a credential is for other schemes.
var (
	errNoToken    = errors.New("auth: credential has no token")
	errNoPassword = errors.New("auth: credential has no password")
)

// Name returns "bearer".
func (Bearer) Name() string { return "bearer" }

// Weigh implements [Scheme].
func (Bearer) Weigh(c Challenge, cred Credential) (int, error) {
	if cred.Token == "" && cred.TokenFunc == nil {
		return 0, errNoToken
	}
	// RFC 6750 §3.1: the token is valid but its scope is too small, which sending it
	// again does not change.
	if e, _ := c.Param("error"); e == "insufficient_scope" {
		return 0, unsupported("bearer", "scope", "larger than that of the token")
	}
	return StrengthBearer, nil
}

// Session implements [Scheme]. It needs no challenge.
func (Bearer) Session(_ *Challenge, cred Credential) (Session, error) {
	if cred.Token == "" && cred.TokenFunc == nil {
		return nil, errNoToken
	}
	return bearerSession{}, nil
}

// Stale reports whether c asks for another token and cred has a function that returns
// one.
func (Bearer) Stale(c Challenge, cred Credential) bool {
	// RFC 6750 §3.1: the challenge to a request that had a token has an error code.
	// Services that leave it out mean invalid_token.
	e, ok := c.Param("error")
	return cred.TokenFunc != nil && (!ok || e == "invalid_token")
}

type bearerSession struct{}

func (bearerSession) Sign(req *Request) error {
	token := req.Credential.Token
	if f := req.Credential.TokenFunc; f != nil {
		invalid, ok := strings.CutPrefix(req.Refused, "Bearer ")
		if !ok {
			invalid = "" // a password was refused
		}
		var err error
		if token, err = f(req.Context, invalid); err != nil {
			return roundtrip.Explain("auth: getting a token", err)
		}
	}
	if token == "" || strings.ContainsAny(token, " \t") || httpfield.HasControl(token) {
		return unsupported("bearer", "token", "empty or with blanks")
	}
	if m := req.Credential.made(); m != nil && req.Credential.TokenFunc == nil {
		req.Authorize(m.bearer.get(func() string { return "Bearer " + token }))
	} else {
		req.Authorize("Bearer " + token)
	}
	return nil
}
