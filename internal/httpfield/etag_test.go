package httpfield

import (
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestETags(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		in   string
		want ETag
		ok   bool
		why  string
	}{
		{`"a"`, ETag{Tag: `"a"`}, true, ""},
		{` W/"a" `, ETag{Tag: `"a"`, Weak: true}, true, ""},
		{`""`, ETag{Tag: `""`}, true, "RFC 9110 §8.8.3: it may be empty"},
		{`"a\"`, ETag{Tag: `"a\"`}, true, "there are no escapes in an entity tag"},
		{`"a,b"`, ETag{Tag: `"a,b"`}, true, "commas may stand in one"},
		{`w/"a"`, ETag{}, false, "W is case-sensitive"},
		{`a`, ETag{}, false, "no quotes"},
		{`"a`, ETag{}, false, "open"},
		{`"a""b"`, ETag{}, false, "two"},
		{"\"a\x01\"", ETag{}, false, "a control"},
		{`W/`, ETag{}, false, ""},
		{``, ETag{}, false, ""},
	} {
		got, ok := ParseETag(row.in)
		if got != row.want || ok != row.ok {
			t.Errorf("ParseETag(%s) = %v, %v; want %v, %v (%s)", row.in, got, ok, row.want, row.ok, row.why)
		}
		if ok && got.String() != TrimBlanks(row.in) {
			t.Errorf("String() = %s, want %s", got, row.in)
		}
	}
	strong, weak := ETag{Tag: `"a"`}, ETag{Tag: `"a"`, Weak: true}
	if !strong.Strong(strong) || strong.Strong(weak) || weak.Strong(weak) || !strong.WeakMatch(weak) || (ETag{}).WeakMatch(ETag{}) || !(ETag{}).IsZero() {
		t.Error("comparison, RFC 9110 §8.8.3.2")
	}

	for _, row := range []struct {
		lines []string
		tags  []ETag
		star  bool
		ok    bool
	}{
		{[]string{`"a", W/"b"`, `"c,d"`}, []ETag{{Tag: `"a"`}, {Tag: `"b"`, Weak: true}, {Tag: `"c,d"`}}, false, true},
		{[]string{"*"}, nil, true, true},
		{[]string{` ,, `}, nil, false, true},
		{[]string{`"a", fred, "b"`}, []ETag{{Tag: `"a"`}, {Tag: `"b"`}}, false, false},
		{[]string{`*, "a"`}, []ETag{{Tag: `"a"`}}, true, false},
	} {
		tags, star, ok := ETags(row.lines)
		if diff := compare.Diff(row.tags, tags); diff != "" || star != row.star || ok != row.ok {
			t.Errorf("ETags(%q) = %v, %v, %v", row.lines, tags, star, ok)
		}
	}
}
