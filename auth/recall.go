package auth

import (
	"slices"
)

// credentials returns the credentials of the Source that may be sent.
func (x *exchange) credentials(scheme, realm string) ([]Credential, error) {
	a, err := x.ask(scheme, realm)
	if err != nil || len(a.creds) == 0 {
		return nil, err
	}
	var creds []Credential
	for i := range a.creds {
		if x.may(&a.creds[i], realm, a.checked) {
			creds = append(creds, a.creds[i])
		}
	}
	return creds, nil
}

// may reports whether c may be sent. checked is that of its answer.
func (x *exchange) may(c *Credential, realm string, checked bool) bool {
	if c.Realm != "" && realm != "" && c.Realm != realm {
		return false
	}
	// A URL with a user name alone says which credential is meant.
	if x.user != nil && c.Username != x.user.Username() {
		return false
	}
	if checked && !x.way.Crossed && !x.way.Lowered {
		return true
	}
	return x.way.Allows(c.Domain)
}

// recall finds the session to sign the first request with: that of a known space or, if
// the engine is preemptive, one of a scheme that needs no challenge. If replay is false
// the request may not be sent twice: then recall waits for a nonce that is leased.
func (x *exchange) recall(replay bool) error {
	e := x.engine
	sp, scheme, k := e.memory.find(x.way.Origin, x.path)
	if sp == nil {
		if e.preemptive {
			return x.unasked()
		}
		return nil
	}
	a, err := x.ask(scheme, sp.realm)
	if err != nil {
		return err
	}
	for i := range a.creds {
		c := &a.creds[i]
		if !x.may(c, sp.realm, a.checked) {
			continue
		}
		if key := c.key(); k == nil || k.key != key {
			if k = e.memory.session(sp, key); k == nil {
				continue
			}
		}
		x.Latin1, x.Credential = k.latin1, *c
		if d, ok := k.session.(*digestSession); ok && !d.lease(&x.Request, !replay) {
			return nil
		}
		session := k.session
		if cs, ok := k.scheme.(ConnectionScheme); ok {
			s, err := x.bind(cs, c)
			if err != nil {
				if unsignable(err) {
					return nil // the challenge will say so
				}
				return err
			}
			session = s
		}
		x.session, x.scheme, x.strength, x.space, x.known = session, k.scheme, k.strength, sp, k
		return nil
	}
	return nil
}

// unasked chooses the last scheme that needs no challenge, see [Transport.Preemptive].
func (x *exchange) unasked() error {
	e := x.engine
	a, err := x.ask("", "")
	if err != nil {
		return err
	}
	for i := range a.creds {
		c := &a.creds[i]
		// Without a domain only the first origin gets it.
		if !x.may(c, "", a.checked) || c.Domain == "" && !e.first.is(x.way.Origin) || e.memory.distrusted(x.way.Origin, c) {
			continue
		}
		for _, scheme := range slices.Backward(e.schemes) {
			if s, err := scheme.Session(nil, *c); err == nil {
				x.session, x.scheme, x.Credential = s, scheme, *c
				return nil
			}
		}
	}
	return nil
}
