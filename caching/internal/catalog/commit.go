package catalog

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// maxSpare bounds how much longer a record is kept than the responses that depend on it.
const maxSpare = 30 * 24 * time.Hour

// Commit stores the response with the metadata m and the memo f, which [Catalog.SetRecord] has
// made. w has its body, of size bytes, and must be closed afterwards. After an error, which is
// [ErrInvalidated] or the Store's, it is not stored, or not found.
func (q *Query) Commit(ctx context.Context, w store.Writer, size int64, m *store.Meta, f *Memo) error {
	err := q.commit(ctx, w, size, m, f)
	if err == nil {
		q.learn(f)
	}
	return err
}

func (q *Query) commit(ctx context.Context, w store.Writer, size int64, m *store.Meta, f *Memo) error {
	if q.GroupInvalidated(ctx, f, m) {
		return ErrInvalidated
	}
	if f.Key == f.Home {
		return q.commitPlain(ctx, w, size, m, f)
	}
	s, err := q.admit(ctx, m, f)
	if err != nil {
		return err
	}
	f.stamp = s
	q.Cat.seal(m, f, 0)
	if err := q.Cat.commit(ctx, w, m); err != nil {
		return err
	}
	if f.Home != q.Target && q.ownFirst() {
		_ = q.Cat.replace(ctx, q.Target, URLOf(q.Req), &q.Budget)
	}
	return nil
}

// ownFirst reports whether requests like q may find a response of the target itself, which comes
// before those that the URLs of its path share.
func (q *Query) ownFirst() bool {
	t := q.at.valid
	return t != nil && (q.at.plain() && q.gets(everybody) || slices.ContainsFunc(t.sets, func(s set) bool { return q.gets(s.audience) }))
}

// commitPlain stores a plain response together with the record of its target.
func (q *Query) commitPlain(ctx context.Context, w store.Writer, size int64, m *store.Meta, f *Memo) error {
	again := false
	return q.change(ctx, f.Home, m.RequestTime, func(p place) error {
		q.settle(p, m, f)
		if !again {
			again = true
			return q.Cat.commit(ctx, w, m)
		}
		return q.Cat.put(ctx, f.Key, w, size, m, &q.Budget) // a Writer commits once
	})
}

// commit makes an entry of what w has.
func (c *Catalog) commit(ctx context.Context, w store.Writer, m *store.Meta) error {
	err := w.Commit(ctx, m)
	c.Calls.Wrote(err)
	return err
}

// settle makes the plain response with the metadata m and the memo f the one of a place.
func (q *Query) settle(p place, m *store.Meta, f *Memo) {
	f.setTarget(p.t.superseding())
	f.stamp = stamp{f.target.gen, p.rev}
	m.Expires = f.UsefulUntil()
	if until := p.now.until(); (len(f.target.sets) > 0 || f.target.invalidated) && until.After(m.Expires) {
		m.Expires = until // other responses, and processes, depend on the record
	}
	q.Cat.seal(m, f, p.was())
}

// put stores size bytes of a body under a key, with the metadata m.
func (c *Catalog) put(ctx context.Context, key string, body io.ReaderAt, size int64, m *store.Meta, b *guard.Budget) error {
	w, err := c.copied(ctx, key, body, size, b)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	return c.commit(ctx, w, m)
}

// copied returns a Writer for a key that has size bytes of a body.
func (c *Catalog) copied(ctx context.Context, key string, body io.ReaderAt, size int64, b *guard.Budget) (store.Writer, error) {
	w, err := c.Calls.Create(ctx, key, size, b)
	if err == nil && size > 0 {
		if _, err = io.Copy(w, io.NewSectionReader(body, 0, size)); err != nil {
			_ = w.Close()
		}
	}
	return w, err
}

// admit makes a response that has an entry of its own findable, by the record of its target. The
// entry is committed afterwards, with the stamp that is returned, and without a lock.
func (q *Query) admit(ctx context.Context, m *store.Meta, f *Memo) (s stamp, err error) {
	noVarySearch := strings.Join(m.Header.Values("No-Vary-Search"), ",")
	base, audience := q.baseOf(&f.Record, noVarySearch)
	err = q.change(ctx, f.Home, m.RequestTime, func(p place) error {
		t := p.t
		if f.Home != q.Target && t.noVarySearch != noVarySearch {
			t = t.renewed(noVarySearch)
		}
		t = t.withSet(set{audience, namesOf(f.Selectors)})
		if len(f.Selectors) > 0 && !f.IsPartial {
			t = t.withTag(tag{f.Tag(), f.Key, base})
		}
		s = stamp{t.gen, p.rev}
		// The plain response would be found first.
		keeps := p.now.plain() && p.now.record.gen == t.gen && audience != everybody && !(q.open && p.now.f.Public)
		until := p.now.until()
		if until.Before(m.Expires) {
			until = m.Expires.Add(min(max(0, time.Until(m.Expires)), maxSpare)) // so that not each response writes it
		}
		switch {
		case t == p.now.record && until.Equal(p.now.until()) && (keeps || p.now.f.Index):
			return errUnchanged
		case keeps || p.now.record != nil && p.now.f.Index:
			return q.updateRecord(ctx, &p.now, t, until)
		}
		return q.Cat.putIndex(ctx, f.Home, t, m.URL, time.Now(), until, p.was(), &q.Budget)
	})
	return s, err
}

// Confirm makes the record of a response, which a look-up of q has found, one of a response that
// the origin has confirmed.
func (q *Query) Confirm(r *Record) {
	r.MustRevalidate = false
	if t := q.viewOf(r.Home).valid; t != nil {
		r.rev = t.rev
	}
}

// Replace gives the entry e, which had the memo old, the metadata m with the memo f. It moves the
// entry if m belongs under another key. It reports whether the entry is kept.
func (q *Query) Replace(ctx context.Context, old *Memo, e *store.Entry, m *store.Meta, f *Memo) bool {
	var err error
	switch v := q.viewOf(f.Home); {
	case f.Key != old.Key:
		if err = q.CopyEntry(ctx, e, m, f); err != nil {
			q.Tell(policy.ActionStoreError, policy.ReasonNotCopied, m.Status, err)
		}
		if old.Key != old.Home || err != nil {
			q.Withdraw(ctx, old)
		}
		return err == nil
	case f.Key == f.Home:
		err = q.change(ctx, f.Home, m.RequestTime, func(p place) error {
			if p.now.record != p.t || p.now.meta.ID != m.ID {
				return store.ErrConflict // another response has taken its place
			}
			q.settle(p, m, f)
			return q.update(ctx, f.Key, m)
		})
	case v.valid == nil || v.valid.gen != old.gen || q.InvalidatedSince(q.Epoch):
		err = ErrInvalidated
	default:
		f.stamp = stamp{old.gen, v.valid.rev}
		q.Cat.seal(m, f, 0)
		if err = q.update(ctx, f.Key, m); err == nil && v.until().Before(m.Expires) {
			_, err = q.admit(ctx, m, f)
		}
	}
	switch {
	case err == nil:
		q.learn(f)
	case err == ErrInvalidated:
		q.Tell(policy.ActionRemove, policy.ReasonInvalidated, m.Status, nil)
	case !errors.Is(err, store.ErrConflict):
		q.Withdraw(ctx, old) // its metadata is not true any more
	}
	return err == nil
}

// CopyEntry stores the body of e under the key of f too, with the metadata m.
func (q *Query) CopyEntry(ctx context.Context, e *store.Entry, m *store.Meta, f *Memo) error {
	w, err := q.Cat.copied(ctx, f.Key, EntryReader(e), e.Size, &q.Budget)
	if err != nil {
		return err
	}
	defer func() { _ = w.Close() }()
	return q.Commit(ctx, w, e.Size, m, f)
}

// update replaces the metadata of what is stored under key. After an error the entry has
// the old one.
func (q *Query) update(ctx context.Context, key string, m *store.Meta) error {
	err := q.Cat.Calls.Update(ctx, key, m, &q.Budget)
	if err != nil && !errors.Is(err, store.ErrConflict) {
		q.Tell(policy.ActionStoreError, policy.ReasonNotUpdated, m.Status, err)
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
