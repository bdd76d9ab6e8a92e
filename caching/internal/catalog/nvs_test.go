package catalog

import (
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/caching/internal/policy"
)

// URLs whose queries differ in what No-Vary-Search calls insignificant share a response.
func TestNoVarySearchKeys(t *testing.T) {
	const field = `No-Vary-Search: params=("utm")`
	for _, row := range []struct {
		why, url, want string
		lines          []string
		then           func(s *shelf)
	}{
		{"another value of what does not matter", "http://example.com/?a=1&utm=2", "body", nil, nil},
		{"without it", "http://example.com/?a=1", "body", nil, nil},
		{"what matters", "http://example.com/?a=2&utm=1", "", nil, nil},
		{"another path", "http://example.com/b?a=1&utm=1", "", nil, nil},
		{"another user", "http://example.com/?a=1&utm=1", "", []string{"Authorization: alice"}, nil},
		{"the path has another field since", "http://example.com/?a=1&utm=2", "", nil, func(s *shelf) {
			s.keep(s.ask("http://example.com/?z"), "other", `No-Vary-Search: params=("z")`)
		}},
		{"the record of the path is lost", "http://example.com/?a=1&utm=2", "", nil, func(s *shelf) {
			delete(s.store.m, s.ask("http://example.com/").pathKey())
		}},
		{"it is lost, and made again by another response", "http://example.com/?a=1&utm=2", "", nil, func(s *shelf) {
			delete(s.store.m, s.ask("http://example.com/").pathKey())
			s.keep(s.ask("http://example.com/?a=5"), "other", field)
		}},
		{"it is another, and then what it was", "http://example.com/?a=1&utm=2", "", nil, func(s *shelf) {
			s.keep(s.ask("http://example.com/?z"), "other", `No-Vary-Search: params=("z")`)
			s.keep(s.ask("http://example.com/?a=5"), "other", field)
		}},
		{"RFC 9111 §4.4, by another of the URLs", "http://example.com/?a=1&utm=2", "", nil, func(s *shelf) {
			_ = s.ask("http://example.com/?a=1&utm=3").Invalidate(s.t.Context(), policy.Changed)
		}},
		{"the URL itself has a response without the field", "http://example.com/?a=1&utm=1", "own", nil, func(s *shelf) {
			s.keep(s.ask("http://example.com/?a=1&utm=1"), "own")
		}},
		{"a response with the field takes the place of one without", "http://example.com/?a=1&utm=1", "new", nil, func(s *shelf) {
			s.keep(s.ask("http://example.com/?a=1&utm=1"), "own")
			s.keep(s.ask("http://example.com/?a=1&utm=1"), "new", field)
		}},
		{"a field that leaves everything significant is none", "http://example.com/c?utm=2", "", nil, func(s *shelf) {
			s.keep(s.ask("http://example.com/c?utm=1"), "other", "No-Vary-Search: params=()")
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			s := newShelf(t, policy.Settings{})
			s.keep(s.ask("http://example.com/?a=1&utm=1"), "body", field)
			if row.then != nil {
				row.then(s)
			}
			s.expect(row.why, row.want, row.url, row.lines...)
			s.noVarySearch = false
			if row.url != "http://example.com/?a=1&utm=1" {
				s.expect("it is not obeyed", "", row.url, row.lines...)
			}
		})
	}
}
