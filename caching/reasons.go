package caching

// Why a stored response is reused, revalidated, fetched anew or refused.
const (
	reasonNothingStored        = "nothing stored"
	reasonFresh                = "fresh"
	reasonImmutable            = "immutable"
	reasonMaxStale             = "max-stale"
	reasonStaleWhileRevalidate = "stale-while-revalidate"
	reasonStaleIfError         = "stale-if-error"
	reasonOffline              = "offline"
	reasonOnlyIfCached         = "only-if-cached"
	reasonReload               = "reload"
	reasonRequestNoCache       = "no-cache in the request"
	reasonRequestMaxAge        = "older than max-age in the request"
	reasonRequestMinFresh      = "fresh for less than min-fresh in the request"
	reasonStaleForRequest      = "stale, and the request wants it fresher"
	reasonStale                = "stale"
	reasonMustRevalidate       = "stale, must be validated"
	reasonResponseNoCache      = "no-cache in the response"
	reasonFromFuture           = "received in the future: a clock was set"
	reasonMayHaveChanged       = "a request that may have changed it failed"
	reasonNotAllStored         = "not all of it is stored"
	reasonBodyLost             = "the store has lost the body"
	reasonSignedByCaller       = "signed by the caller, fetched as it is"
)

// Why a stored response does not replace an error.
const (
	reasonRequestRevalidates = "the request wants it validated"
	reasonStaleNotAllowed    = "serving stale is not allowed"
	reasonStaleTooLong       = "stale for too long"
)

// Why a response is not stored.
const (
	reasonNotFinal         = "not a final response"
	reasonOneRequest       = "about one request"
	reasonNotModified      = "not modified"
	reasonHead             = "HEAD is not stored"
	reasonWholeStored      = "the whole is stored"
	reasonPartOfUnknown    = "partial content without a range of a known whole"
	reasonPartUnasked      = "a part that no Range asked for"
	reasonPartAsWhole      = "a part under a status of the whole"
	reasonPartLength       = "length of the body is not that of its range"
	reasonApplication      = "refused by the application"
	reasonRequestNoStore   = "no-store in the request"
	reasonResponseNoStore  = "no-store in the response"
	reasonNotUnderstood    = "status not understood"
	reasonPrivate          = "private in the response"
	reasonAuthorized       = "answers a request with credentials"
	reasonOtherCredentials = "signed with other credentials than were asked about before"
	reasonNotForEverybody  = "no longer for everybody"
	reasonMaxBody          = "larger than MaxBody"
	reasonVaryEverything   = "varies on everything"
	reasonVaryTooMany      = "varies on too many fields"
	reasonTooManyGroups    = "in too many groups"
	reasonNeedsLifetime    = "status needs an explicit lifetime"
	reasonErrorNotFresh    = "an error that is not fresh"
	reasonOfNoUse          = "neither fresh nor with a validator"
	reasonNoTarget         = "a redirect without a target"
	reasonSelfRedirect     = "a redirect to its own target"
	reasonInvalidated      = "invalidated meanwhile"
	reasonNoSecret         = "the store's secret is not there"
	reasonStoreTooLarge    = "larger than the store keeps"
	reasonStoreSuspended   = "the store is left alone, it has failed several times"
	reasonStoreLate        = "the store has not answered in time"
	reasonStoreFailed      = "the store failed"
	reasonBodyNotRead      = "the body was not read to its end"
	reasonBodyCut          = "the body did not come to its end"
)

// Why a request passes the cache by, or is sent again.
const (
	reasonMethod       = "method"
	reasonUnsafe       = "unsafe"
	reasonBypass       = "bypass"
	reasonUpgrade      = "upgrade"
	reasonOpaqueTarget = "target in a form of its own"
	reasonPrecondition = "precondition for the origin"
	reasonPartUnknown  = "asks for a part in a way of its own"
	reasonContent      = "request with content"
	reasonContentOnce  = "content that cannot be read twice"
	reasonContentLarge = "content too large for a key"
	reasonNoURL        = "no http or https URL"
	reasonNoMatch      = "the answer fits no stored response"
)

// What an unsafe request does.
const (
	reasonUnsafeMethod  = "unsafe method"
	reasonUnsafeBeside  = "unsafe method to the same path with a query"
	reasonUnsafeFailed  = "unsafe method failed"
	reasonUnsafeNotSent = "unsafe method, never sent"
)
