package lostupdate

// What is done about a write, and what is remembered.
const (
	actionProtect  = "protect"  // the write is sent with a precondition; attributes If-Match, If-None-Match, If-Unmodified-Since
	actionPass     = "pass"     // the write is sent without a precondition
	actionRefuse   = "refuse"   // the write is not sent
	actionStop     = "stop"     // the answer to the write is returned, though it is about the precondition
	actionConflict = "conflict" // the resource is not as it was seen; attributes If-Match, If-None-Match, If-Unmodified-Since
	actionRemember = "remember" // the validators of the resource; may have level WARN; attributes etag
	actionForget   = "forget"   // what was remembered
	actionNote     = "note"     // something about the server; attributes for
)

// Why a write gets a precondition, or none.
const (
	reasonCallers       = "precondition of the caller's"
	reasonSigned        = "signed by the caller"
	reasonOverride      = "override"
	reasonMustExist     = "must exist"
	reasonMustBeNew     = "must be new"
	reasonCreateOnly    = "nothing seen of it: create only"
	reasonNotSeen       = "nothing seen of it"
	reasonAsSeen        = "as it was seen"
	reasonStillAsSeen   = "fetched: still as it was seen"
	reasonStillAsSent   = "fetched: still as it was written"
	reasonUnknown       = "its state is unknown"
	reasonWeak          = "its entity tag is weak"
	reasonSecond        = "it was modified in the second it was sent"
	reasonSecondGuarded = "it was modified in the second it was sent: not protected from a change in that second"
	reasonAlso          = ", and there is nothing to compare" // behind another reason
	reasonRequired      = "precondition required"
)

// Why a write is not sent, or not sent again.
const (
	reasonNoVersions  = "the versions cannot be read"
	reasonNothing     = "there is nothing to compare"
	reasonBodyOnce    = "the body cannot be sent again"
	reasonNoValidator = "precondition required, and there is no validator"
)

// Why the write is in conflict, and what is remembered of the resource.
const (
	reasonChanged   = "the resource has changed"
	reasonAmbiguous = "ambiguous: an earlier try may have been the change"
	reasonLost      = "what was seen is lost"
	reasonDoubt     = "a write may have been done"
)

// What a server does with preconditions.
const (
	reasonTakesNone      = "the server does not take preconditions"
	reasonImplementsNone = "the server does not implement preconditions"
	reasonMisjudges      = "the server misjudges times"
	reasonMisjudged      = "the server misjudges the time: nothing has changed"
	reasonMatchesWeak    = "the server compares weak tags"
	reasonHangsOnHead    = "the server does not answer HEAD"
)
