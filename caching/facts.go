package caching

// facts is what a Transport works out once for each stored response.
type facts struct{}
