package auth

import (
	"cmp"
	"errors"
	"slices"
)

// A choice is a challenge with the scheme and the credential that answer it.
type choice struct {
	challenge Challenge
	scheme    Scheme
	cred      Credential
	strength  int
	rank      int // position of the credential in the answer of the Source
	latin1    bool
}

// A refusal is a credential that a request was refused with.
type refusal struct {
	key credKey
	// latin1 is true if the credential may be tried once more, in ISO 8859-1.
	latin1 bool
}

// A question is what a choice depends on.
type question struct {
	challenges []Challenge
	schemes    []Scheme
	// credentials returns the credentials that may be sent, in the order of the Source.
	credentials func(scheme, realm string) ([]Credential, error)
	// floor returns the least strength that is accepted in a realm.
	floor   func(realm string) int
	refused []refusal
	// usable returns an error if a scheme cannot be used for this request at all.
	usable func(Scheme) error
}

// choose returns the first credential that was not refused yet and can answer a
// challenge, with the strongest challenge that it can answer, the first of equal ones.
// If there is none, ok is false. Then err is the failure of the Source, or says what in
// the challenges cannot be answered.
//
// RFC 7616 §5.1 and RFC 9110 §11.6.1 leave the choice to the client. An attacker between
// client and server can only remove strong challenges, and floor guards against that.
func choose(q question) (best choice, ok bool, err error) {
	options, err := q.options()
	for _, key := range inOrder(options) {
		latin1, again := retryable(q.refused, key)
		if !again {
			continue
		}
		for _, o := range options {
			realm := o.challenge.realm()
			if o.cred.key() != key || o.strength < q.floor(realm) || latin1 && saysUTF8(o.challenge) {
				continue
			}
			if !ok || o.strength > best.strength {
				best, ok = o, true
				best.latin1 = latin1
			}
		}
		if ok {
			return best, true, nil
		}
	}
	return choice{}, false, err
}

// options returns all combinations of challenge, scheme and credential. The error is the
// failure of the Source, without options, or says what in the challenges cannot be
// answered.
func (q *question) options() (options []choice, err error) {
	for _, c := range q.challenges {
		for _, s := range q.schemes {
			if s.Name() != c.Scheme {
				continue
			}
			realm := c.realm()
			creds, e := q.credentials(c.Scheme, realm)
			if e != nil {
				return nil, e
			}
			for i, cred := range creds {
				strength, e := s.Weigh(c, cred)
				if e == nil && q.usable != nil {
					e = q.usable(s)
				}
				if e != nil {
					var u *UnsupportedError
					if err == nil && errors.As(e, &u) {
						err = e
					}
					continue
				}
				options = append(options, choice{challenge: c, scheme: s, cred: cred, strength: strength, rank: i})
			}
		}
	}
	return options, err
}

// inOrder returns the credentials of options in the order of the Source.
func inOrder(options []choice) []credKey {
	sorted := slices.SortedStableFunc(slices.Values(options), func(a, b choice) int { return cmp.Compare(a.rank, b.rank) })
	var order []credKey
	for _, o := range sorted {
		if key := o.cred.key(); !slices.Contains(order, key) {
			order = append(order, key)
		}
	}
	return order
}

// retryable reports whether a credential may be tried, and whether it has to be in ISO
// 8859-1.
func retryable(refused []refusal, key credKey) (latin1, ok bool) {
	for _, r := range refused {
		if r.key == key {
			return true, r.latin1
		}
	}
	return false, true
}

// A verdict is what a refusal says about the credential that was refused.
type verdict int

const (
	// wrong: the credential is not tried again with this request.
	wrong verdict = iota
	// again: the nonce, the token or the space it was sent for was the wrong one.
	again
	// reread: the credential may be right in ISO 8859-1.
	reread
	// overtaken: a challenge to another request has replaced the nonce.
	overtaken
)

// evidence is what a verdict depends on.
type evidence struct {
	fresh bool // what was refused answered a challenge to this request
	stale bool // the new challenge says that the nonce or the token was too old
	spent bool // stale has excused this request before
	// unasked is true if the scheme needs no challenge: a new challenge does not
	// change what is sent.
	unasked bool
	// stronger is true if one of the challenges is stronger than what was refused.
	stronger bool
	// history is that of the nonce; overtaken is how often the request was sent again
	// because its nonce had been replaced.
	history   history
	overtaken int
	// latin1 is true if the credential has other bytes in ISO 8859-1, was sent in
	// UTF-8, and the server did not name a charset.
	latin1 bool
}

// judge decides what a refusal means. After the request that was challenged, a wrong
// password costs one more request; with a stale nonce two; if the password was accepted
// before, three.
func judge(e evidence) verdict {
	switch {
	case e.stale && !e.spent:
		return again // the first time, or from memory
	case !e.fresh && (!e.unasked || e.stronger):
		return again
	case e.overtaken < e.history.patience():
		return overtaken
	case e.latin1:
		return reread
	}
	return wrong
}

// reason returns the reason of v, for trace.
func (e *evidence) reason(v verdict) string {
	switch {
	case v == again && e.stale:
		return reasonStale
	case v == again:
		return reasonOtherSpace
	case v == reread:
		return reasonLatin1
	case v == overtaken:
		return reasonOvertaken
	}
	return reasonWrong
}
