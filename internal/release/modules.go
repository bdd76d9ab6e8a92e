package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/modfile"
)

// A repository is the modules of one checkout, and the version they are to get.
type repository struct {
	command
	version string
	modules []*module // each after those it requires
}

// A module is one module: where it is, and its go.mod.
type module struct {
	dir  string // below the root, with slashes; empty for the root
	file *modfile.File
}

func (m *module) path() string { return m.file.Module.Mod.Path }

// tag is the name of the tag that gives m the version: the go command wants the
// directory of a nested module before it.
func (m *module) tag(version string) string {
	if m.dir == "" {
		return version
	}
	return m.dir + "/" + version
}

// public reports whether others use m: it is a library or a command.
func (m *module) public() bool {
	for part := range strings.SplitSeq(m.dir, "/") {
		switch part {
		case "internal", "adapttest", "benchmarks", "examples", "docs":
			return false
		}
	}
	return true
}

// load reads the go.mod of every module that git knows.
func (r *repository) load() error {
	files, err := r.output("git", "ls-files", "go.mod", "**/go.mod")
	if err != nil {
		return err
	}
	var all []*module
	for name := range strings.FieldsSeq(files) {
		data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
		if err != nil {
			return err
		}
		file, err := modfile.Parse(name, data, nil)
		if err != nil {
			return err
		}
		dir := strings.TrimSuffix(strings.TrimSuffix(name, "go.mod"), "/")
		all = append(all, &module{dir: dir, file: file})
	}
	r.modules, err = inOrder(all)
	return err
}

// inOrder sorts modules so that each comes after those it requires.
func inOrder(all []*module) ([]*module, error) {
	var sorted []*module
	for len(sorted) < len(all) {
		i := slices.IndexFunc(all, func(m *module) bool {
			return !slices.Contains(sorted, m) && !slices.ContainsFunc(all, func(other *module) bool {
				return !slices.Contains(sorted, other) && requires(m, other)
			})
		})
		if i < 0 {
			return nil, fmt.Errorf("the modules require each other in a circle")
		}
		sorted = append(sorted, all[i])
	}
	return sorted, nil
}

func requires(m, other *module) bool {
	return slices.ContainsFunc(m.file.Require, func(r *modfile.Require) bool { return r.Mod.Path == other.path() })
}

// command reports whether m is a program that go install can fetch.
func (m *module) command() bool { return strings.HasPrefix(m.dir, "cmd/") }

// in returns a command that runs in the directory of m.
func (r *repository) in(m *module) command {
	c := r.command
	c.dir = filepath.Join(r.dir, filepath.FromSlash(m.dir))
	return c
}
