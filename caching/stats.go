package caching

import "github.com/tripper-go/tripper/caching/internal/catalog"

// Stats says what a [Transport] did since its first use. Each request to an http or https URL
// is one of Hits, Stale, Validated, Misses, Collapsed, Passed, Refused and Errors, by what its
// caller got.
//
// This is what hit and miss mean everywhere in this module: in the events of package trace,
// in the metrics of oteltrace (tripper.cache.result) and, by RFC 9211, in Cache-Status. A [store.Store] counts calls
// and not requests, see [store.Stats].
type Stats struct {
	// Hits were answered by a fresh stored response, without asking the origin (event hit;
	// Cache-Status: hit).
	Hits int64
	// Stale were answered by a stored response that was stale, before it was validated, or in
	// place of an error (stale; hit with a negative ttl, or fwd with a ttl after an error status).
	Stale int64
	// Validated were answered by a stored response that the origin has confirmed, for them
	// or for another request (validated; fwd-status=304).
	Validated int64
	// Misses were answered by a response of the origin that the cache was to store (fetch; fwd
	// with any other status).
	Misses int64
	// Collapsed were answered by the response of the origin to another request that was
	// under way (collapse; collapsed).
	Collapsed int64
	// Passed were no matter of the cache, or got a response that is not to be stored (pass and
	// bypass; fwd with a detail, unless that is a failure of the Store).
	Passed int64
	// Refused got a 504, since the origin was not to be asked (refuse; neither hit nor fwd).
	Refused int64
	// Errors got an error in place of a response. Requests that have panicked are not counted.
	Errors int64

	// Stored counts the responses that were stored, and NotStored those that were to be stored
	// and were not: the Store has failed, or the body did not come to its end.
	Stored, NotStored int64

	// Invalidated counts the targets and groups that requests or calls of Purge and PurgeGroup have
	// invalidated, or marked as to be validated.
	Invalidated int64

	// Refreshed counts the validations in the background.
	Refreshed int64

	// StoreFailures counts the failures of the Store. A response that it fails to store is
	// counted in NotStored too.
	StoreFailures int64

	// BytesSaved is the length of all bodies that the Store has given to callers, whether
	// they have read them to the end or not.
	BytesSaved int64
}

// Stats returns what t did since its first use, in all chains together. It takes no lock: of
// requests under way some may be counted in part. See expvar for a way to publish it.
func (t *Transport) Stats() Stats {
	n := t.state().Counters.Sums()
	return Stats{
		Hits: n[catalog.Hit], Stale: n[catalog.Stale], Validated: n[catalog.Validated], Misses: n[catalog.Fetched],
		Collapsed: n[catalog.Collapsed], Passed: n[catalog.Passed], Refused: n[catalog.Refused], Errors: n[catalog.Failed],
		Stored: n[catalog.Stored], NotStored: n[catalog.NotStored], Invalidated: n[catalog.Invalidated],
		Refreshed: n[catalog.Refreshed], StoreFailures: n[catalog.StoreFailed], BytesSaved: n[catalog.BytesSaved],
	}
}
