package decompress

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestDictionaryBounds(t *testing.T) {
	s := &Dictionaries{MaxBytes: 10_000}
	layer := &Transport{Dictionaries: s}
	put := func(path string, size int, read bool) {
		base := rttest.NewScript(t, rttest.Respond(fmt.Sprintf(
			"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\nCache-Control: max-age=60\nUse-As-Dictionary: match=\"%s/*\"\n\n%s", path, noise(size))))
		req, _ := http.NewRequestWithContext(t.Context(), "GET", "https://example.com"+path, nil)
		resp, err := layer.Wrap(base).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if read {
			_, _ = io.Copy(io.Discard, resp.Body)
		} else {
			_, _ = resp.Body.Read(make([]byte, 10))
		}
		_ = resp.Body.Close()
	}
	has := func(path string) bool {
		return s.find(&http.Request{URL: mustParse(t, "https://example.com"+path+"/x")}, "", time.Now()) != nil
	}
	put("/big", 5001, true)
	put("/partly", 4000, false)
	if has("/big") || has("/partly") || s.bytes != 0 {
		t.Errorf("kept what is too big or was not read to its end: %d bytes", s.bytes)
	}
	put("/a", 4000, true)
	put("/b", 4000, true)
	if !has("/b") || !has("/a") { // a is the one used last now
		t.Error("two dictionaries that fit are not kept")
	}
	put("/c", 4000, true)
	if has("/b") || !has("/a") || !has("/c") || s.bytes != 8000 {
		t.Errorf("the one used longest ago did not make room: %d bytes", s.bytes)
	}
	put("/a", 3000, true)
	if s.bytes != 7000 {
		t.Errorf("a newer one does not replace the older: %d bytes", s.bytes)
	}
	for i := range 200 {
		put(fmt.Sprintf("/n%d", i), 1, true)
	}
	if len(s.all) != maxDictionaries {
		t.Errorf("%d dictionaries, want %d", len(s.all), maxDictionaries)
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
