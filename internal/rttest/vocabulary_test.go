package rttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestVocabulary(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "reasons.go")
	source := `package p

// What is done.
const (
	actionSend = "send" // it goes
	other      = "no word"
	ReasonA    = "a"
)

// reasonB: there is one.
const reasonB = "b"

// reasonStatus says that it failed.
func reasonStatus(n int, s string) string { return "status " + itoa(n) + s }

// reasonRange is the reason if it does not fit.
func reasonRange(n int) string { return fmt.Sprintf("at %d", n) }
`
	if err := os.WriteFile(file, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := Vocabulary(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []WordGroup{
		{"What is done.", []Word{{"send", "it goes", true}, {"a", "", false}}},
		{"", []Word{{"b", "there is one.", false}, {"status …", "it failed.", false}, {"at …", "if it does not fit.", false}}},
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if w := got[1].Words[1]; !w.Matches("status 503 Service Unavailable") || w.Matches("a status 503") {
		t.Errorf("what %q matches", w.Text)
	}
	if _, err := Vocabulary(filepath.Join(dir, "none.go")); err == nil {
		t.Error("no error for a file that is not there")
	}
}

func TestPage(t *testing.T) {
	t.Parallel()
	page := &Page{text: "# Events\n\n## a\n\n- `send`: it goes; attributes size, wait\n- `store`; may have level WARN\n- `fail`: level WARN\n- `status …`\n\n## b\n\n- `other`\n"}
	for _, row := range []struct {
		why, action, reason, level string
		attributes                 []string
		ok                         bool
	}{
		{"all of it", "send", "status 503, other", "DEBUG", []string{"size", "wait"}, true},
		{"no reason, not all attributes", "send", "", "DEBUG", []string{"wait"}, true},
		{"of another layer", "other", "", "DEBUG", nil, false},
		{"a reason that is not there", "send", "nothing", "DEBUG", nil, false},
		{"an attribute that is not there", "send", "", "DEBUG", []string{"age"}, false},
		{"another order", "send", "", "DEBUG", []string{"wait", "size"}, false},
		{"no attributes", "store", "", "DEBUG", []string{"size"}, false},
		{"another level", "send", "", "WARN", nil, false},
		{"either level", "store", "", "WARN", nil, true},
		{"either level", "store", "", "DEBUG", nil, true},
		{"always a warning", "fail", "", "DEBUG", nil, false},
		{"always a warning", "fail", "", "WARN", nil, true},
	} {
		if got := page.Problem("a", row.action, row.reason, row.level, row.attributes...); (got == "") != row.ok {
			t.Errorf("%s: %+v: %q", row.why, row, got)
		}
	}
}
