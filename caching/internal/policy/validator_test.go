package policy

import (
	"net/http"
	"strings"
	"testing"
)

func TestTagToSend(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, tag string
		sent     bool
	}{
		{"RFC 9110 §8.8.3", `"a"`, true},
		{"weak", `W/"a"`, true},
		{"a comma within quotes", `"a,b"`, true},
		{"no quotes", "bxyV1WsBXaU8VEI7_C0d", true},
		{"weak by a lower-case letter", `w/"abc"`, true},
		{"weak without quotes", "W/abc", true},
		{"one quotation mark", `"abc`, true},
		{"single quotes", "'abc'", true},
		{"a blank", "a b", true},
		{"beyond ASCII", `"\xe4"`, true},
		{"it matches everything, and in If-Match it loses updates", "*", false},
		{"a star in quotes is a tag", `"*"`, true},
		{"a list", `"a", "b"`, false},
		{"a list with a comma in quotes", `a,"b,c"`, false},
		{"a list without quotes", "a,b", false},
		{"a list, or a quoted comma", `"a,b`, false},
		{"there are no escapes in a tag", `"a\",b"`, false},
		{"net/http refuses it", "\"a\x00\"", false},
		{"and that", "a\nb", false},
		{"longer than 1 KiB", `"` + strings.Repeat("a", maxValidator) + `"`, false},
		{"1 KiB", `"` + strings.Repeat("a", maxValidator-2) + `"`, true},
		{"a list after a quoted comma", `"a,b","c"`, false},
		{"a blank at the end would be lost", `"a" `, false},
		{"none", "", false},
	} {
		want := ""
		if r.sent {
			want = r.tag
		}
		if got := tagToSend(http.Header{"Etag": {r.tag}}); got != want {
			t.Errorf("%.40s: sent as %.40q: %s", r.tag, got, r.why)
		}
	}
	if got := tagToSend(http.Header{"Etag": {`"a"`, `"b"`}}); got != "" {
		t.Errorf("two lines are sent as %q, and are a list (RFC 9110 §5.3)", got)
	}
	if got := tagToSend(http.Header{"Etag": {`"a"`, `"a"`}}); got != `"a"` {
		t.Errorf("a line that is repeated is sent as %q", got)
	}
}

func TestSameTag(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		a, b string
		same bool
		why  string
	}{
		{`"a"`, `W/"a"`, true, "RFC 9110 §8.8.3.2: weak comparison"},
		{`"a"`, `"b"`, false, "another tag"},
		{"abc", "abc", true, "the same string"},
		{"abc", `"abc"`, false, "what does not parse matches only the same string"},
		{`w/"abc"`, `W/"abc"`, false, "the same"},
		{"", "", false, "none"},
	} {
		if same := sameTag(r.a, r.b); same != r.same {
			t.Errorf("%s and %s: %v: %s", r.a, r.b, same, r.why)
		}
	}
}

func TestDateToSend(t *testing.T) {
	t.Parallel()
	const day = "Thu, 01 Jan 2026 00:00:00 GMT"
	for _, r := range []struct {
		why   string
		dates []string
		want  string
	}{
		{"a date", []string{day}, day},
		{"RFC 9110 §13.1.3: as it came, whatever it is", []string{"2026-01-01"}, "2026-01-01"},
		{"two that differ", []string{day, "x"}, ""},
		{"repeated", []string{day, day}, day},
		{"what net/http refuses", []string{"a\nb"}, ""},
		{"none", nil, ""},
	} {
		if got := dateToSend(http.Header{"Last-Modified": r.dates}); got != r.want {
			t.Errorf("%q: %q: %s", r.dates, got, r.why)
		}
	}
}
