package caching

import (
	"context"
	"strings"
)

// searchKeyOf is the key of what the request's query comes to under the
// No-Vary-Search in values, "" if that says nothing.
func (q *query) searchKeyOf(values []string) string {
	s, ok := parseNoVarySearch(values)
	if !ok || q.method == methodQuery {
		return ""
	}
	var room [256]byte
	target := appendTarget(room[:0], q.req, s.normalise(q.req.URL.RawQuery))
	return hashKey(keySearch, target, q.secretFor(q.user), q.user, strings.Join(values, ","))
}

// searchIndex is where the last No-Vary-Search of the request's path is kept.
func (q *query) searchIndex() string {
	var room [256]byte
	return hashKey(keySearch, appendTarget(room[:0], q.req, ""), q.secretFor(q.user), q.user)
}

// searchKey is the key that the last No-Vary-Search of the path leads to, "" if
// there was none.
func (q *query) searchKey() (key, value string) {
	e, f := q.get(q.req.Context(), q.searchIndex())
	if e == nil {
		return "", ""
	}
	_ = e.Close()
	if !f.index || f.search == "" {
		return "", ""
	}
	return q.searchKeyOf([]string{f.search}), f.search
}

// addSearch keeps the No-Vary-Search that m came with.
func (q *query) addSearch(ctx context.Context, m *Meta, value string) {
	key := q.searchIndex()
	defer q.cat.indexes.lock(key)()
	q.editIndex(ctx, key, m.Expires, func(r *record) bool {
		changed := r.search != value
		r.search = value
		return changed
	})
}
