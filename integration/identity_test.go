package integration_test

import (
	"crypto/md5"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
)

// Every user has a password, a token, a cookie and a key for every origin, no two
// the same: wherever one is found tells whose it is, and where it belongs.

func secretOf(kind, host, user string) string {
	return kind + "-s3cr3t-" + strings.ReplaceAll(host, ":", "_") + "-" + user
}

var secretKinds = []string{"password", "token", "cookie", "key", "query"}

func (w *world) secretsOf(host string) []string {
	var all []string
	for _, user := range w.users {
		for _, kind := range secretKinds {
			all = append(all, secretOf(kind, host, user))
		}
		all = append(all, base64.StdEncoding.EncodeToString([]byte(user+":"+secretOf("password", host, user))))
	}
	return all
}

// foreign returns a secret in text that belongs to another origin than host, or
// with an empty host to any.
func (w *world) foreign(host, text string) string {
	for other, secrets := range w.secrets {
		if other == host {
			continue
		}
		for _, s := range secrets {
			if strings.Contains(text, s) {
				return s
			}
		}
	}
	return ""
}

// A nonce is one of a Digest challenge, with the counts it was used with: whether
// the connection was broken in place of an answer.
type nonce struct{ broken map[string]bool }

// challenge is a WWW-Authenticate for r.
func (o *origin) challenge(r *resource, stale bool) string {
	if r.scheme == "basic" {
		return `Basic realm="` + o.host + `"`
	}
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	name := fmt.Sprintf("n%d", len(o.nonces))
	o.nonces[name] = &nonce{broken: make(map[string]bool)}
	c := fmt.Sprintf(`Digest realm="%s", nonce="%s", qop="auth", algorithm=%s`, o.host, name, o.algorithm)
	if stale {
		c += ", stale=true"
	}
	return c
}

// user returns who has sent a request, or "". breaks is to be called before the
// connection is broken in place of an answer.
func (o *origin) user(r *http.Request) (user string, stale bool, breaks func()) {
	breaks = func() {}
	authorization := r.Header.Get("Authorization")
	for _, u := range o.w.users {
		switch {
		case authorization == "Bearer "+secretOf("token", o.host, u), authorization == "SharedKey "+secretOf("token", o.host, u),
			strings.Contains(r.Header.Get("Cookie"), secretOf("cookie", o.host, u)),
			r.Header.Get("X-Api-Key") == secretOf("key", o.host, u):
			return u, false, breaks
		}
		if name, password, ok := r.BasicAuth(); ok && name == u && password == secretOf("password", o.host, u) {
			return u, false, breaks
		}
	}
	if strings.HasPrefix(authorization, "Digest ") {
		return o.digestUser(r, authorization)
	}
	return "", false, breaks
}

func (o *origin) digestUser(r *http.Request, authorization string) (user string, stale bool, breaks func()) {
	breaks = func() {}
	p := make(map[string]string)
	for part := range strings.SplitSeq(strings.TrimPrefix(authorization, "Digest "), ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		p[name] = strings.Trim(value, `"`)
	}
	if p["uri"] != r.RequestURI {
		return "", false, breaks
	}
	sum := func(s string) string {
		h := md5.New()
		if o.algorithm == "SHA-256" {
			h = sha256.New()
		}
		h.Write([]byte(s))
		return hex.EncodeToString(h.Sum(nil))
	}
	a1 := sum(p["username"] + ":" + o.host + ":" + secretOf("password", o.host, p["username"]))
	want := sum(strings.Join([]string{a1, p["nonce"], p["nc"], p["cnonce"], p["qop"], sum(r.Method + ":" + p["uri"])}, ":"))
	if want != p["response"] {
		return "", false, breaks
	}
	o.w.mu.Lock()
	defer o.w.mu.Unlock()
	n := o.nonces[p["nonce"]]
	if n == nil {
		return "", true, breaks
	}
	// net/http itself repeats a request whose connection broke without an answer;
	// the layer above has no part in that.
	broken, seen := n.broken[p["nc"]]
	if seen && !broken {
		o.w.failf(o.host+r.RequestURI, "nonce %s was sent twice with count %s", p["nonce"], p["nc"])
	}
	if seen {
		return "", true, breaks
	}
	n.broken[p["nc"]] = false
	return p["username"], false, func() {
		o.w.mu.Lock()
		defer o.w.mu.Unlock()
		n.broken[p["nc"]] = true
	}
}
