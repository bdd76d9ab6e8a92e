package store

// Stats says what a Store holds, and what it did since it was made or opened by this process.
// Where processes share a Store each counts its own calls.
type Stats struct {
	// Entries and Bytes are what the Store holds now, -1 if only its server knows. Limit is the
	// bound of Bytes, zero if the Store has none of its own.
	Entries, Bytes, Limit int64

	// Hits and Misses count the calls of Get that have found an entry, and those that have not. They
	// are not those of requests, for which a cache may call Get several times, and which a stale
	// entry may not answer.
	Hits, Misses int64

	// Stored counts entries that were committed, Evicted entries that were dropped to keep the
	// bound, and Refused bodies that were too large.
	Stored, Evicted, Refused int64

	// Corrupt counts entries that were found to be damaged, and were removed.
	Corrupt int64

	// Failures counts the calls that have failed for another reason: a disk or a server does not do
	// what it should.
	Failures int64
}
