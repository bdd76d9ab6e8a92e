package negotiate

import (
	"encoding/binary"
	"errors"

	"github.com/jcmturner/gokrb5/v8/crypto"
	"github.com/jcmturner/gokrb5/v8/iana/chksumtype"
	"github.com/jcmturner/gokrb5/v8/iana/flags"
	"github.com/jcmturner/gokrb5/v8/iana/keyusage"
	"github.com/jcmturner/gokrb5/v8/messages"
	"github.com/jcmturner/gokrb5/v8/types"

	"github.com/tripper-go/tripper/auth"
)

// A handshake is that of a client with Kerberos.
type handshake struct {
	ticket       *ticket
	refused      func() // is called if the server has refused the ticket
	requireProof bool
	sent         types.Authenticator
}

// Next implements [auth.Handshake]. The first token is the only one: a server that sends one
// back with its challenge has refused it, or wants something else than Kerberos.
func (h *handshake) Next(token []byte) ([]byte, error) {
	if token != nil {
		if r, err := parseReply(token); err == nil && !r.failed {
			return nil, &auth.UnsupportedError{Scheme: "negotiate", Parameter: "mechanism", Value: "not Kerberos"}
		}
		h.refused()
		return nil, auth.ErrHandshakeRefused
	}
	first, err := h.request()
	if err != nil {
		return nil, err
	}
	return wrap(first)
}

// Flags of a GSS-API context (RFC 4121 §4.1.1.1). Delegation is never among them.
const (
	flagMutual = 2
	flagInteg  = 32
)

// request returns KRB_AP_REQ with an authenticator for GSS-API.
func (h *handshake) request() (_ []byte, err error) {
	defer func() {
		if r := recover(); r != nil { // gokrb5, about what is in the ticket
			err = errTicket
		}
	}()
	a, err := types.NewAuthenticator(h.ticket.realm, h.ticket.client)
	if err != nil {
		return nil, err
	}
	// RFC 4121 §4.1.1: the length of the channel bindings, none, and the flags.
	sum := make([]byte, 24)
	binary.LittleEndian.PutUint32(sum, 16)
	binary.LittleEndian.PutUint32(sum[20:], flagMutual|flagInteg)
	a.Cksum = types.Checksum{CksumType: chksumtype.GSSAPI, Checksum: sum}
	req, err := messages.NewAPReq(h.ticket.ticket, h.ticket.key, a)
	if err != nil {
		return nil, err
	}
	types.SetFlag(&req.APOptions, flags.APOptionMutualRequired)
	h.sent = a
	return req.Marshal()
}

var (
	errTicket  = errors.New("negotiate: the ticket is malformed")
	errNoProof = errors.New("negotiate: no proof that the server has the key of the service")
	errProof   = errors.New("negotiate: the server does not have the key of the service")
)

// Finish implements [auth.Handshake]. gokrb5 cannot check what a server answers.
func (h *handshake) Finish(token []byte) (err error) {
	defer func() {
		if r := recover(); r != nil { // gokrb5, about what it decrypts
			err = errProof
		}
	}()
	if token == nil {
		return h.without()
	}
	r, err := parseReply(token)
	switch {
	case err != nil || r.failed:
		return errProof
	case r.apRep == nil:
		return h.without()
	}
	var rep messages.APRep
	if rep.Unmarshal(r.apRep) != nil {
		return errProof
	}
	plain, err := crypto.DecryptEncPart(rep.EncPart, h.ticket.key, keyusage.AP_REP_ENCPART)
	if err != nil {
		return errProof
	}
	var part messages.EncAPRepPart
	// RFC 4120 §3.2.5: the time is that of the authenticator.
	if part.Unmarshal(plain) != nil || part.CTime.Unix() != h.sent.CTime.Unix() || part.Cusec != h.sent.Cusec {
		return errProof
	}
	return nil
}

// without returns the error of a response without a proof.
func (h *handshake) without() error {
	if h.requireProof {
		return errNoProof
	}
	return nil
}
