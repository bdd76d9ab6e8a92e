package catalog

import (
	"encoding/binary"
	"net/http"
	"slices"
	"strings"

	"github.com/dunglas/httpsfv"

	"github.com/tripper-go/tripper/caching/internal/wire"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// Signer returns a name for the user whose key has signed a request with the fields h. If no
// key can be told, that is the user whose credentials are in h.
func Signer(h http.Header) string {
	id, names := signingKey(h)
	if id == "" {
		return Credentials(h, "", nil)
	}
	return Credentials(h, id, func(name string) bool { return slices.Contains(names, name) })
}

// signingKey returns the id of the key that a request is signed with, and the fields that
// change with each signature or session, and do not tell users apart. The id is empty if it
// cannot be told.
func signingKey(h http.Header) (id string, names []string) {
	if inputs := h["Signature-Input"]; len(inputs) > 0 {
		if id = messageKeys(inputs); id != "" {
			return id, []string{"Signature", "Signature-Input"}
		}
		return "", nil
	}
	if len(h["Authorization"]) != 1 {
		return "", nil
	}
	value := httpfield.TrimBlanks(h["Authorization"][0])
	scheme, rest, _ := strings.Cut(value, " ")
	scheme = httpfield.Lower(scheme)
	if scheme == "dpop" {
		return keyID(scheme, httpfield.TrimBlanks(rest)), []string{"Authorization", "Dpop"}
	}
	parts := idOf(scheme, rest)
	if len(parts) == 0 || slices.Contains(parts, "") {
		return "", nil
	}
	return keyID(scheme, parts...), []string{"Authorization", "X-Amz-Security-Token"}
}

// idOf returns the parts of the id of a key in the credentials of a scheme. There are none,
// or an empty one, if it cannot be told.
func idOf(scheme, rest string) []string {
	params := httpfield.Challenge{Params: httpfield.AuthParams([]string{rest})}
	param := func(name string) string {
		value, _ := params.Param(name)
		return value
	}
	switch scheme {
	case "hawk", "mac":
		return []string{param("id")}
	case "signature":
		return []string{param("keyid")}
	case "oauth":
		if param("oauth_signature") == "" {
			return nil
		}
		// RFC 5849 §3.1: a request without a token is the client's own.
		return []string{param("oauth_consumer_key"), "token:" + param("oauth_token")}
	case "sharedkey", "sharedkeylite", "aws", "goog1", "oss", "obs":
		account, _, signed := strings.Cut(rest, ":")
		if !signed {
			return nil
		}
		return []string{httpfield.TrimBlanks(account)}
	}
	if !strings.HasPrefix(scheme, "aws4-") && !strings.HasPrefix(scheme, "goog4-") && !strings.Contains(scheme, "-hmac-sha") || param("signature") == "" {
		return nil
	}
	// AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request
	access, _, _ := strings.Cut(param("credential"), "/")
	return []string{access}
}

// messageKeys returns the key ids of all signatures of a message (RFC 9421 §2.3), or nothing
// if one of them has none.
func messageKeys(inputs []string) string {
	signatures, err := httpsfv.UnmarshalDictionary(inputs)
	if err != nil {
		return ""
	}
	var ids []string
	for _, label := range signatures.Names() {
		member, _ := signatures.Get(label)
		list, ok := member.(httpsfv.InnerList)
		if !ok {
			return ""
		}
		value, _ := list.Params.Get("keyid")
		id, ok := value.(string)
		if !ok || id == "" {
			return ""
		}
		ids = append(ids, id)
	}
	if len(ids) == 0 {
		return ""
	}
	slices.Sort(ids)
	return keyID("rfc9421", ids...)
}

// keyID joins the parts of an id, so that different parts give different ids.
func keyID(scheme string, parts ...string) string {
	b := wire.AppendString(nil, scheme)
	b = binary.AppendUvarint(b, uint64(len(parts)))
	for _, p := range parts {
		b = wire.AppendString(b, p)
	}
	return string(b)
}
