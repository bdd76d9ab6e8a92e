package caching

// Stats says what a [Memory] or a [Dir] holds, and what it did since it was
// opened.
type Stats struct {
	// Entries and Bytes are what is held now, Limit is the bound of Bytes.
	Entries, Bytes, Limit int64

	// Hits and Misses count lookups.
	Hits, Misses int64

	// Stored counts entries that were committed, Evicted those dropped for the
	// bound, and Refused those that were too large.
	Stored, Evicted, Refused int64

	// Corrupt counts entries that were found broken and removed.
	Corrupt int64
}
