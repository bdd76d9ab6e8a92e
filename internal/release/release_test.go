package main

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/modfile"
)

func TestWithSection(t *testing.T) {
	now := time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct{ why, text, want, problem string }{
		{why: "what is unreleased belongs to the version, and the next has a place", text: "# Changelog\n\n## [Unreleased]\n\n- new\n", want: "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n- new\n"},
		{why: "earlier versions stay below", text: "## [Unreleased]\n\n- new\n\n## [0.0.9] - 2026-11-01\n", want: "## [Unreleased]\n\n## [0.1.0] - 2026-12-01\n\n- new\n\n## [0.0.9] - 2026-11-01\n"},
		{why: "a release without an entry tells users nothing", text: "## [Unreleased]\n\n## [0.0.9] - 2026-11-01\n\n- old\n", problem: "nothing below"},
		{why: "a version is released once", text: "## [Unreleased]\n\n- new\n\n## [0.1.0] - 2026-11-01\n", problem: "already"},
		{why: "the changelog has another form", text: "# Changelog\n", problem: "no line"},
	} {
		got, err := withSection(test.text, "v0.1.0", now)
		if problem := message(err); got != test.want || !strings.Contains(problem, test.problem) || (err == nil) != (test.problem == "") {
			t.Errorf("%q: %q, %v\nbecause %s", test.text, got, err, test.why)
		}
	}
}

func TestInOrder(t *testing.T) {
	root := parse(t, "", "module example.com/a\n")
	store := parse(t, "store", "module example.com/a/store\nrequire example.com/a v0.0.0\n")
	cmd := parse(t, "cmd/a", "module example.com/a/cmd/a\nrequire (\nexample.com/a v0.0.0\nexample.com/a/store v0.0.0\n)\n")
	got, err := inOrder([]*module{cmd, store, root})
	if err != nil || len(got) != 3 || got[0] != root || got[1] != store || got[2] != cmd {
		t.Errorf("got %v, %v; a tag that comes before what it requires cannot be fetched", got, err)
	}
	circle := parse(t, "", "module example.com/a\nrequire example.com/a/store v0.0.0\n")
	if _, err := inOrder([]*module{circle, store}); err == nil {
		t.Error("no error: no order is right for modules that require each other")
	}
	if got, want := cmd.tag("v0.1.0"), "cmd/a/v0.1.0"; got != want {
		t.Errorf("tag %q, want %q", got, want)
	}
	if got, want := root.tag("v0.1.0"), "v0.1.0"; got != want {
		t.Errorf("tag %q, want %q", got, want)
	}
}

func parse(t *testing.T, dir, mod string) *module {
	t.Helper()
	file, err := modfile.Parse("go.mod", []byte(mod), nil)
	if err != nil {
		t.Fatal(err)
	}
	return &module{dir: dir, file: file}
}

func message(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
