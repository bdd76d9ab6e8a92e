package caching

import (
	"bytes"
	"context"
	"errors"
	"io"
)

// outdated reports whether the response with the metadata m and the memo f, which is found
// by way of primary, was invalidated after its request was sent: its target, or one of its
// groups.
func (q *query) outdated(ctx context.Context, primary string, m *Meta, f *memo) bool {
	return q.invalidated(primary) || q.groupInvalidated(ctx, f, m)
}

// publish makes a response findable that was just committed: it is listed where look-ups
// and invalidations find it, and what it supersedes is deleted. at is what the request had
// found. A response that was invalidated meanwhile is deleted.
func (q *query) publish(ctx context.Context, at *candidate, primary string, m *Meta, f *memo) {
	if len(f.selectors) > 0 {
		q.addVariant(ctx, primary, f.selectors, f)
	} else {
		q.deleteVariants(ctx, at.variants)
	}
	// The same user would find the other one: everybody's response if this is the user's
	// own, the user's own if this is for everybody.
	if p := at.primary; q.openKey != "" && p != primary && (p == q.openKey || p == q.key) {
		q.deleteWithVariants(ctx, p)
	}
	if q.listed(primary) && !q.addUser(ctx, primary, m) {
		q.tell("remove", "an invalidation would not find it", m.Status, nil)
		q.delete(ctx, f.key)
	}
	if f.noVarySearch != "" {
		if primary != q.key { // what is there would be found before
			q.deleteWithVariants(ctx, q.key)
		}
		q.addNVS(ctx, m, f.noVarySearch)
	}
	// An invalidation since the commit began found nothing to delete, or not in a list.
	if q.outdated(ctx, primary, m, f) {
		q.tell("remove", reasonInvalidated, m.Status, nil)
		q.delete(ctx, f.key)
	}
}

// replace gives the entry e under key, which was found at, the metadata m with the memo f. It
// moves the entry if m belongs under another key. It reports whether the entry is kept.
func (q *query) replace(ctx context.Context, at *candidate, e *Entry, m *Meta, f *memo, key string) bool {
	if f.key != key {
		defer q.beginCommit(f.key, at.primary).end()
		if !q.move(ctx, at, e, m, f, key) {
			return false
		}
	} else if err := q.update(ctx, key, m); err != nil {
		if !errors.Is(err, ErrConflict) { // then another response has taken its place
			q.delete(ctx, key)
		}
		return false
	}
	if q.invalidated(at.primary) { // since that was asked before
		q.tell("remove", reasonInvalidated, m.Status, nil)
		q.delete(ctx, f.key)
		return false
	}
	// The lists that it is found by are kept for as long as it is of use.
	if len(f.selectors) > 0 && at.until.Before(m.Expires) && at.primary != f.key {
		q.addVariant(ctx, at.primary, f.selectors, f)
	}
	if q.listed(at.primary) {
		q.addUser(ctx, at.primary, m)
	}
	if f.noVarySearch != "" {
		q.addNVS(ctx, m, f.noVarySearch)
	}
	return true
}

// move stores the body of e under the key of f, with the metadata m, in place of what is
// under key. It reports whether it could.
func (q *query) move(ctx context.Context, at *candidate, e *Entry, m *Meta, f *memo, key string) bool {
	if err := q.copyEntry(ctx, e, m, f.key); err != nil {
		q.tell("store", "copying failed", m.Status, err)
		q.delete(ctx, key)
		return false
	}
	if len(f.selectors) == 0 { // it has taken the place of the index
		q.deleteVariants(ctx, at.variants)
		return true
	}
	if len(at.variants) > 0 {
		q.dropVariant(ctx, at.primary, key, f)
	}
	q.addVariant(ctx, at.primary, f.selectors, f)
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

// update replaces the metadata of what is stored under key. After an error the entry has
// the old one, and must not be used.
func (q *query) update(ctx context.Context, key string, m *Meta) error {
	err := q.cat.calls.update(ctx, key, m, &q.budget)
	if err != nil {
		q.tell("store", "updating failed", m.Status, err)
	}
	return err
}

// entryReader returns a reader of the body of e.
func entryReader(e *Entry) io.ReaderAt {
	if e.Body != nil {
		return e.Body
	}
	return bytes.NewReader(e.Bytes)
}
