package cookie

import (
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
)

// A cookie goes from Set-Cookie through a standard jar into Cookie as it was
// written.
func TestByteForByte(t *testing.T) {
	for _, tt := range []struct{ set, want, why string }{
		{"a=b", "a=b", "the usual form"},
		{"a=b=c==", "a=b=c==", "RFC 6265 §5.2: the first equals sign ends the name"},
		{`a="b"`, `a="b"`, "quotes are part of the value (§5.2 knows none)"},
		{`a="b c, d"`, `a="b c, d"`, "blanks and commas within them"},
		{`a=""`, `a=""`, "an empty quoted value is not an empty value"},
		{`a="`, `a="`, "one quote is no pair of them"},
		{`a=say "hi"`, `a=say "hi"`, "quotes within; net/http drops the cookie"},
		{`a="b"c"`, `a="b"c"`, "quotes around and within"},
		{`a={"theme":"dark","n":[1,2]}`, `a={"theme":"dark","n":[1,2]}`, "JSON; net/http drops the cookie"},
		{"a=two words", "a=two words", "net/http adds quotes"},
		{"a=10:30, 11:30", "a=10:30, 11:30", "a comma: net/http adds quotes"},
		{`a=C:\temp`, `a=C:\temp`, "a backslash; net/http drops the cookie"},
		{"a=Zo\xc3\xab", "a=Zo\xc3\xab", "UTF-8; net/http drops the cookie"},
		{"a=Zo\xeb", "a=Zo\xeb", "Latin-1"},
		{"a=b\tc", "a=b\tc", "RFC 6265bis §5.6: a tab is no control character"},
		{"  a  =  b  ; Path=/", "a=b", "§5.2 step 5: blanks around go"},
		{"a=", "a=", "an empty value"},
		{"a=b%20c+d", "a=b%20c+d", "nothing is decoded"},
		{"a[b]@c=d", "a[b]@c=d", "a name that is no token; net/http drops the cookie"},
		{"a b=c", "a b=c", "a blank in a name"},
		{"\xc3\xbc=1", "\xc3\xbc=1", "a name in UTF-8"},
		{"a", "a", "RFC 6265bis §5.6 step 4: a value without a name"},
		{"=a=b", "a=b", "likewise; §5.8.3: it goes back without the equals sign"},
		{"", "", "nothing"},
		{"=", "", "neither name nor value"},
		{"; Path=/", "", "likewise"},
		{"a=b\x01c", "", "RFC 6265bis §5.6 step 1: a control character voids the line"},
		{"a=b\x7f", "", "likewise"},
		{"a=" + strings.Repeat("b", 4095), "a=" + strings.Repeat("b", 4095), "4096 bytes are a cookie"},
		{"a=" + strings.Repeat("b", 4096), "", "RFC 6265bis §5.6: more than 4096 bytes are none"},
	} {
		jar, _ := cookiejar.New(nil)
		u := &url.URL{Scheme: "http", Host: "example.com", Path: "/"}
		jar.SetCookies(u, FromHeader(http.Header{"Set-Cookie": {tt.set}}))
		h := http.Header{}
		Append(h, jar.Cookies(u))
		if got := h.Get("Cookie"); got != tt.want {
			t.Errorf("%q came back as %q, want %q: %s", tt.set, got, tt.want, tt.why)
		}
	}
}

func TestAttributes(t *testing.T) {
	last := time.Date(2037, 12, 31, 23, 59, 59, 0, time.UTC)
	for _, tt := range []struct {
		attributes string
		want       http.Cookie
		why        string
	}{
		{"", http.Cookie{}, "none"},
		{"Path=/x; Domain=.example.com; Secure; HttpOnly; SameSite=Lax; Partitioned", http.Cookie{
			Path: "/x", Domain: ".example.com", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, Partitioned: true,
		}, "all of them"},
		{"PATH = /x ;secure=no;httponly=;SAMESITE=strict", http.Cookie{
			Path: "/x", Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
		}, "§5.2: names in any case, blanks around, values of flags ignored"},
		{"Path=/" + strings.Repeat("x", 1024), http.Cookie{}, "RFC 6265bis §5.6: more than 1024 bytes are absent"},
		{"SameSite=None", http.Cookie{SameSite: http.SameSiteNoneMode}, "None"},
		{"SameSite=what", http.Cookie{SameSite: http.SameSiteDefaultMode}, "unknown is the default"},
		{"Path=/a; Path=/b", http.Cookie{Path: "/b"}, "§5.3: the last one holds"},
		{"Path=/a; Path=b", http.Cookie{}, "§5.2.4: what does not begin with a slash is the default path"},
		{`Path="/"`, http.Cookie{}, "a quote is no slash"},
		{"Path=/\xc3\xbc b", http.Cookie{Path: "/\xc3\xbc b"}, "a path is kept as it is; net/http ignores it"},
		{"Max-Age=10", http.Cookie{MaxAge: 10}, "§5.2.2"},
		{"Max-Age=010", http.Cookie{MaxAge: 10}, "a leading zero; net/http ignores it"},
		{"Max-Age=0", http.Cookie{MaxAge: -1}, "zero means at once, which net/http writes as -1"},
		{"Max-Age=-5", http.Cookie{MaxAge: -1}, "so does a negative number"},
		{"Max-Age=-99999999999999999999", http.Cookie{MaxAge: -1}, "of any size"},
		{"Max-Age=99999999999999999999", http.Cookie{MaxAge: maxAge}, "too large is as large as possible"},
		{"Max-Age=1.5; Max-Age=+1; Max-Age=; Max-Age=-", http.Cookie{}, "what is no number is ignored"},
		{"Max-Age=7; Max-Age=x", http.Cookie{MaxAge: 7}, "and leaves what was there"},
		{"Expires=Thu, 31 Dec 2037 23:59:59 GMT", http.Cookie{Expires: last}, "RFC 1123"},
		{"expires=Thursday, 31-Dec-37 23:59:59 GMT", http.Cookie{Expires: last}, "RFC 850"},
		{"expires=Thu Dec 31 23:59:59 2037", http.Cookie{Expires: last}, "asctime; net/http keeps the cookie for the session"},
		{"expires=Thu, 31 Dec 2037 23:59:59 +0000", http.Cookie{Expires: last}, "a zone in numbers, ignored like any (§5.1.1)"},
		{"expires=23:59:59 DECEMBER 31st 2037", http.Cookie{Expires: last}, "any order"},
		{"expires=Thu, 01 Jan 1970 00:00:00 GMT", http.Cookie{Expires: time.Unix(0, 0).UTC()}, "deleted"},
		{"expires=Thu, 01 Jan 70 0:0:0", http.Cookie{Expires: time.Unix(0, 0).UTC()}, "two digits from 70 on are of the last century"},
		{"expires=Thu, 31 Feb 2037 23:59:59 GMT", http.Cookie{}, "no such day"},
		{"expires=Thu, 31 Dec 1600 23:59:59 GMT", http.Cookie{}, "§5.1.1: not before 1601"},
		{"expires=Thu, 31 Dec 2037 24:00:00 GMT", http.Cookie{}, "no such hour"},
		{"expires=Thu, 00 Dec 2037 23:00:00 GMT", http.Cookie{}, "no day zero"},
		{"expires=Thu, 31 Dec 2037 23:59:599 GMT", http.Cookie{}, "no time of day"},
		{"expires=31 Dec 23:59:59", http.Cookie{}, "no year"},
		{"expires=31 2037 23:59:59", http.Cookie{}, "no month"},
		{"expires=0", http.Cookie{}, "no date"},
		{"Version=1; Comment=x; =; ;", http.Cookie{}, "unknown ones are ignored"},
	} {
		got := Parse("a=b;" + tt.attributes)
		tt.want.Name, tt.want.Value = "a", "b"
		got.Raw, got.RawExpires = "", ""
		if diff := compare.Diff(&tt.want, got); diff != "" {
			t.Errorf("%q mismatch (-want +got):\n%s%s", tt.attributes, diff, tt.why)
		}
	}
}

// Cookies that a program put into the jar itself are sent as they are, but end
// neither the pair nor the line.
func TestPair(t *testing.T) {
	for _, tt := range []struct {
		cookie http.Cookie
		want   string
		why    string
	}{
		{http.Cookie{Name: "a", Value: "two words"}, "a=two words", "no quotes are added"},
		{http.Cookie{Name: "a", Value: "b", Quoted: true}, `a="b"`, "unless asked for"},
		{http.Cookie{Name: "a", Value: "b; admin=1"}, "a=b admin=1", "a semicolon would begin another cookie"},
		{http.Cookie{Name: "a", Value: "b\r\nX: \xff"}, "a=bX: \xff", "a line end would begin another field"},
		{http.Cookie{Name: "a=b;c\n", Value: "d"}, "abc=d", "nor is there an equals sign in a name"},
		{http.Cookie{}, "", "nothing"},
	} {
		if got := pair(&tt.cookie); got != tt.want {
			t.Errorf("%q, want %q: %s", got, tt.want, tt.why)
		}
	}
}

func TestAppendRemove(t *testing.T) {
	lines := []string{"own=1;own2=2", "", "x; =y"}
	h := http.Header{"Cookie": lines}
	Append(h, nil)
	if got := h["Cookie"]; len(got) != 1 || got[0] != "own=1;own2=2; x; =y" {
		t.Errorf("several lines became %q", got)
	}
	Append(h, []*http.Cookie{{Name: "a", Value: "b"}, {}})
	const all = "own=1;own2=2; x; =y; a=b"
	if got := h.Get("Cookie"); got != all {
		t.Errorf("%q", got)
	}
	for _, tt := range []struct{ drop, want, why string }{
		{"none", all, "what nobody asked to change stays as it was written"},
		{"own2", "own=1; x; =y; a=b", "one pair"},
		{"", "own=1; own2=2; a=b", "those without a name"},
	} {
		h := http.Header{"Cookie": {all}}
		Remove(h, func(name string) bool { return name == tt.drop })
		if got := h.Get("Cookie"); got != tt.want {
			t.Errorf("without %q: %q, want %q: %s", tt.drop, got, tt.want, tt.why)
		}
	}
	if Remove(h, func(string) bool { return true }); len(h) != 0 {
		t.Errorf("all removed: %v", h)
	}
	if strings.Join(lines, "|") != "own=1;own2=2||x; =y" {
		t.Errorf("the caller's slice was changed: %q", lines)
	}
	if FromHeader(http.Header{}) != nil {
		t.Error("cookies from nowhere")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{`a="b c"; Path=/; Max-Age=5`, "=x", "a=b; expires=Thu, 31 Dec 2037 23:59:59 GMT", "\xff=\x00", ";;;"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c := Parse(line)
		if c == nil {
			return
		}
		sent := pair(c)
		if strings.ContainsAny(sent, ";\r\n\x00") {
			t.Fatalf("%q became %q", line, sent)
		}
		// What is sent is what was set: it parses to the same cookie, if it has a name.
		if c.Name == "" {
			return
		}
		if again := Parse(sent); again == nil || again.Name != c.Name || again.Value != c.Value || again.Quoted != c.Quoted {
			t.Fatalf("%q became %q, which is %+v", line, sent, again)
		}
	})
}
