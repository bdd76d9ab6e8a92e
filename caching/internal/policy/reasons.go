package policy

// What is done about a request, a response, or what is stored. An event with an error has level
// WARN, unless the caller has cancelled the request.
const (
	ActionLookup     = "lookup"      // what is stored was looked up; attributes took
	ActionWait       = "wait"        // another request, or another process, was waited for; attributes took
	ActionHit        = "hit"         // answered by a stored response
	ActionStale      = "stale"       // answered by a stored response that is stale; may have level WARN
	ActionValidated  = "validated"   // answered by a stored response that the origin has confirmed
	ActionFetch      = "fetch"       // answered by the origin, and the response is being stored: a miss
	ActionPass       = "pass"        // answered by the origin, and the response is not to be stored; may have level WARN
	ActionCollapse   = "collapse"    // answered by the trip of another request; may have level WARN
	ActionBypass     = "bypass"      // not a matter of the cache; may have level WARN
	ActionRefuse     = "refuse"      // answered with 504
	ActionError      = "error"       // not answered; may have level WARN
	ActionRefetch    = "refetch"     // sent again without conditions
	ActionRefresh    = "refresh"     // validated in the background; may have level WARN
	ActionResume     = "resume"      // the origin completes a body that the store has lost; may have level WARN
	ActionStore      = "store"       // a response was stored; attributes size, lifetime
	ActionNotStored  = "not stored"  // a response that was to be stored was not
	ActionStoreError = "store error" // the store has failed; may have level WARN
	ActionRemove     = "remove"      // a stored response may no longer be used
	ActionMiss       = "miss"        // a stored response is not used
	ActionSuspect    = "suspect"     // a request that may have changed what is stored has failed
	ActionInvalidate = "invalidate"  // what is stored must be validated; may have level WARN
)

// Why a stored response is reused, revalidated, fetched anew or refused.
const (
	reasonNothingStored        = "nothing stored"
	reasonFresh                = "fresh"
	reasonImmutable            = "immutable"
	reasonMaxStale             = "max-stale"
	ReasonStaleWhileRevalidate = "stale-while-revalidate"
	reasonStaleIfError         = "stale-if-error"
	reasonOffline              = "offline"
	ReasonOnlyIfCached         = "only-if-cached"
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
	ReasonNotAllStored         = "not all of it is stored"
	ReasonBodyLost             = "the store has lost the body"
	ReasonSignedByCaller       = "signed by the caller, fetched as it is"
)

// Why a stored response does not replace an error.
const (
	reasonRequestRevalidates = "the request wants it validated"
	reasonStaleNotAllowed    = "serving stale is not allowed"
	reasonStaleTooLong       = "stale for too long"
)

// Why a response is not stored.
const (
	reasonNotFinal        = "not a final response"
	reasonOneRequest      = "about one request"
	ReasonNotModified     = "not modified"
	ReasonHead            = "HEAD is not stored"
	ReasonWholeStored     = "the whole is stored"
	reasonPartOfUnknown   = "partial content without a range of a known whole"
	ReasonPartUnasked     = "a part that no Range asked for"
	ReasonPartAsWhole     = "a part under a status of the whole"
	ReasonPartLength      = "length of the body is not that of its range"
	ReasonApplication     = "refused by the application"
	reasonRequestNoStore  = "no-store in the request"
	reasonResponseNoStore = "no-store in the response"
	reasonNotUnderstood   = "status not understood"
	reasonPrivate         = "private in the response"
	reasonAuthorized      = "answers a request with credentials"
	// ReasonOtherCredentials: a layer has signed for another user than it had announced.
	ReasonOtherCredentials = "signed with other credentials than were asked about before"
	// ReasonAddedCredentials is a format for the names of the fields.
	ReasonAddedCredentials = "credentials added below the cache (%s): set Partition, or give the layer an Identity method"
	ReasonNotForEverybody  = "no longer for everybody"
	ReasonMaxBody          = "larger than MaxBody"
	reasonVaryEverything   = "varies on everything"
	ReasonVaryTooMany      = "varies on too many fields"
	reasonTooManyGroups    = "in too many groups"
	reasonNeedsLifetime    = "status needs an explicit lifetime"
	reasonErrorNotFresh    = "an error that is not fresh"
	reasonOfNoUse          = "neither fresh nor with a validator"
	reasonNoTarget         = "a redirect without a target"
	ReasonSelfRedirect     = "a redirect to its own target"
	ReasonInvalidated      = "invalidated meanwhile"
	ReasonNoSecret         = "the store's secret is not there"
	ReasonStoreTooLarge    = "larger than the store keeps"
	ReasonStoreSuspended   = "the store is left alone, it has failed several times"
	ReasonStoreLate        = "the store has not answered in time"
	ReasonStoreFailed      = "the store failed"
	ReasonBodyNotRead      = "the body was not read to its end"
	ReasonBodyCut          = "the body did not come to its end"
)

// Why a request passes the cache by, or is sent again.
const (
	ReasonMethod       = "method"
	ReasonUnsafe       = "unsafe"
	ReasonBypass       = "bypass"
	ReasonConnection   = "over the connection of one user"
	ReasonUpgrade      = "upgrade"
	ReasonOpaqueTarget = "target in a form of its own"
	ReasonPrecondition = "precondition for the origin"
	ReasonPartUnknown  = "asks for a part in a way of its own"
	ReasonContent      = "request with content"
	ReasonContentOnce  = "content that cannot be read twice"
	ReasonContentLarge = "content too large for a key"
	ReasonNoURL        = "no http or https URL"
	ReasonNoMatch      = "the answer fits no stored response"
)

// Why responses are invalidated.
const (
	ReasonUnsafeMethod  = "unsafe method"
	reasonUnsafeBeside  = "unsafe method to the same path with a query"
	ReasonUnsafeFailed  = "unsafe method failed"
	ReasonUnsafeNotSent = "unsafe method, never sent"
	ReasonGroup         = "its group was invalidated"
)

// Why a request is answered by the trip of another request, or not.
const (
	ReasonSharesResponse   = "shares the response of another request"
	ReasonSharesValidation = "validated by another request"
	ReasonSharesFailure    = "shares the failure of another request"
	ReasonSharesError      = "shares the error of another request"
	ReasonStoredByRequest  = "another request has stored it"
	ReasonStoredByProcess  = "another process stored it"
	ReasonWaitedEnough     = "waited long enough for another request"
	ReasonOtherRequest     = "for the trip of another request"
	ReasonOtherProcess     = "for another process, which fetches it"
	ReasonNoRoom           = "no room to validate in the background"
	ReasonPanic            = "the RoundTripper below panicked"
)

// What a store did, or failed to do.
const (
	ReasonStored          = "stored"
	ReasonPartStored      = "the part that came of a body that was cut"
	ReasonNotRead         = "reading failed"
	ReasonAnswerLate      = "the answer came late, StoreWait is short for it"
	ReasonWrongEntry      = "entry of another kind or key"
	ReasonNotUpdated      = "updating failed"
	ReasonNotCopied       = "copying failed"
	ReasonNotRemoved      = "removing failed"
	ReasonGroupNotWritten = "writing a group failed"
	ReasonNoLease         = "no lease"
	ReasonRestLost        = "the store lost the rest of a body, and the origin did not complete it"
	ReasonRestCompleted   = "the store lost the rest of a body, the origin completes it"
)
