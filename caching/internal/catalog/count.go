package catalog

import "github.com/tripper-go/tripper/caching/internal/policy"

// An Outcome is what has become of a request: the last event about it that is one of these.
type Outcome uint8

// The outcomes, and what is counted beside them: the counters of a [Catalog].
const (
	Undecided Outcome = iota
	Hit
	Stale
	Validated
	Fetched
	Collapsed
	Passed
	Refused
	Failed

	// From here on they are no outcomes.

	Stored
	NotStored
	Invalidated
	Refreshed
	StoreFailed
	BytesSaved
)

// note counts a decision. That about the outcome of the request is counted by Ended, since
// another may follow: a request that waited for another one may find the response stored.
func (q *Query) note(action, reason string, err error) {
	switch action {
	case "hit":
		q.outcome = Hit
	case "stale":
		q.outcome = Stale
	case "validated":
		q.outcome = Validated
	case "fetch":
		q.outcome = Fetched
	case "collapse":
		q.outcome = Collapsed
	case "pass", "bypass":
		q.outcome = Passed
	case "refuse":
		q.outcome = Refused
	case "store":
		switch {
		case err != nil:
			q.Cat.count(StoreFailed)
		case reason == policy.ReasonStored, reason == policy.ReasonPartStored:
			q.Cat.count(Stored)
		}
	case "abort":
		q.Cat.count(NotStored)
	case "invalidate", "suspect":
		q.Cat.count(Invalidated)
	case "refresh":
		q.Cat.count(Refreshed)
	}
}

// Ended counts the request, and the bytes that the Store has given for it. err is what the caller
// gets in place of a response.
func (q *Query) Ended(bytes int64, err error) {
	if err != nil {
		q.outcome = Failed
	}
	s := q.Cat.Counters.Shard()
	if s[q.outcome].Add(1); bytes > 0 {
		s[BytesSaved].Add(bytes)
	}
}

func (c *Catalog) count(what Outcome) { c.Counters.Add(int(what), 1) }
