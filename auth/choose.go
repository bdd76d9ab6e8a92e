package auth

import (
	"cmp"
	"errors"
	"slices"
)

// A choice is a challenge with what will answer it.
type choice struct {
	challenge Challenge
	scheme    Scheme
	cred      Credential
	strength  int
	rank      int // of the credential among those of its source
	latin1    bool
}

// A refusal is a credential that a request was refused with.
type refusal struct {
	key credKey
	// latin1 is true if it may be tried once more, in ISO 8859-1.
	latin1 bool
}

// A question is what a choice depends on.
type question struct {
	challenges []Challenge
	schemes    []Scheme
	// credentials returns those that may be sent, in order.
	credentials func(scheme, realm string) ([]Credential, error)
	// floor returns the least strength that is accepted in a realm.
	floor   func(realm string) int
	refused []refusal
}

// choose returns the answer to give: for the first credential that was not
// refused yet and can answer anything, the strongest challenge that it can
// answer, and of equal ones the first. ok is false if there is none; err then
// says why, if it is the challenges that are to blame or if the credentials
// could not be had.
//
// RFC 7616 §5.1 and RFC 9110 §11.6.1 leave the choice to the client; whoever sits
// in between can only take strong challenges away, which floor notices.
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

// options returns every answer that could be given. The error is that of the
// source, and then there are none, or says what the challenges are to blame for.
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

// inOrder returns the credentials of options in the order of their source.
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

// retryable reports whether a credential may be tried, and whether in ISO 8859-1.
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
	// wrong: it is not to be tried again with this request.
	wrong verdict = iota
	// again: it may be right, what it was sent with was too old.
	again
	// reread: it may be right in ISO 8859-1.
	reread
	// overtaken: it may be right, a challenge to another request came between.
	overtaken
)

// evidence is what a verdict depends on.
type evidence struct {
	fresh bool // the attempt answered a challenge to this very request
	stale bool // the new challenge says that the old one was too old
	spent bool // such an excuse was accepted before
	// unasked is true if what was sent does not depend on a challenge, so that
	// the new one changes nothing.
	unasked bool
	// stronger is true if there is a challenge stronger than what was refused.
	stronger bool
	// history is that of the nonce, and overtaken how often the request was tried
	// again for it.
	history   history
	overtaken int
	// latin1 is true if the credential reads differently in ISO 8859-1, was sent
	// in UTF-8, and the server did not say which one it wants.
	latin1 bool
}

// judge decides what a refusal means. A wrong password costs one request more
// than the one that was challenged, a stale nonce two; one that was right before,
// one more than that.
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

// reason says what v means, for trace.
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
