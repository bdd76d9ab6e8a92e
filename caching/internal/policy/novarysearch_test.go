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
		{"but one, in another order", `params, except=("b" "c"), key-order`, "c=1&a=1&b=2&b=1", "b=2&b=1&c=1", true},
		{"a name that is escaped", `params=("a%20b")`, "a+b=1&c=1", "c=1", true},
		{"a name that is escaped wrongly is as it is", `params=("%zz")`, "%zz=1&c=1", "c=1", true},
		{"no value and no name", `params=("a")`, "a&b&&=1", "b&=1", true},
		{"an extension", `params=("a"), x=1`, "a=1&b=1", "b=1", true},
		{"order as a string", `key-order="x", params`, "", "", false},
		{"order as a list", `key-order=("x"), params`, "", "", false},
		{"except without params is not valid", `key-order, except=("a")`, "", "", false},
		{"a list of tokens is not valid", `key-order, params=(a)`, "", "", false},
		{"nor one of tokens beside others", `params, except=(a)`, "", "", false},
		{"two names that are escaped wrongly", `params=("%zz")`, "%yy=1&=2&%zz=3", "%yy=1&=2", true},
		{"except as a string", `params, except="x"`, "", "", false},
		{"a list of tokens", `params=(a)`, "", "", false},
		{"no list of names", `params=()`, "", "", false},
		{"order does not matter, and is not", `key-order=?0`, "", "", false},
		{"no parameter but none", `params=?1`, "a=1", "", true},
		{"not a dictionary", `(((`, "", "", false},
	} {
		if _, ok := ParseNoVarySearch(nil); ok {
			t.Error("no field says something")
		}
		s, ok := ParseNoVarySearch([]string{r.value})
		if ok != r.ok || ok && s.Normalise(r.query) != r.want {
			t.Errorf("%s: %v, %q; want %v, %q: %s", r.value, ok, s.Normalise(r.query), r.ok, r.want, r.why)
		}
	}
}
