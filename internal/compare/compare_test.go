package compare

import "testing"

func TestDiff(t *testing.T) {
	type pair struct {
		A string
		b []int
	}
	for _, test := range []struct {
		why       string
		want, got any
		diff      string
	}{
		{why: "equal values need no word", want: pair{"a", []int{1}}, got: pair{"a", []int{1}}},
		{why: "of a long text the lines that differ are enough", want: "a\nb\nc", got: "a\nx\nc", diff: "want b\ngot  x"},
		{why: "a slice that misses an element", want: []string{"a", "b"}, got: []string{"a"}, diff: "want b\ngot  "},
		{why: "fields that are not exported count", want: pair{"a", []int{1}}, got: pair{"a", []int{2}}, diff: "want b: [1]\ngot  b: [2]"},
		{why: "nil is not empty", want: []int(nil), got: []int{}, diff: "want []int(nil)\ngot  []int{}"},
		{why: "types count", want: 1, got: int64(1), diff: "want 1\ngot  1"},
	} {
		if got := Diff(test.want, test.got); got != test.diff {
			t.Errorf("Diff(%#v, %#v) = %q, want %q, because %s", test.want, test.got, got, test.diff, test.why)
		}
	}
}
