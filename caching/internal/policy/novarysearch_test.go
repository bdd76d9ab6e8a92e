package policy

import "testing"

func TestNoVarySearch(t *testing.T) {
	t.Parallel()
	for _, r := range []struct {
		why, value, query, want string
		ok                      bool
	}{
		{"no parameter matters", "params", "a=1&b=2", "", true},
		{"but one", `params, except=("b")`, "a=1&b=2&c=3", "b=2", true},
		{"one does not", `params=("a")`, "a=1&b=2&%61=3", "b=2", true},
		{"order", "key-order", "b=1&a=2&a=1", "a=2&a=1&b=1", true},
		{"nothing said", "params=?0", "", "", false},
		{"except alone is not valid", `except=("a")`, "", "", false},
		{"not a list", `params="a"`, "", "", false},
		{"not a dictionary", `(((`, "", "", false},
	} {
		s, ok := ParseNoVarySearch([]string{r.value})
		if ok != r.ok || ok && s.Normalise(r.query) != r.want {
			t.Errorf("%s: %v, %q; want %v, %q: %s", r.value, ok, s.Normalise(r.query), r.ok, r.want, r.why)
		}
	}
}
