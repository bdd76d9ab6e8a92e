package auth

import (
	"net/url"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

func mustURL(tb testing.TB, s string) *url.URL {
	tb.Helper()
	u, err := url.Parse(s)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func TestJudge(t *testing.T) {
	for _, row := range []struct {
		why  string
		s    evidence
		want verdict
	}{
		{"an answer to a challenge was refused: a wrong password", evidence{fresh: true}, wrong},
		{"the nonce was too old", evidence{fresh: true, stale: true}, again},
		{"but that is an excuse once", evidence{fresh: true, stale: true, spent: true}, wrong},
		{"from memory, something may have changed", evidence{}, again},
		{"not if it does not depend on the challenge", evidence{unasked: true}, wrong},
		{"unless something stronger is asked for", evidence{unasked: true, stronger: true}, again},
		{"a stronger challenge after an answer is a trap", evidence{fresh: true, unasked: true, stronger: true}, wrong},
		{"perhaps the server reads ISO 8859-1", evidence{fresh: true, latin1: true}, reread},
		{"likewise from memory", evidence{unasked: true, latin1: true}, reread},
		{"a challenge to another request came between", evidence{fresh: true, history: history{newer: true}}, overtaken},
		{"or may have", evidence{fresh: true, history: history{crowded: true}, overtaken: 1}, overtaken},
		{"not for ever", evidence{fresh: true, history: history{newer: true}, overtaken: maxOvertaken}, wrong},
		{"it was right before: another client has been challenged", evidence{fresh: true, history: history{trusted: true}}, overtaken},
		{"then it has changed", evidence{fresh: true, history: history{trusted: true}, overtaken: 1}, wrong},
		{"a server that says stale means just that", evidence{fresh: true, stale: true, history: history{newer: true}}, again},
	} {
		if got := judge(row.s); got != row.want {
			t.Errorf("judge(%+v) = %v, want %v: %s", row.s, got, row.want, row.why)
		}
	}
}

func TestClaims(t *testing.T) {
	for _, row := range []struct{ why, challenge, url, want string }{
		{"RFC 7617 §2.2: up to the last slash", `Basic realm="r"`, "http://a/docs/index.html?x=/y/", "/docs/"},
		{"the root", `Basic realm="r"`, "http://a", "/"},
		{"RFC 7616 §3.3: without domain all of the server, and the directory first", `Digest realm="r"`, "http://a/b/c", "/ /b/"},
		{"an empty domain is none (aiohttp#12983)", `Digest realm="r", domain=""`, "http://a/b/c", "/ /b/"},
		{"domain, with segments kept whole", `Digest realm="r", domain="/x /y/"`, "http://a/b/c", "/x /x/ /y/"},
		{"absolute URIs, and nothing but a slash begins another", `Digest realm="r", domain="z http://a:80/w"`, "http://a/b/c", "/w /w/"},
		{"another origin is not the server's to give away", `Digest realm="r", domain="http://other/x /y/"`, "http://a/b/c", "/y/"},
		{"nothing of use is the server: Hikvision", `Digest realm="r", domain="::"`, "http://a/b/c", "/ /b/"},
		{"a host alone", `Digest realm="r", domain="a.example"`, "http://a/b/c", "/ /b/"},
		{"a camera's own address, behind a router", `Digest realm="r", domain="http://192.168.1.64/"`, "http://a/b/c", "/ /b/"},
		{"two slashes without a host are no URI", `Digest realm="r", domain="//"`, "http://a/b/c", "/ /b/"},
		{"a star", `Digest realm="r", domain="*"`, "http://a/b/c", "/ /b/"},
		{"two domains", `Digest realm="r", domain="/x", domain="/y"`, "http://a/b/c", "/ /b/"},
		{"unless the user allows it", `Digest realm="r", domain="http://friend/x/"`, "http://a/b/c", "friend/x/"},
		{"nonsense is skipped", `Digest realm="r", domain="http://[ %zz /ok/ mailto:x"`, "http://a/b/c", "/ok/"},
	} {
		c := ParseChallenges([]string{row.challenge})[0]
		var got []string
		for _, c := range claims(&c, mustURL(t, row.url), func(o roundtrip.Origin) bool { return o.Host == "friend" }) {
			s := c.path
			if c.origin.Host != "a" {
				s = c.origin.Host + s
			}
			got = append(got, s)
		}
		if strings.Join(got, " ") != row.want {
			t.Errorf("claims(%s) = %q, want %q: %s", row.challenge, got, row.want, row.why)
		}
	}
}

func FuzzChallenges(f *testing.F) {
	f.Add(`Digest realm="r", nonce="n", qop="auth,auth-int", domain="/a b", algorithm=SHA-256-sess`)
	f.Add(`Negotiate, Basic realm="x"`)
	f.Add(`Digest nonce="` + strings.Repeat("\\", 100))
	f.Fuzz(func(t *testing.T, line string) {
		u := mustURL(t, "http://example.com/a/b")
		for _, c := range ParseChallenges([]string{line}) {
			_ = claims(&c, u, func(roundtrip.Origin) bool { return true })
			for _, s := range append(DefaultSchemes(), HMACDigest{}) {
				if s.Name() != c.Scheme {
					continue
				}
				cred := Credential{Username: "joe", Password: "secret-word"}
				if _, err := s.Weigh(c, cred); err != nil {
					continue
				}
				session, err := s.Session(&c, cred)
				if err != nil {
					t.Fatalf("%s was weighed, and then: %v", s.Name(), err)
				}
				a := &Request{Context: t.Context(), Method: "GET", Target: "/a/b", Header: map[string][]string{}, Credential: cred}
				if err := session.Sign(a); err != nil {
					t.Fatal(err)
				}
				if v := a.value(); strings.ContainsAny(v, "\r\n\x00") || c.Scheme != "basic" && strings.Contains(v, "secret-word") {
					t.Errorf("signed %q", v)
				}
			}
		}
	})
}
