// Package policy is RFC 9111 as pure functions of values and a time: what the fields of requests and
// responses say, whether a response may be stored, and whether a stored one may be reused.
//
// Read decide.go first: it chooses between the stored response, a validation and the origin. It decides
// by the [Facts] of the response (facts.go), which follow from its directives (directives.go,
// malformed.go), freshness.go and validator.go. Then storable.go and header.go say what is stored,
// vary.go and novarysearch.go which stored response a request selects, conditions.go and ranges.go what
// of it answers the request, validate.go what a 304 confirms, and invalidate.go what an unsafe request
// changes. A directive of Cache-Control is a row in directives.go, and what the cache tells of its
// reasons is in reasons.go.
//
// Nothing here reads a clock, does I/O, takes a lock or changes what it was given, but for Set methods.
package policy
