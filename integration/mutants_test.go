package integration_test

import (
	"bytes"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

var modelMutants = flag.Bool("model.mutants", false, "plant faults in a copy of the module, one after the other, and see whether TestModel finds each")

// A mutant is a fault of a line or two. Each edit names a directory, in one file of
// which, or of those below it, a text stands exactly once.
type mutant struct {
	name  string
	edits []edit
}

type edit struct{ dir, old, new string }

var mutants = []mutant{
	{"the user is left out of the key", []edit{
		{"caching", "return hashKey(keyGet, target, q.keyed(), user), !q.Secretless", "return hashKey(keyGet, target, q.keyed()), !q.Secretless"},
	}},
	{"the query is left out of the key", []edit{
		{"caching", "target := AppendTarget(room[:0], q.Req, q.Req.URL.RawQuery)\n\tif user", "target := AppendTarget(room[:0], q.Req, \"\")\n\tif user"},
	}},
	{"a write invalidates nothing", []edit{
		{"caching", "return Changed // RFC 9111 §4.4", "return Unchanged"},
	}},
	{"a user's answer outlives the record of its target", []edit{
		{"caching", "f.Index || f.gen != t.gen || !q.live(e, f)", "f.Index || !q.live(e, f)"},
	}},
	{"what was asked before a write is stored after it", []edit{
		{"caching", "i.epoch = now", "i.epoch = 0"},
	}},
	{"a body that was cut is committed", []edit{
		{"caching", "whole := err == io.EOF && (b.Size < 0 || n == b.Size)", "whole := err != nil && (b.Size < 0 || n == b.Size)"},
	}},
	{"Vary is ignored", []edit{
		{"caching", "v := normalise(name, values)\n\tif v != Absent &&", "v := \"\"\n\tif v != Absent &&"},
	}},
	{"a 304 for another variant is taken for the selected one", []edit{
		{"caching", "if selected != nil && sameTag(tag, selected.Tag()) {", "if selected != nil {"},
	}},
	{"a stored response never ages", []edit{
		{"caching", "return max(now.Sub(f.Born), time.Duration(min(byWall, math.MaxInt64/1000))*time.Microsecond)", "return min(now.Sub(f.Born), time.Duration(min(byWall, math.MaxInt64/1000))*time.Microsecond, 0)"},
	}},
	{"one caller's cancellation ends the trip of all", []edit{
		{"caching", "last, cancel := f.waiting == 0, f.cancel", "last, cancel := true, f.cancel"},
	}},
	{"a download resumes with another version", []edit{
		{"retry", `h.Set("If-Range", p.tag)`, `h.Del("If-Range")`},
		{"retry", "case !p.same(resp.Header):", "case false:"},
	}},
	{"a POST is sent again", []edit{
		{"internal/roundtrip", "case http.MethodPut, http.MethodDelete,", "case http.MethodPut, http.MethodDelete, http.MethodPost, http.MethodPatch,"},
	}},
	{"a nonce is counted twice the same", []edit{
		{"auth", "n.count++", "n.count |= 1"},
	}},
	{"a redirect takes credentials to another origin", []edit{
		{"redirects", "drop = !same && w.sensitive(name)", "drop = false"},
	}},
	{"a redirect takes cookies to another origin", []edit{
		{"redirects", `case "Cookie", "Cookie2", "Proxy-Authorization", "Origin":`, `case "Proxy-Authorization", "Origin":`},
		{"redirects", "drop = !same && w.sensitive(name)", `drop = !same && w.sensitive(name) && name != "Cookie"`},
	}},
	{"decompress leaves the body below open", []edit{
		{"decompress", "return b.wire.Close()", "return nil"},
	}},
	{"what one editor has seen lets another write", []edit{
		{"lostupdate", "b = append(b, name...)", "b = append(b, name[:0]...)"},
	}},
	{"a target with an empty query is taken for the one without", []edit{
		{"caching", `if query != "" || u.ForceQuery && u.RawQuery == "" {`, `if query != "" {`},
	}},
	{"a POST to path?query leaves path as it is", []edit{
		{"caching", `if queried || target.RawQuery != "" || target.ForceQuery {`, "if queried && target.RawPath == \"none\" {"},
	}},
	{"a precondition is added to what the caller has signed", []edit{
		{"lostupdate", "if httpfield.Signed(h) {", "if false {"},
	}},
	{"a compressed body does not say so", []edit{
		{"compress", `out.Header["Content-Encoding"] = []string{coding}`, `out.Header.Del("Content-Encoding")`},
	}},
	{"a body that the caller has signed is compressed", []edit{
		{"compress", "case httpfield.Signed(req.Header):", "case false:"},
	}},
	{"what a server has refused is not remembered", []edit{
		{"compress", "t.learned.Update(resource(req), time.Now(), func(string) string { return coding })", "_ = time.Now"},
	}},
	{"a refused body is not sent again", []edit{
		{"compress", "repeatable := coding != \"\" && req.GetBody != nil", "repeatable := coding == \"never\" && req.GetBody != nil"},
	}},
	{"the last bytes of a compressed body are lost", []edit{
		{"compress", "if err == io.EOF && werr == nil {", "if err == io.EOF && werr == nil && n > 0 {"},
	}},
	{"a write is sent without its precondition", []edit{
		{"lostupdate", `return precondition{"If-Match", tags}`, `return precondition{"X-If-Match", tags}`},
	}},
}

// budget is what CI gives the model. It is measured in time of the processors, as
// they may be busy.
const budget = 10 * time.Second

// TestMutants takes some minutes, and so runs only if it is asked for.
func TestMutants(t *testing.T) {
	if !*modelMutants {
		t.Skip("-model.mutants is not set")
	}
	dir := t.TempDir()
	if err := copyModule(dir); err != nil {
		t.Fatal(err)
	}
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "_"), func(t *testing.T) {
			for _, e := range m.edits {
				restore, err := e.apply(dir)
				if err != nil {
					t.Fatal(err)
				}
				defer restore()
			}
			binary := filepath.Join(dir, "model.test")
			build := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", binary, "./integration")
			build.Dir = dir
			if out, err := build.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			run := exec.CommandContext(t.Context(), binary, "-test.run=^TestModel", "-test.timeout=5m", "-model.time=2m")
			run.Dir = filepath.Join(dir, "integration")
			out, err := run.CombinedOutput()
			used := run.ProcessState.UserTime() + run.ProcessState.SystemTime()
			if err == nil || used > budget*time.Duration(players()) {
				t.Fatalf("not found in ten seconds: %v after %s of processor time, %s", err, used, symptom.Find(out))
			}
			t.Logf("found in %.1f s: %s", used.Seconds(), symptom.Find(out))
		})
	}
}

var symptom = regexp.MustCompile(`_test\.go:\d+: .*|panic: .*|fatal error: .*`)

// TestMutantsFitTheCode: each fault can be planted.
func TestMutantsFitTheCode(t *testing.T) {
	t.Parallel()
	for _, m := range mutants {
		for _, e := range m.edits {
			if _, err := e.find(".."); err != nil {
				t.Errorf("%s: %v", m.name, err)
			}
		}
	}
}

// find returns the file of the module at root that the edit changes.
func (e edit) find(root string) (string, error) {
	var found []string
	err := filepath.WalkDir(filepath.Join(root, e.dir), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		b, err := os.ReadFile(path)
		for range bytes.Count(b, []byte(e.old)) {
			found = append(found, path)
		}
		return err
	})
	if err == nil && len(found) != 1 {
		err = &editError{e, found}
	}
	return strings.Join(found, " "), err
}

// apply makes the edit in the module at root, and returns what undoes it.
func (e edit) apply(root string) (restore func(), err error) {
	path, err := e.find(root)
	if err != nil {
		return nil, err
	}
	before, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	after := bytes.Replace(before, []byte(e.old), []byte(e.new), 1)
	return func() { _ = os.WriteFile(path, before, 0o600) }, os.WriteFile(path, after, 0o600)
}

// An editError says that the product has moved on: the fault has to be planted
// elsewhere now.
type editError struct {
	edit
	found []string
}

func (e *editError) Error() string {
	return "below " + e.dir + " there must be exactly one\n\t" + e.old + "\nand it is in " + strings.Join(e.found, ", ")
}

// copyModule copies the source of this module, without those nested in it.
func copyModule(to string) error {
	from, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); name != "." && err == nil || strings.HasPrefix(name, ".git") {
				return filepath.SkipDir
			}
			return os.MkdirAll(filepath.Join(to, name), 0o700)
		}
		switch filepath.Ext(name) {
		case ".go", ".mod", ".sum", ".md": // the model reads docs/events.md
		default:
			return nil
		}
		if !entry.Type().IsRegular() {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), b, 0o600)
	})
}
