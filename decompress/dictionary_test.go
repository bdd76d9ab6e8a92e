package decompress

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/trace"
)

func mustParse(tb testing.TB, s string) *url.URL {
	tb.Helper()
	u, err := url.Parse(s)
	if err != nil {
		tb.Fatal(err)
	}
	return u
}

func TestParseUsage(t *testing.T) {
	const base = "https://example.com/app/v1/main.js?x=1"
	for _, tt := range []struct {
		field, url, why string
		match           bool
	}{
		{`match="/product/*"`, "https://example.com/product/1?q", "RFC 9842 §2.1.5.1", true},
		{`match="/product/*", match-dest=("document")`, "https://example.com/product/", "no destinations here: match-dest is ignored", true},
		{`match="/product/*"`, "https://example.com/products/1", "the slash is literal", false},
		{`match="/app/*/main.js"`, "https://example.com/app/v2/main.js", "RFC 9842 §2.1.5.2", true},
		{`match="/app/*/main.js"`, "https://example.com/app/v2/other.js", "another file", false},
		{`match="/app/*/main.js"`, "https://example.com/app/main.js", "both slashes are needed", false},
		{`match="/a*b*c"`, "https://example.com/axbxbxc", "an asterisk takes as much as it has to", true},
		{`match="/ab*ba"`, "https://example.com/aba", "the ends do not overlap", false},
		{`match="*.js"`, "https://example.com/app/v1/other.js", "relative to the directory of the dictionary", true},
		{`match="*.js"`, "https://example.com/app/v2/other.js", "and not of another", false},
		{`match="?v=*"`, "https://example.com/app/v1/main.js?v=3", "the search alone", true},
		{`match="?v=*"`, "https://example.com/app/v1/main.js?w=3", "another search", false},
		{`match="/x?v=1"`, "https://example.com/x?v=1", "path and search", true},
		{`match="/x?v=1"`, "https://example.com/x", "without the search", false},
		{`match="https://example.com:443/x/*"`, "https://example.com/x/y", "absolute, same origin", true},
		{`match="https://example.com"`, "https://example.com/any", "absolute, any path", true},
		{`match="https://other.example/*"`, "", "another origin", false},
		{`match="http://example.com/*"`, "", "another scheme", false},
		{`match="/a\\*b"`, "https://example.com/a*b", "an escaped asterisk", true},
		{`match="/ax*yy*zb"`, "https://example.com/ax-y-zb", "what is between has to be there", false},
		{`match="/x", id="tab	bed"`, "", "id is printable", false},
		{`match="/x", type=raw`, "https://example.com/x", "the one type", true},
		{`match="/x", type=other`, "", "§2.1.4: unknown type", false},
		{`match="/x", id="a\"b"`, "https://example.com/x", "id", true},
		{`match="/x", id="` + strings.Repeat("i", 1025) + `"`, "", "id too long", false},
		{`match="/x", id=token`, "", "id is a string", false},
		{`match=/x`, "", "match is a string", false},
		{`id="x"`, "", "match is required", false},
		{``, "", "nothing", false},
		{`match=""`, "", "empty", false},
		{`match="/([a-z]+)"`, "", "regular expressions are forbidden", false},
		{`match="/:name"`, "", "named groups are not understood", false},
		{`match="/{a}?"`, "", "groups are not understood", false},
		{`match="/*?"`, "", "modifiers are not understood", false},
		{`match="/` + strings.Repeat("a", 600) + `"`, "", "too long", false},
		{`match="/ä"`, "", "not ASCII", false},
	} {
		u, why := parseUsage([]string{tt.field}, mustParse(t, base))
		if tt.url == "" {
			if why == "" {
				t.Errorf("%s was accepted: %s", tt.field, tt.why)
			}
			continue
		}
		if why != "" {
			t.Errorf("%s: %s (%s)", tt.field, why, tt.why)
			continue
		}
		if got := u.pattern.matches(mustParse(t, tt.url)); got != tt.match {
			t.Errorf("%s matches %s: %v, want %v: %s", tt.field, tt.url, got, tt.match, tt.why)
		}
	}
}

// TestLiteralBase: what is special in patterns is nothing special in the path
// they are relative to.
func TestLiteralBase(t *testing.T) {
	u, why := parseUsage([]string{`match="*.js"`}, mustParse(t, "https://example.com/a*(b)/c:d/x"))
	if why != "" || !u.pattern.matches(mustParse(t, "https://example.com/a*(b)/c:d/y.js")) ||
		u.pattern.matches(mustParse(t, "https://example.com/aa(b)/c:d/y.js")) {
		t.Errorf("%+v, %s", u.pattern, why)
	}
	if p := (pattern{path: []string{"/"}, anySearch: true}); !p.matches(mustParse(t, "https://example.com")) {
		t.Error("an empty path is /")
	}
}

func TestSecure(t *testing.T) {
	for u, want := range map[string]bool{
		"https://example.com/": true, "http://example.com/": false, "http://localhost:80/": true, "http://a.localhost/": true,
		"http://127.0.0.1:1/": true, "http://[::1]/": true, "http://127.0.0.1.example.com/": false, "ftp://localhost/": false,
	} {
		if got := secure(mustParse(t, u)); got != want {
			t.Errorf("%s: %v, want %v", u, got, want)
		}
	}
	if secure(nil) {
		t.Error("nil is secure")
	}
}

// TestCandidate has what keeps a response from becoming a dictionary, as it is
// told.
func TestCandidate(t *testing.T) {
	const use = "Use-As-Dictionary: match=\"/*\"\n"
	const fresh = "Cache-Control: max-age=60\n"
	for _, tt := range []struct{ method, url, wire, want string }{
		{"GET", "https://example.com/", "200 OK\n" + use + fresh + "\nbody", "recorded"},
		{"", "https://example.com/", "200 OK\n" + use + fresh + "\nbody", "recorded"},
		{"POST", "https://example.com/", "200 OK\n" + use + fresh + "\nbody", "not a 200 to a GET"},
		{"GET", "https://example.com/", "206 Partial Content\n" + use + fresh + "\nbody", "not a 200 to a GET"},
		{"GET", "https://example.com/", "200 OK\n" + use + fresh + "Content-Encoding: exi\n\nbody", "not decoded"},
		{"GET", "http://example.com/", "200 OK\n" + use + fresh + "\nbody", "not a secure context"},
		{"GET", "https://example.com/", "200 OK\n" + use + fresh + "\n" + strings.Repeat("x", 101), "too large"},
		{"GET", "https://example.com/", "200 OK\n" + use + "\nbody", "not fresh"},
		{"GET", "https://example.com/", "200 OK\nUse-As-Dictionary: x\n" + fresh + "\nbody", "no match, or one that is too long"},
	} {
		var told string
		ctx := trace.WithHook(t.Context(), func(e trace.Event) {
			if strings.Contains(e.Action, "dictionary") {
				told = e.Reason
			}
		})
		req, _ := http.NewRequestWithContext(ctx, "GET", tt.url, nil)
		req.Method = tt.method
		resp, err := (&Transport{Dictionaries: &Dictionaries{MaxBytes: 200}}).Wrap(rttest.NewScript(t, rttest.Respond("HTTP/1.1 "+tt.wire))).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if told != tt.want {
			t.Errorf("%s %s %.40q: %q, want %q", tt.method, tt.url, tt.wire, told, tt.want)
		}
	}
}

func TestFreshFor(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		header http.Header
		want   time.Duration
		why    string
	}{
		{http.Header{"Cache-Control": {"max-age=60"}}, time.Minute, "explicit"},
		{http.Header{"Cache-Control": {"public", "max-age=60"}, "Age": {"20"}}, 40 * time.Second, "less its age"},
		{http.Header{"Cache-Control": {"max-age=60"}, "Age": {"80"}}, 0, "stale already"},
		{http.Header{"Cache-Control": {"max-age=60, no-store"}}, 0, "not to be stored"},
		{http.Header{"Cache-Control": {"max-age=60, no-cache"}}, 0, "never fresh"},
		{http.Header{"Cache-Control": {"max-age=60, max-age=61"}}, 0, "contradiction"},
		{http.Header{"Cache-Control": {"max-age=x"}}, 0, "broken"},
		{http.Header{"Expires": {"Thu, 01 Jan 2026 00:01:00 GMT"}}, time.Minute, "Expires"},
		{http.Header{"Expires": {"Thu, 01 Jan 2026 00:01:00 GMT"}, "Date": {"Thu, 01 Jan 2026 00:00:30 GMT"}}, 30 * time.Second, "from Date"},
		{http.Header{"Expires": {"0"}}, 0, "the past"},
		{http.Header{}, 0, "nothing said"},
	} {
		if got := freshFor(tt.header, now); got != tt.want {
			t.Errorf("%v: %v, want %v: %s", tt.header, got, tt.want, tt.why)
		}
	}
}

// dcz returns data compressed with a dictionary, as RFC 9842 §5 has it.
func dcz(tb testing.TB, dict, data []byte) []byte {
	tb.Helper()
	hash := sha256.Sum256(dict)
	var buf bytes.Buffer
	buf.WriteString("\x5e\x2a\x4d\x18\x20\x00\x00\x00")
	buf.Write(hash[:])
	w, err := zstd.NewWriter(&buf, zstd.WithEncoderDictRaw(0, dict), zstd.WithWindowSize(8<<20), zstd.WithEncoderConcurrency(1))
	if err != nil {
		tb.Fatal(err)
	}
	_, _ = w.Write(data)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return buf.Bytes()
}

// dictionaryServer answers /v1 with a dictionary and everything else in dcz if
// it may.
type dictionaryServer struct {
	t       testing.TB
	v1, v2  []byte
	control string
	seen    []http.Header
	wire    int
}

func (s *dictionaryServer) RoundTrip(req *http.Request) (*http.Response, error) {
	s.seen = append(s.seen, req.Header.Clone())
	h := http.Header{"Vary": {"accept-encoding, available-dictionary"}}
	hash := sha256.Sum256(s.v1)
	body := s.v2
	switch {
	case req.URL.Path == "/app/v1":
		h.Set("Use-As-Dictionary", `match="/app/*", id="one \"1\""`)
		h.Set("Cache-Control", s.control)
		h.Set("Content-Encoding", "gzip")
		body = encode(s.t, "gzip", s.v1)
	case req.Header.Get("Available-Dictionary") == ":"+base64.StdEncoding.EncodeToString(hash[:])+":" &&
		strings.HasSuffix(req.Header.Get("Accept-Encoding"), ", dcz"):
		h.Set("Content-Encoding", "dcz")
		body = dcz(s.t, s.v1, s.v2)
	}
	s.wire = len(body)
	return &http.Response{StatusCode: 200, Header: h, Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)), Request: req}, nil
}

func fetchURL(tb testing.TB, rt http.RoundTripper, url string, header ...string) ([]byte, error) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), "GET", url, nil)
	if err != nil {
		tb.Fatal(err)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	return io.ReadAll(resp.Body)
}

func TestDictionaries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v1 := noise(200_000)
		s := &dictionaryServer{t: t, v1: v1, v2: append(bytes.Clone(v1), "and a little more"...), control: "max-age=3600"}
		layer := &Transport{Dictionaries: &Dictionaries{}}
		rt := layer.Wrap(s)
		want := func(url string, body []byte, dictionary bool, header ...string) {
			t.Helper()
			got, err := fetchURL(t, rt, url, header...)
			if err != nil || !bytes.Equal(got, body) {
				t.Errorf("%s: %d bytes, %v", url, len(got), err)
			}
			h := s.seen[len(s.seen)-1]
			if has := h.Get("Available-Dictionary") != ""; has != dictionary || has != strings.Contains(h.Get("Accept-Encoding"), "dcz") {
				t.Errorf("%s: sent %v, want a dictionary: %v", url, h, dictionary)
			}
			if dictionary && h.Get("Dictionary-Id") != `"one \"1\""` {
				t.Errorf("%s: Dictionary-ID %q", url, h.Get("Dictionary-Id"))
			}
		}
		const host = "https://example.com"
		want(host+"/app/v2", s.v2, false)
		want(host+"/app/v1", v1, false)
		want(host+"/app/v2", s.v2, true)
		if s.wire > 10_000 {
			t.Errorf("%d bytes for a difference of 17", s.wire)
		}
		want(host+"/other", s.v2, false)
		want("https://other.example/app/v2", s.v2, false)
		want("http://example.com/app/v2", s.v2, false)
		want(host+"/app/v2", s.v2, false, "Authorization", "Bearer other")
		want(host+"/app/v2", s.v2, false, "Cookie", "a=b")
		want(host+"/app/v2", s.v2, false, "Accept-Encoding", "gzip")
		want(host+"/app/v2", s.v2, false, "Range", "bytes=0-")
		time.Sleep(time.Hour)
		want(host+"/app/v2", s.v2, false) // stale
		want(host+"/app/v1", v1, false)
		want(host+"/app/v2", s.v2, true)
		layer.Dictionaries.Clear()
		want(host+"/app/v2", s.v2, false)
		s.control = "no-store"
		want(host+"/app/v1", v1, false)
		want(host+"/app/v2", s.v2, false)
	})
}

// TestDictionaryMismatch: content for another dictionary is refused, and so is
// dcz that was not asked for.
func TestDictionaryMismatch(t *testing.T) {
	v1, v2 := noise(5000), noise(6000)
	for _, tt := range []struct {
		name string
		wire []byte
		want error
	}{
		{"another dictionary", dcz(t, v2, v1), ErrDictionary},
		{"no header", encode(t, "zstd", v2), zstd.ErrMagicMismatch},
		{"cut in the header", dcz(t, v1, v2)[:20], io.ErrUnexpectedEOF},
		{"cut in the content", dcz(t, v1, v2)[:400], io.ErrUnexpectedEOF},
		{"the right one", dcz(t, v1, v2), nil},
	} {
		layer := &Transport{Dictionaries: &Dictionaries{}}
		base := rttest.NewScript(t,
			rttest.Respond("HTTP/1.1 200 OK\nCache-Control: max-age=60\nUse-As-Dictionary: match=\"/*\"\n\n"+string(v1)),
			rttest.Respond("HTTP/1.1 200 OK\nContent-Encoding: dcz\n\n"+string(tt.wire)))
		if _, err := fetchURL(t, layer.Wrap(base), "https://example.com/a"); err != nil {
			t.Fatal(err)
		}
		got, err := fetchURL(t, layer.Wrap(base), "https://example.com/b")
		if !errors.Is(err, tt.want) || tt.want == nil && !bytes.Equal(got, v2) {
			t.Errorf("%s: %d bytes, %v, want %v", tt.name, len(got), err, tt.want)
		}
	}
	got, err := fetch(t, (&Transport{Dictionaries: &Dictionaries{}}).Wrap(serve(strings.NewReader("x"), "dcz")))
	if err != nil || string(got) != "x" {
		t.Errorf("dcz that was not asked for: %q, %v", got, err)
	}
}

func FuzzParsePattern(f *testing.F) {
	f.Add("/a/*", "/a/b")
	f.Add("https://example.com/*?x=*", "/?x=1")
	f.Add("?*", "")
	f.Add(`\`, "/")
	base := &url.URL{Scheme: "https", Host: "example.com", Path: "/x/y"}
	f.Fuzz(func(t *testing.T, match, target string) {
		if match == "" {
			return
		}
		p, ok := parsePattern(match, base)
		u, err := url.Parse(target)
		if !ok || err != nil {
			return
		}
		p.matches(u)
	})
}

// TestDictionaryRatio: that a new version differs little from a large dictionary
// does not make it a bomb; that it is much larger does.
func TestDictionaryRatio(t *testing.T) {
	v1 := noise(1 << 20)
	for _, tt := range []struct {
		v2   []byte
		want error
	}{
		{bytes.Repeat(v1, 3), nil},
		{append(bytes.Clone(v1), make([]byte, 24<<20)...), ErrRatio},
	} {
		s := &dictionaryServer{t: t, v1: v1, v2: tt.v2, control: "max-age=60"}
		rt := (&Transport{Dictionaries: &Dictionaries{}, RatioAfter: -1, MaxRatio: 20}).Wrap(s)
		if _, err := fetchURL(t, rt, "https://example.com/app/v1"); err != nil {
			t.Fatal(err)
		}
		if _, err := fetchURL(t, rt, "https://example.com/app/v2"); !errors.Is(err, tt.want) {
			t.Errorf("%d bytes from %d: %v, want %v", len(tt.v2), s.wire, err, tt.want)
		}
	}
}
