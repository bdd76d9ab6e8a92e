package caching

import (
	"context"
	"errors"
	"io"
	"slices"
)

// reselect gives a record the selectors of a response whose Vary, in an answer that
// confirms it, is another than before: the fields of the answer replace those that
// are stored (RFC 9111 §3.2), and what it was confirmed for is this request.
func (x *exchange) reselect(r *record, names []string) {
	r.key, r.selectors = x.found.primary, nil
	if len(names) > 0 {
		r.selectors = selectorsOf(names, x.req.Header, x.hide)
		r.key = variantKey(x.found.primary, r.selectors)
	}
}

// replace stores the metadata m of the entry e, which is under key, and moves the
// entry if m belongs under another. It reports whether the entry is kept.
func (x *exchange) replace(ctx context.Context, e *Entry, m *Meta, f *facts, key string) bool {
	if f.key == key {
		err := x.st.rewrite(ctx, key, m, x)
		if err != nil && !errors.Is(err, ErrConflict) { // one that has been replaced is another's
			x.st.delete(ctx, key, x)
		}
		return err == nil
	}
	landing := x.st.landings.add(f.key, x.found.primary, x)
	defer x.st.landings.remove(f.key, landing)
	if err := x.st.copyEntry(ctx, e, m, f.key, x); err != nil {
		x.tell("store", "copying failed", m.Status, err)
		x.st.delete(ctx, key, x)
		return false
	}
	if len(f.selectors) == 0 {
		// It stands in the place of the index.
		for i := range x.found.variants {
			x.st.delete(ctx, x.found.variants[i].key, x)
		}
		return true
	}
	x.st.moveVariant(ctx, x.found.primary, variantOf(f, f.selectors, f.key), key, f, x)
	if key != x.found.primary {
		x.st.delete(ctx, key, x)
	}
	return true
}

// copyEntry stores the body of e under another key, with the metadata m.
func (st *state) copyEntry(ctx context.Context, e *Entry, m *Meta, key string, x *exchange) error {
	w, err := st.calls.create(ctx, key, e.Size, &x.budget)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	if e.Size > 0 {
		if _, err := io.Copy(w, io.NewSectionReader(entryReader(e), 0, e.Size)); err != nil {
			return err
		}
	}
	return w.Commit(ctx, m)
}

// moveVariant lists v in the index under primary in place of what was under old.
func (st *state) moveVariant(ctx context.Context, primary string, v variant, old string, f *facts, x *exchange) {
	if len(x.found.variants) > 0 {
		st.dropVariant(ctx, primary, old, f, x)
	}
	st.addVariant(ctx, primary, v, f, x)
}

func (st *state) dropVariant(ctx context.Context, primary, key string, f *facts, x *exchange) {
	defer st.indexes.lock(primary)()
	st.edit(ctx, primary, x, func(r *record) bool {
		before := len(r.variants)
		r.variants = slices.DeleteFunc(slices.Clone(r.variants), func(o variant) bool { return o.key == key })
		return len(r.variants) != before
	}, f.usefulUntil(st.cfg))
}

// rewrite replaces the metadata of what is stored under key. After an error the entry
// would go on saying what it said, and has to be deleted.
func (st *state) rewrite(ctx context.Context, key string, m *Meta, x *exchange) error {
	err := st.calls.update(ctx, key, m, &x.budget)
	if err != nil {
		x.tell("store", "updating failed", m.Status, err)
	}
	return err
}
