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
	for _, name := range harmless {
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
		{errors.New("dial joe:hunter2@proxy:1080: refused"), "dial [hidden]@proxy:1080: refused", "a proxy without a scheme"},
		{errors.New("mail from joe@example.com"), "mail from joe@example.com", "there is no password in it"},
		{errors.New("the proxy refused (Authorization: Basic am9lOmg=) twice\nand closed"), "the proxy refused (Authorization: [hidden]\nand closed", "a field that is quoted, to the end of its line"},
		{errors.New("bad field Set-Cookie: a=b; Path=/"), "bad field Set-Cookie: [hidden]", "as net/http quotes no field, other transports may"},
		{errors.New(`parse "/a?token=s3cr3t%zz": invalid URL escape`), `parse "/a": invalid URL escape`, "a Location that does not parse, in the words of net/url"},
		{errors.New("Basic authentication is off: what now?"), "Basic authentication is off: what now?", "the name of a scheme alone is no secret"},
		{errors.New("see (https://example.com/?k=v"), "see (https://example.com/", "a bracket is not of the scheme"},
		{
			errors.New(`Get "https://a.example/?k=v": parse "http://joe:hunter 2@proxy:3128": net/url: invalid userinfo`),
			`Get "https://a.example/": parse "[hidden]": net/url: invalid userinfo`, "a password with a space, in the words of net/url",
		},
		{errors.New(`parse "https://joe:hun\"ter 2@h": bad "port 1"`), `parse "[hidden]": bad "port 1"`, "or with a quote"},
		{errors.New(`parse "https://example.com/?q=my s3cr3t\x7f": bad`), `parse "[hidden]": bad`, "a query with a space"},
		{errors.New("dial joe:hunter2@h/a?token=s3cr3t"), "dial [hidden]@h/a", "user information and a query"},
		{errors.New(`parse "login?token=s3cr3t": bad`), `parse "login": bad`, "a Location that is a relative reference"},
		{errors.New("bad line X-Api-Key: s3cr3t"), "bad line X-Api-Key: [hidden]", "all names that look like those of credentials"},
		{errors.New("auth: what?"), "auth: what?", "neither a field nor a query"},
		{errors.New("a://"), "a://", "no URL"},
		{errors.New("socks5://u:p@proxy:1080 refused"), "socks5://proxy:1080 refused", "that of a proxy"},
	} {
		if got := RedactError(row.err); got != row.want {
			t.Errorf("got %q, want %q: %s", got, row.want, row.why)
		}
	}
}
