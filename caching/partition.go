package caching

import (
	"net/http"

	"github.com/tripper-go/tripper/caching/internal/catalog"
)

// ForUser returns a [Transport.Partition] for a program in which all requests are
// made for one user, whatever the layers below add to them:
//
//	cache := &caching.Transport{Partition: caching.ForUser("alice"), Store: store}
//
// Transports with different names do not see each other's responses in one [store.Store].
func ForUser(name string) func(*http.Request) string {
	return func(*http.Request) string { return name }
}

// BySigningKey is a [Transport.Partition] for requests that are signed before they
// come to the cache: they belong to whoever owns the key. Without it they belong to
// their signature, which is another one each time, and never find a stored response.
//
//	cache := &caching.Transport{Partition: caching.BySigningKey}
//
// The key is told by its id: the access key of AWS Signature Version 4 and of the
// schemes made after it (the security token does not matter), the account of SharedKey,
// the id of Hawk, the consumer key and token of OAuth 1, the keyid of HTTP Message
// Signatures (RFC 9421), the access token of DPoP (RFC 9449). Where the id cannot be
// told, and for all other fields that carry credentials, requests with different
// values are kept apart.
//
// The cache does not check signatures: everybody who can send requests through it must be
// trusted to sign them with the key that they name. Signatures that are added below
// the cache are not seen; see [ForUser] and tripper.Identifier.
func BySigningKey(req *http.Request) string { return catalog.Signer(req.Header) }
