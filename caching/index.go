package caching

import (
	"context"
	"net/http"
	"slices"
	"time"
)

// maxVariants bounds the variants of one URL. The one that was stored first
// goes when there are more.
const maxVariants = 64

// maxUsers bounds the users with answers of their own for one URL.
const maxUsers = 256

// variantOf describes a stored response for the index of its URL.
func variantOf(f *memo, selectors []selector, key string) variant {
	v := variant{selectors: selectors, key: key, date: f.date.Unix()}
	if !f.isPartial {
		v.etag = f.tag
	}
	return v
}

// addVariant lists v in the index under primary, in place of an older one that
// the same requests select.
func (q *query) addVariant(ctx context.Context, primary string, v variant, f *memo) {
	defer q.cat.indexes.lock(primary)()
	var gone string
	q.edit(ctx, primary, func(r *record) bool {
		r.variants = slices.DeleteFunc(slices.Clone(r.variants), func(o variant) bool { return slices.Equal(o.selectors, v.selectors) })
		if len(r.variants) >= maxVariants {
			gone = r.variants[0].key
			r.variants = r.variants[1:]
		}
		r.variants = append(r.variants, v)
		if slices.ContainsFunc(r.variants, func(o variant) bool { return o.key == gone }) {
			gone = ""
		}
		return true
	}, f.usefulUntil())
	if gone != "" {
		q.delete(ctx, gone)
	}
}

// addUser notes that the response under primary is one of several for the same
// target, so that they are invalidated together. It reports whether it could.
func (q *query) addUser(ctx context.Context, target, primary string, m *Meta) bool {
	defer q.cat.indexes.lock(target)()
	var gone string
	ok := q.edit(ctx, target, func(r *record) bool {
		if slices.Contains(r.others, primary) {
			return false
		}
		r.others = slices.Clone(r.others)
		if len(r.others) >= maxUsers {
			gone = r.others[0]
			r.others = r.others[1:]
		}
		r.others = append(r.others, primary)
		return true
	}, m.Expires)
	if gone != "" {
		q.remove(ctx, gone)
	}
	return ok
}

// maxSpare bounds how much longer an index is kept than what it lists.
const maxSpare = 30 * 24 * time.Hour

// edit changes the index under key, or makes one, and keeps it until then at
// least. change returns false if there is nothing to change. The lock of the index
// must be held. It reports whether the index is as it should be.
func (q *query) edit(ctx context.Context, key string, change func(*record) bool, until time.Time) bool {
	r := record{key: key, index: true}
	var kept time.Time
	e, f, err := q.read(ctx, key)
	if err != nil {
		return false // what is in it must not be lost
	}
	if e != nil && f.index {
		r, kept = f.record, e.Meta.Expires
	}
	_ = e.Close()
	if !change(&r) && !kept.Before(until) {
		return true
	}
	// As long again, so that it is not written at every validation.
	if until = until.Add(min(max(0, until.Sub(q.now)), maxSpare)); until.Before(kept) {
		until = kept
	}
	if err := q.put(ctx, &r, urlOf(q.req), q.now, until); err != nil {
		q.tell("store", "writing an index failed", 0, err)
		return false
	}
	return true
}

// put stores a record that is no response, under its key.
func (q *query) put(ctx context.Context, r *record, url string, now, until time.Time) error {
	m := &Meta{
		ID: newID(), URL: url, Status: http.StatusOK, StatusText: "OK", Proto: "HTTP/1.1",
		RequestTime: now, ResponseTime: now, Expires: until,
	}
	m.Extra = r.append(make([]byte, 0, 256))
	m.SetMemo(&prepare(q.cat.cfg, m, *r).box)
	w, err := q.cat.calls.create(ctx, r.key, 0, &q.budget)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	return w.Commit(ctx, m)
}

// remove deletes what is stored under key, with all variants.
func (q *query) remove(ctx context.Context, key string) {
	if e, f := q.get(ctx, key); e != nil {
		for i := range f.variants {
			q.delete(ctx, f.variants[i].key)
		}
		_ = e.Close()
	}
	q.delete(ctx, key)
}

// delete deletes what is stored under key. If the store does not, it is at least
// not used any more.
func (q *query) delete(ctx context.Context, key string) {
	if err := q.cat.calls.delete(ctx, key, &q.budget); err != nil {
		q.cat.unwritten.add(key, time.Now())
		q.tell("store", "removing failed", 0, err)
	}
}

// suspect marks what is stored under key, with all variants, to be validated
// before it is used again. What has no validator is left alone unless all are
// meant.
func (q *query) suspect(ctx context.Context, key string, all bool) {
	e, f, err := q.read(ctx, key)
	if err != nil {
		q.cat.unwritten.add(key, time.Now()) // nobody knows what is there, and nobody uses it
	}
	if e == nil {
		return
	}
	defer func() { _ = e.Close() }()
	if f.index {
		for i := range f.variants {
			q.suspectOne(ctx, f.variants[i].key, all)
		}
		return
	}
	q.doubt(ctx, e, f, key, all)
}

func (q *query) suspectOne(ctx context.Context, key string, all bool) {
	if e, f := q.get(ctx, key); e != nil {
		if !f.index {
			q.doubt(ctx, e, f, key, all)
		}
		_ = e.Close()
	}
}

func (q *query) doubt(ctx context.Context, e *Entry, f *memo, key string, all bool) {
	if f.suspect || !all && !f.validators() {
		return
	}
	m := e.Meta.Clone()
	r := f.record
	r.suspect = true
	m.Extra = r.append(make([]byte, 0, 128))
	m.SetMemo(&prepare(q.cat.cfg, m, r).box)
	if q.rewrite(ctx, key, m) != nil {
		q.delete(ctx, key) // also what has taken its place meanwhile
	}
}

// invalidate draws the consequence for all that is stored for the target of q: for its
// user, for everybody, and for the other users.
func (q *query) invalidate(ctx context.Context, c consequence) {
	target := q.target()
	q.cat.epochs.invalidate(target)
	keys := []string{q.key}
	everybody := *q
	if everybody.user = ""; q.user != "" {
		keys = append(keys, everybody.keyOf())
	}
	if q.cat.noVarySearch {
		for _, p := range []*query{q, &everybody} {
			if key, _ := p.searchKey(); key != "" {
				keys = append(keys, key)
				q.cat.epochs.invalidate(key)
			}
		}
	}
	switch e, f, err := q.read(ctx, target); {
	case err != nil:
		q.cat.unwritten.add(target, time.Now())
	case e != nil:
		keys = append(keys, f.others...)
		_ = e.Close()
	}
	action := "suspect"
	if c == invalid {
		action = "invalidate"
	}
	for _, key := range keys {
		if c == invalid {
			q.remove(ctx, key)
		} else {
			q.suspect(ctx, key, c != doubtful)
		}
	}
	q.tell(action, c.reason(), 0, nil)
}
