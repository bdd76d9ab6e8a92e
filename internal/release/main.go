// Command release makes a release of all modules of this repository, and tries it.
//
//	release prepare v0.1.0   commits the versions, tags every module, and commits the replace directives again
//	release try v0.1.0       gets each tagged module alone, from a file GOPROXY, as a user would
//
// It changes nothing but the repository of the working directory, which must be
// clean, and pushes nothing. [prepare] says what the two commits hold, [try] what
// is tried.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"golang.org/x/mod/semver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: release prepare|try VERSION, as in: release prepare v0.1.0")
	}
	version := args[1]
	if !semver.IsValid(version) || semver.Canonical(version) != version {
		return fmt.Errorf("%q is not a version such as v0.1.0", version)
	}
	root, err := command{ctx: ctx}.output("git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	r := repository{command: command{ctx: ctx, dir: strings.TrimSpace(root)}, version: version}
	if err := r.load(); err != nil {
		return err
	}
	switch args[0] {
	case "prepare":
		return r.prepare()
	case "try":
		return r.try()
	}
	return fmt.Errorf("%q is neither prepare nor try", args[0])
}
