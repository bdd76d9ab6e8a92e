package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"strconv"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A digestSession signs for one user in one realm. Each request leases a nonce, by lease
// or renew, and gives it back by accepted, lost or kept.
type digestSession struct {
	digest Digest
	realm  string
	cred   Credential
	pool   noncePool

	mu  sync.Mutex
	ha1 [len(algorithms)][2]string // by algorithm and by Latin1
}

// lease leases a nonce to req. It returns false if none is free; if wait is true, only
// after waiting for those in use.
func (s *digestSession) lease(req *Request, wait bool) bool {
	if wait {
		req.proof.nonce = s.pool.await(req.Context)
	} else {
		req.proof.nonce = s.pool.lease()
	}
	return req.proof.nonce != nil
}

// renew leases the nonce of challenge c to req. crowded is true if other requests may be
// challenged at the same time.
func (s *digestSession) renew(req *Request, c Challenge, crowded bool) error {
	ch, err := s.digest.parse(c)
	if err != nil {
		return err
	}
	req.proof.nonce = s.pool.arriveAfter(&nonce{ch: ch, value: ch.nonce}, &req.proof, crowded)
	return nil
}

// queue waits, if req was overtaken, until it may be sent again. It returns false if the
// credential turns out to be wrong meanwhile.
func (s *digestSession) queue(req *Request) bool {
	p := &req.proof
	// Requests through a proxy have no end that is seen here, and cannot wait in line.
	if !req.Proxy && (p.overtaken > 0 || s.pool.isShared()) {
		if s.pool.queue(req.Context, p); p.nonce == nil {
			s.pool.leave(p)
			return false
		}
	}
	s.pool.note(p)
	return true
}

// history returns what is known about the nonce that req was refused with.
func (s *digestSession) history(req *Request) history {
	if req.proof.nonce == nil {
		return history{}
	}
	return s.pool.history(&req.proof)
}

// condemn notes that req was refused for its credential, and not for its nonce.
func (s *digestSession) condemn(req *Request) {
	if n := req.proof.nonce; n != nil {
		s.pool.condemn(n)
	}
}

// lost gives the nonce of req up, after a refusal or without a response.
func (s *digestSession) lost(req *Request, stale bool) {
	if n := req.proof.nonce; n != nil {
		s.pool.drop(n, stale)
		req.proof.nonce = nil
	}
	s.pool.leave(&req.proof)
}

// kept gives the nonce of req back: the next request can use it.
func (s *digestSession) kept(req *Request) {
	if n := req.proof.nonce; n != nil {
		s.pool.put(n)
		req.proof.nonce = nil
	}
	s.pool.leave(&req.proof)
}

// prepareLocked computes the parts of the field that are the same for all requests with
// n. The client nonce stays the same for the life of n, as -sess demands (RFC 7616
// §3.4.2).
func (s *digestSession) prepareLocked(n *nonce, req *Request) {
	if n.head != "" {
		return
	}
	n.cnonce = rand.Text()
	n.ha1 = s.baseHA1(n.ch, req.Latin1)
	if n.ch.sess {
		n.ha1 = n.ch.alg.sumText(n.ha1, n.value, n.cnonce)
	}
	n.head = "Digest " + n.ch.username(&s.cred, req.Latin1) + ", realm=" + httpfield.Quote(s.realm) +
		", nonce=" + httpfield.Quote(n.value)
	if n.ch.hasOpaque {
		n.tail = ", opaque=" + httpfield.Quote(n.ch.opaque)
	}
	if n.ch.userhash {
		n.tail += ", userhash=true"
	}
}

// count gives req the next count of n.
func (s *digestSession) count(n *nonce, req *Request) {
	n.mu.Lock()
	defer n.mu.Unlock()
	s.prepareLocked(n, req)
	n.count++
	req.proof.count = n.count
}

func (s *digestSession) baseHA1(ch *digestChallenge, latin1 bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := 0
	if latin1 && !ch.utf8 {
		i = 1
	}
	p := &s.ha1[ch.alg.index][i]
	if *p == "" {
		*p = ch.ha1(&s.cred, latin1)
	}
	return *p
}

// Sign implements [Session].
func (s *digestSession) Sign(req *Request) error {
	if req.proof.nonce == nil && !s.lease(req, false) {
		return ErrNeedsChallenge
	}
	n, p := req.proof.nonce, &req.proof
	p.qop, p.bodyHash = "", ""
	switch {
	case n.ch.authInt && (s.digest.Integrity || !n.ch.auth):
		var err error
		if p.bodyHash, err = hashBody(n.ch.alg, req); err == nil {
			p.qop = "auth-int"
		} else if n.ch.auth {
			p.qop = "auth"
		} else {
			return err
		}
	case n.ch.auth:
		p.qop = "auth"
	}
	s.count(n, req)
	req.Authorize(s.header(req))
	return nil
}

// hashBody returns the hash of the content of the request.
func hashBody(alg *algorithm, req *Request) (string, error) {
	if req.Body == nil {
		return alg.sumText(""), nil
	}
	body, err := req.Body()
	if cause := context.Cause(req.Context); err != nil && cause != nil {
		return "", roundtrip.Explain("auth: digest: reading the body", cause)
	}
	switch {
	case errors.Is(err, roundtrip.ErrTooLong):
		return "", unsupported("digest", "qop", "auth-int for a body that is longer than MaxReplay")
	case err != nil:
		return "", unsupported("digest", "qop", "auth-int for a body that cannot be read twice")
	}
	sum, err := alg.sumReader(body)
	_ = body.Close() // only read
	if err != nil {
		return "", roundtrip.Explain("auth: digest: reading the body", err)
	}
	return sum, nil
}

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// header returns the value of Authorization, its parameters in the order of
// httplib2.
func (s *digestSession) header(req *Request) string {
	n, p := req.proof.nonce, &req.proof
	buf := buffers.Get().(*[]byte) // the pool holds nothing else
	b := append((*buf)[:0], n.head...)
	b = append(b, `, uri="`...)
	if strings.IndexByte(req.Target, '"') >= 0 || strings.IndexByte(req.Target, '\\') >= 0 {
		q := httpfield.Quote(req.Target)
		b = append(b, q[1:len(q)-1]...)
	} else {
		b = append(b, req.Target...)
	}
	b = append(b, '"')
	if n.ch.algorithm != "" {
		b = append(b, ", algorithm="...)
		b = append(b, n.ch.algorithm...)
	}
	b = append(b, `, response="`...)
	b = p.appendResponse(b, req.Method, req.Target, p.bodyHash)
	b = append(b, '"')
	if p.qop != "" {
		b = append(b, ", qop="...)
		b = append(b, p.qop...)
		b = append(b, ", nc="...)
		b = appendCount(b, p.count)
		b = append(b, `, cnonce="`...)
		b = append(b, n.cnonce...)
		b = append(b, '"')
	}
	b = append(b, n.tail...)
	value := string(b)
	*buf = b
	buffers.Put(buf)
	return value
}

// appendCount appends n as nc-value, eight hexadecimal digits.
func appendCount(b []byte, n uint32) []byte {
	const digits = "0123456789abcdef"
	for shift := 28; shift >= 0; shift -= 4 {
		b = append(b, digits[n>>shift&15])
	}
	return b
}

// accepted checks the proof of the server, if there is one, and frees the nonce, or the
// nextnonce of the response in its place.
func (s *digestSession) accepted(req *Request, r *reply) error {
	n := req.proof.nonce
	if n == nil {
		return nil
	}
	lines := r.header[r.infoField]
	if len(lines) == 0 {
		r.shares = s.pool.accept(n, req.proof.overtaken > 0)
		s.kept(req)
		return nil
	}
	info := Challenge{params: httpfield.AuthParams(lines)}
	if !s.digest.IgnoreProof {
		if err := req.proof.verify(info, req.Target, r); err != nil {
			s.lost(req, false)
			return err
		}
	}
	r.shares = s.pool.accept(n, req.proof.overtaken > 0)
	// RFC 7616 §3.5. A nextnonce that is the present one goes on being counted.
	if next, _ := info.Param("nextnonce"); next != "" && next != n.value && len(next) <= maxParam && !httpfield.HasControl(next) {
		// The new nonce first: requests may be waiting for one.
		s.pool.put(s.pool.arrive(&nonce{ch: n.ch, value: strings.Clone(next)}))
		s.lost(req, false)
		r.nextnonce = true
		return nil
	}
	s.kept(req)
	return nil
}

// describe returns what req was signed with, for trace.
func (*digestSession) describe(req *Request) (algorithm, qop, count string) {
	n := req.proof.nonce
	if n == nil {
		return "", "", ""
	}
	algorithm = n.ch.alg.name
	if n.ch.sess {
		algorithm += "-sess"
	}
	return algorithm, req.proof.qop, strconv.FormatUint(uint64(req.proof.count), 10)
}
