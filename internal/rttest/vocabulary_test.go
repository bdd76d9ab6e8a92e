package rttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
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

func f() { action := "drop"; x.Tell("hit", action) }
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
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if w := got[1].Words[1]; !w.Matches("status 503 Service Unavailable") || w.Matches("a status 503") {
		t.Errorf("what %q matches", w.Text)
	}
	literals, err := Literals(dir, "Tell", "action")
	if diff := cmp.Diff([]string{"drop", "hit"}, literals); diff != "" || err != nil {
		t.Errorf("%v, mismatch (-want +got):\n%s", err, diff)
	}
	if _, err := Vocabulary(filepath.Join(dir, "none.go")); err == nil {
		t.Error("no error for a file that is not there")
	}
}
