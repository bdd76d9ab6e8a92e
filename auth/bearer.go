package auth

import (
	"errors"
	"strings"
)

// Bearer is RFC 6750: a token, static or from a function.
//
// Most services that take tokens answer requests without one by something else
// than a challenge, so that [Transport.Preemptive] is wanted with it.
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
	// A token with too little scope is not refused for being a wrong one, and
	// sending it again does not widen it (RFC 6750 §3.1).
	if e, _ := c.Param("error"); e == "insufficient_scope" {
		return 0, unsupported("bearer", "scope", "not that of the token")
	}
	return StrengthBearer, nil
}

// Session implements [Scheme]. A token can be sent unasked.
func (Bearer) Session(_ *Challenge, cred Credential) (Session, error) {
	if cred.Token == "" && cred.TokenFunc == nil {
		return nil, errNoToken
	}
	return bearerSession{}, nil
}

// Stale reports whether c asks for another token, and there is a function to get
// one from.
func (Bearer) Stale(c Challenge, cred Credential) bool {
	// RFC 6750 §3.1: a request that had a token is answered by an error code.
	// Services that leave it out mean the same.
	e, ok := c.Param("error")
	return cred.TokenFunc != nil && (!ok || e == "invalid_token")
}

type bearerSession struct{}

func (bearerSession) Sign(req *Request) error {
	token := req.Credential.Token
	if f := req.Credential.TokenFunc; f != nil {
		invalid, ok := strings.CutPrefix(req.Refused, "Bearer ")
		if !ok {
			invalid = "" // it is a password
		}
		var err error
		if token, err = f(req.Context, invalid); err != nil {
			return &sourceError{"bearer token", err}
		}
	}
	if token == "" || strings.ContainsAny(token, " \t") || hasControl(token) {
		return unsupported("bearer", "token", "empty or with blanks")
	}
	req.Authorize("Bearer " + token)
	return nil
}
