package caching

// lockState is how taking a lock on a file went.
type lockState uint8

const (
	lockUnknown lockState = iota // there are no such locks here
	lockHeld                     // by us, until the file is closed or unlocked
	lockTaken                    // by another
)
