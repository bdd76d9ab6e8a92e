package tripper_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

var update = flag.Bool("update", false, "write docs/events.md anew")

// vocabularies are where the layers have their actions and reasons.
var vocabularies = []struct{ layer, file string }{
	{"decompress", "decompress/reasons.go"},
	{"decompress", "decompress/internal/dictionary/reasons.go"},
	{"redirects", "redirects/reasons.go"},
	{"lostupdate", "lostupdate/reasons.go"},
	{"caching", "caching/internal/policy/reasons.go"},
	{"compress", "compress/reasons.go"},
	{"retry", "retry/reasons.go"},
	{"auth", "auth/reasons.go"},
	{"httpsig", "auth/httpsig/reasons.go"},
	{"transport", "transport/reasons.go"},
	{"wire", "trace/reasons.go"},
}

const eventsHead = `# Events

What the layers tell the hooks of [trace](../trace), by layer: the actions, and the reasons that events of an action may have.
This page is generated from the code (` + "`go test . -run TestEventsDocument -update`" + `) and compared with it by a test. In a reason,
… is what differs from event to event.

An event has the level DEBUG and no attributes, unless the action says otherwise. What failed and the caller may not notice has WARN:
failures of a store, bodies that broke, challenges that are not answered, requests that are given up. Attributes are in this order;
not every event has all of them.
`

// docs/events.md says what is in the code.
func TestEventsDocument(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString(eventsHead)
	layer := ""
	for _, v := range vocabularies {
		if v.layer != layer {
			layer = v.layer
			fmt.Fprintf(&b, "\n## %s\n", layer)
		}
		groups, err := rttest.Vocabulary(filepath.FromSlash(v.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			title := "Reasons"
			if slices.ContainsFunc(g.Words, func(w rttest.Word) bool { return w.Action }) {
				title = "Actions"
			}
			if g.Title != "" {
				title += ": " + g.Title
			}
			fmt.Fprintf(&b, "\n%s\n\n", title)
			for _, w := range g.Words {
				line := "- `" + w.Text + "`"
				if w.Note != "" {
					line += ": " + w.Note
				}
				b.WriteString(line + "\n")
			}
		}
	}
	if *update {
		if err := os.WriteFile("docs/events.md", []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	got, err := os.ReadFile("docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := compare.Diff(string(got), b.String()); diff != "" {
		t.Errorf("docs/events.md is not what the code says; run with -update (-document +code):\n%s", diff)
	}
}

// The comment of each package says what its actions mean.
func TestPackagesDocumentEvents(t *testing.T) {
	t.Parallel()
	for _, v := range vocabularies {
		dir, _, _ := strings.Cut(v.file, "/")
		file := filepath.Join(dir, dir+".go")
		if v.layer == "httpsig" {
			file = "auth/httpsig/httpsig.go"
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		comment, _, _ := strings.Cut(string(source), "\npackage ")
		_, section, ok := strings.Cut(comment, "\n// # Events\n")
		section, _, _ = strings.Cut(section, "\n// # ")
		if !ok {
			t.Errorf("%s has no section Events", file)
			continue
		}
		section = strings.ReplaceAll(section, "\n// ", " ")
		groups, err := rttest.Vocabulary(filepath.FromSlash(v.file))
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range groups {
			for _, w := range g.Words {
				if w.Action && !regexp.MustCompile(`\b`+regexp.QuoteMeta(w.Text)+`\b`).MatchString(section) {
					t.Errorf("%s: the section Events does not say what %q means", file, w.Text)
				}
			}
		}
	}
}
