package auth

import (
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Digest is RFC 7616 with its predecessors RFC 2617 and RFC 2069: the algorithms MD5,
// SHA-256 and SHA-512-256, each also with -sess; the qualities of protection auth,
// auth-int and none; user names hashed or not.
//
// A nonce is used by one request at a time, so that its count reaches the server in
// order. Requests in parallel have different nonces.
type Digest struct {
	// NoMD5 refuses the algorithms MD5 and MD5-sess, which RFC 7616 keeps for
	// compatibility only.
	NoMD5 bool

	// Integrity prefers auth-int where the server offers auth and auth-int. It
	// protects the content of the request too, which is read twice.
	Integrity bool

	// IgnoreProof accepts responses whose rspauth is wrong. If false, such a response is
	// an error that matches [ErrServerProof].
	IgnoreProof bool
}

// Name returns "digest".
func (Digest) Name() string { return "digest" }

// Weigh implements [Scheme].
func (d Digest) Weigh(c Challenge, cred Credential) (int, error) {
	ch, err := d.parse(c)
	if err != nil {
		return 0, err
	}
	if err := ch.check(&cred); err != nil {
		return 0, err
	}
	strength := StrengthDigest + ch.alg.weight
	if !ch.auth && !ch.authInt {
		strength -= 5
	}
	return strength, nil
}

// Session implements [Scheme].
func (d Digest) Session(c *Challenge, cred Credential) (Session, error) {
	if c == nil {
		return nil, ErrNeedsChallenge
	}
	ch, err := d.parse(*c)
	if err != nil {
		return nil, err
	}
	if err := ch.check(&cred); err != nil {
		return nil, err
	}
	s := &digestSession{digest: d, realm: ch.realm, cred: cred}
	s.pool.put(s.pool.arrive(&nonce{ch: ch, value: ch.nonce}))
	return s, nil
}

// Stale reports whether the server refused the nonce, and not the credential.
func (Digest) Stale(c Challenge, _ Credential) bool {
	stale, ok := c.Param("stale")
	return ok && httpfield.EqualFold(stale, "true")
}

// A digestChallenge holds the parameters of a Digest challenge.
type digestChallenge struct {
	realm, nonce  string
	opaque        string
	hasOpaque     bool
	algorithm     string // as the server wrote it
	alg           *algorithm
	sess          bool
	auth, authInt bool // neither: RFC 2069
	utf8          bool
	userhash      bool
}

// parse parses a challenge. It accepts the mistakes that other clients accept, and
// refuses what is ambiguous.
func (d Digest) parse(c Challenge) (*digestChallenge, error) {
	if name := c.doubled("realm", "nonce", "opaque", "algorithm", "qop", "stale", "charset", "userhash"); name != "" {
		return nil, unsupported("digest", name, "given twice")
	}
	ch := new(digestChallenge)
	var hasRealm bool
	ch.realm, hasRealm = c.Param("realm")
	if !hasRealm || len(ch.realm) > maxParam || httpfield.HasControl(ch.realm) {
		return nil, unsupported("digest", "realm", ch.realm)
	}
	ch.nonce, _ = c.Param("nonce")
	if ch.nonce == "" || len(ch.nonce) > maxParam || httpfield.HasControl(ch.nonce) {
		return nil, unsupported("digest", "nonce", ch.nonce)
	}
	ch.opaque, ch.hasOpaque = c.Param("opaque")
	if len(ch.opaque) > maxParam || httpfield.HasControl(ch.opaque) {
		return nil, unsupported("digest", "opaque", ch.opaque)
	}
	ch.algorithm, _ = c.Param("algorithm")
	ch.alg, ch.sess = findAlgorithm(ch.algorithm)
	if ch.alg == nil || d.NoMD5 && ch.alg.index == 0 {
		return nil, unsupported("digest", "algorithm", ch.algorithm)
	}
	// Clones, so that a long field is not kept for them.
	ch.realm, ch.nonce = strings.Clone(ch.realm), strings.Clone(ch.nonce)
	ch.opaque, ch.algorithm = strings.Clone(ch.opaque), strings.Clone(ch.algorithm)
	ch.utf8 = saysUTF8(c)
	hashed, _ := c.Param("userhash")
	ch.userhash = httpfield.EqualFold(hashed, "true")
	return ch, ch.parseQop(c)
}

// parseQop parses the list of qualities of protection, in any case and with any blanks.
func (ch *digestChallenge) parseQop(c Challenge) error {
	qop, _ := c.Param("qop")
	if httpfield.TrimBlanks(qop) == "" {
		// RFC 2069 has no qop. -sess (RFC 2617) needs a client nonce, which is sent
		// only with a qop.
		if ch.sess {
			return unsupported("digest", "qop", qop)
		}
		return nil
	}
	for q := range strings.SplitSeq(qop, ",") {
		q = httpfield.TrimBlanks(q)
		ch.auth = ch.auth || httpfield.EqualFold(q, "auth")
		ch.authInt = ch.authInt || httpfield.EqualFold(q, "auth-int")
	}
	if !ch.auth && !ch.authInt {
		return unsupported("digest", "qop", qop)
	}
	return nil
}

// check returns an error if cred cannot answer ch.
func (ch *digestChallenge) check(cred *Credential) error {
	if cred.HA1 != "" {
		alg, _ := findAlgorithm(cred.HA1Algorithm)
		if cred.HA1Algorithm == "" && len(cred.HA1) == algorithms[1].digits {
			alg = algorithms[1]
		}
		if alg != ch.alg || !alg.isHA1(cred.HA1) || cred.Realm != ch.realm {
			return unsupported("digest", "algorithm", "other than that of HA1")
		}
	} else if !cred.hasPassword() {
		return errNoPassword
	}
	if httpfield.HasControl(cred.Username) && !ch.utf8 && !ch.userhash {
		return unsupported("digest", "user name", "with control characters")
	}
	return nil
}

// encode returns s in the charset that is hashed.
func (ch *digestChallenge) encode(s string, latin1 bool) string {
	if latin1 && !ch.utf8 {
		return toLatin1(s)
	}
	return s
}

// ha1 returns H(username:realm:password).
func (ch *digestChallenge) ha1(cred *Credential, latin1 bool) string {
	if cred.HA1 != "" {
		return httpfield.Lower(cred.HA1)
	}
	return ch.alg.sumText(ch.encode(cred.Username, latin1), ch.realm, ch.encode(cred.Password, latin1))
}

// username returns the parameter username or username* (RFC 7616 §3.4, §3.4.4).
func (ch *digestChallenge) username(cred *Credential, latin1 bool) string {
	name := ch.encode(cred.Username, latin1)
	switch {
	case ch.userhash:
		return `username="` + ch.alg.sumText(name, ch.realm) + `"`
	case ch.utf8 && (!httpfield.IsASCII(name) || httpfield.HasControl(name)):
		return "username*=UTF-8''" + extValue(name)
	}
	return "username=" + httpfield.Quote(name)
}

// extValue returns s percent-encoded as value-chars (RFC 8187 §3.2.1).
func extValue(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		// attr-char is the characters of a token without * ' and %.
		if httpfield.IsTokenByte(c) && c != '*' && c != '\'' && c != '%' {
			b.WriteByte(c)
		} else {
			roundtrip.PercentEncode(&b, c)
		}
	}
	return b.String()
}
