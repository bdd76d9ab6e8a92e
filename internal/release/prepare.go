package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	xmodule "golang.org/x/mod/module"
	"golang.org/x/mod/sumdb/dirhash"
	"golang.org/x/mod/zip"
)

// prepare makes two commits. The first is the release: the changelog has a
// section for it, every module requires the others at this version, and every
// public module has its tag there. A command is without replace directives
// there, since go install refuses those; its go.sum has the hashes of the modules
// they replaced. The second commit brings them back.
func (r *repository) prepare() error {
	dirty, err := r.output("git", "status", "--porcelain")
	if err != nil {
		return err
	}
	if dirty != "" {
		return fmt.Errorf("the working tree is not clean:\n%s", dirty)
	}
	for _, m := range r.modules {
		if err := r.in(m).run("go", "mod", "tidy", "-diff"); err != nil {
			return fmt.Errorf("module %s is not tidy: %w", m.path(), err)
		}
	}
	changelog := filepath.Join(r.dir, "CHANGELOG.md")
	text, err := os.ReadFile(changelog)
	if err != nil {
		return err
	}
	released, err := withSection(string(text), r.version, time.Now())
	if err != nil {
		return err
	}
	if err := os.WriteFile(changelog, []byte(released), 0o666); err != nil {
		return err
	}
	development := map[*module][2][]byte{} // go.mod and go.sum of commands after the release
	for _, m := range r.modules {
		if err := r.setRequires(m); err != nil {
			return err
		}
		if !m.command() {
			continue
		}
		before, err := r.withoutReplace(m)
		if err != nil {
			return err
		}
		development[m] = before
	}
	if err := r.run("git", "commit", "--all", "--quiet", "--message=release "+r.version); err != nil {
		return err
	}
	if err := r.tag(); err != nil {
		return err
	}
	if len(development) == 0 {
		return nil
	}
	for m, files := range development {
		for i, name := range []string{"go.mod", "go.sum"} {
			if err := os.WriteFile(filepath.Join(r.dir, m.dir, name), files[i], 0o666); err != nil {
				return err
			}
		}
	}
	return r.run("git", "commit", "--all", "--quiet", "--message=back to development after "+r.version)
}

// tag gives the last commit the tags of all public modules.
func (r *repository) tag() error {
	for _, m := range r.modules {
		if !m.public() {
			continue
		}
		if err := r.run("git", "tag", "--annotate", "--message="+m.path()+" "+r.version, m.tag(r.version)); err != nil {
			return err
		}
	}
	return nil
}

// withSection gives what is unreleased in a changelog a heading of its own.
func withSection(changelog, version string, now time.Time) (string, error) {
	const unreleased = "## [Unreleased]\n"
	before, after, ok := strings.Cut(changelog, unreleased)
	if !ok {
		return "", fmt.Errorf("CHANGELOG.md has no line %q", strings.TrimSpace(unreleased))
	}
	entries, _, _ := strings.Cut(after, "\n## ")
	if strings.TrimSpace(entries) == "" {
		return "", fmt.Errorf("CHANGELOG.md has nothing below %q", strings.TrimSpace(unreleased))
	}
	heading := fmt.Sprintf("\n## [%s] - %s\n", strings.TrimPrefix(version, "v"), now.Format(time.DateOnly))
	if strings.Contains(after, strings.SplitAfter(heading, "]")[0]) {
		return "", fmt.Errorf("CHANGELOG.md has a section for %s already", version)
	}
	return before + unreleased + heading + after, nil
}

// setRequires writes the version into each require of m on a module of this
// repository.
func (r *repository) setRequires(m *module) error {
	for _, other := range r.modules {
		if requires(m, other) {
			if err := m.file.AddRequire(other.path(), r.version); err != nil {
				return err
			}
		}
	}
	return r.writeMod(m)
}

func (r *repository) writeMod(m *module) error {
	m.file.Cleanup()
	data, err := m.file.Format()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, m.dir, "go.mod"), data, 0o666)
}

// withoutReplace removes the replace directives of m, adds to its go.sum what
// they replaced, and returns go.mod and go.sum as they were.
func (r *repository) withoutReplace(m *module) (before [2][]byte, err error) {
	for i, name := range []string{"go.mod", "go.sum"} {
		if before[i], err = os.ReadFile(filepath.Join(r.dir, m.dir, name)); err != nil {
			return before, err
		}
	}
	sums := bytes.Clone(before[1])
	for _, other := range r.modules {
		if !requires(m, other) {
			continue
		}
		if err := m.file.DropReplace(other.path(), ""); err != nil {
			return before, err
		}
		lines, err := r.sums(other)
		if err != nil {
			return before, err
		}
		sums = append(sums, lines...)
	}
	if err := r.writeMod(m); err != nil {
		return before, err
	}
	return before, os.WriteFile(filepath.Join(r.dir, m.dir, "go.sum"), sums, 0o666)
}

// sums returns the lines of go.sum for m as the index of git has it.
func (r *repository) sums(m *module) (string, error) {
	if err := r.run("git", "add", "--update"); err != nil {
		return "", err
	}
	tree, err := r.output("git", "write-tree")
	if err != nil {
		return "", err
	}
	file, err := os.CreateTemp("", "module-*.zip")
	if err != nil {
		return "", err
	}
	defer os.Remove(file.Name()) //nolint:errcheck // a temporary file
	err = r.zip(file, m, strings.TrimSpace(tree))
	if closed := file.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return "", err
	}
	content, err := dirhash.HashZip(file.Name(), dirhash.Hash1)
	if err != nil {
		return "", err
	}
	mod, err := dirhash.Hash1([]string{"go.mod"}, func(string) (io.ReadCloser, error) {
		return os.Open(filepath.Join(r.dir, m.dir, "go.mod"))
	})
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%[1]s %[2]s %[3]s\n%[1]s %[2]s/go.mod %[4]s\n", m.path(), r.version, content, mod), nil
}

// zip writes the module zip of m as a revision of git has it.
func (r *repository) zip(w io.Writer, m *module, revision string) error {
	return zip.CreateFromVCS(w, xmodule.Version{Path: m.path(), Version: r.version}, r.dir, revision, m.dir)
}
