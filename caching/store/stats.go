package store

// Stats says what a Store holds, and what it did since it was made or opened by this process.
type Stats struct {
	// Entries and Bytes are what the Store holds now. Limit is the bound of Bytes.
	Entries, Bytes, Limit int64

	// Hits and Misses count calls of Get.
	Hits, Misses int64

	// Stored counts entries that were committed, Evicted entries that were dropped to keep the
	// bound, and Refused bodies that were too large.
	Stored, Evicted, Refused int64

	// Corrupt counts entries that were found to be damaged, and were removed.
	Corrupt int64
}
