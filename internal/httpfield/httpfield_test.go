package httpfield

import (
	"iter"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTokens(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]bool{
		"": false, "a": true, "max-age": true, "!#$%&'*+-.^_`|~09azAZ": true, "a b": false, "a=b": false, "é": false, "a\x00": false, `"a"`: false,
	} {
		if got := IsToken(s); got != want {
			t.Errorf("IsToken(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestIsHeader(t *testing.T) {
	for _, row := range []struct {
		why  string
		h    http.Header
		want bool
	}{
		{"no fields", nil, true},
		{"a field without values", http.Header{"A": nil}, true},
		{"RFC 9110 §5.5: visible characters, SP and HTAB", http.Header{"A": {"", "b \tc"}}, true},
		{"obs-text", http.Header{"A": {"caf\xc3\xa9\xff"}}, true},
		{"a name is a token", http.Header{"A b": {"c"}}, false},
		{"a name is not empty", http.Header{"": {"c"}}, false},
		{"a line break begins another field", http.Header{"A": {"b", "c\r\nD: e"}}, false},
		{"NUL", http.Header{"A": {"\x00"}}, false},
		{"DEL", http.Header{"A": {"b\x7f"}}, false},
	} {
		if got := IsHeader(row.h); got != row.want {
			t.Errorf("%s: IsHeader(%q) = %v, want %v", row.why, row.h, got, row.want)
		}
	}
}

func TestFolding(t *testing.T) {
	if !EqualFold("GzIp", "gZiP") || EqualFold("k", "\u212a") || EqualFold("a", "ab") {
		t.Error("EqualFold folds something else than ASCII letters")
	}
	if Lower("AbC-É") != "abc-É" || Lower("abc") != "abc" {
		t.Errorf("Lower(%q) = %q", "AbC-É", Lower("AbC-É"))
	}
	if n := testing.AllocsPerRun(10, func() { Lower("max-age") }); n != 0 {
		t.Errorf("Lower of lower case allocates %v times", n)
	}
}

func TestTrimBlanks(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{" \ta b\t ": "a b", "": "", " ": "", "\u00a0a": "\u00a0a", "\na": "\na"} {
		if got := TrimBlanks(s); got != want {
			t.Errorf("TrimBlanks(%q) = %q, want %q", s, got, want)
		}
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ in, want, why string }{
		{`joe`, `"joe"`, "RFC 9110 §5.6.4"},
		{`a"x\y`, `"a\"x\\y"`, "a user name with quotes must not break the field"},
		{"a\r\nb\x7f", `"a  b "`, "controls cannot stand in a field: no line of somebody else's"},
		{"Jäsøn", `"Jäsøn"`, "obs-text stays"},
	} {
		got := Quote(row.in)
		if got != row.want {
			t.Errorf("Quote(%q) = %s, want %s (%s)", row.in, got, row.want, row.why)
		}
	}
	for _, row := range []struct {
		in, want string
		ok       bool
		why      string
	}{
		{`"a b"`, "a b", true, ""},
		{`"a\"b\\c\d"`, `a"b\cd`, true, "a backslash before any character stands for the character"},
		{`""`, "", true, "an empty string is one"},
		{`"a`, `"a`, false, "open"},
		{`"a\"`, `"a\"`, false, "the last quote is escaped"},
		{`"a"b`, `"a"b`, false, "something behind it"},
		{`a`, `a`, false, "no quotes"},
		{`"`, `"`, false, "one quote is no string"},
	} {
		got, ok := Unquote(row.in)
		if got != row.want || ok != row.ok {
			t.Errorf("Unquote(%s) = %q, %v; want %q, %v (%s)", row.in, got, ok, row.want, row.ok, row.why)
		}
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		lines []string
		want  []string
		why   string
	}{
		{nil, nil, "no field, no elements"},
		{[]string{"a, b", "c"}, []string{"a", "b", "c"}, "lines are joined"},
		{[]string{", ,a,,\tb ,"}, []string{"a", "b"}, "RFC 9110 §5.6.1.2: empty elements are ignored"},
		{[]string{`no-cache="a, b", c`}, []string{`no-cache="a, b"`, "c"}, "a comma in quotes is none"},
		{[]string{`"a\", b", c`}, []string{`"a\", b"`, "c"}, "an escaped quote ends nothing"},
		{[]string{`"open, a`, "b"}, []string{`"open, a`, "b"}, "an open quote ends with its line"},
	} {
		got := slices.Collect(List(row.lines))
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("List(%q): mismatch (-want +got), %s:\n%s", row.lines, row.why, diff)
		}
	}
	for range List([]string{"a, b"}) {
		break // an iterator may be left
	}
}

func TestDirectives(t *testing.T) {
	t.Parallel()
	lines := []string{`Max-Age="300", NO-CACHE="set-cookie, x" , private`, ` max-age = 10 , =x, "q", bad="open`}
	want := []Param{
		{Name: "max-age", Value: "300", HasValue: true, Quoted: true},
		{Name: "no-cache", Value: "set-cookie, x", HasValue: true, Quoted: true},
		{Name: "private"},
		{Name: "max-age", Value: "10", HasValue: true},
		{Name: "bad", Value: `"open`, HasValue: true, Bad: true},
	}
	if diff := cmp.Diff(want, slices.Collect(Directives(lines))); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	for s, bad := range map[string]bool{"a=": true, "a=b c": true, "a=b": false, "a": false, "a=1;b=2": true} {
		for p := range Directives([]string{s}) {
			if p.Bad != bad {
				t.Errorf("%q is bad: %v, want %v", s, p.Bad, bad)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	for _, tt := range []struct {
		item string
		want bool
		why  string
	}{
		{"gzip", false, "no weight is one"},
		{"gzip;q=1", false, "one"},
		{"gzip;q=0.001", false, "little is not nothing"},
		{"gzip;q=0", true, "zero"},
		{"gzip ; Q=0.000", true, "zero, in another spelling"},
		{"gzip;q=", false, "no weight"},
	} {
		if got := ParseItem(tt.item).Refused(); got != tt.want {
			t.Errorf("%s: %v, want %v: %s", tt.item, got, tt.want, tt.why)
		}
	}
}

func TestCoding(t *testing.T) {
	for name, want := range map[string]string{"gzip": "gzip", "GZip": "gzip", "X-GZIP": "gzip", "x-exi": "x-exi", "": ""} {
		if got := Coding(name); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
	}
}

func TestItems(t *testing.T) {
	t.Parallel()
	got := slices.Collect(Items([]string{`gzip;q=0.5, text/html ; Charset="a;b" ;x`}))
	want := []Item{
		{Value: "gzip", Params: []Param{{Name: "q", Value: "0.5", HasValue: true}}},
		{Value: "text/html", Params: []Param{{Name: "charset", Value: "a;b", HasValue: true, Quoted: true}, {Name: "x"}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
	if v, ok := got[1].Param("charset"); v != "a;b" || !ok {
		t.Errorf("Param(charset) = %q, %v", v, ok)
	}
	if _, ok := got[0].Param("charset"); ok {
		t.Error("a parameter of another item")
	}
	if !HasToken([]string{"a", "b, CLOSE"}, "close") || HasToken([]string{"closed"}, "close") {
		t.Error("HasToken")
	}
}

func TestDeltaSeconds(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		in   string
		want int64
		ok   bool
		why  string
	}{
		{"0", 0, true, ""},
		{"300", 300, true, ""},
		{"007", 7, true, "leading zeros are digits"},
		{"2147483648", MaxDeltaSeconds, true, "RFC 9111 §1.2.2: 2^31 is the most"},
		{"99999999999999999999999", MaxDeltaSeconds, true, "RFC 9111 §1.2.2: overflow is the most"},
		{"", 0, false, ""},
		{"-1", 0, false, "not negative"},
		{"+1", 0, false, "digits only"},
		{"1.5", 0, false, "digits only"},
		{"1 ", 0, false, "digits only"},
		{"0x1", 0, false, "digits only"},
		{"١", 0, false, "ASCII digits only"},
	} {
		if got, ok := DeltaSeconds(row.in); got != row.want || ok != row.ok {
			t.Errorf("DeltaSeconds(%q) = %d, %v; want %d, %v (%s)", row.in, got, ok, row.want, row.ok, row.why)
		}
	}
}

func TestParseDate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 7, 1, 0, 0, 0, 0, time.UTC)
	nov94 := time.Date(1994, 11, 6, 8, 49, 37, 0, time.UTC)
	for _, row := range []struct {
		in   string
		want time.Time
		why  string
	}{
		{"Sun, 06 Nov 1994 08:49:37 GMT", nov94, "IMF-fixdate"},
		{"Sunday, 06-Nov-94 08:49:37 GMT", nov94, "RFC 850"},
		{"Sun Nov  6 08:49:37 1994", nov94, "asctime"},
		{"Wed Nov 16 08:49:37 1994", nov94.AddDate(0, 0, 10), "asctime with a day of two digits"},
		{"Mon, 06 Nov 1994 08:49:37 GMT", nov94, "the name of the day is not checked against the date: clocks and calendars of servers vary"},
		{"Friday, 01-Jan-70 00:00:00 GMT", time.Date(2070, 1, 1, 0, 0, 0, 0, time.UTC), "RFC 9110 §5.6.7: 2070 is 44 years from now, which is not more than 50"},
		{"Friday, 01-Jan-77 00:00:00 GMT", time.Date(1977, 1, 1, 0, 0, 0, 0, time.UTC), "RFC 9110 §5.6.7: 2077 would be more than 50 years from now"},
		{"Fri, 31 Dec 9999 23:59:60 GMT", time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), "a leap second"},
	} {
		got, ok := ParseDate(row.in, now)
		if !ok || !got.Equal(row.want) {
			t.Errorf("ParseDate(%q) = %v, %v; want %v (%s)", row.in, got, ok, row.want, row.why)
		}
	}
	for _, in := range []string{
		"", "0", "-1", "Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 08:49:37 gmt", "Sun, 06 Nov 1994 08:49:37 +0000",
		"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 8:49:37 GMT", "sun, 06 nov 1994 08:49:37 GMT", "Sun, 06 Nov 94 08:49:37 GMT",
		"Sun,06 Nov 1994 08:49:37 GMT", "Sun, 06  Nov 1994 08:49:37 GMT", " Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
		"Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 00 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 1994 08:60:37 GMT",
		"Sunday, 6-Nov-94 08:49:37 GMT", "Sunday, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994", "Sun Nov 06 08:49:37  994",
		"Sun, 06-Nov-1994 08:49:37 GMT", "1994-11-06T08:49:37Z", strings.Repeat("x", 29), strings.Repeat("x", 24), "Wednesday, " + strings.Repeat("9", 22),
	} {
		if got, ok := ParseDate(in, now); ok {
			t.Errorf("ParseDate(%q) = %v; the grammar has no such date", in, got)
		}
	}
	if got := FormatDate(nov94.In(time.FixedZone("x", 3600))); got != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("FormatDate = %q", got)
	}
}

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
		if diff := cmp.Diff(row.tags, tags); diff != "" || star != row.star || ok != row.ok {
			t.Errorf("ETags(%q) = %v, %v, %v", row.lines, tags, star, ok)
		}
	}
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]ContentRange{
		"bytes 0-1/2": {0, 1, 2}, "BYTES 0-0/*": {0, 0, -1}, "bytes */10": {-1, -1, 10},
		"bytes 5-6/9999999999999999999999": {5, 6, 1<<63 - 1},
	} {
		got, ok := ParseContentRange(in)
		if !ok || got != want {
			t.Errorf("ParseContentRange(%q) = %v, %v; want %v", in, got, ok, want)
		}
	}
	if got := (ContentRange{0, 1, 2}).String() + (ContentRange{0, 1, -1}).String() + (ContentRange{-1, -1, 2}).String(); got != "bytes 0-1/2bytes 0-1/*bytes */2" {
		t.Errorf("String: %s", got)
	}
	for _, in := range []string{"", "bytes", "bytes x", "bytes 0-1", "bytes 1-0/2", "bytes 0-2/2", "bytes */*", "items 0-1/2", "bytes -1/2", "bytes 0-/2", "bytes a-b/c", "bytes 0-1/-2", "bytes=0-1/2"} {
		if got, ok := ParseContentRange(in); ok {
			t.Errorf("ParseContentRange(%q) = %v, want none", in, got)
		}
	}
	for _, row := range []struct {
		in          string
		first, last int64
		ok          bool
		why         string
	}{
		{"bytes=0-4", 0, 4, true, ""},
		{"Bytes = 5-", 5, 9, true, "units fold; an open range"},
		{"bytes=-3", 7, 9, true, "a suffix"},
		{"bytes=-30", 0, 9, true, "a suffix longer than the whole is the whole"},
		{"bytes=8-100", 8, 9, true, "cut to what is there"},
		{"bytes=10-", 0, 0, false, "beyond the end"},
		{"bytes=-0", 0, 0, false, "an empty suffix"},
		{"bytes=5-99999999999999999999", 5, 9, true, "overflow is the largest"},
	} {
		specs, ok := ParseRange(row.in)
		if !ok || len(specs) != 1 {
			t.Errorf("ParseRange(%q) = %v, %v", row.in, specs, ok)
			continue
		}
		first, last, ok := specs[0].Resolve(10)
		if first != row.first || last != row.last || ok != row.ok {
			t.Errorf("%q of 10 bytes: %d-%d, %v; want %d-%d, %v (%s)", row.in, first, last, ok, row.first, row.last, row.ok, row.why)
		}
	}
	if _, _, ok := (RangeSpec{First: -1, Last: 5}).Resolve(0); ok {
		t.Error("nothing has a suffix")
	}
	if specs, ok := ParseRange("bytes=0-0, ,-1"); !ok || len(specs) != 2 {
		t.Errorf("two ranges: %v, %v", specs, ok)
	}
	for _, in := range []string{"", "bytes", "bytes=", "bytes=a-b", "bytes=-", "bytes=5", "bytes=4-3", "items=0-1", "bytes=0-1,x"} {
		if specs, ok := ParseRange(in); ok {
			t.Errorf("ParseRange(%q) = %v, want none", in, specs)
		}
	}
	for _, row := range []struct {
		lines []string
		want  int64
		ok    bool
	}{
		{[]string{"5"}, 5, true},
		{[]string{"5, 5", "5"}, 5, true},
		{[]string{"5", "6"}, -1, false},
		{[]string{"-5"}, -1, false},
		{nil, -1, false},
	} {
		if n, ok := ContentLength(row.lines); n != row.want || ok != row.ok {
			t.Errorf("ContentLength(%q) = %d, %v", row.lines, n, ok)
		}
	}
}

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
		if diff := cmp.Diff(row.want, got); diff != "" {
			t.Errorf("Challenges(%q): mismatch (-want +got), %s:\n%s", row.lines, row.why, diff)
		}
	}
	c := Challenges([]string{`Digest realm="1", realm="2"`})[0]
	if v, ok := c.Param("realm"); v != "1" || !ok {
		t.Errorf("Param = %q, %v, want the first", v, ok)
	}
	got := AuthParams([]string{`nextnonce="n", qop=auth, bad, rspauth="r"`})
	if diff := cmp.Diff([]Param{q("nextnonce", "n"), p("qop", "auth"), q("rspauth", "r")}, got); diff != "" {
		t.Errorf("AuthParams: mismatch (-want +got):\n%s", diff)
	}
}

// Hostile input costs memory in proportion: a parser that copied what is left at
// every step would allocate its square.
func TestHostileInputIsLinear(t *testing.T) {
	parse := map[string]func(string){
		"list":       func(s string) { drain(List([]string{s})) },
		"directives": func(s string) { drain(Directives([]string{s})) },
		"items":      func(s string) { drain(Items([]string{s})) },
		"challenges": func(s string) { Challenges([]string{s}) },
		"etags":      func(s string) { ETags([]string{s}) },
		"range":      func(s string) { ParseRange("bytes=" + s) },
	}
	for _, unit := range []string{" ", ",", `"`, `\`, `"\`, "a=", "a ", "a,", `a="`, "\u00a0", "=", ";", "*", `W/"`, "0-1,"} {
		for name, f := range parse {
			small, large := strings.Repeat(unit, 1<<10), strings.Repeat(unit, 1<<13)
			a := testing.AllocsPerRun(1, func() { f(small) })
			b := testing.AllocsPerRun(1, func() { f(large) })
			if b > 16*a+64 {
				t.Errorf("%s of %q: %v allocations for 1 Ki, %v for 8 Ki", name, unit, a, b)
			}
		}
	}
}

func drain[T any](seq iter.Seq[T]) {
	for range seq {
		continue
	}
}
