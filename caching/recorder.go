package caching

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"

	"github.com/tripper-go/tripper/caching/internal/catalog"
	"github.com/tripper-go/tripper/caching/internal/collapse"
	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/tell"
)

// A recorder stores the body of one response while it is read.
type recorder struct {
	catalog.Query        // of the exchange, with a request of its own
	sender        sender // to complete what the Store loses meanwhile
	st            *state
	first         bool // the request had found nothing
	lease         lease
	ctx           context.Context
	resp          *http.Response
	w             store.Writer
	meta          *store.Meta // is stored, and changed by that; so is f
	f             *catalog.Memo
	part          combined

	// What belongs to the response as long as the recorder does, in one piece with it.
	body collapse.Body
	own  http.Response
	req  http.Request
	url  url.URL
	room [1]string
	// shown and shownF are copies of meta and f for callers that share the response.
	shown  store.Meta
	shownF catalog.Memo
}

// Finish implements [collapse.Owner]: it commits the entry, or drops it.
func (k *recorder) Finish(e collapse.Ending) {
	k.st.background.hold()
	defer k.st.background.release()
	k.Budget.Renew()
	defer k.lease.end()
	if k.part.old != nil {
		defer func() { _ = k.part.old.Close() }()
	}
	k.commit(e)
}

func (k *recorder) commit(e collapse.Ending) {
	_, never := k.w.(noWriter)
	stored := policy.ReasonStored
	switch {
	case never: // it was told
		return
	case e.Sink != nil:
		if e.Sink != collapse.ErrTooLong { // which is no failure of the Store
			k.st.Calls.Wrote(e.Sink)
		}
		k.fail(e.Sink)
		return
	case !e.Whole && !k.cut(e.N):
		k.drop(whyCut(e.Cause))
		return
	}
	if n := k.part.after; n > 0 {
		old := catalog.EntryReader(k.part.old)
		if _, err := io.Copy(k.w, io.NewSectionReader(old, k.part.old.Size-n, n)); err != nil {
			k.fail(err)
			return
		}
	}
	m := k.meta
	if e.Whole {
		m.Trailer = store.FieldsOf(k.resp.Trailer)
	} else {
		stored = policy.ReasonPartStored
	}
	switch err := k.Commit(k.ctx, k.w, e.N+k.part.after, m, k.f); {
	case err == catalog.ErrInvalidated:
		k.drop(policy.ReasonInvalidated)
		return
	case err != nil:
		k.fail(err)
		return
	}
	if k.st.hitForMiss.Remove(k.Key); tell.From(k.ctx) == nil { // attributes would be allocated
		k.Tell(policy.ActionStore, stored, k.meta.Status, nil)
		return
	}
	k.Tell(policy.ActionStore, stored, k.meta.Status, nil, tell.With("size", e.N+k.part.after), tell.With("lifetime", k.f.Lifetime))
}

func (k *recorder) drop(reason string) {
	k.Tell(policy.ActionNotStored, reason, k.meta.Status, nil)
	_ = k.w.Abort()
}

// fail is like drop, for an error of the Store. It returns the reason.
func (k *recorder) fail(err error) string {
	reason := tellWhyNot(&k.Query, k.meta.Status, err)
	_ = k.w.Abort()
	return reason
}

// tellWhyNot tells that the Store does not have a response of a status, for an error that it
// has given, and returns the reason. That a response is too large is no failure.
func tellWhyNot(q *catalog.Query, status int, err error) (reason string) {
	switch {
	case errors.Is(err, collapse.ErrTooLong):
		reason = policy.ReasonMaxBody
	case errors.Is(err, store.ErrTooLarge):
		reason = policy.ReasonStoreTooLarge
	case errors.Is(err, guard.ErrLeftAlone):
		reason = policy.ReasonStoreSuspended
	case errors.Is(err, guard.ErrSlow):
		reason = policy.ReasonStoreLate
	default:
		reason = policy.ReasonStoreFailed
	}
	if reason != policy.ReasonMaxBody && reason != policy.ReasonStoreTooLarge {
		q.Tell(policy.ActionStoreError, reason, status, err)
	}
	q.Tell(policy.ActionNotStored, reason, status, nil)
	return reason
}

// whyCut returns the reason that a body did not come to its end, for the error that ended
// it.
func whyCut(err error) string {
	if errors.Is(err, collapse.ErrAbandoned) {
		return policy.ReasonBodyNotRead
	}
	return policy.ReasonBodyCut
}

// A noWriter is the Writer of a body that cannot be stored but is shared by callers: a Store
// that fails costs the origin no further trip.
type noWriter struct{ err error }

func (w noWriter) Write([]byte) (int, error)                 { return 0, w.err }
func (w noWriter) ReadAt([]byte, int64) (int, error)         { return 0, w.err }
func (w noWriter) Commit(context.Context, *store.Meta) error { return w.err }
func (noWriter) Abort() error                                { return nil }
func (noWriter) Close() error                                { return nil }

// minPart is the least length of a body that is stored without the rest.
const minPart = 64 << 10

// begin writes what is stored of the representation before the new part.
func (k *recorder) begin() error {
	if k.part.before == 0 {
		return nil
	}
	_, err := io.CopyN(k.w, io.NewSectionReader(catalog.EntryReader(k.part.old), 0, k.part.before), k.part.before)
	return err
}

// cut makes a part of a response whose body ended after n bytes, so that the rest
// alone has to be fetched later (RFC 9111 §3.3, §3.4). It reports false if that is
// not to be: the part must be of the one representation that a strong validator
// stands for, and must not take the place of something whole.
func (k *recorder) cut(n int64) bool {
	w, ok := guard.ShortenerOf(k.w)
	total := k.body.Size
	switch {
	case !ok || n < minPart || total <= n || k.part.old != nil || !k.first:
		return false
	case k.Method != http.MethodGet || k.meta.Status != http.StatusOK || k.f.ETag().IsZero() || k.f.ETag().Weak:
		return false
	case httpfield.HasToken(k.meta.Header.Values("Accept-Ranges"), "none"):
		return false
	}
	if k.Stored(k.ctx, k.f) {
		return false
	}
	w.Shorten()
	m := k.meta.Clone()
	h := m.Header.Map()
	whole(m, h, httpfield.ContentRange{First: 0, Last: n - 1, Total: total})
	m.Header = store.FieldsOf(h)
	k.meta, k.f = m, k.Cat.SetRecord(m, h, k.f.Record, nil, false, nil)
	return true
}
