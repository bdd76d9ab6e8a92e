package caching

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
)

// reselect gives a record the selectors of a response whose Vary, in an answer that
// confirms it, is another than before: the fields of the answer replace those that
// are stored (RFC 9111 §3.2), and what it was confirmed for is this request.
func (q *query) reselect(r *record, primary string, names []string) {
	r.key, r.selectors = primary, nil
	if len(names) > 0 {
		r.selectors = selectorsOf(names, q.req.Header, q.hide)
		r.key = variantKey(primary, r.selectors)
	}
}

// replace stores the metadata m of the entry e, which was found at and is under key, and
// moves the entry if m belongs under another. It reports whether the entry is kept.
func (q *query) replace(ctx context.Context, at *found, e *Entry, m *Meta, f *memo, key string) bool {
	if f.key == key {
		err := q.rewrite(ctx, key, m)
		if err != nil && !errors.Is(err, ErrConflict) { // one that has been replaced is another's
			q.delete(ctx, key)
		}
		return err == nil
	}
	defer q.beginCommit(f.key, at.primary).end()
	if err := q.copyEntry(ctx, e, m, f.key); err != nil {
		q.tell("store", "copying failed", m.Status, err)
		q.delete(ctx, key)
		return false
	}
	if len(f.selectors) == 0 {
		// It stands in the place of the index.
		for i := range at.variants {
			q.delete(ctx, at.variants[i].key)
		}
		return true
	}
	if len(at.variants) > 0 {
		q.dropVariant(ctx, at.primary, key, f)
	}
	q.addVariant(ctx, at.primary, variantOf(f, f.selectors, f.key), f)
	if key != at.primary {
		q.delete(ctx, key)
	}
	return true
}

// copyEntry stores the body of e under another key, with the metadata m.
func (q *query) copyEntry(ctx context.Context, e *Entry, m *Meta, key string) error {
	w, err := q.cat.calls.create(ctx, key, e.Size, &q.budget)
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

// dropVariant takes what is stored under key off the index under primary.
func (q *query) dropVariant(ctx context.Context, primary, key string, f *memo) {
	defer q.cat.indexes.lock(primary)()
	q.edit(ctx, primary, func(r *record) bool {
		before := len(r.variants)
		r.variants = slices.DeleteFunc(slices.Clone(r.variants), func(o variant) bool { return o.key == key })
		return len(r.variants) != before
	}, f.usefulUntil())
}

// rewrite replaces the metadata of what is stored under key. After an error the entry
// would go on saying what it said, and has to be deleted.
func (q *query) rewrite(ctx context.Context, key string, m *Meta) error {
	err := q.cat.calls.update(ctx, key, m, &q.budget)
	if err != nil {
		q.tell("store", "updating failed", m.Status, err)
	}
	return err
}

// entryReader reads the body of e from wherever it is.
func entryReader(e *Entry) io.ReaderAt {
	if e.Body != nil {
		return e.Body
	}
	return bytes.NewReader(e.Bytes)
}
