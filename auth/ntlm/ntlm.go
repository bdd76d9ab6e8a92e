// Package ntlm is the scheme NTLM ([MS-NTHT]) for package auth, with NTLMv2.
//
//	client.Transport = &auth.Transport{
//		Base:        &transport.Transport{},
//		Credentials: auth.Credential{Username: `EXAMPLE\ann`, Password: password, Domain: "intranet.example.com"},
//		Schemes:     append(auth.DefaultSchemes(), ntlm.Scheme{}),
//	}
//
// # Behavior
//
// NTLM authenticates a connection, by a handshake of two requests; then requests over that
// connection need no credentials. The user name of a credential is DOMAIN\user, user@domain
// or user.
//
// What a server learns by NTLM can be used to guess the password, or to log in elsewhere at
// the same time, and so can whoever reads or changes what goes over http. Over http it is
// therefore only used if the domain of the credential names the host ([auth.Credential]
// Domain), and for proxies. A server whose host is not named has to use https.
//
// NTLM is used only if no stronger scheme is offered: it is weaker than Digest and stronger
// than Basic.
//
// A proxy is given the scheme in auth.Proxy.
//
// # Place in a chain
//
// It is one of auth.Transport.Schemes. The transport below must be transport.Transport, or
// another tripper.ConnectionKeeper.
//
// # Limits
//
// The server does not prove who it is. Neither NTLMv1 nor channel bindings, which some servers
// demand (RFC 5929), nor NTLM inside Negotiate are spoken.
//
// [MS-NTHT]: https://learn.microsoft.com/openspecs/windows_protocols/ms-ntht
package ntlm

import (
	"errors"
	"fmt"
	"io"

	"github.com/Azure/go-ntlmssp"

	"github.com/tripper-go/tripper/auth"
)

// Strength is the strength of NTLM, which is compared with those of package auth: it is below
// that of Digest.
const Strength = 22

// maxName is the longest user name or password, in bytes: the lengths in a message have 16
// bits.
const maxName = 4096

// Scheme is the scheme NTLM.
type Scheme struct {
	// AnyHTTP also uses NTLM over http to hosts that the domain of the credential does
	// not name.
	AnyHTTP bool

	// Workstation is the name of this machine. If empty, the server is told none.
	Workstation string
}

// Name returns "ntlm".
func (Scheme) Name() string { return "ntlm" }

var errNoPassword = errors.New("ntlm: credential has no user name or no password")

// Weigh implements [auth.Scheme].
func (s Scheme) Weigh(_ auth.Challenge, cred auth.Credential) (int, error) {
	switch {
	case cred.Username == "" || cred.Password == "" || cred.Token != "" || cred.TokenFunc != nil:
		return 0, errNoPassword
	case len(cred.Username) > maxName || len(cred.Password) > maxName || len(s.Workstation) > maxName:
		return 0, unsupported("credential", "too long")
	}
	return Strength, nil
}

// Session implements [auth.Scheme]. It returns [auth.ErrNeedsChallenge].
func (Scheme) Session(*auth.Challenge, auth.Credential) (auth.Session, error) {
	return nil, auth.ErrNeedsChallenge
}

// Handshake implements [auth.ConnectionScheme].
func (s Scheme) Handshake(req *auth.Request) (auth.Handshake, error) {
	if req.URL.Scheme == "http" && !req.Proxy && req.Credential.Domain == "" && !s.AnyHTTP {
		return nil, unsupported("URL", "http, and the credential is for no host")
	}
	return &handshake{user: req.Credential.Username, password: req.Credential.Password, workstation: s.Workstation}, nil
}

func unsupported(parameter, value string) error {
	return &auth.UnsupportedError{Scheme: "ntlm", Parameter: parameter, Value: value}
}

// A handshake is one of NTLM.
type handshake struct {
	user, password, workstation string
	answered                    bool // the challenge of the server
}

// Next implements [auth.Handshake].
func (h *handshake) Next(token []byte) ([]byte, error) {
	if token == nil {
		// [MS-NLMP] §2.2.1.1: the names may be left out.
		return ntlmssp.NewNegotiateMessage("", "")
	}
	if h.answered {
		return nil, auth.ErrHandshakeRefused
	}
	h.answered = true
	message, err := ntlmssp.NewAuthenticateMessage(token, h.user, h.password,
		&ntlmssp.AuthenticateMessageOptions{WorkstationName: h.workstation})
	if err != nil {
		// Malformed, or NTLMv1. The text is left out: it may quote the server.
		return nil, unsupported("token", "malformed, or not NTLMv2")
	}
	return message, nil
}

// Finish implements [auth.Handshake]. NTLM has no proof of the server.
func (*handshake) Finish([]byte) error { return nil }

// Format implements [fmt.Formatter]. It prints no field.
func (s Scheme) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "ntlm.Scheme") }
