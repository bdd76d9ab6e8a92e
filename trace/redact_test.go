package trace

import (
	"errors"
	"net/url"
	"testing"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// What is told unasked is what HTTP itself needs; the one list of names that look like
// those of credentials has none of it.
func TestHarmlessFieldsAreNoCredentials(t *testing.T) {
	t.Parallel()
	for name := range harmless {
		if httpfield.CredentialLike(name) {
			t.Errorf("the values of %s are told", name)
		}
	}
}

func TestRedactError(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err       error
		want, why string
	}{
		{errors.New("plain: text"), "plain: text", "there is no URL in it"},
		{
			&url.Error{Op: "Get", URL: "https://joe:hunter2@example.com/a?token=s3cr3t#x", Err: errors.New("refused")},
			`Get "https://example.com/a": refused`, "net/http quotes the URL with its query",
		},
		{errors.New("moved to http://example.com/?a=b, and http://%zz"), "moved to http://example.com/ and [hidden]", "any URL, also one that does not parse"},
		{errors.New("socks5://u:p@proxy:1080 refused"), "socks5://proxy:1080 refused", "that of a proxy"},
	} {
		if got := RedactError(row.err); got != row.want {
			t.Errorf("got %q, want %q: %s", got, row.want, row.why)
		}
	}
}
