package auth

import (
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A ConnectionScheme is a [Scheme] that authenticates a connection in place of a request, by
// a handshake in which client and server exchange tokens: Negotiate (RFC 4559), NTLM.
//
// All requests of one handshake are sent over one connection, and that connection serves no
// other principal: the transport below must be a tripper.ConnectionKeeper, as
// transport.Transport is. If it is not, or if an HTTP proxy forwards the request (RFC 4559
// §6), the challenges of these schemes count as unsupported. Credentials need a Username, by
// which principals are told apart. A cache stands above: requests over a connection that is
// authenticated have no credentials, by which one below could tell users apart. That of package
// caching lets them pass there; no other may stand below.
//
// Session of a ConnectionScheme is called only without a challenge. It returns
// [ErrNeedsChallenge].
type ConnectionScheme interface {
	Scheme

	// Handshake returns a new handshake for req, which it must not keep or change. The
	// context is that of the request. If the error is an [*UnsupportedError], the
	// challenge is not answered; with any other error the request fails.
	Handshake(req *Request) (Handshake, error)
}

// A Handshake is the client of one handshake. Its methods are called one after the other.
type Handshake interface {
	// Next returns the token to send. The token of the server is nil for the first one,
	// and else what the server has sent in its challenge. If the error is
	// [ErrHandshakeRefused], the server has said that it does not accept the credential;
	// other errors are treated as those of [ConnectionScheme.Handshake].
	Next(token []byte) ([]byte, error)

	// Finish is called when the server has accepted the handshake, with the token that
	// it has sent with its response, or nil. The error says that the server did not
	// prove who it is; the request then fails with an error that matches
	// [ErrServerProof].
	Finish(token []byte) error
}

// ErrHandshakeRefused is the error of [Handshake.Next] if the token of the server says that
// it has refused the credential.
var ErrHandshakeRefused = errors.New("auth: the server has refused the handshake")

const (
	// maxLegs bounds the requests of one handshake.
	maxLegs = 8
	// legTime bounds the time for the content of a challenge within a handshake, which
	// goes on over the same connection.
	legTime = 5 * time.Second
	// maxToken bounds the token of a server, in characters.
	maxToken = 64 << 10
)

// A connected is the state of a kept connection.
type connected struct {
	conn any // identifies the connection that was authenticated, or is nil
	// lasting is true if requests over it need no credentials.
	lasting bool
}

// A handshakeSession is the Session of a ConnectionScheme for one request.
type handshakeSession struct {
	scheme ConnectionScheme
	link   *link

	handshake Handshake // nil if none has begun
	answer    []byte    // to what the server has sent; nil if there is none yet
	conn      any       // that the first leg was sent over; nil if that is not known
	legs      int       // of handshake
	restarted bool      // since the connection was closed within a handshake
	challenge bool      // the server has asked for a handshake
}

// unneeded reports whether the connection is authenticated already.
func (s *handshakeSession) unneeded() bool {
	return s.link.state.lasting && !s.challenge
}

// Sign implements [Session].
func (s *handshakeSession) Sign(req *Request) error {
	if s.unneeded() {
		return nil
	}
	if s.handshake != nil && (s.answer == nil || s.link.hop != nil && s.link.conn() != s.conn) {
		s.restart() // nothing was asked, or the connection to the proxy is another one
	}
	token := s.answer
	if s.handshake == nil {
		h, err := s.scheme.Handshake(req)
		if err != nil {
			return err
		}
		if token, err = h.Next(nil); err != nil {
			return err
		}
		s.handshake, s.legs = h, 0
		s.link.state = connected{}
	}
	s.answer = nil
	s.legs++
	req.Authorize(schemeName(s.scheme.Name()) + " " + base64.StdEncoding.EncodeToString(token))
	return nil
}

// schemeName returns the name of a scheme as RFC 4559 and servers write it.
func schemeName(name string) string {
	if name == "ntlm" {
		return "NTLM"
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// sent notes that a request was sent, after which the connection is known.
func (s *handshakeSession) sent() {
	if s.legs == 1 {
		s.conn = s.link.conn()
	}
}

// patience returns how long the content of a response that is dropped may take.
func (x *exchange) patience() time.Duration {
	if s, ok := x.session.(*handshakeSession); ok && s.legs > 1 {
		return legTime
	}
	return roundtrip.DrainTime
}

// restart begins the handshake again: its connection is gone.
func (s *handshakeSession) restart() {
	s.handshake, s.answer, s.conn, s.legs, s.restarted = nil, nil, nil, 0, true
}

// A step is what follows a challenge during a handshake.
type step int

const (
	refused  step = iota // the server has refused the credential
	proceed              // the handshake goes on, or begins again
	lost                 // the connection was closed again and again
	overlong             // the server does not come to an end
)

// next decides what follows a 401 or 407 with these challenges. If there is an error, the
// challenge cannot be answered.
func (s *handshakeSession) next(challenges []Challenge) (step, error) {
	if s.handshake == nil {
		return refused, nil // or the connection is no longer authenticated
	}
	if s.legs > 1 && s.link.conn() != s.conn {
		// The last leg went over a connection that knew nothing of the first.
		if s.restarted {
			return lost, nil
		}
		s.restart()
		return proceed, nil
	}
	token := tokenOf(challenges, s.scheme.Name())
	switch {
	case len(token) == 0:
		return refused, nil
	case s.legs >= maxLegs:
		return overlong, nil
	}
	answer, err := s.handshake.Next(token)
	if errors.Is(err, ErrHandshakeRefused) {
		return refused, nil
	}
	s.answer = answer
	return proceed, err
}

// finish handles a response that is no challenge. It returns the state of the connection.
func (s *handshakeSession) finish(h http.Header, field string) error {
	if s.handshake == nil {
		return nil // the connection was authenticated before
	}
	done, legs := s.handshake, s.legs
	s.handshake = nil
	if s.legs > 1 && s.link.conn() != s.conn {
		return nil // accepted without a handshake
	}
	if err := done.Finish(tokenOf(ParseChallenges(h[field]), s.scheme.Name())); err != nil {
		return err
	}
	s.link.state = connected{conn: s.link.conn(), lasting: lasts(h, legs)}
	return nil
}

// lasts reports whether requests over the connection need no credentials any more. IIS
// says so in a field that no standard has. Without it, as in curl, a connection is taken to
// be authenticated if it took more than one leg: NTLM has no other way, and servers that
// authenticate each request by Negotiate take one.
func lasts(h http.Header, legs int) bool {
	if v := h.Get("Persistent-Auth"); v != "" {
		return httpfield.EqualFold(httpfield.TrimBlanks(v), "true")
	}
	return legs > 1
}

// tokenOf returns the token in the first challenge of scheme, nil if there is none or it is
// no base64.
func tokenOf(challenges []Challenge, scheme string) []byte {
	for _, c := range challenges {
		if c.Scheme != scheme {
			continue
		}
		if c.Token68 == "" || len(c.Token68) > maxToken {
			return nil
		}
		token, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(c.Token68, "="))
		if err != nil {
			return nil
		}
		return token
	}
	return nil
}
