package integration_test

// gaps are the promises that the layers do not keep yet, each with what is wrong.
// What is true here is left out of the worlds.
var gaps = struct{ emptyQuery, foreign bool }{
	emptyQuery: true, // a target with an empty query shares the key of the one without
	foreign:    true, // credentials that a foreign layer adds below the cache are not noticed
}
