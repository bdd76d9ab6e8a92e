// Command pictures writes the drawings of the documents that are not figures:
//
//	go run ./pictures
//
// It is run in the directory docs. Each picture is a function that returns it.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// pictures are the drawings, by the name of their file.
var pictures = map[string]func() string{
	"order.svg": order,
}

func main() {
	for name, draw := range pictures {
		if err := os.WriteFile(filepath.Join(".", name), []byte(draw()), 0o666); err != nil {
			fmt.Fprintln(os.Stderr, "pictures:", err)
			os.Exit(1)
		}
	}
}
