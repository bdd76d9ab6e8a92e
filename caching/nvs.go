package caching

import (
	"context"
	"strings"
)

// URLs whose queries differ in nothing that a No-Vary-Search leaves significant share a
// response. Its key is made from what is left of the query and from the field itself. The
// field that the last response under a path had is kept in an index of the path.

// nvsKeyOf returns where a response with the lines of No-Vary-Search in values is stored. It
// is empty if they leave the whole query significant.
func (q *query) nvsKeyOf(values []string) string {
	s, ok := parseNoVarySearch(values)
	if !ok || q.method == methodQuery {
		return ""
	}
	var room [256]byte
	target := appendTarget(room[:0], q.req, s.normalise(q.req.URL.RawQuery))
	return hashKey(keyNVS, target, q.userSecret(), q.user, strings.Join(values, ","))
}

// nvsIndex returns the key of the index of the request's path.
func (q *query) nvsIndex() string {
	var room [256]byte
	return hashKey(keyNVS, appendTarget(room[:0], q.req, ""), q.userSecret(), q.user)
}

// findNVSKey returns the last No-Vary-Search of the request's path, and where a response
// with that would be stored. Both are empty if there was none.
func (q *query) findNVSKey() (key, noVarySearch string) {
	e, f := q.get(q.req.Context(), q.nvsIndex())
	if e == nil {
		return "", ""
	}
	_ = e.Close()
	if !f.index || f.noVarySearch == "" {
		return "", ""
	}
	return q.nvsKeyOf([]string{f.noVarySearch}), f.noVarySearch
}

// addNVS notes the No-Vary-Search of a response, with the metadata m, in the index of the
// path.
func (q *query) addNVS(ctx context.Context, m *Meta, noVarySearch string) {
	key := q.nvsIndex()
	defer q.cat.indexes.lock(key)()
	q.editIndex(ctx, key, m.Expires, func(r *record) bool {
		changed := r.noVarySearch != noVarySearch
		r.noVarySearch = noVarySearch
		return changed
	})
}
