package httpfield

import (
	"net/http"
	"testing"
)

func TestSigned(t *testing.T) {
	for _, tt := range []struct {
		name, value     string
		signed, oneTime bool
		why             string
	}{
		{"Authorization", "AWS4-HMAC-SHA256 Credential=AK/20260101/eu/s3/aws4_request, SignedHeaders=host, Signature=0", true, false, "AWS SigV4: valid for minutes"},
		{"Authorization", "AWS AK:c2ln", true, false, "AWS signature version 2"},
		{"Authorization", "SharedKey account:c2ln", true, false, "Azure Storage signs If-None-Match and Range"},
		{"Authorization", "SharedKeyLite account:c2ln", true, false, "Azure tables"},
		{"Authorization", "GOOG4-RSA-SHA256 Credential=x", true, false, "Google Cloud Storage"},
		{"Authorization", "EG1-HMAC-SHA256 client_token=x", true, false, "Akamai EdgeGrid"},
		{"Authorization", "TC3-HMAC-SHA256 Credential=x", true, false, "Tencent Cloud"},
		{"Authorization", "acs AK:c2ln", true, false, "Alibaba Cloud"},
		{"Authorization", "bce-auth-v1/AK/2026-01-01T00:00:00Z/1800/host/c2ln", true, false, "Baidu Cloud: the scheme has the rest in it"},
		{"Authorization", `Signature keyId="x"`, true, false, "draft-cavage-http-signatures"},
		{"Authorization", `OAuth oauth_nonce="n", oauth_signature="s"`, true, true, "RFC 5849 §3.3: a nonce is used once"},
		{"Authorization", "OAuth 00Dx0000000", true, false, "Salesforce, Yandex: a token; nothing is lost by taking it for a signature"},
		{"Authorization", `Hawk id="x", nonce="n"`, true, true, "Hawk refuses a nonce it has seen"},
		{"Authorization", `Digest nonce="n", nc=00000001`, false, true, "RFC 7616 §3.4: a nonce count is used once"},
		{"Authorization", "Negotiate YII", false, true, "RFC 4559: a Kerberos authenticator is used once"},
		{"Authorization", "DPoP t", true, true, "RFC 9449 §11.1: a proof is used once"},
		{"Dpop", "eyJ", true, true, "RFC 9449"},
		{"Signature-Input", `sig1=("@method");created=1`, true, false, "RFC 9421"},
		{"Signature-Input", `sig1=("@method");created=1;nonce="n"`, true, true, "RFC 9421 §2.3: a nonce is used once"},
		{"Signature-Input", `sig1=("@method"); created=1; nonce="n"`, true, true, "RFC 8941 §3.1.2: a blank may follow the semicolon"},
		{"signature-input", `sig1=("@method");nonce="n"`, true, true, "RFC 9110 §5.1: names are in any case, and a program may write them so"},
		{"X-Wsse", `UsernameToken Nonce="n"`, false, true, "a WSSE nonce is used once"},
		{"X-WSSE", `UsernameToken Nonce="n"`, false, true, "as its specification writes it"},
		{"DPoP", "eyJ", true, true, "as RFC 9449 writes it"},
		{"authorization", `OAuth oauth_nonce="n"`, true, true, "as HTTP/2 writes it"},
		{"Authorization", "Digest\tnonce=n", false, true, "RFC 9110 §11.4 wants blanks; a tab is one that servers take"},
		{"Authorization", "PrivateToken token=x", false, true, "RFC 9577: a token is redeemed once"},
		{"Authorization", "SCRAM-SHA-256 data=x", false, true, "RFC 7804: a nonce for each exchange"},
		{"Authorization", "Basic Zm9vOmJhcg==", false, false, "RFC 7617"},
		{"Authorization", "Bearer eyJ", false, false, "RFC 6750"},
		{"Authorization", "", false, false, "an empty field says nothing"},
	} {
		h := http.Header{tt.name: {tt.value}}
		req := &http.Request{Header: h}
		oneTime := OneTime(req)
		if s, o := Signatures(req); s != tt.signed || o != tt.oneTime {
			t.Errorf("%s: %s: Signatures returns %v, %v: %s", tt.name, tt.value, s, o, tt.why)
		}
		if Signed(h) != tt.signed || oneTime != tt.oneTime {
			t.Errorf("%s: %s: signed %v, one-time %v: %s", tt.name, tt.value, Signed(h), oneTime, tt.why)
		}
	}
}

func TestOneTimeQuery(t *testing.T) {
	req, err := http.NewRequest(http.MethodGet, "http://example.com/?oauth_nonce=n&oauth_signature=s", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, oneTime := Signatures(req); !oneTime {
		t.Error("Signatures does not look at the query")
	}
	if !OneTime(req) {
		t.Error("RFC 5849 §3.5.3: the credentials may be in the query")
	}
}

func TestCredentialLikeAllocates(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { CredentialLike("X-Goog-Api-Key"); CredentialLike("Accept-Encoding") }); n > 0 {
		t.Errorf("%v allocations: a cache asks for every field of every request", n)
	}
}
