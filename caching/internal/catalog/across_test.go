package catalog

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// Orders of processes on one Store that TestGenerations does not have: with time, and with
// faults of one process only. What is found in the end is not older than an invalidation.
func TestAcross(t *testing.T) {
	const url = "http://example.com/"
	type process = *shelf
	invalidate := func(p process) { _ = p.ask(url).Invalidate(p.t.Context(), policy.Changed) }
	for _, row := range []struct {
		why  string
		do   func(a, b process)
		want string // is found by both
	}{
		{"the record of the invalidation outlives a response that is of use for a second", func(a, b process) {
			q := b.begin(url)
			invalidate(a)
			brief := a.begin(url)
			m, f := a.describe(brief, "brief", nil)
			m.Header = store.FieldsOf(fieldsOf([]string{"Cache-Control: max-age=1, must-revalidate"}))
			if err := a.write(brief, "brief", m, a.SetRecord(m, nil, f.Record, nil, false, nil)); err != nil {
				t.Error(err)
			}
			time.Sleep(time.Minute)
			_ = b.commit(q, "old")
		}, "brief"},
		{"the invalidation of another process is newer than a request, which wants another name", func(a, b process) {
			a.keep(a.ask(url), "older")
			a.fail("commit", "delete")
			invalidate(a)
			a.store.before = nil
			q := a.begin(url) // finds nothing that it may use
			invalidate(b)
			_ = a.commit(q, "old")
		}, ""},
		{"a store that is full deletes what it cannot replace, and another process sees that", func(a, b process) {
			a.keep(a.ask(url), "older")
			q := b.begin(url)
			a.fail("commit")
			invalidate(a)
			a.store.before = nil
			_ = b.commit(q, "old")
		}, ""},
		{"what was asked for more than an hour ago does not supersede what is newer", func(a, b process) {
			q := b.begin(url)
			invalidate(a)
			time.Sleep(2 * time.Hour)
			a.keep(a.ask(url), "new")
			_ = b.commit(q, "old")
		}, "new"},
	} {
		t.Run(row.why, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := newShelf(t, policy.Settings{})
				a.store.promises, a.store.expires = store.Promises{Swaps: true}, true
				a.Catalog = a.another()
				b := &shelf{Catalog: a.another(), t: t, store: a.store}
				row.do(a, b)
				a.expect(row.why, row.want, url)
				b.expect(row.why, row.want, url)
			})
		})
	}
}

// begin returns a query whose request is sent now.
func (s *shelf) begin(url string, lines ...string) *Query {
	s.t.Helper()
	q := s.ask(url, lines...)
	at := q.Lookup()
	at.Close()
	q.LookPath()
	return q
}
