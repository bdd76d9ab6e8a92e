package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	xmodule "golang.org/x/mod/module"
)

// try gets every public module at its tag, each from an empty module of its own,
// and checks the types of its packages; it installs the commands, runs the program of
// README.md, and lists what enters go.sum.
func (r *repository) try() error {
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work) //nolint:errcheck // a temporary directory
	u, err := r.user(work)
	if err != nil {
		return err
	}
	for _, m := range r.modules {
		switch {
		case !m.public():
			continue
		case m.command():
			err = u.install(m)
		default:
			err = u.compiles(m)
		}
		if err != nil {
			return fmt.Errorf("%s alone: %w", m.path(), err)
		}
	}
	if err := u.readme(r.dir); err != nil {
		return fmt.Errorf("the program of README.md: %w", err)
	}
	return u.layerAlone("retry")
}

// A user is somebody with an empty module cache, to whom a file GOPROXY serves
// the modules of this repository. What others publish comes from the module cache
// of this machine where it is there.
type user struct {
	command
	root    string // the module path of the root
	version string
}

func (r *repository) user(work string) (*user, error) {
	proxy := filepath.Join(work, "proxy")
	for _, m := range r.modules {
		if m.public() {
			if err := r.publish(proxy, m); err != nil {
				return nil, err
			}
		}
	}
	env, err := r.output("go", "env", "-json", "GOMODCACHE", "GOPROXY", "GOFLAGS")
	if err != nil {
		return nil, err
	}
	var here struct{ GOMODCACHE, GOPROXY, GOFLAGS string }
	if err := json.Unmarshal([]byte(env), &here); err != nil {
		return nil, err
	}
	root := r.modules[0].path()
	c := r.command
	c.dir = work
	c.env = []string{
		"GOPROXY=file://" + filepath.ToSlash(proxy) + ",file://" + filepath.ToSlash(filepath.Join(here.GOMODCACHE, "cache", "download")) + "," + here.GOPROXY,
		"GOMODCACHE=" + filepath.Join(work, "cache"), "GOBIN=" + filepath.Join(work, "bin"),
		"GONOSUMDB=" + root, "GOWORK=off", "GOFLAGS=" + strings.TrimSpace(here.GOFLAGS+" -modcacherw"),
	}
	return &user{command: c, root: root, version: r.version}, nil
}

// publish writes m at its tag as the GOPROXY protocol has it.
func (r *repository) publish(proxy string, m *module) error {
	escaped, err := xmodule.EscapePath(m.path())
	if err != nil {
		return err
	}
	dir := filepath.Join(proxy, filepath.FromSlash(escaped), "@v")
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	mod, err := r.output("git", "show", m.tag(r.version)+":"+strings.TrimPrefix(m.dir+"/go.mod", "/"))
	if err != nil {
		return err
	}
	info, err := json.Marshal(map[string]any{"Version": r.version, "Time": time.Now().UTC()})
	if err != nil {
		return err
	}
	for name, content := range map[string]string{"list": r.version + "\n", r.version + ".mod": mod, r.version + ".info": string(info)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o666); err != nil {
			return err
		}
	}
	file, err := os.Create(filepath.Join(dir, r.version+".zip"))
	if err != nil {
		return err
	}
	err = r.zip(file, m, m.tag(r.version))
	if closed := file.Close(); err == nil {
		err = closed
	}
	return err
}

// empty returns a command in a new module that has nothing but a main package.
func (u *user) empty(name, program string) (command, error) {
	c := u.command
	c.dir = filepath.Join(u.dir, name)
	if err := os.MkdirAll(c.dir, 0o777); err != nil {
		return c, err
	}
	if err := os.WriteFile(filepath.Join(c.dir, "main.go"), []byte(program), 0o666); err != nil {
		return c, err
	}
	_, err := c.output("go", "mod", "init", "example.com/"+name)
	return c, err
}

// compiles gets m into an empty module and checks a program that imports every
// package of it that others may import.
func (u *user) compiles(m *module) error {
	c, err := u.empty("get/"+m.path(), "package main\n\nfunc main() {}\n")
	if err != nil {
		return err
	}
	if _, err := c.output("go", "get", m.path()+"@"+u.version); err != nil {
		return err
	}
	packages, err := c.output("go", "list", "-find", "-f", `{{if and .GoFiles (ne .Name "main")}}{{.ImportPath}}{{end}}`, m.path()+"/...")
	if err != nil {
		return err
	}
	var program strings.Builder
	program.WriteString("package main\n\nimport (\n")
	for name := range strings.FieldsSeq(packages) {
		if !strings.Contains(name, "/internal/") && (name == m.path() || !strings.HasPrefix(strings.TrimPrefix(name, m.path()+"/"), "internal")) {
			fmt.Fprintf(&program, "\t_ %q\n", name)
		}
	}
	program.WriteString(")\n\nfunc main() {}\n")
	if err := os.WriteFile(filepath.Join(c.dir, "main.go"), []byte(program.String()), 0o666); err != nil {
		return err
	}
	if _, err := c.output("go", "mod", "tidy"); err != nil {
		return err
	}
	if err := c.check(runtime.GOOS+"/"+runtime.GOARCH, false, "."); err != nil {
		return err
	}
	return c.report(m.path())
}

func (u *user) install(m *module) error {
	if _, err := u.output("go", "install", m.path()+"@"+u.version); err != nil {
		return err
	}
	fmt.Printf("%s: installed\n", m.path())
	return nil
}

// program is a Go block of Markdown that is a whole program.
var program = regexp.MustCompile("(?s)```go\n(package main\n.*?)```")

// readme runs the first program of README.md as a reader would who pastes it.
func (u *user) readme(dir string) error {
	text, err := os.ReadFile(filepath.Join(dir, "README.md"))
	if err != nil {
		return err
	}
	block := program.FindSubmatch(text)
	if block == nil {
		return fmt.Errorf("there is none")
	}
	c, err := u.empty("readme", string(block[1]))
	if err != nil {
		return err
	}
	if _, err := c.output("go", "get", u.root+"@"+u.version); err != nil {
		return err
	}
	if _, err := c.output("go", "mod", "tidy"); err != nil {
		return err
	}
	out, err := c.output("go", "run", ".")
	if err != nil {
		return err
	}
	fmt.Printf("the program of README.md prints\n%s", out)
	if !strings.Contains(out, "hit") {
		return fmt.Errorf("no hit is printed")
	}
	return nil
}

// layerAlone lists the modules that enter the go.sum of a program that uses one
// layer. One that only tests of this repository need is an error.
func (u *user) layerAlone(layer string) error {
	c, err := u.empty("layer-"+layer, fmt.Sprintf("package main\n\nimport _ %q\n\nfunc main() {}\n", u.root+"/"+layer))
	if err != nil {
		return err
	}
	if _, err := c.output("go", "get", u.root+"/"+layer+"@"+u.version); err != nil {
		return err
	}
	if _, err := c.output("go", "mod", "tidy"); err != nil {
		return err
	}
	needed, err := c.output("go", "list", "-mod=mod", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", u.root+"/...")
	if err != nil {
		return err
	}
	sums, err := c.sums()
	if err != nil {
		return err
	}
	for _, path := range sums {
		if !slices.Contains(strings.Fields(needed), path) {
			return fmt.Errorf("%s alone: %s is in go.sum, and only tests import it", layer, path)
		}
	}
	return c.report(layer + " alone")
}

// sums returns the paths of the modules in go.sum, sorted.
func (c command) sums() ([]string, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, "go.sum"))
	if err != nil {
		return nil, err
	}
	paths := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		path, _, _ := strings.Cut(line, " ")
		paths[path] = true
	}
	return slices.Sorted(maps.Keys(paths)), nil
}

func (c command) report(what string) error {
	sums, err := c.sums()
	if err != nil {
		return err
	}
	fmt.Printf("%s: %d modules in go.sum\n\t%s\n", what, len(sums), strings.Join(sums, "\n\t"))
	return nil
}
