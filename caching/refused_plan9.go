package caching

// refused reports false: Plan 9 has no number for it, and [net.OpError] says it there.
func refused(error) bool { return false }
