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
func variantOf(f *facts, selectors []selector, key string) variant {
	v := variant{selectors: selectors, key: key, date: f.date.Unix()}
	if !f.isPartial {
		v.etag = f.tag
	}
	return v
}

// addVariant lists v in the index under primary, in place of an older one that
// the same requests select.
func (st *state) addVariant(ctx context.Context, primary string, v variant, f *facts, x *exchange) {
	defer st.indexes.lock(primary)()
	var gone string
	st.edit(ctx, primary, x, func(r *record) bool {
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
	}, f.usefulUntil(st.cfg))
	if gone != "" {
		st.delete(ctx, gone, x)
	}
}

// addUser notes that the response under primary is one of several for the same
// target, so that they are invalidated together. It reports whether it could.
func (st *state) addUser(ctx context.Context, target, primary string, m *Meta, x *exchange) bool {
	defer st.indexes.lock(target)()
	var gone string
	ok := st.edit(ctx, target, x, func(r *record) bool {
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
		st.remove(ctx, gone, x)
	}
	return ok
}

// maxSpare bounds how much longer an index is kept than what it lists.
const maxSpare = 30 * 24 * time.Hour

// edit changes the index under key, or makes one, and keeps it until then at
// least. change returns false if there is nothing to change. The lock of the index
// must be held. It reports whether the index is as it should be.
func (st *state) edit(ctx context.Context, key string, x *exchange, change func(*record) bool, until time.Time) bool {
	r := record{key: key, index: true}
	var kept time.Time
	e, f, err := st.read(ctx, key, x)
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
	if until = until.Add(min(max(0, until.Sub(x.now)), maxSpare)); until.Before(kept) {
		until = kept
	}
	if err := st.put(ctx, &r, urlOf(x.req), x.now, until, x); err != nil {
		x.tell("store", "writing an index failed", 0, err)
		return false
	}
	return true
}

// put stores a record that is no response, under its key.
func (st *state) put(ctx context.Context, r *record, url string, now, until time.Time, x *exchange) error {
	m := &Meta{
		ID: newID(), URL: url, Status: http.StatusOK, StatusText: "OK", Proto: "HTTP/1.1",
		RequestTime: now, ResponseTime: now, Expires: until,
	}
	m.Extra = r.append(make([]byte, 0, 256))
	m.facts.Store(prepare(st.cfg, m, *r))
	w, err := st.calls.create(ctx, r.key, 0, &x.budget)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	return w.Commit(ctx, m)
}

// remove deletes what is stored under key, with all variants.
func (st *state) remove(ctx context.Context, key string, x *exchange) {
	if e, f := st.get(ctx, key, x); e != nil {
		for i := range f.variants {
			st.delete(ctx, f.variants[i].key, x)
		}
		_ = e.Close()
	}
	st.delete(ctx, key, x)
}

// delete deletes what is stored under key. If the store does not, it is at least
// not used any more.
func (st *state) delete(ctx context.Context, key string, x *exchange) {
	if err := st.calls.delete(ctx, key, &x.budget); err != nil {
		st.undeleted.add(key, time.Now())
		x.tell("store", "removing failed", 0, err)
	}
}

// suspect marks what is stored under key, with all variants, to be validated
// before it is used again. What has no validator is left alone unless all are
// meant.
func (st *state) suspect(ctx context.Context, key string, all bool, x *exchange) {
	e, f, err := st.read(ctx, key, x)
	if err != nil {
		st.undeleted.add(key, time.Now()) // nobody knows what is there, and nobody uses it
	}
	if e == nil {
		return
	}
	defer func() { _ = e.Close() }()
	if f.index {
		for i := range f.variants {
			st.suspectOne(ctx, f.variants[i].key, all, x)
		}
		return
	}
	st.doubt(ctx, e, f, key, all, x)
}

func (st *state) suspectOne(ctx context.Context, key string, all bool, x *exchange) {
	if e, f := st.get(ctx, key, x); e != nil {
		if !f.index {
			st.doubt(ctx, e, f, key, all, x)
		}
		_ = e.Close()
	}
}

func (st *state) doubt(ctx context.Context, e *Entry, f *facts, key string, all bool, x *exchange) {
	if f.suspect || !all && !f.validators() {
		return
	}
	m := e.Meta.Clone()
	r := f.record
	r.suspect = true
	m.Extra = r.append(make([]byte, 0, 128))
	m.facts.Store(prepare(st.cfg, m, r))
	if st.rewrite(ctx, key, m, x) != nil {
		st.delete(ctx, key, x) // also what has taken its place meanwhile
	}
}
