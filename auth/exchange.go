package auth

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/trace"
)

// An engine is what a Transport and a Proxy have in common: credentials, schemes
// and a memory.
type engine struct {
	source       Source
	schemes      []Scheme
	preemptive   bool
	requireTLS   bool
	trust        bool // redirects
	authenticate string
	answer       string // if empty, it is Authorization or that of a proxy
	infoField    string
	proxy        bool
	memory       memory
	first        firstOrigin
	identities   identities
	// challengeable has requests that may bring a challenge.
	challengeable challengeable
}

// An exchange is a request on its way to an answer that is no challenge.
type exchange struct {
	Request
	engine *engine
	req    *http.Request // what trace tells about
	// given is req as it was before anybody further in could change it.
	given http.Request
	url   *url.URL
	way   way
	user  *url.Userinfo
	path  string
	body  roundtrip.Content
	// answers are those of the Source to this exchange, most often one. room is
	// for the first.
	answers []*answer
	room    [1]*answer

	// What the last attempt was signed with; session is nil if it was not.
	session  Session
	scheme   Scheme
	strength int
	space    *space     // it was found in, nil if it is new
	known    *known     // likewise
	answered *Challenge // it answers, nil if it is from memory

	spent     bool // an excuse was accepted
	expecting bool // an expectation was added
	counted   bool // among the challengeable
	refused   []refusal
	floor     int
}

// maxRefused bounds the credentials that are tried: a source may invent one each
// time it is asked.
const maxRefused = 32

// unsignable reports whether err means that a request has to go unsigned.
func unsignable(err error) bool {
	var u *UnsupportedError
	return errors.As(err, &u) || errors.Is(err, ErrNeedsChallenge)
}

// sign signs the request with the header that is about to be sent. It returns
// false if there is nothing to sign with.
func (x *exchange) sign(h http.Header) (bool, error) {
	if x.session == nil {
		return false, nil
	}
	x.Header = h
	if x.Target == "" {
		// As RequestTarget says: x.url is escaped already.
		x.Target = x.url.RequestURI()
	}
	if err := x.session.Sign(&x.Request); err != nil {
		x.drop(false)
		x.session = nil
		if unsignable(err) {
			x.tell(actionUnsigned, reasonUnsignable, err)
		}
		return false, err
	}
	if trace.From(x.Context) != nil {
		reason := reasonKnown
		switch {
		case x.answered != nil:
			reason = reasonChallenge
		case x.space == nil:
			reason = reasonUnasked
		}
		x.tell(actionSign, reason, nil)
	}
	return true, nil
}

// drop gives a lease up.
func (x *exchange) drop(stale bool) {
	if d, ok := x.session.(*digestSession); ok {
		d.lost(&x.Request, stale)
	}
}

// failed says that there was no answer.
func (x *exchange) failed() {
	// Whether the server has counted the request nobody knows.
	x.drop(false)
	x.session = nil
}

// accepted says that the answer was no challenge.
func (x *exchange) accepted(r *reply) error {
	if x.session == nil {
		return nil
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

// distrusting returns what to call if the server does not know the password. That
// of a proxy goes on being used: what matters is at the end of the tunnel.
func (x *exchange) distrusting() func() {
	if x.Proxy {
		return func() {}
	}
	m, o, key := &x.engine.memory, x.way.origin, x.Credential.key()
	return func() { m.distrust(o, key) }
}

// learn puts a new session into the memory.
func (x *exchange) learn() {
	realm := x.answered.realm()
	key := x.Credential.key()
	domains := claims(x.answered, x.url, func(o roundtrip.Origin) bool { return x.knows(o, realm, key) })
	k := known{key, x.scheme, x.session, x.strength, x.Latin1}
	x.engine.memory.learn(x.way.origin, realm, x.path, key, k, domains)
}

// knows reports whether the same credential may be sent to another origin that a
// challenge has named, as if it were the target of a redirect.
func (x *exchange) knows(o roundtrip.Origin, realm string, key credKey) bool {
	y := exchange{engine: x.engine, url: &url.URL{Scheme: o.Scheme, Host: o.Authority()}, way: way{origin: o, crossed: true}}
	y.Context = x.Context
	creds, err := y.credentials(x.scheme.Name(), realm)
	return err == nil && slices.ContainsFunc(creds, func(c Credential) bool { return c.key() == key })
}

// keep puts an answer that cannot be sent into the memory, for the next request.
func (x *exchange) keep() {
	x.learn()
	if d, ok := x.session.(*digestSession); ok {
		d.kept(&x.Request)
	}
	x.session = nil
}

// challenged decides what to do about a refusal with header h. If the answer is
// yes, the next attempt is ready to be signed. An error says what was
// unsupported, or that there are no credentials to be had.
func (x *exchange) challenged(h http.Header) (bool, error) {
	challenges := ParseChallenges(h[x.engine.authenticate])
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
			return max(x.floor, x.engine.memory.floor(x.way.origin, realm, x.path))
		},
		refused: x.refused,
	})
	if !ok {
		if trace.From(x.Context) != nil {
			x.giveUp(x.whyNot(challenges), err)
		}
		return false, err
	}
	return x.begin(c)
}

// tokenChallenge returns the challenges to a request that was signed with a token
// from a function, and one that asks for another token if they say nothing about
// the scheme: many services answer so, or without any challenge, when a token has
// expired.
func (x *exchange) tokenChallenge(challenges []Challenge) []Challenge {
	name := x.scheme.Name()
	if x.Credential.TokenFunc == nil || slices.ContainsFunc(challenges, func(c Challenge) bool { return c.Scheme == name }) {
		return challenges
	}
	return append(challenges, Challenge{Scheme: name})
}

// begin makes c the next attempt.
func (x *exchange) begin(c choice) (bool, error) {
	realm := c.challenge.realm()
	if x.engine.memory.distrusted(x.way.origin, c.cred.key()) {
		x.giveUp(reasonDistrusted, ErrServerProof)
		return false, ErrServerProof
	}
	x.Latin1 = c.latin1
	if c.cred.key() != x.Credential.key() {
		x.Refused = "" // which is no business of another credential
	}
	old := x.engine.memory.in(x.way.origin, realm, c.cred.key())
	var session Session
	if old != nil && old.scheme.Name() == c.scheme.Name() && old.latin1 == c.latin1 {
		session = old.session
	}
	d, digest := session.(*digestSession)
	if !digest {
		var err error
		if session, err = c.scheme.Session(&c.challenge, c.cred); err != nil {
			return false, err
		}
		if d, digest = session.(*digestSession); digest {
			d = x.engine.memory.open(x.way.origin, realm, d, &known{c.cred.key(), c.scheme, d, c.strength, c.latin1})
			session = d
		}
	}
	if digest {
		// One pool for all nonces of a user in a space.
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
	x.engine.memory.raise(x.way.origin, realm, c.strength)
	return true, nil
}

// assess judges the request that was refused and notes the verdict.
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
	e.latin1 = !utf8 && !x.Latin1 && (x.Credential.HA1 == "" && x.Credential.Token == "") &&
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
		// Another realm is in charge here. The nonce goes on being counted in its
		// own, with a gap.
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

// noteRefusal puts r in the place of what was noted of the same credential.
func noteRefusal(all []refusal, r refusal) []refusal {
	for i := range all {
		if all[i].key == r.key {
			all[i].latin1 = false
			return all
		}
	}
	return append(all, r)
}

// giveUp tells trace why a challenge is not answered.
func (x *exchange) giveUp(reason string, err error) {
	if err == nil {
		err = x.engine.problem()
	}
	x.tell(actionGiveUp, reason, err)
}

// tell reports to trace.
func (x *exchange) tell(action, reason string, err error) {
	hook := trace.From(x.Context)
	if hook == nil {
		return
	}
	req := x.req
	if req == nil { // for a proxy
		req = (&http.Request{Method: x.Method, URL: x.url}).WithContext(x.Context)
	}
	e := trace.About(req, "auth", action, reason)
	e.Err = err
	if action == "give up" {
		e.Level = slog.LevelWarn
	}
	if x.session != nil && x.scheme != nil {
		e.Attrs = append(e.Attrs, slog.String("scheme", x.scheme.Name()))
		if d, ok := x.session.(*digestSession); ok {
			if alg, qop, count := d.describe(&x.Request); alg != "" {
				e.Attrs = append(e.Attrs, slog.String("algorithm", alg), slog.String("qop", qop), slog.String("nc", count))
			}
		}
	}
	hook(e)
}
