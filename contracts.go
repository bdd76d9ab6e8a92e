package tripper

import "net/http"

// An Identifier is a RoundTripper that adds credentials to requests and says whose
// they are. Every layer that stands below a cache and adds credentials must
// implement it, directly or on what its Wrap returns: the cache puts the answer
// into the key of what it stores, so that one user's response never reaches
// another.
//
// Without it the cache still notices, by the Request of the response, that
// credentials were added further in, and stores nothing; such a layer costs every
// hit. Cache-Status and trace then name the fields that were added. What the Request
// does not show (a client certificate of a foreign transport, a layer that puts the
// old Request back) cannot be noticed: there an Identifier is a must, or the
// Partition of the cache.
//
// An Identifier answers for all credentials that are added, if there is nothing else from
// the cache inwards that might add some: only Identifiers, layers of this module in a
// [Chain], and an [http.Transport]. Where there are functions, or other layers without the
// method, it answers for credentials of one kind: for Authorization with what goes with it,
// for cookies, for other fields, or for parameters of the query. If more are added, the
// cache does not know whose they are.
type Identifier interface {
	// Identity returns a name for the principal whose credentials would be sent
	// with req, and the empty string if none would. Two principals never have the
	// same name; the name of a principal does not change with each token. It does
	// no I/O, does not change req, and may be called concurrently.
	Identity(req *http.Request) string
}

// A ResponseError is an error that holds a response: a redirect too many, a
// conflict, a challenge that nothing can answer. [ErrorResponses] finds it and
// returns its response; decompress decodes the content of its response, as it
// would have decoded that of a response that was returned.
//
// The response belongs to the error and to nobody else. Its body is a copy of
// bounded length, which holds no connection and need not be closed. A layer that
// the error passes through on its way to the caller may change the response.
type ResponseError interface {
	error
	// HTTPResponse returns the response, or nil if there is none.
	HTTPResponse() *http.Response
}

// Permanent is implemented by errors that say whether the same request would fail
// again in the same way: a wrong certificate pin, a proxy that refuses, a server
// that failed to prove that it knows the password. An error for which it is true
// is returned to the caller at once; no layer sends the request again. An error
// without it is judged by what else is known of it.
type Permanent interface {
	error
	Permanent() bool
}

// A RedirectFollower is a layer that says whether redirects are its business.
// [Chain.Client] then has [http.Client] leave them alone.
type RedirectFollower interface {
	Layer
	FollowsRedirects() bool
}
