package dirstore

// lockState is the result of taking the lock of a file.
type lockState uint8

const (
	lockUnknown lockState = iota // this system has no such locks
	lockHeld                     // by this file, until it is closed or unlocked
	lockTaken                    // by another open file
)
