package catalog

import (
	"net/http"
	"testing"
)

// Requests that are signed with one key are one user's, however often the signature
// changes.
func TestSigner(t *testing.T) {
	t.Parallel()
	const v4 = "Authorization: AWS4-HMAC-SHA256 Credential="
	for _, row := range []struct {
		why  string
		a, b []string
		same bool
	}{
		{
			"AWS: the date is in the scope, the signature changes",
			[]string{v4 + "AKIA1/20130524/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=aa", "X-Amz-Date: 1"},
			[]string{v4 + "AKIA1/20130525/us-east-1/s3/aws4_request,SignedHeaders=host;x-amz-date,Signature=bb", "X-Amz-Date: 2"},
			true,
		},
		{"AWS: another key", []string{v4 + "AKIA1/1/r/s3/aws4_request, Signature=aa"}, []string{v4 + "AKIA2/1/r/s3/aws4_request, Signature=aa"}, false},
		{
			"AWS: the token of a session is renewed",
			[]string{v4 + "ASIA1/1/r/s3/aws4_request, Signature=aa", "X-Amz-Security-Token: a"},
			[]string{v4 + "ASIA1/1/r/s3/aws4_request, Signature=bb", "X-Amz-Security-Token: b"},
			true,
		},
		{
			"AWS: another field with credentials",
			[]string{v4 + "AKIA1/1/r/s3/aws4_request, Signature=aa", "Cookie: alice"},
			[]string{v4 + "AKIA1/1/r/s3/aws4_request, Signature=bb", "Cookie: bob"},
			false,
		},
		{"AWS: not signed at all", []string{v4 + "AKIA1/1/r/s3/aws4_request, Note=aa"}, []string{v4 + "AKIA1/1/r/s3/aws4_request, Note=bb"}, false},
		{"AWS, version 2", []string{"Authorization: AWS AKIA1:aa="}, []string{"Authorization: AWS AKIA1:bb="}, true},
		{"another scheme with that key id", []string{"Authorization: AWS AKIA1:aa="}, []string{"Authorization: OSS AKIA1:aa="}, false},
		{"Google, by the model of AWS", []string{"Authorization: GOOG4-RSA-SHA256 Credential=a@b/1/r/storage/goog4_request, Signature=aa"}, []string{"Authorization: GOOG4-RSA-SHA256 Credential=a@b/1/r/storage/goog4_request, Signature=bb"}, false},
		{"Google, with an access id", []string{"Authorization: GOOG4-HMAC-SHA256 Credential=GOOG1/1/r/storage/goog4_request, Signature=aa"}, []string{"Authorization: GOOG4-HMAC-SHA256 Credential=GOOG1/1/r/storage/goog4_request, Signature=bb"}, true},
		{"Azure storage", []string{"Authorization: SharedKey account:aa="}, []string{"Authorization: SharedKey account:bb="}, true},
		{"Azure storage: another account", []string{"Authorization: SharedKey account:aa="}, []string{"Authorization: SharedKey other:aa="}, false},
		{"Hawk", []string{`Authorization: Hawk id="dh37fgj492je", ts="1", nonce="a", mac="aa="`}, []string{`Authorization: Hawk id="dh37fgj492je", ts="2", nonce="b", mac="bb="`}, true},
		{"Hawk: another id", []string{`Authorization: Hawk id="a", mac="aa="`}, []string{`Authorization: Hawk id="b", mac="aa="`}, false},
		{
			"OAuth 1: nonce and signature change",
			[]string{`Authorization: OAuth oauth_consumer_key="c", oauth_token="t", oauth_nonce="1", oauth_signature="aa%3D"`},
			[]string{`Authorization: OAuth oauth_consumer_key="c", oauth_token="t", oauth_nonce="2", oauth_signature="bb%3D"`},
			true,
		},
		{
			"OAuth 1: the token is the user",
			[]string{`Authorization: OAuth oauth_consumer_key="c", oauth_token="t", oauth_signature="aa"`},
			[]string{`Authorization: OAuth oauth_consumer_key="c", oauth_token="u", oauth_signature="aa"`},
			false,
		},
		{"a token under the name of OAuth", []string{"Authorization: OAuth aa"}, []string{"Authorization: OAuth bb"}, false},
		{"Signature, the draft", []string{`Authorization: Signature keyId="k",algorithm="hs2019",signature="aa="`}, []string{`Authorization: Signature keyId="k",algorithm="hs2019",signature="bb="`}, true},
		{
			"RFC 9421",
			[]string{`Signature-Input: s=("@method" "@target-uri");created=1;keyid="k"`, "Signature: s=:aa:"},
			[]string{`Signature-Input: s=("@method" "@target-uri");created=2;keyid="k"`, "Signature: s=:bb:"},
			true,
		},
		{"RFC 9421: another key", []string{`Signature-Input: s=("@method");keyid="k"`}, []string{`Signature-Input: s=("@method");keyid="l"`}, false},
		{"RFC 9421: no key id", []string{`Signature-Input: s=("@method");created=1`}, []string{`Signature-Input: s=("@method");created=2`}, false},
		{
			"RFC 9421 over a bearer token",
			[]string{"Authorization: Bearer a", `Signature-Input: s=("@method");keyid="k"`},
			[]string{"Authorization: Bearer b", `Signature-Input: s=("@method");keyid="k"`},
			false,
		},
		{"RFC 9449: the proof changes, the token does not", []string{"Authorization: DPoP a", "Dpop: 1"}, []string{"Authorization: DPoP a", "Dpop: 2"}, true},
		{"RFC 9449: another token", []string{"Authorization: DPoP a", "Dpop: 1"}, []string{"Authorization: DPoP b", "Dpop: 1"}, false},
		{"no signature: as without a Partition", []string{"Authorization: Bearer a"}, []string{"Authorization: Bearer b"}, false},
		{"nobody", nil, nil, true},
		{"AWS: no id", []string{v4 + "/1/r/s3/aws4_request, Signature=aa"}, []string{v4 + "/1/r/s3/aws4_request, Signature=bb"}, false},
		{"two credentials: nobody knows which counts", []string{"Authorization: AWS AKIA1:aa=", "Authorization: AWS AKIA1:cc="}, []string{"Authorization: AWS AKIA1:bb=", "Authorization: AWS AKIA1:cc="}, false},
		{"SharedKey without a signature", []string{"Authorization: SharedKey aa"}, []string{"Authorization: SharedKey bb"}, false},
		{"RFC 9421: not a dictionary", []string{"Signature-Input: (", "Signature: s=:aa:"}, []string{"Signature-Input: (", "Signature: s=:bb:"}, false},
		{"RFC 9421: a member that is no list", []string{"Signature-Input: s=1", "Signature: s=:aa:"}, []string{"Signature-Input: s=1", "Signature: s=:bb:"}, false},
		{"RFC 9421: no signature at all", []string{"Signature-Input: ", "Signature: s=:aa:"}, []string{"Signature-Input: ", "Signature: s=:bb:"}, false},
		{
			"RFC 9421: the same keys under other labels",
			[]string{`Signature-Input: a=();keyid="k", b=();keyid="l"`},
			[]string{`Signature-Input: a=();keyid="l", b=();keyid="k"`},
			true,
		},
		{"RFC 9421: one of two has no key id", []string{`Signature-Input: a=();keyid="k", b=()`, "Signature: 1"}, []string{`Signature-Input: a=();keyid="k", b=()`, "Signature: 2"}, false},
		{"AWS, version 4a", []string{"Authorization: AWS4-ECDSA-P256-SHA256 Credential=AKIA1/1/s3/aws4_request, Signature=aa"}, []string{"Authorization: AWS4-ECDSA-P256-SHA256 Credential=AKIA1/1/s3/aws4_request, Signature=bb"}, true},
		{"Google, with a key of a service", []string{"Authorization: GOOG4-RSA-SHA256 Credential=id/1/r/storage/goog4_request, Signature=aa"}, []string{"Authorization: GOOG4-RSA-SHA256 Credential=id/1/r/storage/goog4_request, Signature=bb"}, true},
		{"Alibaba, by the model of AWS", []string{"Authorization: ACS3-HMAC-SHA256 Credential=id, Signature=aa"}, []string{"Authorization: ACS3-HMAC-SHA256 Credential=id, Signature=bb"}, true},
		{"a scheme that nobody knows", []string{"Authorization: Other Credential=id, Signature=aa"}, []string{"Authorization: Other Credential=id, Signature=bb"}, false},
		{"OAuth 1 without a signature", []string{`Authorization: OAuth oauth_consumer_key="c", oauth_nonce="1"`}, []string{`Authorization: OAuth oauth_consumer_key="c", oauth_nonce="2"`}, false},
		{"SharedKey without a signature: the session counts", []string{"Authorization: SharedKey a", "X-Amz-Security-Token: 1"}, []string{"Authorization: SharedKey a", "X-Amz-Security-Token: 2"}, false},
		{"RFC 9421: an empty key id", []string{`Signature-Input: a=();keyid=""`, "Signature: 1"}, []string{`Signature-Input: a=();keyid=""`, "Signature: 2"}, false},
		{"nobody and somebody", nil, []string{"X-Api-Key: a"}, false},
	} {
		a, b := Signer(fieldsOf(row.a)), Signer(fieldsOf(row.b))
		if (a == b) != row.same {
			t.Errorf("%q and %q, want one user: %v: %s", a, b, row.same, row.why)
		}
	}
}

// A user is told by all credential-like fields, with all values, and by the principal of the
// layers below.
func TestCredentials(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		why  string
		a, b []string // the first is the principal
		same bool
	}{
		{"the order of fields does not matter", []string{"", "Authorization: a", "Cookie: b"}, []string{"", "Cookie: b", "Authorization: a"}, true},
		{"other fields do not matter", []string{"", "Authorization: a", "Accept: x"}, []string{"", "Authorization: a", "Accept: y"}, true},
		{"the order of values does", []string{"", "Cookie: a", "Cookie: b"}, []string{"", "Cookie: b", "Cookie: a"}, false},
		{"one value is not two", []string{"", "Cookie: a, b"}, []string{"", "Cookie: a", "Cookie: b"}, false},
		{"the same value in another field", []string{"", "X-Api-Key: a"}, []string{"", "X-Auth-Token: a"}, false},
		{"a value like the name of a field", []string{"", "Authorization: x", "Authorization: Cookie", "Authorization: y"}, []string{"", "Authorization: x", "Cookie: y"}, false},
		{"a principal", []string{"alice"}, []string{"bob"}, false},
		{"a principal and a field", []string{"alice", "Cookie: a"}, []string{"alice", "Cookie: b"}, false},
		{"a principal is no field", []string{"alice"}, []string{"", "Authorization: alice"}, false},
		{"a name and a value are not one text", []string{"", "X-Api-Key: Cookie"}, []string{"", "X-Api-Key: ", "Cookie: "}, false},
		{"what is left out does not matter", []string{"", "Authorization: a", "Cookie: c"}, []string{"", "Cookie: c"}, false},
	} {
		a, b := Credentials(fieldsOf(row.a[1:]), row.a[0], nil), Credentials(fieldsOf(row.b[1:]), row.b[0], nil)
		if (a == b) != row.same {
			t.Errorf("%q and %q, want one user: %v: %s", row.a, row.b, row.same, row.why)
		}
	}
	if Credentials(http.Header{"Cookie": nil}, "", nil) != "" || Credentials(fieldsOf([]string{"Cookie: a"}), "", IsAuthorization) == "" {
		t.Error("a field without values is none, and a cookie is no Authorization")
	}
	for _, lines := range [][]string{nil, {"Authorization: a"}} {
		if got := Credentials(fieldsOf(lines), "", IsAuthorization); got != "" {
			t.Errorf("%q is nobody's, and was named %q", lines, got)
		}
	}
}
