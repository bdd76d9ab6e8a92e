package auth_test

import (
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestLenient: challenges that servers write and clients answer.
func TestLenient(t *testing.T) {
	const md5Digest, named, basicAnswer = "- digest:n:1", "- digest:n:MD5:1", "- basic:am9lOnBhc3N3b3Jk"
	for _, row := range []struct{ why, challenge, want string }{
		{"the name of the scheme is enough (curl, browsers)", `Basic`, basicAnswer},
		{"in any case", `bAsIc`, basicAnswer},
		{"no realm", `Basic charset="UTF-8"`, basicAnswer},
		{"a realm without a value", `Basic realm=`, basicAnswer},
		{"an open quote", `Basic realm="x`, basicAnswer},
		{"semicolons", `Basic realm="x"; charset=utf-8`, basicAnswer},
		{"a comma forgotten", `Basic realm="sing-box" charset="UTF-8"`, basicAnswer},
		{"blanks around the equals sign", `Basic realm = "x"`, basicAnswer},
		{"a doubled parameter", `Basic realm="x", realm="y"`, basicAnswer},
		{"quoted-pairs (RFC 9110 §5.6.4)", `Basic realm="a \"b\" \\"`, basicAnswer},
		{"unknown schemes beside it", `Negotiate, NTLM, Wild key="v", Basic realm="x", Other`, basicAnswer},
		{"after an unknown one with a token68", `Negotiate abc==, Basic realm="x"`, basicAnswer},
		{"a stray comma or two", `, ,Basic realm="x",,`, basicAnswer},
		{"Digest without commas: curl goes on at the next name", `Digest realm="r" nonce="n" qop="auth" algorithm=MD5`, named},
		{"nor blanks", `Digest realm="r"nonce="n"qop="auth"`, md5Digest},
		{"and without quotes", `Digest realm=r, nonce=n, qop=auth`, md5Digest},
		{"doubled with the same value", `Digest realm="r", nonce="n", qop="auth", algorithm=MD5, realm="r", algorithm=MD5`, named},
		{"doubled with values that have no case", `Digest realm="r", nonce="n", qop="auth", stale=FALSE, stale="false", algorithm=md5, algorithm="MD5", realm="r"`, named},
		{"doubled with different ones it is anybody's guess", `Digest realm="r", nonce="n", nonce="m", qop="auth"`, "-"},
		{"then Basic is not weaker than nothing", `Digest realm="r", nonce="n", nonce="m", qop="auth", Basic realm="r"`, basicAnswer},
		{"several in one field, the strongest", `Basic realm="r", Digest realm="r", nonce="n", qop="auth"`, md5Digest},
		{"an algorithm that nobody has, beside one", `Digest realm="r", nonce="m", algorithm=MD9, Digest realm="r", nonce="n", qop="auth"`, md5Digest},
		{"qop in capitals and blanks", `Digest realm="r", nonce="n", qop=" AUTH , auth-int "`, md5Digest},
		{"unknown parameters", `Digest realm="r", nonce="n", qop="auth", vendor="x", url=/y`, md5Digest},
	} {
		status := 200
		steps := []rttest.Step{challenge(row.challenge), yes}
		if row.want == "-" {
			steps, status = steps[:1], 401
		}
		x := &exchangeTest{
			name: row.challenge, why: row.why, t: auth.Transport{Credentials: keys("joe", "password")},
			steps: steps, want: row.want, status: status,
		}
		t.Run(x.name, x.run)
	}
}
