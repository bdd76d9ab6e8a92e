// Package from holds the code of the pages from-*.md: a client as it is made with
// another library, and the same client made of layers. The tests run both.
package from
