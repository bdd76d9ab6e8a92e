// Command release makes a release of all modules of this repository, and tries it.
//
//	release prepare v0.1.0   commits the versions, tags every module, and commits the replace directives again
//	release try v0.1.0       gets each tagged module alone, from a file GOPROXY, as a user would
//	release systems          checks the types of all packages for other systems
//
// The first changes the repository of the working directory, which must be clean;
// nothing else is changed, and nothing is pushed. [repository.prepare] says what
// the two commits hold, [repository.try] what is tried.
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
	work, version, err := asked(args)
	if err != nil {
		return err
	}
	root, err := command{ctx: ctx}.output("git", "rev-parse", "--show-toplevel")
	if err != nil {
		return err
	}
	r := &repository{command: command{ctx: ctx, dir: strings.TrimSpace(root)}, version: version}
	if err := r.load(); err != nil {
		return err
	}
	return work(r)
}

// asked returns what the arguments ask for, and the version where that has one.
func asked(args []string) (work func(*repository) error, version string, err error) {
	versioned := map[string]func(*repository) error{"prepare": (*repository).prepare, "try": (*repository).try}
	switch {
	case len(args) == 1 && args[0] == "systems":
		return (*repository).systems, "", nil
	case len(args) != 2 || versioned[args[0]] == nil:
		return nil, "", fmt.Errorf("usage: release prepare VERSION, release try VERSION, or release systems")
	case !semver.IsValid(args[1]) || semver.Canonical(args[1]) != args[1]:
		return nil, "", fmt.Errorf("%q is not a version such as v0.1.0", args[1])
	}
	return versioned[args[0]], args[1], nil
}
