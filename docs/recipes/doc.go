// Package recipes holds the code of the pages beside it, one page for each task.
// The Examples can be run; [get] and [serve], which they share, are on the first
// page.
package recipes
