package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// command runs programs in a directory, with additions to the environment.
type command struct {
	ctx context.Context
	dir string
	env []string
}

// run runs a program and shows what it prints.
func (c command) run(name string, args ...string) error {
	cmd := c.cmd(name, args)
	cmd.Stdout = os.Stdout
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// output returns what a program prints.
func (c command) output(name string, args ...string) (string, error) {
	cmd := c.cmd(name, args)
	var problem strings.Builder
	cmd.Stderr = &problem
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, problem.String())
	}
	return string(out), nil
}

func (c command) cmd(name string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(c.ctx, name, args...)
	cmd.Dir = c.dir
	cmd.Env = c.environ()
	return cmd
}

func (c command) environ() []string { return append(os.Environ(), c.env...) }
