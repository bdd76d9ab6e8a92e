package negotiate

import (
	"encoding/asn1"
	"errors"
)

// The mechanisms, as GSS-API names them: SPNEGO (RFC 4178 §3.2) and Kerberos (RFC 4121 §4.1).
var (
	oidSPNEGO   = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 2}
	oidKerberos = asn1.ObjectIdentifier{1, 2, 840, 113554, 1, 2, 2}
)

// Kinds of Kerberos messages in a token (RFC 4121 §4.1).
const (
	idAPReq = "\x01\x00"
	idAPRep = "\x02\x00"
)

// negTokenInit and negTokenResp are the tokens of RFC 4178 §4.2, without what is not used.
type negTokenInit struct {
	Mechs []asn1.ObjectIdentifier `asn1:"explicit,tag:0"`
	Token []byte                  `asn1:"explicit,tag:2"`
}

type negTokenResp struct {
	State asn1.Enumerated       `asn1:"optional,explicit,tag:0"`
	Mech  asn1.ObjectIdentifier `asn1:"optional,explicit,tag:1"`
	Token []byte                `asn1:"optional,explicit,tag:2"`
	MIC   []byte                `asn1:"optional,explicit,tag:3"`
}

const stateReject = 2

// wrap returns the first token of SPNEGO, with apReq for Kerberos.
func wrap(apReq []byte) ([]byte, error) {
	inner, err := framed(oidKerberos, append([]byte(idAPReq), apReq...))
	if err != nil {
		return nil, err
	}
	init, err := asn1.Marshal(negTokenInit{Mechs: []asn1.ObjectIdentifier{oidKerberos}, Token: inner})
	if err != nil {
		return nil, err
	}
	choice, err := asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: 0, IsCompound: true, Bytes: init})
	if err != nil {
		return nil, err
	}
	return framed(oidSPNEGO, choice)
}

// framed returns the token of a mechanism (RFC 2743 §3.1).
func framed(mech asn1.ObjectIdentifier, token []byte) ([]byte, error) {
	oid, err := asn1.Marshal(mech)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(asn1.RawValue{Class: asn1.ClassApplication, Tag: 0, IsCompound: true, Bytes: append(oid, token...)})
}

// A reply is what a server has sent.
type reply struct {
	failed bool   // it has refused
	apRep  []byte // KRB_AP_REP; nil if there is none
}

var errToken = errors.New("negotiate: malformed token")

// parseReply parses the token of a server: SPNEGO, or Kerberos without it.
func parseReply(token []byte) (reply, error) {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(token, &outer); err != nil || len(rest) > 0 {
		return reply{}, errToken
	}
	switch {
	case outer.Class == asn1.ClassContextSpecific && outer.Tag == 1 && outer.IsCompound:
		var resp negTokenResp
		if rest, err := asn1.Unmarshal(outer.Bytes, &resp); err != nil || len(rest) > 0 {
			return reply{}, errToken
		}
		if resp.State == stateReject {
			return reply{failed: true}, nil
		}
		if len(resp.Token) == 0 {
			return reply{}, nil
		}
		return parseKerberos(resp.Token)
	case outer.Class == asn1.ClassApplication && outer.Tag == 0:
		return parseKerberos(token)
	}
	return reply{}, errToken
}

// parseKerberos parses the token of a server for Kerberos.
func parseKerberos(token []byte) (reply, error) {
	var outer asn1.RawValue
	if rest, err := asn1.Unmarshal(token, &outer); err != nil || len(rest) > 0 || outer.Class != asn1.ClassApplication || outer.Tag != 0 {
		return reply{}, errToken
	}
	var mech asn1.ObjectIdentifier
	message, err := asn1.Unmarshal(outer.Bytes, &mech)
	switch {
	case err != nil || len(message) < len(idAPRep):
		return reply{}, errToken
	case !mech.Equal(oidKerberos):
		return reply{}, nil
	case string(message[:2]) != idAPRep: // KRB_ERROR
		return reply{failed: true}, nil
	}
	return reply{apRep: message[2:]}, nil
}
