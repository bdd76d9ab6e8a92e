package catalog

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// An index is an entry that is no response. It lists where the variants of a URL are, or
// the keys that a target has responses under: of users, and for contents of a QUERY.

// maxVariants bounds the variants of one URL. When there are more, the one that was stored
// first is deleted.
const maxVariants = 64

// maxUsers bounds the users with responses of their own for one target, likewise.
const maxUsers = 256

// maxSpare bounds how much longer an index is kept than what it lists.
const maxSpare = 30 * 24 * time.Hour

// AddVariant lists the response with the memo f in the index under primary. It takes the
// place of one that the same requests select.
func (q *Query) AddVariant(ctx context.Context, primary string, selectors []policy.Selector, f *Memo) {
	v := policy.Variant{Selectors: selectors, Key: f.Key, Date: f.Date.Unix()}
	if !f.IsPartial {
		v.Etag = f.Tag
	}
	var gone string
	q.editIndex(ctx, primary, f.UsefulUntil(), func(r *Record) bool {
		r.variants = slices.DeleteFunc(slices.Clone(r.variants), func(o policy.Variant) bool { return slices.Equal(o.Selectors, v.Selectors) })
		if len(r.variants) >= maxVariants {
			gone = r.variants[0].Key
			r.variants = r.variants[1:]
		}
		r.variants = append(r.variants, v)
		if slices.ContainsFunc(r.variants, func(o policy.Variant) bool { return o.Key == gone }) {
			gone = ""
		}
		return true
	})
	if gone != "" {
		q.Delete(ctx, gone)
	}
}

// dropVariant takes the response under key, which had the memo f, off the index under
// primary.
func (q *Query) dropVariant(ctx context.Context, primary, key string, f *Memo) {
	q.editIndex(ctx, primary, f.UsefulUntil(), func(r *Record) bool {
		before := len(r.variants)
		r.variants = slices.DeleteFunc(slices.Clone(r.variants), func(o policy.Variant) bool { return o.Key == key })
		return len(r.variants) != before
	})
}

// addUser lists the response with the metadata m, which is found by way of primary, for the
// target of q, so that an invalidation finds it. It reports whether it is listed.
func (q *Query) addUser(ctx context.Context, primary string, m *store.Meta) bool {
	var gone string
	ok := q.editIndex(ctx, q.Target(), m.Expires, func(r *Record) bool {
		if slices.Contains(r.keys, primary) {
			return false
		}
		r.keys = slices.Clone(r.keys)
		if len(r.keys) >= maxUsers {
			gone = r.keys[0]
			r.keys = r.keys[1:]
		}
		r.keys = append(r.keys, primary)
		return true
	})
	if gone != "" {
		q.deleteWithVariants(ctx, gone)
	}
	return ok
}

// editIndex changes the index under key, or makes one, and keeps it at least until a time. change
// reports whether it has changed anything, and editIndex whether the Store has the index like that.
func (q *Query) editIndex(ctx context.Context, key string, until time.Time, change func(*Record) bool) bool {
	defer q.Cat.indexes.lock(key)()
	r := Record{Key: key, Index: true}
	var kept time.Time
	e, f, err := q.read(ctx, key)
	if err != nil {
		return false // what it lists must not be lost
	}
	if e != nil && f.Index {
		r, kept = f.Record, e.Meta.Expires
	}
	_ = e.Close()
	if !change(&r) && !kept.Before(until) {
		return true
	}
	// It is kept for twice as long, so that not every validation writes it.
	if until = until.Add(min(max(0, until.Sub(q.Now)), maxSpare)); until.Before(kept) {
		until = kept
	}
	if err := q.putIndex(ctx, &r, URLOf(q.Req), q.Now, until); err != nil {
		q.Tell("store", policy.ReasonIndexNotWritten, 0, err)
		return false
	}
	return true
}

// putIndex stores an index under its key.
func (q *Query) putIndex(ctx context.Context, r *Record, url string, now, until time.Time) error {
	m := &store.Meta{
		ID: storekit.NewID(), URL: url, Status: http.StatusOK, StatusText: "OK", Proto: "HTTP/1.1",
		RequestTime: now, ResponseTime: now, Expires: until,
	}
	q.Cat.SetRecord(m, *r, nil, false, nil)
	w, err := q.Cat.Calls.Create(ctx, r.Key, 0, &q.Budget)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	return w.Commit(ctx, m)
}
