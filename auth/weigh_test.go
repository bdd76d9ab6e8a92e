package auth

import (
	"errors"
	"strings"
	"testing"
)

// TestWeigh has what cannot be answered, and what is to blame: the challenge, by
// the parameter named, or the credential.
func TestWeigh(t *testing.T) {
	joe := Credential{Username: "joe", Password: "password"}
	long := strings.Repeat("x", maxParam+1)
	for _, row := range []struct {
		why       string
		scheme    Scheme
		challenge string
		cred      Credential
		parameter string // empty: the credential
	}{
		{"a colon ends the name", Basic{}, `Basic realm="r"`, Credential{Username: "a:b", Password: "c"}, "user name"},
		{"control characters", Basic{}, `Basic realm="r"`, Credential{Username: "a", Password: "\n"}, "credential"},
		{"a token is no password", Basic{}, `Basic realm="r"`, Credential{Token: "t"}, ""},
		{"nor is a hash", Basic{}, `Basic realm="r"`, Credential{Username: "joe", HA1: "x"}, ""},
		{"a password is no token", Bearer{}, `Bearer`, joe, ""},
		{"too little scope", Bearer{}, `Bearer error="insufficient_scope"`, Credential{Token: "t"}, "scope"},
		{"another profile", WSSE{}, `WSSE profile="Other"`, joe, "profile"},
		{"neither realm nor profile", WSSE{}, `WSSE x=y`, joe, "profile"},
		{"given twice", WSSE{}, `WSSE realm=a, realm=b`, joe, "realm"},
		{"a token is no password", WSSE{}, `WSSE realm=a`, Credential{Token: "t"}, ""},
		{"control characters", WSSE{}, `WSSE realm=a`, Credential{Username: "\r", Password: "x"}, "user name"},
		{"a long realm", Digest{}, `Digest nonce=n, realm=` + long, joe, "realm"},
		{"a long nonce", Digest{}, `Digest realm=r, nonce=` + long, joe, "nonce"},
		{"a long opaque", Digest{}, `Digest realm=r, nonce=n, opaque=` + long, joe, "opaque"},
		{"MD5 is forbidden", Digest{NoMD5: true}, `Digest realm=r, nonce=n`, joe, "algorithm"},
		{"a token is no password", Digest{}, `Digest realm=r, nonce=n`, Credential{Token: "t"}, ""},
		{"a hash of another realm", Digest{}, `Digest realm=r, nonce=n`, Credential{HA1: strings.Repeat("0", 32), Realm: "s"}, "algorithm"},
		{"a hash of another algorithm", Digest{}, `Digest realm=r, nonce=n`, Credential{HA1: strings.Repeat("0", 64), Realm: "r"}, "algorithm"},
		{"no hash at all", Digest{}, `Digest realm=r, nonce=n`, Credential{HA1: strings.Repeat("x", 32), Realm: "r"}, "algorithm"},
		{"a name that cannot be quoted", Digest{}, `Digest realm=r, nonce=n`, Credential{Username: "\n", Password: "x"}, "user name"},
		{"given twice", HMACDigest{}, `HMACDigest realm=r, snonce=a, snonce=b`, joe, "snonce"},
		{"no realm", HMACDigest{}, `HMACDigest snonce=a`, joe, "realm"},
		{"no snonce", HMACDigest{}, `HMACDigest realm=r`, joe, "snonce"},
		{"an unknown algorithm", HMACDigest{}, `HMACDigest realm=r, snonce=a, algorithm=HMAC-X`, joe, "algorithm"},
		{"another unknown algorithm", HMACDigest{}, `HMACDigest realm=r, snonce=a, pw-algorithm=X`, joe, "pw-algorithm"},
		{"a token is no password", HMACDigest{}, `HMACDigest realm=r, snonce=a`, Credential{Token: "t"}, ""},
		{"control characters", HMACDigest{}, `HMACDigest realm=r, snonce=a`, Credential{Username: "\n", Password: "x"}, "user name"},
	} {
		c := ParseChallenges([]string{row.challenge})[0]
		_, err := row.scheme.Weigh(c, row.cred)
		var u *UnsupportedError
		if err == nil || errors.As(err, &u) != (row.parameter != "") || u != nil && (u.Parameter != row.parameter || len(u.Value) > 64) {
			t.Errorf("%s of %+v: %v, want %q to blame: %s", row.challenge[:min(len(row.challenge), 80)], row.cred, err, row.parameter, row.why)
		}
		if s, err := row.scheme.Session(&c, row.cred); err == nil && row.parameter == "" {
			t.Errorf("%s: a session %v: %s", row.challenge, s, row.why)
		}
	}
}
