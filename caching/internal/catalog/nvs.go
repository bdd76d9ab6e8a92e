package catalog

import (
	"context"
	"strings"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// URLs whose queries differ in nothing that a No-Vary-Search leaves significant share a
// response. Its key is made from what is left of the query and from the field itself. The
// field that the last response under a path had is kept in an index of the path.

// nvsKeyOf returns where a response with the lines of No-Vary-Search in values is stored. It
// is empty if they leave the whole query significant.
func (q *Query) nvsKeyOf(values []string) string {
	s, ok := policy.ParseNoVarySearch(values)
	if !ok || q.Method == MethodQuery {
		return ""
	}
	var room [256]byte
	target := AppendTarget(room[:0], q.Req, s.Normalise(q.Req.URL.RawQuery))
	return hashKey(keyNVS, target, q.userSecret(), q.user, strings.Join(values, ","))
}

// nvsIndex returns the key of the index of the request's path.
func (q *Query) nvsIndex() string {
	var room [256]byte
	return hashKey(keyNVS, AppendTarget(room[:0], q.Req, ""), q.userSecret(), q.user)
}

// FindNVSKey returns where a response with the last No-Vary-Search of the request's path would
// be stored. It is empty if there was none.
func (q *Query) FindNVSKey() string {
	e, f := q.Get(q.Req.Context(), q.nvsIndex())
	if e == nil {
		return ""
	}
	_ = e.Close()
	return q.nvsKeyOf([]string{f.NoVarySearch})
}

// addNVS notes the No-Vary-Search of a response, with the metadata m, in the index of the
// path.
func (q *Query) addNVS(ctx context.Context, m *store.Meta, noVarySearch string) {
	q.editIndex(ctx, q.nvsIndex(), m.Expires, func(r *Record) bool {
		changed := r.NoVarySearch != noVarySearch
		r.NoVarySearch = noVarySearch
		return changed
	})
}
