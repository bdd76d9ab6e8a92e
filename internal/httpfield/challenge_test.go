package httpfield

import (
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
)

func TestChallenges(t *testing.T) {
	t.Parallel()
	q := func(name, value string) Param { return Param{Name: name, Value: value, HasValue: true, Quoted: true} }
	p := func(name, value string) Param { return Param{Name: name, Value: value, HasValue: true} }
	for _, row := range []struct {
		lines []string
		want  []Challenge
		why   string
	}{
		{[]string{`Basic realm="x"`}, []Challenge{{Scheme: "basic", Params: []Param{q("realm", "x")}}}, ""},
		{[]string{`Negotiate`, `NTLM`}, []Challenge{{Scheme: "negotiate"}, {Scheme: "ntlm"}}, "bare schemes"},
		{[]string{`Negotiate, Basic realm="x"`}, []Challenge{{Scheme: "negotiate"}, {Scheme: "basic", Params: []Param{q("realm", "x")}}}, "a bare scheme before another"},
		{
			[]string{`Digest realm="a, b", qop="auth,auth-int" , nonce=abc+/==, Basic REALM = "c"`},
			[]Challenge{
				{Scheme: "digest", Params: []Param{q("realm", "a, b"), q("qop", "auth,auth-int"), p("nonce", "abc+/==")}},
				{Scheme: "basic", Params: []Param{q("realm", "c")}},
			},
			"several in a line, commas in quotes, an unquoted value that is no token",
		},
		{
			[]string{`Negotiate abc/+==, Basic realm=x`},
			[]Challenge{{Scheme: "negotiate", Token68: "abc/+=="}, {Scheme: "basic", Params: []Param{p("realm", "x")}}},
			"token68",
		},
		{[]string{`Custom  a = "b" ,c=d`}, []Challenge{{Scheme: "custom", Params: []Param{q("a", "b"), p("c", "d")}}}, "blanks around the equals sign"},
		{[]string{`Basic realm="a\"b\\"`}, []Challenge{{Scheme: "basic", Params: []Param{q("realm", `a"b\`)}}}, "escapes"},
		{
			[]string{`Digest realm="1", realm="2"`},
			[]Challenge{{Scheme: "digest", Params: []Param{q("realm", "1"), q("realm", "2")}}},
			"doubled parameters are there for the scheme to refuse",
		},
		{[]string{`OAuth "Facebook Platform" "invalid_token" "x"`}, []Challenge{{Scheme: "oauth"}}, "keep what parses"},
		{[]string{`, ,="x", @, realm="lost"`}, nil, "nothing that is a challenge"},
		{[]string{`Basic realm="open`}, []Challenge{{Scheme: "basic"}}, "an open quote"},
		{[]string{`Basic realm='single'`}, []Challenge{{Scheme: "basic", Params: []Param{p("realm", "'single'")}}}, "single quotes are none"},
		{[]string{"Basic\trealm=x"}, []Challenge{{Scheme: "basic", Params: []Param{p("realm", "x")}}}, "a tab is a blank"},
		{
			[]string{`Digest realm="a" nonce=n  qop="auth", opaque="o" stale=false, Basic realm=b`},
			[]Challenge{
				{Scheme: "digest", Params: []Param{q("realm", "a"), p("nonce", "n"), q("qop", "auth"), q("opaque", "o"), p("stale", "false")}},
				{Scheme: "basic", Params: []Param{p("realm", "b")}},
			},
			"commas forgotten between parameters (curl's lib/vauth/digest.c goes on at the next name)",
		},
		{[]string{`Digest realm="a"x, nonce=n`}, []Challenge{{Scheme: "digest", Params: []Param{q("realm", "a"), p("nonce", "n")}}}, "a value ends at its closing quotation mark, as in curl"},
		{[]string{`Digest realm="a"nonce="n"qop=auth`}, []Challenge{{Scheme: "digest", Params: []Param{q("realm", "a"), q("nonce", "n"), p("qop", "auth")}}}, "neither commas nor blanks"},
		{[]string{`Digest realm=My House, nonce=n`}, []Challenge{{Scheme: "digest", Params: []Param{p("realm", "My"), p("nonce", "n")}}}, "a blank ends an unquoted value, as in curl"},
		{[]string{`Basic realm="x"; charset=utf-8`}, []Challenge{{Scheme: "basic"}}, "a semicolon is no comma"},
		{[]string{`Basic`, `realm="x"`}, []Challenge{{Scheme: "basic"}}, "a parameter does not go over to the next line"},
	} {
		got := Challenges(row.lines)
		if diff := compare.Diff(row.want, got); diff != "" {
			t.Errorf("Challenges(%q): mismatch (-want +got), %s:\n%s", row.lines, row.why, diff)
		}
	}
	c := Challenges([]string{`Digest realm="1", realm="2"`})[0]
	if v, ok := c.Param("realm"); v != "1" || !ok {
		t.Errorf("Param = %q, %v, want the first", v, ok)
	}
	got := AuthParams([]string{`nextnonce="n", qop=auth, bad, rspauth="r"`})
	if diff := compare.Diff([]Param{q("nextnonce", "n"), p("qop", "auth"), q("rspauth", "r")}, got); diff != "" {
		t.Errorf("AuthParams: mismatch (-want +got):\n%s", diff)
	}
}
