package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestGroupNames(t *testing.T) {
	many := make([]string, 32)
	for i := range many {
		many[i] = fmt.Sprintf("%032d", i)
	}
	for _, row := range []struct {
		values []string
		want   []string
		why    string
	}{
		{nil, nil, "no field"},
		{[]string{`"a"`}, []string{"a"}, "one group"},
		{[]string{`"a", "B"`, `"c"`}, []string{"a", "B", "c"}, "lines are one list; RFC 9875 §2.1: case matters"},
		{[]string{`"a";x=1`}, []string{"a"}, "RFC 9875 §2: unknown parameters are ignored"},
		{[]string{`""`}, []string{""}, "an empty string is a string"},
		{[]string{`"` + strings.Join(many, `", "`) + `"`}, many, "RFC 9875 §2: 32 groups of 32 characters"},
		{[]string{`a`}, nil, "a token is no string"},
		{[]string{`("a")`}, nil, "an inner list is no string"},
		{[]string{`"a", b`}, nil, "RFC 9651 §4.2: a field that is wrong anywhere is ignored as a whole"},
		{[]string{`"a`}, nil, "it does not parse"},
	} {
		if got := GroupNames(row.values); !slices.Equal(got, row.want) {
			t.Errorf("%q: %q, want %q: %s", row.values, got, row.want, row.why)
		}
	}
}
