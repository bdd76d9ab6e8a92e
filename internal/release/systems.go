package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

// systems checks the types of all modules and their tests for the systems that
// people work on, and of the root module for those that lack something: errors of
// sockets, a file lock, an int of 64 bits. The types come from source down to the
// standard library: nothing is compiled, so that a system costs seconds.
func (r *repository) systems() error {
	work, err := os.MkdirTemp("", "systems-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a temporary directory
	all := r.command
	all.env = []string{"GOWORK=" + filepath.Join(work, "go.work")}
	dirs, patterns := []string{"work", "init"}, []string{}
	for _, m := range r.modules {
		dirs = append(dirs, "./"+m.dir)
		patterns = append(patterns, "./"+path.Join(m.dir, "..."))
	}
	if err := all.run("go", dirs...); err != nil {
		return err
	}
	for _, system := range []string{"windows/amd64", "darwin/arm64", "freebsd/amd64"} {
		if err := all.check(system, true, patterns...); err != nil {
			return err
		}
	}
	for _, system := range []string{"plan9/amd64", "wasip1/wasm", "linux/386"} {
		if err := r.check(system, false, "./..."); err != nil {
			return err
		}
	}
	return nil
}

// check says what does not compile for a system, written as GOOS/GOARCH.
func (c command) check(system string, tests bool, patterns ...string) error {
	goos, goarch, _ := strings.Cut(system, "/")
	loaded, err := packages.Load(&packages.Config{
		Context: c.ctx,
		Mode:    packages.LoadAllSyntax &^ packages.NeedTypesInfo,
		Dir:     c.dir,
		Env:     append(c.environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0"),
		Tests:   tests,
	}, patterns...)
	if err != nil {
		return fmt.Errorf("%s: %w", system, err)
	}
	if n := packages.PrintErrors(loaded); n > 0 {
		return fmt.Errorf("%s: %d errors", system, n)
	}
	fmt.Println("ok", system)
	return nil
}
