package auth

import (
	"crypto/hmac"
	"crypto/md5" //nolint:gosec // by protocol: HMACDigest knows nothing else
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // by protocol: HMACDigest knows nothing else
	"encoding/hex"
	"hash"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// HMACDigest is a scheme of httplib2 that was drafted in 2004 and never became a
// standard: an HMAC over the request line and the end-to-end fields. It is
// answered only if it is listed in [Transport.Schemes].
//
// It signs the fields that are set when the request comes to this layer. Fields that are
// added below it, such as User-Agent and Accept-Encoding by net/http, are not signed.
type HMACDigest struct{}

// Name returns "hmacdigest".
func (HMACDigest) Name() string { return "hmacdigest" }

// Weigh implements [Scheme]. HMACDigest is preferred to the others, as in httplib2.
func (h HMACDigest) Weigh(c Challenge, cred Credential) (int, error) {
	_, err := h.parse(c, &cred)
	return StrengthHMACDigest, err
}

// Session implements [Scheme].
func (h HMACDigest) Session(c *Challenge, cred Credential) (Session, error) {
	if c == nil {
		return nil, ErrNeedsChallenge
	}
	return h.parse(*c, &cred)
}

// Stale reports whether the server asks for another answer with the same credential.
func (HMACDigest) Stale(c Challenge, _ Credential) bool {
	reason, _ := c.Param("reason")
	return reason == "integrity" || reason == "stale"
}

type hmacSession struct {
	realm, snonce string
	hash          func() hash.Hash
	key           string
}

func (HMACDigest) parse(c Challenge, cred *Credential) (*hmacSession, error) {
	if name := c.doubled("realm", "snonce", "salt", "algorithm", "pw-algorithm", "reason"); name != "" {
		return nil, unsupported("hmacdigest", name, "given twice")
	}
	s := &hmacSession{hash: sha1.New}
	var ok bool
	if s.realm, ok = c.Param("realm"); !ok || len(s.realm) > maxParam || httpfield.HasControl(s.realm) {
		return nil, unsupported("hmacdigest", "realm", s.realm)
	}
	if s.snonce, _ = c.Param("snonce"); s.snonce == "" || len(s.snonce) > maxParam || httpfield.HasControl(s.snonce) {
		return nil, unsupported("hmacdigest", "snonce", s.snonce)
	}
	switch alg, _ := c.Param("algorithm"); alg {
	case "", "HMAC-SHA-1":
	case "HMAC-MD5":
		s.hash = md5.New
	default:
		return nil, unsupported("hmacdigest", "algorithm", alg)
	}
	pwHash := sha1.New
	switch alg, _ := c.Param("pw-algorithm"); alg {
	case "", "SHA-1":
	case "MD5":
		pwHash = md5.New
	default:
		return nil, unsupported("hmacdigest", "pw-algorithm", alg)
	}
	if !cred.hasPassword() || cred.HA1 != "" && cred.Password == "" {
		return nil, errNoPassword
	}
	if httpfield.HasControl(cred.Username) {
		return nil, unsupported("hmacdigest", "user name", "with control characters")
	}
	s.realm, s.snonce = strings.Clone(s.realm), strings.Clone(s.snonce)
	salt, _ := c.Param("salt")
	s.key = hexSum(pwHash(), cred.Username+":"+hexSum(pwHash(), cred.Password+salt)+":"+s.realm)
	return s, nil
}

func hexSum(h hash.Hash, text string) string {
	_, _ = io.WriteString(h, text) // a hash.Hash never fails
	return hex.EncodeToString(h.Sum(nil))
}

func (s *hmacSession) Sign(req *Request) error {
	cnonce := rand.Text()
	names := endToEnd(req.Header)
	var values strings.Builder
	for _, name := range names {
		values.WriteString(strings.Join(req.Header[http.CanonicalHeaderKey(name)], ", "))
	}
	req.Authorize("HMACDigest username=" + httpfield.Quote(req.Credential.Username) + ", realm=" + httpfield.Quote(s.realm) +
		", snonce=" + httpfield.Quote(s.snonce) + `, cnonce="` + cnonce + `", uri=` + httpfield.Quote(req.Target) +
		`, created="` + time.Now().UTC().Format("2006-01-02T15:04:05Z") +
		`", response="` + s.response(req.Method, req.Target, cnonce, values.String()) +
		`", headers="` + strings.Join(append(names, ""), " ") + `"`) // a blank after each, as in httplib2
	return nil
}

// response returns HMAC(key, method:uri:cnonce:snonce:values).
func (s *hmacSession) response(method, uri, cnonce, values string) string {
	return hexSum(hmac.New(s.hash, []byte(s.key)), method+":"+uri+":"+cnonce+":"+s.snonce+":"+values)
}

// endToEnd returns the names of the fields of h that reach the origin server, in lower
// case and sorted, without Authorization and the fields that net/http writes itself.
func endToEnd(h http.Header) []string {
	var names []string
	for name, values := range h {
		lower := httpfield.Lower(name)
		if len(values) == 0 || name != http.CanonicalHeaderKey(name) || httpfield.HasToken(h["Connection"], lower) {
			continue
		}
		switch lower {
		case "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "trailers",
			"transfer-encoding", "upgrade", "authorization", "host", "content-length":
			continue
		}
		names = append(names, lower)
	}
	slices.Sort(names)
	return names
}
