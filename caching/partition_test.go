package caching

import (
	"net/http"
	"testing"
)

// Requests that are signed with one key are one user's, however often the signature
// changes.
func TestBySigningKey(t *testing.T) {
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
		{"nobody and somebody", nil, []string{"X-Api-Key: a"}, false},
	} {
		a, b := BySigningKey(&http.Request{Header: header(row.a...)}), BySigningKey(&http.Request{Header: header(row.b...)})
		if (a == b) != row.same {
			t.Errorf("%q and %q, want one user: %v: %s", a, b, row.same, row.why)
		}
	}
}

// With one fixed user all that layers below add is that user's, and another name on
// the same store is somebody else.
func TestForUser(t *testing.T) {
	t.Parallel()
	store := NewMemory(0)
	for _, row := range []struct{ user, token, want string }{
		{"alice", "t1", "of t1"}, {"alice", "t2", "of t1"}, {"bob", "t3", "of t3"}, {"alice", "t4", "of t1"}, {"bob", "t5", "of t3"},
	} {
		l := &adding{"Authorization", row.token, ofUser("Authorization", "Cache-Control: max-age=60"), false}
		c := &Transport{Store: store, Partition: ForUser(row.user), Base: l}
		if _, got := get(t, c, t.Context(), "http://example.com/"); got != row.want {
			t.Errorf("%s with %s gets %q, want %q", row.user, row.token, got, row.want)
		}
	}
}
