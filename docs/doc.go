// Package docs holds the documents of this repository and the test that keeps
// them true: every Go block of a document is code that is compiled and, where it
// is an Example, run; every link leads somewhere.
//
// A line before a Go block says where its code stands, from the root of the
// repository: the file, and the names of functions, or of types with their methods,
// in it. Without a name the block is the whole program. Of an Example the block
// shows the body.
//
//	<!-- code: docs/recipes/disk_test.go Example_disk -->
//
// To write the code into the documents after a change:
//
//	go test . -run TestGoBlocks -update
package docs
