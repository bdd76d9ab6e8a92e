package auth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestExchange(t *testing.T) {
	for _, x := range []*exchangeTest{
		{
			name: "no credentials", why: "a layer with nothing to do passes through",
			steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
		},
		{
			name: "Basic", why: "httplib2 test_basic: asked first, then answered",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "Basic, then known", why: "RFC 7617 §2.2: paths at or below the last slash need no challenge; others do",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/a/c/d", "http://example.com/a/bc", "http://example.com/a", "http://example.com/ab/c"},
			steps: []rttest.Step{rttest.Respond(basic), yes, yes, yes, yes, yes},
			want:  "- " + strings.Repeat("basic:am9lOnBhc3N3b3Jk ", 3) + "- -",
		},
		{
			name: "Digest", why: "the nonce is counted on, without a second challenge, everywhere on the origin",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/", "http://example.com/x?y=z"},
			steps: []rttest.Step{rttest.Respond(digest), yes, yes, yes},
			want:  "- digest:n1:SHA-256:1 digest:n1:SHA-256:2 digest:n1:SHA-256:3",
		},
		{
			name: "wrong password", why: "costs exactly one request, and the 401 comes back",
			t:     auth.Transport{Credentials: keys("joe", "wrong")},
			steps: []rttest.Step{rttest.Respond(basic), rttest.Respond(basic)}, want: "- basic:am9lOndyb25n", status: 401,
		},
		{
			name: "wrong password, Digest with a new nonce", why: "a new nonce without stale after an answer means a wrong password",
			t:     auth.Transport{Credentials: keys("joe", "wrong")},
			steps: []rttest.Step{rttest.Respond(digest), challenge(`Digest realm="r", nonce="n2", qop="auth", algorithm=SHA-256`)},
			want:  "- digest:n1:SHA-256:1", status: 401,
		},
		{
			name: "wrong password, Digest and Basic", why: "a refused strong scheme is never followed by a weaker one",
			t: auth.Transport{Credentials: keys("joe", "wrong")},
			steps: []rttest.Step{
				challenge(`Basic realm="r"`, `Digest realm="r", nonce="n1", qop="auth"`),
				challenge(`Basic realm="r"`, `Digest realm="r", nonce="n2", qop="auth"`),
			},
			want: "- digest:n1:1", status: 401,
		},
		{
			name: "wrong password, then Basic alone", why: "nor by another challenge to the answer",
			t:     auth.Transport{Credentials: keys("joe", "wrong")},
			steps: []rttest.Step{rttest.Respond(digest), rttest.Respond(basic)},
			want:  "- digest:n1:SHA-256:1", status: 401,
		},
		{
			name: "downgrade later", why: "what was strong once is not accepted weak later for the same space",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/a/b"},
			steps: []rttest.Step{rttest.Respond(digest), yes, rttest.Respond(basic)},
			want:  "- digest:n1:SHA-256:1 digest:n1:SHA-256:2", status: 401,
		},
		{
			name: "downgrade later, in another realm at the same place", why: "whoever sits between can call the realm what they like",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/a/b"},
			steps: []rttest.Step{rttest.Respond(digest), yes, challenge(`Basic realm="other"`)},
			want:  "- digest:n1:SHA-256:1 digest:n1:SHA-256:2", status: 401,
		},
		{
			name: "downgrade later, SHA-256 to MD5", why: "algorithms count too",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/a/b"},
			steps: []rttest.Step{rttest.Respond(digest), yes, challenge(`Digest realm="r", nonce="n2", qop="auth"`)},
			want:  "- digest:n1:SHA-256:1 digest:n1:SHA-256:2", status: 401,
		},
		{
			name: "downgrade later, without qop", why: "RFC 2069 lets whoever sits between choose what is hashed",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/a/b"},
			steps: []rttest.Step{rttest.Respond(digest), yes, challenge(`Digest realm="r", nonce="n2", algorithm=SHA-256`)},
			want:  "- digest:n1:SHA-256:1 digest:n1:SHA-256:2", status: 401,
		},
		{
			name: "another realm elsewhere may be Basic", why: "it is a space of its own, and servers have both",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/basic/"},
			steps: []rttest.Step{rttest.Respond(digest), yes, challenge(`Basic realm="other"`), yes},
			want:  "- digest:n1:SHA-256:1 digest:n1:SHA-256:2 basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "strongest of all", why: "RFC 7616 §3.3: the client chooses; httplib2, curl and icholy take what comes first",
			t: auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{challenge(`Basic realm="r", Digest realm="r", nonce="a", qop="auth"`,
				`Digest realm="r", nonce="b", qop="auth", algorithm=SHA-512-256, Digest realm="r", nonce="c", qop="auth", algorithm=SHA-256`,
				`WSSE realm="r", profile="UsernameToken"`), yes},
			want: "- digest:b:SHA-512-256:1",
		},
		{
			name: "strongest that can be answered", why: "an algorithm nobody knows does not hide the others",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{challenge(`Negotiate, NTLM TlRMTVNTUAACAAAA==, Digest realm="r", nonce="a", algorithm=SHA-3, qop="auth", Basic realm="r"`), yes},
			want:  "- basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "stale on the first answer", why: "one retry for a challenge, one more for stale",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{rttest.Respond(digest), challenge(`Digest realm="r", nonce="n2", qop="auth", algorithm=SHA-256, stale=TRUE`), yes},
			want:  "- digest:n1:SHA-256:1 digest:n2:SHA-256:1",
		},
		{
			name: "stale for ever", why: "and never more: okhttp-digest #8",
			t: auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{
				rttest.Respond(digest), challenge(`Digest realm="r", nonce="n2", qop="auth", algorithm=SHA-256, stale=true`),
				challenge(`Digest realm="r", nonce="n3", qop="auth", algorithm=SHA-256, stale=true`),
			},
			want: "- digest:n1:SHA-256:1 digest:n2:SHA-256:1", status: 401,
		},
		{
			name: "stale later", why: "a nonce that has become old is replaced, and the new one is counted on",
			t:    auth.Transport{Credentials: keys("joe", "password")},
			urls: []string{"http://example.com/", "http://example.com/", "http://example.com/"},
			steps: []rttest.Step{
				rttest.Respond(digest), yes, challenge(`Digest realm="r", nonce="n2", qop="auth", algorithm=SHA-256, stale=true`), yes, yes,
			},
			want: "- digest:n1:SHA-256:1 digest:n1:SHA-256:2 digest:n2:SHA-256:1 digest:n2:SHA-256:2",
		},
		{
			name: "changed later, without stale", why: "answered by a fresh round",
			t:    auth.Transport{Credentials: keys("joe", "password")},
			urls: []string{"http://example.com/", "http://example.com/"},
			steps: []rttest.Step{
				rttest.Respond(digest), yes, challenge(`Digest realm="r", nonce="n2", qop="auth", algorithm=SHA-256`), yes,
			},
			want: "- digest:n1:SHA-256:1 digest:n1:SHA-256:2 digest:n2:SHA-256:1",
		},
		{
			name: "nextnonce", why: "RFC 7616 §3.5: the server names what comes next, and its count begins anew",
			t:    auth.Transport{Credentials: keys("joe", "password")},
			urls: []string{"http://example.com/", "http://example.com/", "http://example.com/"},
			steps: []rttest.Step{
				rttest.Respond(digest), rttest.Respond("HTTP/1.1 200 OK\nAuthentication-Info: nextnonce=\"n2\"\n\nx"),
				rttest.Respond("HTTP/1.1 200 OK\nAuthentication-Info: nextnonce=\"n2\"\n\nx"), yes,
			},
			want: "- digest:n1:SHA-256:1 digest:n2:SHA-256:1 digest:n2:SHA-256:2",
		},
		{
			name: "lying rspauth", why: "RFC 7616 §3.5: the server is not who it says it is; no peer checks",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{rttest.Respond(digest), rttest.Respond("HTTP/1.1 200 OK\nAuthentication-Info: rspauth=\"00\", qop=auth\n\nx")},
			want:  "- digest:n1:SHA-256:1", err: auth.ErrServerProof,
		},
		{
			name: "lying rspauth, ignored", why: "some servers compute it wrongly",
			t:     auth.Transport{Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.Digest{IgnoreProof: true}}},
			steps: []rttest.Step{rttest.Respond(digest), rttest.Respond("HTTP/1.1 200 OK\nAuthentication-Info: rspauth=\"00\", qop=auth\n\nx")},
			want:  "- digest:n1:SHA-256:1",
		},
		{
			name: "two credentials", why: "httplib2 test_basic_two_credentials: each is tried in order",
			t:     auth.Transport{Credentials: func() auth.Source { k := keys("fred", "barney"); k.Add("joe", "password"); return k }()},
			urls:  []string{"http://example.com/", "http://example.com/"},
			steps: []rttest.Step{rttest.Respond(basic), rttest.Respond(basic), yes, yes},
			want:  "- basic:ZnJlZDpiYXJuZXk= basic:am9lOnBhc3N3b3Jk basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "Basic no longer accepted", why: "what was known is refused: the next credential, never the same field again",
			t:     auth.Transport{Credentials: func() auth.Source { k := keys("fred", "barney"); k.Add("joe", "password"); return k }()},
			urls:  []string{"http://example.com/", "http://example.com/"},
			steps: []rttest.Step{rttest.Respond(basic), yes, rttest.Respond(basic), yes},
			want:  "- basic:ZnJlZDpiYXJuZXk= basic:ZnJlZDpiYXJuZXk= basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "two realms", why: "icholy takes 12 trips for 6 requests; the challenge of each realm is remembered where it was",
			t: auth.Transport{Credentials: keys("joe", "password")},
			urls: []string{
				"http://example.com/x/1", "http://example.com/y/1", "http://example.com/x/1", "http://example.com/y/1",
				"http://example.com/x/2", "http://example.com/y/2",
			},
			steps: []rttest.Step{
				challenge(`Digest realm="x", nonce="x", qop="auth"`), yes, challenge(`Digest realm="y", nonce="y", qop="auth"`), yes,
				yes, yes, yes, yes,
			},
			want: "- digest:x:1 digest:x:2 digest:y:1 digest:x:3 digest:y:2 digest:x:4 digest:y:3",
		},
		{
			name: "the caller's own Authorization", why: "is left alone, also when it is refused",
			t: auth.Transport{Credentials: keys("joe", "password"), Preemptive: true}, header: http.Header{"Authorization": {"Bearer mine"}},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "bearer:mine", status: 401,
		},
		{
			name: "Authorization set to nothing", why: "keeps credentials from one request",
			t: auth.Transport{Credentials: keys("joe", "password"), Preemptive: true}, header: http.Header{"Authorization": nil},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
		},
		{
			name: "Preemptive", why: "a server that hides, or answers otherwise, what it would let joe see",
			t:    auth.Transport{Credentials: keys("joe", "password"), Preemptive: true},
			urls: []string{"http://example.com/", "http://other.example/"},
			// Nobody has said that other.example may see the password.
			steps: []rttest.Step{yes, yes}, want: "basic:am9lOnBhc3N3b3Jk -",
		},
		{
			name: "Preemptive, wrong password", why: "the same field is not sent again",
			t:     auth.Transport{Credentials: keys("joe", "password"), Preemptive: true},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "basic:am9lOnBhc3N3b3Jk", status: 401,
		},
		{
			name: "Preemptive, and the server wants Digest", why: "a stronger challenge is answered",
			t:     auth.Transport{Credentials: keys("joe", "password"), Preemptive: true},
			steps: []rttest.Step{rttest.Respond(digest), yes}, want: "basic:am9lOnBhc3N3b3Jk digest:n1:SHA-256:1",
		},
		{
			name: "Preemptive WSSE", why: "TypePad and Emarsys never ask",
			t:     auth.Transport{Credentials: keys("joe", "password"), Preemptive: true, Schemes: []auth.Scheme{auth.WSSE{}}},
			steps: []rttest.Step{yes}, want: "wsse",
		},
		{
			name: "RequireTLS", why: "nothing goes in the clear, in whatever form",
			t:     auth.Transport{Credentials: keys("joe", "password"), RequireTLS: true, Preemptive: true},
			steps: []rttest.Step{rttest.Respond(digest)}, want: "-", status: 401,
		},
		{
			name: "RequireTLS over TLS", why: "and everything does over TLS",
			t:    auth.Transport{Credentials: keys("joe", "password"), RequireTLS: true},
			urls: []string{"https://example.com/"}, steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "domain without port", why: "stands for every port",
			t:    auth.Transport{Credentials: keys("joe", "password", "EXAMPLE.com")},
			urls: []string{"http://example.com:8080/"}, steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "another domain", why: "httplib2 test_basic_for_domain: the 401 is returned",
			t:     auth.Transport{Credentials: keys("joe", "password", "example.org")},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
		},
		{
			name: "no text is a domain for all", why: "a mistyped domain must not widen",
			t:     auth.Transport{Credentials: keys("joe", "password", "http://", "*")},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
		},
		{
			name: "user information", why: "is used for its origin, by what the server asks for, and not sent in the URL",
			urls:  []string{"http://joe:password@example.com/"},
			steps: []rttest.Step{rttest.Respond(digest), yes}, want: "- digest:n1:SHA-256:1",
		},
		{
			name: "user information as http.Client sends it", why: "it makes Basic of it unasked, which is not the caller's",
			urls: []string{"http://joe:password@example.com/"}, header: http.Header{"Authorization": {joeBase}},
			steps: []rttest.Step{rttest.Respond(digest), yes}, want: "- digest:n1:SHA-256:1",
		},
		{
			name: "user name alone", why: "says which of the credentials is meant",
			t:    auth.Transport{Credentials: func() auth.Source { k := keys("fred", "barney"); k.Add("joe", "password"); return k }()},
			urls: []string{"http://joe@example.com/"}, steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "WSSE", why: "httplib2 test_wsse_ok",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{challenge(`WSSE realm="foo", profile="UsernameToken"`), yes}, want: "- wsse",
		},
		{
			name: "WSSE, wrong password", why: "httplib2 test_wsse_invalid: exactly two requests",
			t:     auth.Transport{Credentials: keys("joe", "wrong")},
			steps: []rttest.Step{challenge(`WSSE realm="foo", profile="UsernameToken"`), challenge(`WSSE realm="foo", profile="UsernameToken"`)},
			want:  "- wsse", status: 401,
		},
		{
			name: "WSSE without Authorization", why: "some services dislike it",
			t:     auth.Transport{Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.WSSE{NoAuthorization: true}}},
			steps: []rttest.Step{challenge(`WSSE profile="UsernameToken"`), yes}, want: "- x-wsse",
		},
		{
			name: "HMACDigest is off", why: "unless it is listed",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{challenge(`HMACDigest realm="r", snonce="s"`)}, want: "-", status: 401,
		},
		{
			name: "HMACDigest", why: "listed, it is preferred as in httplib2",
			t:     auth.Transport{Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.Basic{}, auth.Digest{}, auth.HMACDigest{}}},
			steps: []rttest.Step{challenge(`Basic realm="r", Digest realm="r", nonce="n", HMACDigest realm="r", snonce="s"`), yes}, want: "- hmacdigest",
		},
		{
			name: "HMACDigest, integrity", why: "the server asks for the same once more, and once only",
			t: auth.Transport{Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.HMACDigest{}}},
			steps: []rttest.Step{
				challenge(`HMACDigest realm="r", snonce="s"`), challenge(`HMACDigest realm="r", snonce="s2", reason="integrity"`),
				challenge(`HMACDigest realm="r", snonce="s3", reason="integrity"`),
			},
			want: "- hmacdigest hmacdigest", status: 401,
		},
		{
			name: "no qop", why: "RFC 2069: without qop, nc and cnonce; httplib2 sends them anyway",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{challenge(`DIGEST REALM=r , Nonce=abc+/=`), yes}, want: "- digest:abc+/=",
		},
		{
			name: "the other ports and schemes of a host", why: "are other origins; icholy goes by the host's name",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/", "http://example.com:81/", "https://example.com/", "http://EXAMPLE.com:80/"},
			steps: []rttest.Step{rttest.Respond(digest), yes, yes, yes, yes}, want: "- digest:n1:SHA-256:1 - - digest:n1:SHA-256:2",
		},
		{
			name: "domain", why: "RFC 7616 §3.3: nothing is signed unasked outside of it (curl#21838)",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			urls:  []string{"http://example.com/a/b", "http://example.com/a/c", "http://example.com/x/1", "http://example.com/xy", "http://example.com/x"},
			steps: []rttest.Step{challenge(`Digest realm="r", nonce="n", qop=auth, domain="/x"`), yes, yes, yes, yes, yes},
			want:  "- digest:n:1 - digest:n:2 - digest:n:3",
		},
		{
			name: "quoted algorithm in lower case", why: "icholy#2, #11, resty#861",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{challenge(`digest Realm="r",nonce="n",qop="auth,auth-int",algorithm="md5",userhash=`), yes}, want: "- digest:n:md5:1",
		},
		{
			name: "a line end in the user name", why: "curl test 3221: it cannot be sent, and nothing is",
			t:     auth.Transport{Credentials: keys("joe\r\nX-Evil: 1", "password")},
			steps: []rttest.Step{challenge(`Basic realm="r", Digest realm="r", nonce="n", WSSE realm="r"`)}, want: "-", status: 401,
		},
		{
			name: "a colon in the user name", why: "RFC 7617 §2: Basic cannot say it",
			t:     auth.Transport{Credentials: keys("a:b", "password")},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "-", status: 401,
		},
		{
			name: "a colon in the user name, all the same", why: "httplib2 does",
			t:     auth.Transport{Credentials: keys("a:b", "c"), Schemes: []auth.Scheme{auth.Basic{Lax: true}}},
			steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- basic:YTpiOmM=",
		},
		{
			name: "Basic in UTF-8", why: "RFC 7617 §2.1: charset says so, and there is no second try",
			t:     auth.Transport{Credentials: keys("ü", "ü")},
			steps: []rttest.Step{challenge(`Basic realm="r", charset="UTF-8"`), challenge(`Basic realm="r", charset="UTF-8"`)},
			want:  "- basic:w7w6w7w=", status: 401,
		},
		{
			name: "Basic in ISO 8859-1", why: "if UTF-8 is refused and the server did not say; it is then remembered",
			t: auth.Transport{Credentials: keys("ü", "ü")}, urls: []string{"http://example.com/", "http://example.com/"},
			steps: []rttest.Step{rttest.Respond(basic), rttest.Respond(basic), yes, yes}, want: "- basic:w7w6w7w= basic:/Dr8 basic:/Dr8",
		},
		{
			name: "one credential for each realm", why: "Realm says which",
			t: auth.Transport{Credentials: auth.SourceFunc(func(context.Context, auth.Target) ([]auth.Credential, error) {
				return []auth.Credential{{Username: "a", Password: "b", Realm: "q"}, {Username: "joe", Password: "password", Realm: "r"}}, nil
			})},
			steps: []rttest.Step{rttest.Respond(basic), yes}, want: "- basic:am9lOnBhc3N3b3Jk",
		},
		{
			name: "a source that fails", why: "the request fails with its error",
			t: auth.Transport{Credentials: auth.SourceFunc(func(context.Context, auth.Target) ([]auth.Credential, error) {
				return nil, errUnsupported
			})},
			steps: []rttest.Step{rttest.Respond(basic)}, want: "-", err: errUnsupported,
		},
		{
			name: "one realm after the other refuses", why: "a 401 without a challenge ends it",
			t:     auth.Transport{Credentials: keys("joe", "password")},
			steps: []rttest.Step{rttest.Respond(basic), rttest.Respond("HTTP/1.1 401 Unauthorized\n\nno")}, want: "- basic:am9lOnBhc3N3b3Jk", status: 401,
		},
		{
			name: "NoMD5", why: "some rules forbid it",
			t:     auth.Transport{Credentials: keys("joe", "password"), Schemes: []auth.Scheme{auth.Digest{NoMD5: true}}},
			steps: []rttest.Step{challenge(`Digest realm="r", nonce="n", qop="auth"`)}, want: "-", status: 401,
		},
		{
			name: "unsupported, as an error", why: "httplib2 documents an exception",
			t:     auth.Transport{Credentials: keys("joe", "password"), Unsupported: true},
			steps: []rttest.Step{challenge(`Digest realm="r", nonce="n", qop="other"`)}, want: "-", err: errUnsupported,
		},
	} {
		t.Run(x.name, func(t *testing.T) { x.run(t) })
	}
}
