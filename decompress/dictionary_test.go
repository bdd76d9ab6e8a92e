package decompress

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tripper-go/tripper/internal/rttest"
)

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
	resp, err := rt.RoundTrip(rttest.NewRequest(tb, "GET", url, nil, header...))
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

// as is a layer that adds the credentials of one user.
type as struct {
	http.RoundTripper
	user string
}

func (a as) Identity(*http.Request) string { return a.user }

// TestDictionaryUsers has two users, whose credentials a layer below adds, share
// a Transport: what one of them has got is not told with the other's requests.
func TestDictionaryUsers(t *testing.T) {
	v1 := noise(5000)
	s := &dictionaryServer{t: t, v1: v1, v2: append(bytes.Clone(v1), 'x'), control: "max-age=3600"}
	layer := &Transport{Dictionaries: &Dictionaries{}}
	for _, step := range []struct {
		user, path string
		told       bool
	}{
		{"alice", "/app/v1", false}, {"bob", "/app/v2", false}, {"", "/app/v2", false}, {"alice", "/app/v2", true},
	} {
		if _, err := fetchURL(t, layer.Wrap(as{s, step.user}), "https://example.com"+step.path); err != nil {
			t.Fatal(err)
		}
		if told := s.seen[len(s.seen)-1].Get("Available-Dictionary") != ""; told != step.told {
			t.Errorf("%s as %q: dictionary told %v, want %v", step.path, step.user, told, step.told)
		}
	}
}
