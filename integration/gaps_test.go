package integration_test

// gaps are the promises that the layers do not keep yet, each with what is wrong.
// What is true here is left out of the worlds, or excused.
var gaps = struct{ forgetful bool }{
	forgetful: true, // where a store loses its lists, an invalidation misses other users and variants
}

// What else is left out, and why:
//   - a Store that panics: it takes its caller with it, and nobody could tell whose fault that was;
//   - a Store that dawdles in a bubble: the cache holds a mutex meanwhile, and the time of synctest stands still;
//   - cookies of a Jar where the origins differ in their port only: RFC 6265 gives them to both;
//   - fields of the caller's own, such as X-Api-Key, where http.Client follows the redirects: it sends them on;
//   - private resources with must-revalidate and without private: a shared cache may give them to all (RFC 9111 §3.5).
