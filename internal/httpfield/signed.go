package httpfield

import (
	"net/http"
	"strings"
)

// Signed reports whether h holds a signature of the caller's over parts of the
// request: an Authorization of a scheme that signs (AWS4-HMAC-SHA256, SharedKey,
// OAuth 1, Hawk, Signature …), Signature-Input or Signature (RFC 9421), or DPoP
// (RFC 9449). A layer adds to such a request no field that the signature may
// cover. The names in h are in canonical form.
func Signed(h http.Header) bool {
	if h["Signature-Input"] != nil || h["Signature"] != nil || h["Dpop"] != nil {
		return true
	}
	for _, v := range h["Authorization"] {
		if scheme, _, _ := strings.Cut(TrimBlanks(v), " "); signs(scheme) {
			return true
		}
	}
	return false
}

// signs reports whether an authentication scheme signs the request that it
// authenticates. Those that do are many, and most are a vendor's own.
func signs(scheme string) bool {
	s := Lower(scheme)
	switch s {
	case "basic", "bearer", "digest", "negotiate", "ntlm", "token":
		return false
	case "aws", "dpop", "goog1", "hawk", "mac", "oauth", "obs", "oss", "qbox", "qiniu", "signature":
		return true
	}
	for _, part := range []string{"hmac", "sharedkey", "signature", "sha1", "sha256", "sha512", "ecdsa", "ed25519", "aws4", "signed"} {
		if strings.Contains(s, part) {
			return true
		}
	}
	return false
}

// OneTime reports whether h holds credentials of the caller's that a server
// accepts once: those with a nonce or a counter (OAuth 1, Hawk, Digest, DPoP,
// WSSE, Negotiate, NTLM, a signature with a nonce). Such a request cannot be sent
// a second time as it is. The names in h are in canonical form.
func OneTime(h http.Header) bool {
	if h["Dpop"] != nil || h["X-Wsse"] != nil {
		return true
	}
	for _, v := range h["Signature-Input"] {
		if strings.Contains(v, ";nonce=") {
			return true
		}
	}
	for _, v := range h["Authorization"] {
		scheme, rest, _ := strings.Cut(TrimBlanks(v), " ")
		switch Lower(scheme) {
		case "digest", "dpop", "hawk", "mac", "negotiate", "ntlm", "wsse":
			return true
		case "oauth":
			// Version 2 drafts and some vendors send a token under the same name.
			return strings.Contains(Lower(rest), "oauth_")
		}
	}
	return false
}
