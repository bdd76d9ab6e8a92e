package httpfield

import (
	"net/http"
	"slices"
	"strings"
)

// Signed reports whether h holds a signature of the caller's over parts of the
// request: an Authorization of a scheme that signs (AWS4-HMAC-SHA256, SharedKey,
// OAuth 1, Hawk, Signature …), Signature-Input or Signature (RFC 9421), or DPoP
// (RFC 9449). A layer adds to such a request no field that the signature may
// cover.
func Signed(h http.Header) bool {
	for name, values := range h {
		switch {
		case EqualFold(name, "Signature-Input"), EqualFold(name, "Signature"), EqualFold(name, "DPoP"):
			return true
		case EqualFold(name, "Authorization"):
			for _, v := range values {
				if scheme, _ := cutScheme(v); signs(scheme) {
					return true
				}
			}
		}
	}
	return false
}

// cutScheme cuts the value of an Authorization field behind the scheme, which is
// returned in lower case.
func cutScheme(value string) (scheme, rest string) {
	value = TrimBlanks(value)
	if i := strings.IndexAny(value, " \t"); i >= 0 {
		value, rest = value[:i], value[i+1:]
	}
	return Lower(value), rest
}

// signs reports whether an authentication scheme, in lower case, signs the request
// that it authenticates. Those that do are many, and most are a vendor's own.
func signs(scheme string) bool {
	switch scheme {
	case "basic", "bearer", "digest", "negotiate", "ntlm", "token":
		return false
	case "acs", "apiauth", "aws", "cos", "dpop", "goog1", "hawk", "mac", "oauth", "obs", "oss", "qbox", "qiniu", "signature", "ucloud":
		return true
	}
	if strings.HasPrefix(scheme, "scram-") {
		return false // The hash is part of its name; the password signs nothing of the request.
	}
	for _, part := range []string{"hmac", "sharedkey", "signature", "sha1", "sha256", "sha512", "ecdsa", "ed25519", "aws4", "signed", "bce-auth"} {
		if strings.Contains(scheme, part) {
			return true
		}
	}
	return false
}

// OneTime reports whether req holds credentials of the caller's that a server
// accepts once: those with a nonce or a counter (OAuth 1, Hawk, Digest, DPoP,
// WSSE, Negotiate, NTLM, SCRAM, a signature with a nonce). Such a request cannot be
// sent a second time as it is.
func OneTime(req *http.Request) bool {
	for name, values := range req.Header {
		switch {
		case EqualFold(name, "DPoP"), EqualFold(name, "X-WSSE"):
			return true
		case EqualFold(name, "Signature-Input"):
			if slices.ContainsFunc(values, hasNonce) {
				return true
			}
		case EqualFold(name, "Authorization"):
			for _, v := range values {
				if usedOnce(cutScheme(v)) {
					return true
				}
			}
		}
	}
	// RFC 5849 §3.5.3: OAuth 1 also puts its parameters into the query.
	return req.URL != nil && strings.Contains(req.URL.RawQuery, "oauth_nonce=")
}

// usedOnce reports whether the credentials of an Authorization field are accepted
// once. scheme is in lower case.
func usedOnce(scheme, credentials string) bool {
	switch scheme {
	case "digest", "dpop", "hawk", "hoba", "mac", "mutual", "negotiate", "ntlm", "privatetoken", "wsse":
		return true
	case "oauth":
		// Version 2 drafts and some vendors send a token under the same name.
		return strings.Contains(Lower(credentials), "oauth_")
	}
	return strings.HasPrefix(scheme, "scram-") // RFC 7804
}

// hasNonce reports whether a signature in the value of a Signature-Input field has a
// nonce (RFC 9421 §2.3). RFC 8941 §3.1.2 allows blanks before the name of a
// parameter.
func hasNonce(value string) bool {
	for param := range strings.SplitSeq(value, ";") {
		if strings.HasPrefix(TrimBlanks(param), "nonce=") {
			return true
		}
	}
	return false
}
