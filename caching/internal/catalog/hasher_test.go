package catalog

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/internal/rttest"
)

// The hashes are those of HMAC-SHA-256, also those that are made at the same time and after
// others.
func TestHasher(t *testing.T) {
	t.Parallel()
	h := &hasher{secret: []byte("secret")}
	want := func(text string) string {
		m := hmac.New(sha256.New, h.secret)
		m.Write([]byte(text))
		return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for n := range 200 {
				text := strings.Repeat("a", (i+1)*n)
				if got := h.text(text); got != want(text) {
					t.Errorf("hash of %d bytes: %s, want %s", len(text), got, want(text))
				}
				got := h.hashParts('g', []byte("target"), []string{text})
				if want := want(string(appendParts(nil, 'g', []byte("target"), []string{text}))); got != want {
					t.Errorf("hash of a part of %d bytes: %s, want %s", len(text), got, want)
				}
			}
		})
	}
	wg.Wait()
}

// What goes into a hash is not kept, since it may have credentials in it.
func TestHasherKeepsNothing(t *testing.T) {
	t.Parallel()
	for _, n := range []int{10, 10 * maxMacInput} {
		h := &hasher{secret: []byte("secret")}
		m := h.get()
		h.macs.New = func() any { return m } // the pool may drop what it is given
		_ = h.put(m)
		for range 3 {
			_ = h.hashParts('g', nil, []string{strings.Repeat("a", n)})
		}
		if kept := m.in[:cap(m.in)]; strings.Contains(string(kept), "aaa") || len(kept) > maxMacInput {
			t.Errorf("of %d bytes %d are kept: %q", n, len(kept), kept)
		}
	}
}

// A Catalog has one hasher, and makes others only for other secrets.
func TestHasherFor(t *testing.T) {
	t.Parallel()
	var c Catalog
	one := c.hasherFor([]byte("one"))
	if c.hasherFor([]byte("one")) != one {
		t.Error("another hasher for the same secret")
	}
	if two := c.hasherFor([]byte("two")); two.text("a") == one.text("a") || two.text("a") != (&hasher{secret: []byte("two")}).text("a") {
		t.Error("the hasher has not the secret that was asked for")
	}
}

// The key of a user costs the text of the key at most, and nothing if it is remembered.
func TestUserKeyAllocs(t *testing.T) {
	c := New(&Shared{}, policy.Settings{}.Complete(), false, guard.NewBackend(&mapStore{}), guard.Options{Wait: -1, Back: func() {}})
	req := httptest.NewRequest(http.MethodGet, "http://example.com/a?b=c", nil)
	q := c.Query(req)
	for _, row := range []struct {
		why  string
		work func()
		want float64
	}{
		{"remembered", func() { q.SetUser(c.UserOf("principal"), false) }, 0},
		{"made", func() { _, _ = q.getKey("principal") }, 1},
	} {
		if rttest.Race && row.want > 0 {
			continue // a sync.Pool forgets
		}
		row.work()
		if n := testing.AllocsPerRun(100, row.work); n != row.want {
			t.Errorf("%s: %v allocations, want %v", row.why, n, row.want)
		}
	}
}
