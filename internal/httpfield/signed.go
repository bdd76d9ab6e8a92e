package httpfield

import (
	"net/http"
	"slices"
	"strings"
)

// Signed reports whether h has a signature over parts of the request: an Authorization of a
// scheme that signs (AWS4-HMAC-SHA256, SharedKey, OAuth 1, Hawk, Signature …),
// Signature-Input or Signature (RFC 9421), or DPoP (RFC 9449). A layer must not add a field
// that the signature may cover to such a request.
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

// Signatures returns what [Signed] and [OneTime] do, by one look at each field.
func Signatures(req *http.Request) (signed, oneTime bool) {
	for name := range req.Header {
		if carriesSignature(name) {
			return Signed(req.Header), OneTime(req)
		}
	}
	return false, oneTimeQuery(req)
}

// carriesSignature reports whether Signed or OneTime look at the field.
func carriesSignature(name string) bool {
	switch len(name) {
	case len("DPoP"):
		return EqualFold(name, "DPoP")
	case len("X-WSSE"):
		return EqualFold(name, "X-WSSE")
	case len("Signature"):
		return EqualFold(name, "Signature")
	case len("Authorization"):
		return EqualFold(name, "Authorization")
	case len("Signature-Input"):
		return EqualFold(name, "Signature-Input")
	}
	return false
}

// cutScheme splits the value of an Authorization field after the scheme, which it returns in
// lower case.
func cutScheme(value string) (scheme, rest string) {
	value = TrimBlanks(value)
	if i := strings.IndexAny(value, " \t"); i >= 0 {
		value, rest = value[:i], value[i+1:]
	}
	return Lower(value), rest
}

// signs reports whether an authentication scheme, in lower case, signs the request. Many
// schemes of vendors do.
func signs(scheme string) bool {
	switch scheme {
	case "basic", "bearer", "digest", "negotiate", "ntlm", "token":
		return false
	case "acs", "apiauth", "aws", "cos", "dpop", "goog1", "hawk", "mac", "oauth", "obs", "oss", "qbox", "qiniu", "signature", "ucloud":
		return true
	}
	if strings.HasPrefix(scheme, "scram-") {
		return false // The name has that of a hash in it, but the request is not signed.
	}
	for _, part := range []string{"hmac", "sharedkey", "signature", "sha1", "sha256", "sha512", "ecdsa", "ed25519", "aws4", "signed", "bce-auth"} {
		if strings.Contains(scheme, part) {
			return true
		}
	}
	return false
}

// OneTime reports whether req has credentials that a server accepts only once: those with a
// nonce or a counter (OAuth 1, Hawk, Digest, DPoP, WSSE, Negotiate, NTLM, SCRAM, a signature
// with a nonce). Such a request cannot be sent a second time unchanged.
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
	return oneTimeQuery(req)
}

// oneTimeQuery reports whether there is a nonce of OAuth 1 in the query, where RFC 5849 §3.5.3
// allows its parameters.
func oneTimeQuery(req *http.Request) bool {
	return req.URL != nil && strings.Contains(req.URL.RawQuery, "oauth_nonce=")
}

// usedOnce reports whether a server accepts the credentials of an Authorization field only
// once. scheme is in lower case.
func usedOnce(scheme, credentials string) bool {
	switch scheme {
	case "digest", "dpop", "hawk", "hoba", "mac", "mutual", "negotiate", "ntlm", "privatetoken", "wsse":
		return true
	case "oauth":
		// Drafts of OAuth 2 and some vendors send a token with the same scheme.
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
