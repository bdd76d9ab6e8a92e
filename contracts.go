package tripper

import (
	"context"
	"net/http"
)

// An Identifier is a RoundTripper that adds credentials to requests and names their
// principal. Every layer that stands below a cache and adds credentials must implement
// it, directly or on what its Wrap returns: the cache puts the name into the key of the
// stored response, so that one user's response never reaches another.
//
// Without it the cache compares the Request of the response with the request that
// it sent, finds the credentials that were added, and stores nothing: such a layer
// costs every hit. Cache-Status and trace then name the fields that were added. A response
// without a Request counts as one to the request that the cache sent.
// Credentials that the Request does not show (a client certificate of a foreign
// transport, a layer that puts the old Request back) are not found: there an
// Identifier, or the Partition of the cache, is required.
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

// An Unwrapper is a RoundTripper that shows the one it sends through. A layer of
// another module should implement it on what its Wrap returns, or have an exported
// field named Base: a cache follows it to the Identifiers below.
//
// In a [Chain] a layer without either is wrapped once more, and nothing is lost.
// Outside a chain the cache does not see what is below it: it cannot tell whose
// credentials are added there, and does not store the responses.
type Unwrapper interface {
	http.RoundTripper
	// Unwrap returns the RoundTripper that requests are sent through. It may be
	// called concurrently.
	Unwrap() http.RoundTripper
}

// A RedirectFollower is a layer that reports whether it decides about redirects. A layer
// that follows redirects must implement it: the client of [Chain.Client] then leaves
// redirects alone. Without it, [http.Client] follows the redirects that the layer has
// returned on purpose.
type RedirectFollower interface {
	Layer
	// FollowsRedirects reports whether [http.Client] must not follow redirects.
	FollowsRedirects() bool
}

// A ResponseError is an error that holds a response: a redirect too many, a
// conflict, a challenge that nothing can answer. An error that is returned in place
// of a response should implement it: [ErrorResponses] returns its response, and
// decompress decodes the content of it. Without it, ErrorResponses makes a response
// of the text of the error, and the server's own is lost.
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
// that failed to prove that it knows the password. An error that cannot pass must
// implement it: if Permanent returns true, the error is returned to the caller at
// once, and no layer sends the request again. Without it the layers judge the error
// by what else they know of it, and may send an idempotent request again.
type Permanent interface {
	error
	// Permanent reports whether the same request would fail again.
	Permanent() bool
}

// A ConnectionKeeper is a transport, the innermost RoundTripper, that sends the requests of
// one user over connections that no other user has. Schemes that authenticate a connection
// (Negotiate, NTLM) need it: the legs of a handshake must use one connection, and a
// connection that was authenticated must not serve anybody else. Without it they answer no
// challenge. It may be called concurrently.
//
// A layer above finds it as a cache finds an [Identifier]; see [Unwrapper].
type ConnectionKeeper interface {
	http.RoundTripper
	// KeepConnection reserves a connection to the server of req for principal, which
	// names the user and is not empty. Requests to that server with the context kept,
	// which is derived from that of req, are sent over it, one after the other, by
	// HTTP/1.1, until release is called. If the connection was closed, a new one takes
	// its place; [net/http/httptrace] tells.
	//
	// The state is what release was given for this connection, or nil if it is new. A
	// connection that is released with a state is kept for later calls with the same
	// server and principal; with nil it is closed. Calls of release after the first
	// do nothing.
	//
	// If there are too many connections, KeepConnection waits until one is free or the
	// context of req ends. If the server cannot be reached in this way, err matches
	// [errors.ErrUnsupported].
	KeepConnection(req *http.Request, principal string) (kept context.Context, state any, release func(state any), err error)
}
