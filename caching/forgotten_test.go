package caching

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/memorystore"
	"github.com/tripper-go/tripper/caching/store"
)

// versions answers with a version, which a write raises, and with the fields in lines. answer is
// called for writes.
func versions(answer func(*http.Request) (*http.Response, error), lines ...string) originFunc {
	version := 1
	return func(req *http.Request) (*http.Response, error) {
		if req.Method == http.MethodPut {
			version++
			return answer(req)
		}
		return text(req, 200, fmt.Sprint(version), append(lines, "Cache-Control: private, max-age=3600", fmt.Sprintf("ETag: \"%d\"", version))...), nil
	}
}

// forget deletes the records of targets that have no response in them.
func forget(t *testing.T, m *memorystore.Store) {
	t.Helper()
	n := 0
	for e := range m.List(t.Context()) {
		if e.Meta.Header.Len() == 0 {
			n++
			_ = m.Delete(t.Context(), e.Key)
		}
	}
	if n == 0 {
		t.Fatal("there was no record")
	}
}

// What was written to is not served, to any user or URL, though the Store has forgotten or not
// taken what it takes to know.
func TestForgotten(t *testing.T) {
	t.Parallel()
	done := func(req *http.Request) (*http.Response, error) { return text(req, 204, ""), nil }
	unanswered := func(*http.Request) (*http.Response, error) { return nil, errors.New("connection reset") }
	for _, row := range []struct {
		why      string
		answer   func(*http.Request) (*http.Response, error)
		response []string
		before   []string // URL and fields of the request
		forgets  bool
		meddle   []string // what is asked for by others after the write
		readOnly bool
	}{
		{"a user, whose record is evicted and made again by another", done, nil, []string{"/me", "Authorization: alice"}, true, []string{"/me", "Authorization: bob"}, false},
		{"a variant", done, []string{"Vary: Accept"}, []string{"/", "Accept: a"}, true, []string{"/", "Accept: b"}, false},
		{"the record of a path with No-Vary-Search", done, []string{`No-Vary-Search: params=("utm")`}, []string{"/a?x=1&utm=1"}, true, []string{"/a?y=3"}, false},
		{"a write of unknown outcome that cannot be noted", unanswered, nil, []string{"/"}, false, nil, true},
		{"nor for a user", unanswered, nil, []string{"/", "Authorization: alice"}, false, nil, true},
	} {
		m := memorystore.New(1 << 20)
		c := &Transport{Store: m, ObeyNoVarySearch: true, Base: versions(row.answer, row.response...)}
		if row.readOnly {
			c.Store = noUpdates{m}
		}
		url := "http://example.com" + row.before[0]
		get(t, c, t.Context(), url, row.before[1:]...)
		if row.forgets {
			forget(t, m)
		}
		_, _, _ = try(c, t.Context(), "PUT", url)
		if row.meddle != nil {
			get(t, c, t.Context(), "http://example.com"+row.meddle[0], row.meddle[1:]...)
		}
		if _, body := get(t, c, t.Context(), url, row.before[1:]...); body != "2" {
			t.Errorf("version %s after a write: %s", body, row.why)
		}
	}
}

type noUpdates struct{ store.Store }

func (noUpdates) Update(context.Context, string, *store.Meta) error { return errors.New("read only") }

// counted counts the calls of a Store, with its promises.
type counted struct {
	store.Store
	calls atomic.Int32
}

func (s *counted) Promises() (store.Store, store.Promises) {
	_, p := s.Store.(store.Promiser).Promises()
	return s, p
}

func (s *counted) Get(ctx context.Context, key string) (*store.Entry, error) {
	s.calls.Add(1)
	return s.Store.Get(ctx, key)
}

func (s *counted) Create(ctx context.Context, key string, size int64) (store.Writer, error) {
	s.calls.Add(1)
	return s.Store.Create(ctx, key, size)
}

func (s *counted) Update(ctx context.Context, key string, m *store.Meta) error {
	s.calls.Add(1)
	return s.Store.Update(ctx, key, m)
}

func (s *counted) Delete(ctx context.Context, key string) error {
	s.calls.Add(1)
	return s.Store.Delete(ctx, key)
}

// What each way costs in calls of the Store, beside as many other users of the URL as there are.
func TestStoreCalls(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func() store.Store{
		"memory": func() store.Store { return memorystore.New(64 << 20) },
		"directory": func() store.Store {
			d, err := dirstore.Open(t.TempDir(), nil)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = d.Close() })
			return d
		},
	} {
		for _, users := range []int{1, 200} {
			s := &counted{Store: open()}
			c := &Transport{Store: s, Base: originFunc(func(req *http.Request) (*http.Response, error) {
				if req.Header.Get("If-None-Match") != "" {
					return text(req, 304, ""), nil
				}
				return text(req, 200, "body", "Cache-Control: max-age=3600", `ETag: "a"`, "Vary: "+req.Header.Get("X-Vary")), nil
			})}
			ask := func(path string, lines ...string) func() {
				return func() { get(t, c, t.Context(), "http://example.com"+path, lines...) }
			}
			for i := range users {
				ask("/me", fmt.Sprint("Authorization: ", i))()
			}
			var got []string
			for _, step := range []struct {
				what string
				do   func()
			}{
				{"plain miss", ask("/")},
				{"hit", ask("/")},
				{"304", ask("/", "Cache-Control: no-cache")},
				{"one more user", ask("/me", "Authorization: another")},
				{"hit", ask("/me", "Authorization: another")},
				{"304", ask("/me", "Authorization: another", "Cache-Control: no-cache")},
				{"variant", ask("/v", "X-Vary: Accept", "Accept: a")},
				{"another", ask("/v", "X-Vary: Accept", "Accept: b")},
				{"hit", ask("/v", "X-Vary: Accept", "Accept: a")},
				{"purge", func() {
					if err := c.Purge(t.Context(), "http://example.com/me"); err != nil {
						t.Error(err)
					}
				}},
			} {
				s.calls.Store(0)
				step.do()
				got = append(got, fmt.Sprintf("%s %d", step.what, s.calls.Load()))
			}
			const want = "plain miss 2, hit 1, 304 2, one more user 3, hit 2, 304 3, variant 3, another 4, hit 2, purge 1"
			if got := strings.Join(got, ", "); got != want {
				t.Errorf("%s, %d users\n got %s\nwant %s", name, users, got, want)
			}
		}
	}
}
