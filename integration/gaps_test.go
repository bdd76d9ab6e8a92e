package integration_test

// gaps are the promises that the layers do not keep yet, each with what is wrong.
// What is true here is left out of the worlds, or excused.
var gaps = struct{ emptyQuery, forgetful, brokenHits, signed, parts bool }{
	emptyQuery: true, // a target with an empty query shares the key of the one without
	forgetful:  true, // where a store loses its lists, an invalidation misses other users and variants
	brokenHits: true, // a body that the store loses in the middle of a hit is an error
	signed:     true, // validators are added to requests that the caller has signed
	parts:      true, // a POST to path?query leaves what is stored for path as it is
}
