package auth

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tally"
	"github.com/tripper-go/tripper/internal/tell"
)

// An engine is what a Transport and a Proxy have in common: the credentials, the schemes
// and what was learned about servers.
type engine struct {
	source        Source
	schemes       []Scheme
	preemptive    bool
	requireTLS    bool
	trust         bool // redirects
	authenticate  string
	answer        string // AnswerField; if empty, Authorization or Proxy-Authorization
	infoField     string
	proxy         bool
	memory        memory
	first         firstOrigin
	identities    identities
	challengeable challengeable
	counters      tally.Counters
}

// An exchange is a request with all its challenges, until a response that is none.
type exchange struct {
	Request
	engine *engine
	req    *http.Request // the caller's, for trace; nil for a proxy
	// given is a copy of req, made before a layer below could change it.
	given http.Request
	url   *url.URL
	// next is what the request is sent through; nil for a proxy, and while there is none.
	next http.RoundTripper
	link *link // the connection that is reserved; most often nil
	way  roundtrip.Way
	user *url.Userinfo
	path string
	body roundtrip.Content
	// answers are those of the Source, most often one. room is for the first.
	answers []*answer
	room    [1]*answer

	// What the request was last signed with; session is nil if it was not.
	session  Session
	scheme   Scheme
	strength int
	space    *space     // where session was found; nil if it is new
	known    *known     // likewise
	answered *Challenge // what session answers; nil if it was found

	spent     bool // see evidence
	expecting bool // an Expect field was added
	counted   bool // in engine.challengeable
	refused   []refusal
	floor     int
}

// maxRefused bounds the credentials that are tried for one request: a Source may return
// new ones whenever it is asked.
const maxRefused = 32

// unsignable reports whether err means that a request is sent without credentials.
func unsignable(err error) bool {
	var u *UnsupportedError
	return errors.As(err, &u) || errors.Is(err, ErrNeedsChallenge)
}

// sign signs the request that is sent with header h. It returns false if there is no
// session.
func (x *exchange) sign(h http.Header) (bool, error) {
	if x.session == nil {
		return false, nil
	}
	x.Header = h
	switch x.session.(type) {
	case basicSession, bearerSession, wsseSession: // which do not sign the target
	default:
		if x.Target == "" {
			// As RequestTarget says: x.url is escaped already.
			x.Target = x.url.RequestURI()
		}
	}
	if err := x.session.Sign(&x.Request); err != nil {
		x.failed()
		if unsignable(err) {
			x.tell(actionUnsigned, reasonUnsignable, err)
		}
		return false, err
	}
	reason := reasonKnown
	s, _ := x.session.(*handshakeSession)
	switch {
	case s != nil && s.unneeded():
		reason = reasonConnected
	case x.answered != nil:
		reason = reasonChallenge
	case x.space == nil:
		reason = reasonUnasked
	}
	x.tell(actionSign, reason, nil)
	return true, nil
}

// drop ends the lease of a nonce.
func (x *exchange) drop(stale bool) {
	if d, ok := x.session.(*digestSession); ok {
		d.lost(&x.Request, stale)
	}
}

// failed ends the use of the session without a response.
func (x *exchange) failed() {
	// The server may or may not have counted this use of the nonce: retire it.
	x.drop(false)
	x.unlink(false)
	x.session = nil
}

// accepted handles a response that is no challenge.
func (x *exchange) accepted(r *reply) error {
	if x.session == nil {
		return nil
	}
	if s, ok := x.session.(*handshakeSession); ok {
		if err := s.finish(r.header, x.engine.authenticate); err != nil {
			x.distrusting()()
			x.tell(actionDistrust, reasonToken, err)
			return fmt.Errorf("%w: %w", ErrServerProof, err)
		}
	}
	if x.answered != nil {
		x.learn()
	}
	d, ok := x.session.(*digestSession)
	if !ok {
		return nil
	}
	r.x = x
	err := d.accepted(&x.Request, r)
	if err != nil {
		x.distrusting()()
		x.tell(actionDistrust, reasonProof, err)
		return err
	}
	if r.nextnonce {
		x.tell(actionNextNonce, reasonNextNonce, nil)
	}
	if r.shares {
		x.tell(actionShare, reasonOneNonce, nil)
	}
	return nil
}

// distrusting returns the function to call if the server does not know the password. A
// proxy that does not is used all the same: it cannot read what is in the tunnel.
func (x *exchange) distrusting() func() {
	if x.Proxy {
		return func() {}
	}
	m, o, key := &x.engine.memory, x.way.Origin, x.Credential.key()
	return func() { m.distrust(o, key) }
}

// learn stores a new session in the memory.
func (x *exchange) learn() {
	realm := x.answered.realm()
	key := x.Credential.key()
	domains := claims(x.answered, x.url, func(o roundtrip.Origin) bool {
		return x.knows(roundtrip.Way{Origin: o, Crossed: true}, realm, key)
	})
	k := known{key, x.scheme, x.session, x.strength, x.Latin1}
	if _, ok := x.session.(*handshakeSession); ok {
		k.session = nil // each request has its own
	}
	x.engine.memory.learn(x.way.Origin, realm, x.path, key, k, domains)
}

// knows reports whether the credential may be sent to the origin of w, which a challenge has
// named. The rules are those for the target of a redirect.
func (x *exchange) knows(w roundtrip.Way, realm string, key credKey) bool {
	y := exchange{engine: x.engine, url: &url.URL{Scheme: w.Origin.Scheme, Host: w.Origin.Authority()}, way: w}
	y.Context = x.Context
	creds, err := y.credentials(x.scheme.Name(), realm)
	return err == nil && slices.ContainsFunc(creds, func(c Credential) bool { return c.key() == key })
}

// keep stores a session whose answer cannot be sent, for the next request.
func (x *exchange) keep() {
	x.learn()
	if d, ok := x.session.(*digestSession); ok {
		d.kept(&x.Request)
	}
	x.session = nil
}

// challenged decides what to do about a 401 or 407 with header h. If it returns true, the
// request can be signed and sent again. An error is that of the Source, or says what in
// the challenges cannot be answered.
func (x *exchange) challenged(h http.Header) (bool, error) {
	challenges := ParseChallenges(h[x.engine.authenticate])
	if s, ok := x.session.(*handshakeSession); ok {
		step, err := s.next(challenges)
		if err != nil {
			x.giveUp(reasonUnsignable, err)
			return false, err
		}
		switch step {
		case proceed:
			return true, nil
		case lost:
			x.giveUp(reasonLost, nil)
			return false, nil
		case overlong:
			x.giveUp(reasonOverlong, nil)
			return false, nil
		case refused:
		}
	}
	if x.session != nil {
		x.mayBeChallenged()
		challenges = x.tokenChallenge(challenges)
		x.assess(challenges)
	}
	x.session, x.space, x.known, x.answered, x.Latin1 = nil, nil, nil, nil, false
	if len(challenges) == 0 {
		x.giveUp(reasonNoChallenge, nil)
		return false, nil
	}
	if len(x.refused) >= maxRefused {
		x.giveUp(reasonTooManyRefused, nil)
		return false, nil
	}
	c, ok, err := choose(question{
		challenges:  challenges,
		schemes:     x.engine.schemes,
		credentials: x.credentials,
		floor: func(realm string) int {
			return max(x.floor, x.engine.memory.floor(x.way.Origin, realm, x.path))
		},
		refused: x.refused,
		usable:  x.usable,
	})
	if !ok {
		if tell.From(x.Context) == nil { // nobody wants the reason
			x.engine.note(actionGiveUp, "")
			return false, err
		}
		x.giveUp(x.whyNot(challenges), err)
		return false, err
	}
	return x.begin(c)
}

// tokenChallenge adds a challenge for another token if the request had a token from a
// function and no challenge is of its scheme: many services answer so, or without any
// challenge, when a token has expired.
func (x *exchange) tokenChallenge(challenges []Challenge) []Challenge {
	name := x.scheme.Name()
	if x.Credential.TokenFunc == nil || slices.ContainsFunc(challenges, func(c Challenge) bool { return c.Scheme == name }) {
		return challenges
	}
	return append(challenges, Challenge{Scheme: name})
}

// begin prepares x to be signed by c.
func (x *exchange) begin(c choice) (bool, error) {
	realm := c.challenge.realm()
	if x.engine.memory.distrusted(x.way.Origin, &c.cred) {
		x.giveUp(reasonDistrusted, ErrServerProof)
		return false, ErrServerProof
	}
	x.Latin1 = c.latin1
	if c.cred.key() != x.Credential.key() {
		x.Refused = "" // it was refused with another credential
	}
	old := x.engine.memory.in(x.way.Origin, realm, c.cred.key())
	var session Session
	if old != nil && old.scheme.Name() == c.scheme.Name() && old.latin1 == c.latin1 {
		session = old.session
	}
	d, digest := session.(*digestSession)
	if cs, ok := c.scheme.(ConnectionScheme); ok {
		s, err := x.bind(cs, &c.cred)
		if err != nil {
			x.giveUp(reasonUnsignable, err)
			return false, err
		}
		s.challenge = true
		session = s
	} else if x.unlink(false); !digest {
		var err error
		if session, err = c.scheme.Session(&c.challenge, c.cred); err != nil {
			return false, err
		}
		if d, digest = session.(*digestSession); digest {
			d = x.engine.memory.open(x.way.Origin, realm, d, &known{c.cred.key(), c.scheme, d, c.strength, c.latin1})
			session = d
		}
	}
	if digest {
		if err := d.renew(&x.Request, c.challenge, x.crowded()); err != nil {
			return false, err
		}
		x.unchallenged()
		if !d.queue(&x.Request) {
			x.giveUp(reasonRefusedAll, nil)
			return false, nil
		}
		x.proof.crowded = x.proof.crowded || x.crowded()
	}
	x.session, x.scheme, x.strength, x.Credential, x.answered = session, c.scheme, c.strength, c.cred, &c.challenge
	x.floor = max(x.floor, c.strength)
	x.engine.memory.raise(x.way.Origin, realm, c.strength)
	return true, nil
}

// assess judges the credential that was refused, and records the verdict.
func (x *exchange) assess(challenges []Challenge) {
	e := evidence{fresh: x.answered != nil, spent: x.spent}
	_, err := x.scheme.Session(nil, x.Credential)
	e.unasked = err == nil
	utf8, elsewhere := false, x.space != nil
	for _, c := range challenges {
		if c.Scheme != x.scheme.Name() {
			continue
		}
		if x.space != nil && c.realm() == x.space.realm {
			elsewhere = false
		}
		utf8 = utf8 || saysUTF8(c)
		if st, ok := x.scheme.(interface {
			Stale(Challenge, Credential) bool
		}); ok && st.Stale(c, x.Credential) {
			e.stale = true
		}
	}
	for _, c := range challenges {
		for _, sch := range x.engine.schemes {
			if sch.Name() == c.Scheme && sch.Name() != x.scheme.Name() {
				strength, err := sch.Weigh(c, x.Credential)
				e.stronger = e.stronger || err == nil && strength > x.strength
			}
		}
	}
	_, shaken := x.session.(*handshakeSession)
	e.latin1 = !shaken && !utf8 && !x.Latin1 && (x.Credential.HA1 == "" && x.Credential.Token == "") &&
		inLatin1(x.Credential.Username+x.Credential.Password)
	d, digest := x.session.(*digestSession)
	if e.overtaken = x.proof.overtaken; digest {
		e.history = d.history(&x.Request)
		e.history.crowded = e.history.crowded || x.crowded()
	}
	v := judge(e)
	key := x.Credential.key()
	if digest && v == wrong {
		d.condemn(&x.Request)
	}
	if digest && elsewhere && !e.stale {
		// The path belongs to another realm. In its own the nonce stays in use, with
		// a gap in its count.
		d.kept(&x.Request)
	} else {
		x.drop(e.stale)
	}
	x.Refused = x.value()
	switch v {
	case again:
		x.spent = x.spent || e.stale && (e.fresh || e.unasked)
	case overtaken:
		x.proof.overtaken++
	default:
		x.refused = noteRefusal(x.refused, refusal{key, v == reread})
		if x.space != nil && e.unasked {
			x.engine.memory.forget(x.space, key, x.known)
		}
	}
	x.tell(actionRefused, e.reason(v), nil)
}

// noteRefusal returns all with r. A second refusal of the same credential rules out ISO
// 8859-1.
func noteRefusal(all []refusal, r refusal) []refusal {
	if i := slices.IndexFunc(all, func(old refusal) bool { return old.key == r.key }); i >= 0 {
		all[i].latin1 = false
		return all
	}
	return append(all, r)
}
