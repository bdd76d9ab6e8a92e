package auth_test

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/auth"
)

// A digestServer is a server for RFC 7616 that insists: on every nonce count
// being the one before plus one, on the request target byte for byte, on cnonce
// staying the same with -sess. It does what no packaged server does, and shares
// no code with what it tests.
type digestServer struct {
	t        testing.TB
	alg, qop string
	extra    string // parameters of the challenge
	latin1   bool   // passwords are in ISO 8859-1
	userhash bool
	next     bool // a nextnonce with every answer
	oneTime  bool // every nonce is good for one request
	lie      bool // about rspauth
	proofInt bool // rspauth covers the content of the answer
	tamper   bool // but something on the way changes it
	users    map[string]string

	mu         sync.Mutex
	nonces     map[string]*served
	serial     int
	requests   int
	challenges int
	bodies     []string
	problems   []string
}

type served struct {
	nc     int
	cnonce string
}

func hashOf(alg string) func() hash.Hash {
	switch strings.TrimSuffix(alg, "-sess") {
	case "SHA-256":
		return sha256.New
	case "SHA-512-256":
		return sha512.New512_256
	}
	return md5.New
}

func (s *digestServer) h(parts ...string) string {
	h := hashOf(s.alg)()
	_, _ = io.WriteString(h, strings.Join(parts, ":"))
	return hex.EncodeToString(h.Sum(nil))
}

func (s *digestServer) newNonce() string {
	s.serial++
	n := fmt.Sprintf("nonce+%d/==", s.serial)
	if s.nonces == nil {
		s.nonces = map[string]*served{}
	}
	s.nonces[n] = &served{}
	return n
}

const testRealm = `a "quoted" \realm`

func (s *digestServer) challenge(w http.ResponseWriter, stale bool) {
	s.challenges++
	c := `Digest realm="a \"quoted\" \\realm", nonce="` + s.newNonce() + `", opaque="op+aque=="`
	if s.alg != "" {
		c += ", algorithm=" + s.alg
	}
	if s.qop != "" {
		c += `, qop="` + s.qop + `"`
	}
	if stale {
		c += ", stale=true"
	}
	w.Header().Set("WWW-Authenticate", c+s.extra)
	w.WriteHeader(401)
	_, _ = io.WriteString(w, "no")
}

func (s *digestServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests++
	if err != nil {
		s.problems = append(s.problems, "body: "+err.Error())
		return
	}
	field := r.Header.Get("Authorization")
	if field == "" {
		s.challenge(w, false)
		return
	}
	p := params(field)
	n := s.nonces[p["nonce"]]
	if n == nil {
		s.challenge(w, true)
		return
	}
	if why := s.check(r, p, n, body); why != "" {
		s.problems = append(s.problems, why)
		s.challenge(w, false)
		return
	}
	s.bodies = append(s.bodies, string(body))
	if s.oneTime {
		delete(s.nonces, p["nonce"])
	}
	s.answer(w, p, n)
}

// secret returns H(A1) of the user in p.
func (s *digestServer) secret(p map[string]string, n *served) (string, bool) {
	for user, password := range s.users {
		encoded, pw := user, password
		if s.latin1 {
			encoded, pw = latin1(user), latin1(password)
		}
		matches := p["username"] == encoded
		switch {
		case s.userhash:
			matches = p["userhash"] == "true" && p["username"] == s.h(encoded, testRealm)
		case p["username*"] != "":
			rest, found := strings.CutPrefix(p["username*"], "UTF-8''")
			name, err := url.PathUnescape(rest)
			matches = found && err == nil && name == user
		}
		if !matches {
			continue
		}
		ha1 := s.h(encoded, testRealm, pw)
		if strings.HasSuffix(s.alg, "-sess") {
			if n.cnonce == "" {
				n.cnonce = p["cnonce"]
			}
			ha1 = s.h(ha1, p["nonce"], n.cnonce)
		}
		return ha1, true
	}
	return "", false
}

func latin1(s string) string {
	var b []byte
	for _, r := range s {
		b = append(b, byte(r))
	}
	return string(b)
}

func (s *digestServer) check(r *http.Request, p map[string]string, n *served, body []byte) string {
	ha1, ok := s.secret(p, n)
	if !ok {
		return "unknown user"
	}
	if p["uri"] != r.RequestURI {
		return fmt.Sprintf("uri %q, but the request line has %q", p["uri"], r.RequestURI)
	}
	if p["opaque"] != "op+aque==" || p["realm"] != testRealm {
		return fmt.Sprintf("opaque %q, realm %q", p["opaque"], p["realm"])
	}
	ha2 := s.h(r.Method, p["uri"])
	if p["qop"] == "auth-int" {
		ha2 = s.h(r.Method, p["uri"], s.h(string(body)))
	}
	want := s.h(ha1, p["nonce"], ha2)
	if s.qop != "" {
		if p["qop"] == "" {
			return "no qop"
		}
		nc, err := strconv.ParseInt(p["nc"], 16, 32)
		if err != nil || len(p["nc"]) != 8 || int(nc) != n.nc+1 {
			return fmt.Sprintf("nc %s after %d", p["nc"], n.nc)
		}
		n.nc = int(nc)
		want = s.h(ha1, p["nonce"], p["nc"], p["cnonce"], p["qop"], ha2)
	} else if p["qop"] != "" || p["nc"] != "" || p["cnonce"] != "" {
		return "qop, nc or cnonce though none was offered"
	}
	if p["response"] != want {
		return "wrong response"
	}
	return ""
}

func (s *digestServer) answer(w http.ResponseWriter, p map[string]string, n *served) {
	const text = "welcome"
	ha1, _ := s.secret(p, n)
	ha2, qop := s.h("", p["uri"]), p["qop"]
	if s.proofInt || qop == "auth-int" {
		qop = "auth-int"
		ha2 = s.h("", p["uri"], s.h(text))
	}
	info := `qop=` + qop + `, rspauth="` + s.h(ha1, p["nonce"], p["nc"], p["cnonce"], qop, ha2) + `", cnonce="` + p["cnonce"] + `", nc=` + p["nc"]
	if s.lie {
		info = `rspauth="` + s.h("somebody else") + `"`
	}
	if s.qop == "" {
		info = ""
	}
	if s.next {
		info += `, nextnonce="` + s.newNonce() + `"`
	}
	w.Header().Set("Authentication-Info", info)
	if s.tamper {
		_, _ = io.WriteString(w, "w3lcome")
		return
	}
	_, _ = io.WriteString(w, text)
}

// start returns the URL of the server. At the end of the test it fails if there
// was a problem that the test did not ask for.
func (s *digestServer) start(t *testing.T) string {
	t.Helper()
	if s.users == nil {
		s.users = map[string]string{"joe": "password"}
	}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	return srv.URL
}

func (s *digestServer) counts() (requests, challenges int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests, s.challenges
}

func (s *digestServer) fine(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.problems {
		t.Errorf("server: %s", p)
	}
}

// get sends a GET and returns the status and the body.
func get(tb testing.TB, rt http.RoundTripper, url string) (int, string, error) {
	tb.Helper()
	return do(tb, rt, "GET", url, nil)
}

func do(tb testing.TB, rt http.RoundTripper, method, url string, body io.Reader) (int, string, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, body)
	if err != nil {
		tb.Fatal(err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b), err
}

// wsseServer accepts each nonce once.
type wsseServer struct {
	raw, hex bool
	mu       sync.Mutex
	seen     map[string]bool
}

func (s *wsseServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, ok := strings.CutPrefix(r.Header.Get("X-WSSE"), "UsernameToken ")
	good := false
	if ok && r.Header.Get("Authorization") == `WSSE profile="UsernameToken"` {
		c := auth.ParseChallenges([]string{"x " + v})
		p := func(name string) string { value, _ := c[0].Param(name); return value }
		nonce := p("nonce")
		if s.raw {
			b, err := base64.StdEncoding.DecodeString(nonce)
			if err != nil {
				b = nil
			}
			nonce = string(b)
		}
		sum := sha1.Sum([]byte(nonce + p("created") + "taadtaadpstcsm"))
		want := base64.StdEncoding.EncodeToString(sum[:])
		if s.hex {
			want = base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:])))
		}
		s.mu.Lock()
		if s.seen == nil {
			s.seen = map[string]bool{}
		}
		good = p("username") == "bob" && p("passworddigest") == want && len(p("created")) == 20 && !s.seen[nonce]
		s.seen[nonce] = true
		s.mu.Unlock()
	}
	if !good {
		w.Header().Set("WWW-Authenticate", `WSSE realm="foo", profile="UsernameToken"`)
		w.WriteHeader(401)
	}
}

// hmacServer is the other end of httplib2's HMACDigest.
func hmacServer(w http.ResponseWriter, r *http.Request) {
	h := func(s string) string { sum := sha1.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
	cs := auth.ParseChallenges(r.Header["Authorization"])
	if len(cs) == 1 {
		p := func(name string) string { v, _ := cs[0].Param(name); return v }
		mac := hmac.New(sha1.New, []byte(h("joe:"+h("password"+"pepper")+":hmac realm")))
		values := ""
		for name := range strings.FieldsSeq(p("headers")) {
			values += r.Header.Get(name)
		}
		_, _ = io.WriteString(mac, r.Method+":"+r.RequestURI+":"+p("cnonce")+":snonce-1:"+values)
		if p("response") == hex.EncodeToString(mac.Sum(nil)) && p("uri") == r.RequestURI && p("snonce") == "snonce-1" &&
			strings.Contains(p("headers"), "x-signed ") {
			return
		}
	}
	w.Header().Set("WWW-Authenticate", `HMACDigest realm="hmac realm", snonce="snonce-1", salt="pepper"`)
	w.WriteHeader(401)
}
