package tripper

// A pair of layers, the one that belongs above first.
type pair struct{ above, below string }

// order holds every pair of layers that must not change places, and why. The
// package documentation says the same in prose.
var order = func() map[pair]string {
	m := make(map[pair]string)
	put := func(why, above string, below ...string) {
		for _, b := range below {
			m[pair{above, b}] = why
		}
	}
	const (
		all  = "it turns the errors of every layer into responses"
		hear = "it hears only what the layers below it decide"
	)
	features := []string{"decompress", "redirects", "lostupdate", "caching", "compress", "retry", "auth", "httpsig"}
	put(all, "ErrorResponses", append(features, "trace.Hook", "trace.Log", "trace.Wire")...)
	put(hear, "trace.Hook", append(features, "trace.Wire")...)
	put(hear, "trace.Log", append(features, "trace.Wire")...)
	for _, f := range features {
		put("it tells what goes over the wire", f, "trace.Wire")
	}

	put("only the last body of a redirect is to be decoded", "decompress", "redirects")
	put("the tag that guards a write belongs to the coding of the wire", "decompress", "lostupdate")
	put("the store keeps the bytes of the wire, so that ETag, Vary, Range and 304 stay true", "decompress", "caching")
	put("a broken download resumes by bytes of the wire", "decompress", "retry")
	put("auth-int hashes the bytes of the wire", "decompress", "auth")
	put("the content of a refusal that compress answers itself need not be decoded", "decompress", "compress")
	put("each hop is guarded by the tag of its own URL", "redirects", "lostupdate")
	put("each hop has its own key, and stored redirects are followed like others", "redirects", "caching")
	put("each hop has its own tries", "redirects", "retry")
	put("each hop gets its own origin's credentials and no other's", "redirects", "auth")
	put("each hop says for itself which codings of a body it takes", "redirects", "compress")
	put("it protects the version the caller saw, not the one the store has moved on to", "lostupdate", "caching")
	put("a write and its second try are one write; the 412 to the second is ambiguous", "lostupdate", "retry")
	put("a precondition must be there before the request is signed", "lostupdate", "auth")
	put("a write that is sent again in another coding is one write", "lostupdate", "compress")
	put("hits need no tries, and a resumed body must be whole when it is stored", "caching", "retry")
	put("a hit needs no credentials, and a 401 is never stored", "caching", "auth")
	put("a hit needs no body, and the key of a QUERY is its content in no coding", "caching", "compress")
	put("what is kept of a body for the next try is the smaller one, and a refusal of its coding is no failed try", "compress", "retry")
	put("what is signed is the bytes that are sent", "compress", "auth")
	put("every try is signed afresh; a nonce count may not be sent twice", "retry", "auth")
	put("the digest that is signed and verified is that of the bytes of the wire", "decompress", "httpsig")
	put("each hop is signed for its own URL, or not at all", "redirects", "httpsig")
	put("a precondition must be there before the request is signed", "lostupdate", "httpsig")
	put("a hit needs no signature, and what the cache asks is signed", "caching", "httpsig")
	put("what is signed is the bytes that are sent", "compress", "httpsig")
	put("every try is signed afresh", "retry", "httpsig")
	put("the signature may cover the credentials", "auth", "httpsig")
	return m
}()

// twice says why a layer should stand in a chain once.
var twice = map[string]string{
	"ErrorResponses": "the inner one leaves the outer one nothing to do",
	"trace.Log":      "each would log every request",
	"decompress":     "the inner one would decode what the store has to keep coded",
	"redirects":      "the inner one would follow within a hop of the outer one",
	"lostupdate":     "they would remember different tags for one resource",
	"caching":        "the inner one would validate for the outer one what that holds itself",
	"compress":       "the inner one finds every body encoded",
	"retry":          "their numbers of tries multiply",
	"httpsig":        "the inner one leaves alone what the outer one has signed",
	"auth":           "a 401 would be answered once by each; give one of them all credentials",
}
