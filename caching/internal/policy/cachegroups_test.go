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
		ok     bool
		why    string
	}{
		{nil, nil, false, "no field"},
		{[]string{`"a"`}, []string{"a"}, true, "one group"},
		{[]string{`"a", "B"`, `"c"`}, []string{"a", "B", "c"}, true, "lines are one list; RFC 9875 §2.1: case matters"},
		{[]string{`"a";x=1`}, []string{"a"}, true, "RFC 9875 §2: unknown parameters are ignored"},
		{[]string{`""`}, []string{""}, true, "an empty string is a string"},
		{[]string{`"` + strings.Join(many, `", "`) + `"`}, many, true, "RFC 9875 §2: 32 groups of 32 characters"},
		{[]string{`a`}, nil, false, "a token is no string"},
		{[]string{`("a")`}, nil, false, "an inner list is no string"},
		{[]string{`"a", b`}, nil, false, "RFC 9651 §4.2: a field that is wrong anywhere is ignored as a whole"},
		{[]string{`"a`}, nil, false, "it does not parse"},
	} {
		got, ok := GroupNames(row.values)
		if ok != row.ok || ok && !slices.Equal(got, row.want) {
			t.Errorf("%q: %q, %v, want %q, %v: %s", row.values, got, ok, row.want, row.ok, row.why)
		}
	}
}
