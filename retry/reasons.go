package retry

import (
	"fmt"
	"strconv"
	"time"
)

// What is done about the outcome of an attempt, or about a body that broke.
const (
	actionDone   = "done"    // the outcome is returned
	actionRetry  = "retry"   // the request is sent again after wait; attributes wait, unprocessed
	actionGiveUp = "give up" // sending again might help; may have level WARN; attributes unprocessed, offset, wait
	actionFail   = "fail"    // the error is returned; attributes unprocessed
	actionHedge  = "hedge"   // a second request is sent beside the first
	actionResume = "resume"  // the rest of a body is asked for after wait; attributes offset, wait
)

// Why a request is sent again. If there is a response, its status is why.
const (
	reasonUnprocessed = "not processed"
	reasonNoResponse  = "no response"
	reasonBroke       = "body broke"
)

// Why a request is not sent again.
const (
	reasonDone      = "nothing to repeat"
	reasonCancelled = "cancelled by the caller"
	reasonUnsafe    = "not safe to send twice"
	reasonAttempts  = "no attempts left"
	reasonBody      = "the body cannot be sent again, see MaxReplay"
	reasonMaxWait   = "Retry-After asks for more than MaxWait"
	reasonDeadline  = "the wait would outlast the deadline"
	reasonBudget    = "budget used up"
	reasonOpen      = "circuit open"
	reasonResumes   = "MaxResumes used up"
)

// Why the body of a response cannot be continued if it breaks.
const (
	reasonNoResume    = "resumption is turned off"
	reasonNotGet      = "only the body of a GET without content is continued"
	reasonSigned      = "the caller signed the request"
	reasonOneTime     = "the caller's credentials can be used once"
	reasonDecoded     = "it was decoded below"
	reasonEmpty       = "it is empty"
	reasonNotContent  = "its status is neither 200 nor 206"
	reasonNoRanges    = "the server offers no byte ranges"
	reasonOddRange    = "its Content-Range does not fit"
	reasonNoValidator = "it has no strong validator"
)

// Why a response does not continue the body.
const (
	reasonLength         = "length changed"
	reasonCoding         = "coding changed"
	reasonValidator      = "validator changed"
	reasonNoContentRange = "no Content-Range"
	reasonTotal          = "total length changed"
	reasonTotalUnknown   = "total length unknown"
	reasonEndsLate       = "range ends too late"
	reasonRangeLength    = "length does not fit the range"
)

// reasonNoHeader says that a request is sent a second time after wait.
func reasonNoHeader(wait time.Duration) string { return "no header within " + wait.String() }

// reasonFixed says that a body that broke is not continued, since why.
func reasonFixed(why string) string { return "the body cannot be continued: " + why }

// reasonChanged says that a response does not continue the body, since why.
func reasonChanged(why string) string { return "what came does not continue the body: " + why }

// reasonStatus says that a response has no part of the body.
func reasonStatus(code int) string { return "status " + strconv.Itoa(code) }

// reasonBeginsAt says that a range begins at first, and not at off.
func reasonBeginsAt(first, off int64) string {
	return fmt.Sprintf("range begins at %d, not at %d", first, off)
}
