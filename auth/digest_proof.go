package auth

import (
	"io"
	"net/http"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// A proof is what Digest remembers of a request until its response.
type proof struct {
	nonce     *nonce
	qop       string
	count     uint32
	bodyHash  string
	overtaken int           // how often the request was sent again because its nonce had been replaced
	crowded   bool          // other requests were under way when it was sent
	sent      uint64        // the seq of the pool then
	inLine    bool          // it is in line, see line
	turn      chan struct{} // not nil while it has its turn
}

// A reply is the part of a response that sessions need.
type reply struct {
	header    http.Header
	infoField string         // Authentication-Info, or that of a proxy
	resp      *http.Response // nil if there is no content to check; replaced, not changed
	x         *exchange      // needed to check a proof of the content
	nextnonce bool           // set if the response has one
	shares    bool           // set if from now on all requests share one nonce
}

// appendResponse appends the digits of the response to b: RFC 7616 §3.4.1, or RFC
// 2069 §2.1.2 without qop. An empty method makes it rspauth (§3.5).
func (p *proof) appendResponse(b []byte, method, uri, bodyHash string) []byte {
	n := p.nonce
	h := n.ch.alg.hasher()
	defer n.ch.alg.release(h)

	h.text(method)
	h.text(":")
	h.text(uri)
	if p.qop == "auth-int" {
		h.text(":")
		h.text(bodyHash)
	}
	ha2 := h.hex(h.out[:0])

	h.text(n.ha1)
	h.text(":")
	h.text(n.value)
	h.text(":")
	if p.qop != "" {
		nc := appendCount(h.out[maxDigits:maxDigits], p.count)
		h.bytes(nc)
		h.text(":")
		h.text(n.cnonce)
		h.text(":")
		h.text(p.qop)
		h.text(":")
	}
	h.bytes(ha2)
	return h.hex(b)
}

// verify checks the rspauth in info, if there is one. That of auth-int covers the content
// of the response, and is checked when that has been read: an error takes the place of
// EOF.
func (p *proof) verify(info Challenge, uri string, r *reply) error {
	got, ok := info.Param("rspauth")
	if !ok {
		if info.doubled("rspauth") != "" {
			return ErrServerProof
		}
		return nil
	}
	check := *p
	if qop, ok := info.Param("qop"); ok {
		check.qop = httpfield.Lower(httpfield.TrimBlanks(qop))
		if check.qop != "auth" && check.qop != "auth-int" {
			return ErrServerProof
		}
	}
	if check.qop != "auth-int" {
		return check.compare(got, uri, "")
	}
	if r.resp == nil || r.resp.Body == nil || r.resp.Body == http.NoBody || r.resp.StatusCode == http.StatusSwitchingProtocols {
		return check.compare(got, uri, check.nonce.ch.alg.sumText(""))
	}
	if r.resp.Uncompressed {
		// net/http has decoded the content; the proof covers the encoded one.
		return nil
	}
	body := &provenBody{ReadCloser: r.resp.Body, hash: check.nonce.ch.alg.hasher(), proof: check, want: got, uri: uri}
	body.left = r.resp.ContentLength
	body.distrust = r.x.distrusting()
	r.resp = copyOf(r.resp)
	r.resp.Body = body
	return nil
}

func (p *proof) compare(got, uri, bodyHash string) error {
	var buf [maxDigits]byte
	want := p.appendResponse(buf[:0], "", uri, bodyHash)
	if !httpfield.EqualFold(got, string(want)) {
		return ErrServerProof
	}
	return nil
}

// A provenBody fails at its end if its content is not what the server signed. If the
// length is known it fails with the last byte, since not all readers read on until EOF.
type provenBody struct {
	io.ReadCloser
	left     int64 // bytes to its end; not positive if that is unknown
	checked  bool
	hash     *hasher
	proof    proof
	want     string
	uri      string
	distrust func()
	end      error // returned after the end; nil before
}

func (b *provenBody) Read(p []byte) (int, error) {
	if b.end != nil {
		return 0, b.end
	}
	n, err := b.ReadCloser.Read(p)
	_, _ = b.hash.Write(p[:n]) // never fails
	last := err == nil && b.left > 0 && b.left == int64(n)
	b.left -= int64(n)
	if !b.checked && (err == io.EOF || last) {
		b.checked = true
		if bad := b.proof.compare(b.want, b.uri, string(b.hash.hex(nil))); bad != nil {
			b.distrust()
			err = bad
		}
	}
	if b.checked {
		b.end = err // nil with the last byte: EOF is still to come
	}
	return n, err
}
