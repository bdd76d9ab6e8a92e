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
func (q *Query) note(action string) {
	switch action {
	case policy.ActionHit:
		q.outcome = Hit
	case policy.ActionStale:
		q.outcome = Stale
	case policy.ActionValidated:
		q.outcome = Validated
	case policy.ActionFetch:
		q.outcome = Fetched
	case policy.ActionCollapse:
		q.outcome = Collapsed
	case policy.ActionPass, policy.ActionBypass:
		q.outcome = Passed
	case policy.ActionRefuse:
		q.outcome = Refused
	case policy.ActionStore:
		q.Cat.count(Stored)
	case policy.ActionNotStored:
		q.Cat.count(NotStored)
	case policy.ActionStoreError:
		q.Cat.count(StoreFailed)
	case policy.ActionInvalidate, policy.ActionSuspect:
		q.Cat.count(Invalidated)
	case policy.ActionRefresh:
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
