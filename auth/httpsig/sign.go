package httpsig

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"time"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// The fields of a signature as net/http writes them.
const (
	fieldInput     = "Signature-Input"
	fieldSignature = "Signature"
	fieldDigest    = "Content-Digest"
)

// sign returns a signed copy of req, whose content is content. The body of the copy is
// set; if there is an error, content is not read or closed.
func (s *settings) sign(req *http.Request, content *roundtrip.Content, now time.Time) (*http.Request, error) {
	out := roundtrip.Clone(req)
	out.URL = roundtrip.EscapeURL(out.URL)
	if s.raw {
		keepCoded(out)
	}
	if s.digests && content.Exists() && len(out.Header[fieldDigest]) == 0 {
		content.Keep(s.maxReplay)
		field, err := s.digestOf(req.Context(), content)
		if err != nil {
			return nil, err
		}
		out.Header[fieldDigest] = []string{field}
		if content.Wrapped() {
			out.Body, out.GetBody = content.First(), content.GetBody()
		}
	}
	m := message{req: out}
	input, sig, err := s.signature(&m, now)
	if err != nil {
		if content.Wrapped() {
			roundtrip.CloseBody(out)
		}
		return nil, err
	}
	out.Header[fieldInput], out.Header[fieldSignature] = []string{s.label + "=" + input}, []string{s.label + "=" + sig}
	return out, nil
}

// signature returns the values of Signature-Input and Signature for m, without the label.
func (s *settings) signature(m *message, now time.Time) (input, sig string, err error) {
	lines, there, err := m.lines(s.components, true)
	if err != nil {
		return "", "", roundtrip.Final(fmt.Errorf("httpsig: %w", err))
	}
	if input, err = covered(there, s.params(now)); err != nil {
		return "", "", roundtrip.Final(fmt.Errorf("httpsig: %w", err))
	}
	raw, err := s.key.sign(complete(lines, input))
	if err != nil {
		return "", "", err
	}
	return input, ":" + base64.StdEncoding.EncodeToString(raw) + ":", nil
}

// params returns the parameters of a signature (RFC 9421 §2.3).
func (s *settings) params(now time.Time) *httpsfv.Params {
	p := httpsfv.NewParams()
	p.Add("created", now.Unix())
	if s.key.id != "" {
		p.Add("keyid", s.key.id)
	}
	if s.nameAlgorithm {
		p.Add("alg", string(s.key.algorithm))
	}
	if s.lifetime > 0 {
		p.Add("expires", now.Add(s.lifetime).Unix())
	}
	if s.nonce {
		p.Add("nonce", rand.Text())
	}
	if s.tag != "" {
		p.Add("tag", s.tag)
	}
	return p
}
