package catalog

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// Outdated reports whether the response with the metadata m and the memo f, which is found
// by way of primary, was invalidated after its request was sent: its target, or one of its
// groups.
func (q *Query) Outdated(ctx context.Context, primary string, m *store.Meta, f *Memo) bool {
	return q.InvalidatedSince(q.Epoch, primary) || q.GroupInvalidated(ctx, f, m)
}

// Publish makes a response findable that was just committed: it is listed where look-ups
// and invalidations find it, and what it supersedes is deleted. at is what the request had
// found. A response that was invalidated meanwhile is deleted: Publish reports whether it
// stays.
func (q *Query) Publish(ctx context.Context, at *Candidate, primary string, m *store.Meta, f *Memo) (stays bool) {
	stays = true
	if len(f.Selectors) > 0 {
		q.AddVariant(ctx, primary, f.Selectors, f)
	} else {
		q.deleteVariants(ctx, at.Variants)
	}
	// The same user would find the other one: everybody's response if this is the user's
	// own, the user's own if this is for everybody.
	if p := at.Primary; q.OpenKey != "" && p != primary && (p == q.OpenKey || p == q.Key) {
		q.deleteWithVariants(ctx, p)
	}
	if q.listed(primary) && !q.addUser(ctx, primary, m) {
		q.Tell("remove", policy.ReasonNotListed, m.Status, nil)
		q.Delete(ctx, f.Key)
		stays = false
	}
	if f.NoVarySearch != "" {
		if primary != q.Key { // a response there would be found before
			q.deleteWithVariants(ctx, q.Key)
		}
		q.addNVS(ctx, m, f.NoVarySearch)
	}
	// An invalidation since the commit began found nothing to delete, or not in a list.
	if q.Outdated(ctx, primary, m, f) {
		q.Tell("remove", policy.ReasonInvalidated, m.Status, nil)
		q.Delete(ctx, f.Key)
		stays = false
	}
	return stays
}

// Replace gives the entry e under key, which was found at, the metadata m with the memo f. It
// moves the entry if m belongs under another key. It reports whether the entry is kept.
func (q *Query) Replace(ctx context.Context, at *Candidate, e *store.Entry, m *store.Meta, f *Memo, key string) bool {
	if f.Key != key {
		defer q.BeginCommit(f.Key, at.Primary).End()
		if !q.move(ctx, at, e, m, f, key) {
			return false
		}
	} else if err := q.update(ctx, key, m); err != nil {
		if !errors.Is(err, store.ErrConflict) { // then another response has taken its place
			q.Delete(ctx, key)
		}
		return false
	}
	if q.InvalidatedSince(q.Epoch, at.Primary) { // since that was asked before
		q.Tell("remove", policy.ReasonInvalidated, m.Status, nil)
		q.Delete(ctx, f.Key)
		return false
	}
	// The lists that it is found by are kept for as long as it is of use.
	if len(f.Selectors) > 0 && at.until.Before(m.Expires) {
		q.AddVariant(ctx, at.Primary, f.Selectors, f)
	}
	if q.listed(at.Primary) {
		q.addUser(ctx, at.Primary, m)
	}
	if f.NoVarySearch != "" {
		q.addNVS(ctx, m, f.NoVarySearch)
	}
	return true
}

// move stores the body of e under the key of f, with the metadata m, in place of what is
// under key. It reports whether it could.
func (q *Query) move(ctx context.Context, at *Candidate, e *store.Entry, m *store.Meta, f *Memo, key string) bool {
	if err := q.copyEntry(ctx, e, m, f.Key); err != nil {
		q.Tell("store", policy.ReasonNotCopied, m.Status, err)
		q.Delete(ctx, key)
		return false
	}
	if len(f.Selectors) == 0 { // it has taken the place of the index
		q.deleteVariants(ctx, at.Variants)
		return true
	}
	if len(at.Variants) > 0 {
		q.dropVariant(ctx, at.Primary, key, f)
	}
	q.AddVariant(ctx, at.Primary, f.Selectors, f)
	if key != at.Primary {
		q.Delete(ctx, key)
	}
	return true
}

// copyEntry stores the body of e under another key, with the metadata m.
func (q *Query) copyEntry(ctx context.Context, e *store.Entry, m *store.Meta, key string) error {
	w, err := q.Cat.Calls.Create(ctx, key, e.Size, &q.Budget)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	if _, err := io.Copy(w, io.NewSectionReader(EntryReader(e), 0, e.Size)); err != nil {
		return err
	}
	return w.Commit(ctx, m)
}

// update replaces the metadata of what is stored under key. After an error the entry has
// the old one, and must not be used.
func (q *Query) update(ctx context.Context, key string, m *store.Meta) error {
	err := q.Cat.Calls.Update(ctx, key, m, &q.Budget)
	if err != nil {
		q.Tell("store", policy.ReasonNotUpdated, m.Status, err)
	}
	return err
}

// EntryReader returns a reader of the body of e.
func EntryReader(e *store.Entry) io.ReaderAt {
	if e.Body != nil {
		return e.Body
	}
	return bytes.NewReader(e.Bytes)
}
