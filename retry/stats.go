package retry

import (
	"time"

	"github.com/tripper-go/tripper/internal/tally"
)

// Stats says what a [Transport] did since it was made.
type Stats struct {
	// Requests counts the requests of callers that got a response or an error, and Attempts
	// how often requests were sent for them: Attempts / Requests is what retrying adds to the load
	// of servers. Those that continue a body are among them. Requests that Breaker has stopped
	// have no attempt.
	Requests, Attempts int64

	// Retries counts the decisions to send a request again, Hedges those to send a second one
	// at the same time, and Resumes those to continue a body that broke (events retry, hedge and
	// resume).
	Retries, Hedges, Resumes int64

	// GivenUp counts the requests and bodies that failed for a cause that might have passed
	// (event give up), and Failed the requests that failed for another one (fail).
	GivenUp, Failed int64

	// Waited is the sum of the waits before requests were sent again, in nanoseconds, as they were
	// decided: a caller who cancels a request does not wait to the end.
	Waited time.Duration
}

// The counters of a Transport.
const (
	countRequests = iota
	countAttempts
	countRetries
	countHedges
	countResumes
	countGivenUp
	countFailed
	countWaited
)

// Stats returns what t did since it was made, in all chains together. It takes no lock: of
// requests under way some may be counted in part. See expvar for a way to publish it.
func (t *Transport) Stats() Stats {
	n := t.counters.Sums()
	return Stats{
		Requests: n[countRequests], Attempts: n[countAttempts],
		Retries: n[countRetries], Hedges: n[countHedges], Resumes: n[countResumes],
		GivenUp: n[countGivenUp], Failed: n[countFailed], Waited: time.Duration(n[countWaited]),
	}
}

// note counts a decision, and the wait that follows. What is done is counted by ended.
func note(c *tally.Counters, action string, wait time.Duration) {
	switch action {
	case actionRetry:
		c.Add(countRetries, 1)
	case actionHedge:
		c.Add(countHedges, 1)
	case actionResume:
		c.Add(countResumes, 1)
	case actionGiveUp:
		c.Add(countGivenUp, 1)
	case actionFail:
		c.Add(countFailed, 1)
	}
	if wait > 0 {
		c.Add(countWaited, int64(wait))
	}
}

// ended counts a request and its attempts, but for those to continue its body.
func (x *exchange) ended() {
	s := x.t.counters.Shard()
	s[countRequests].Add(1)
	s[countAttempts].Add(int64(x.sent))
}
