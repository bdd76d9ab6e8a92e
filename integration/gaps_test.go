package integration_test

// gaps are the promises that the layers do not keep yet, each with what is wrong.
// What is true here is left out of the worlds.
var gaps = struct{ emptyQuery, forgetful bool }{
	emptyQuery: true, // a target with an empty query shares the key of the one without
	forgetful: false, // where a store loses its lists, an invalidation misses other users and variants
}
