package auth

import (
	"encoding/base64"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// Basic is RFC 7617: the user name and the password in plain text.
type Basic struct {
	// Lax allows what RFC 7617 §2 forbids: a colon in a user name, which the
	// server takes for its end, and control characters.
	Lax bool
}

// Name returns "basic".
func (Basic) Name() string { return "basic" }

// Weigh implements [Scheme]. The challenge may consist of the name of the scheme:
// RFC 7617 §2 demands a realm, but servers leave it out or write it wrongly, and
// curl and browsers answer them.
func (b Basic) Weigh(_ Challenge, cred Credential) (int, error) {
	if err := b.check(&cred); err != nil {
		return 0, err
	}
	return StrengthBasic, nil
}

func (b Basic) check(cred *Credential) error {
	switch {
	case !cred.hasPassword() || cred.HA1 != "" && cred.Password == "":
		return errNoPassword
	case b.Lax:
		return nil
	case strings.Contains(cred.Username, ":"):
		return unsupported("basic", "user name", "with a colon")
	case httpfield.HasControl(cred.Username) || httpfield.HasControl(cred.Password):
		return unsupported("basic", "credential", "with control characters")
	}
	return nil
}

// Session implements [Scheme]. Basic needs no challenge.
func (b Basic) Session(c *Challenge, cred Credential) (Session, error) {
	if err := b.check(&cred); err != nil {
		return nil, err
	}
	return basicSession{utf8: c != nil && saysUTF8(*c)}, nil
}

type basicSession struct{ utf8 bool }

func (s basicSession) Sign(req *Request) error {
	c := &req.Credential
	if req.Latin1 && !s.utf8 {
		req.Authorize(basicOf(toLatin1(c.Username + ":" + c.Password)))
	} else if m := c.made(); m != nil {
		req.Authorize(m.basic.get(func() string { return basicOf(c.Username + ":" + c.Password) }))
	} else {
		req.Authorize(basicOf(c.Username + ":" + c.Password))
	}
	return nil
}

func basicOf(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

// saysUTF8 reports whether c asks for UTF-8 (RFC 7617 §2.1, RFC 7616 §4): the
// only charset there is.
func saysUTF8(c Challenge) bool {
	charset, ok := c.Param("charset")
	return ok && httpfield.EqualFold(charset, "utf-8")
}

// toLatin1 converts s from UTF-8 to ISO 8859-1. Characters beyond that become question
// marks; see [inLatin1].
func toLatin1(s string) string {
	b := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// inLatin1 reports whether s can be written in ISO 8859-1, and has other bytes there
// than in UTF-8.
func inLatin1(s string) bool {
	differs := false
	for _, r := range s {
		if r > 0xff {
			return false
		}
		differs = differs || r >= 0x80
	}
	return differs
}
