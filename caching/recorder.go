package caching

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"

	"github.com/tripper-go/tripper/internal/httpfield"
)

// recorder brings the body of one response to its entry.
type recorder struct {
	query          // of the exchange, with a request of its own
	sender  sender // to complete what the Store loses meanwhile
	st      *state
	at      candidate // what the request had found
	lease   lease
	ctx     context.Context
	resp    *http.Response
	w       Writer
	meta    *Meta
	f       *memo
	part    combined
	primary string

	// What belongs to the response as long as the recorder does, in one piece with it.
	body body
	own  http.Response
	url  url.URL
	room [1]string
}

// Finish implements [owner]: it commits the entry, or drops it.
func (k *recorder) Finish(e ending) {
	k.st.background.hold()
	defer k.st.background.release()
	k.budget.renew()
	defer k.lease.end()
	if k.part.old != nil {
		defer func() { _ = k.part.old.Close() }()
	}
	defer k.beginCommit(k.f.key, k.primary).end()
	k.commit(e)
}

func (k *recorder) commit(e ending) {
	_, never := k.w.(noWriter)
	switch {
	case never: // it was told
		return
	case e.Sink != nil:
		k.st.calls.wrote(e.Sink)
		k.drop(whyNot(e.Sink), e.Sink)
		return
	case !e.Whole && !k.cut(e.N):
		k.drop(whyCut(e.Cause), nil)
		return
	case k.outdated(k.ctx, k.primary, k.meta, k.f):
		k.drop(reasonInvalidated, nil)
		return
	}
	if n := k.part.after; n > 0 {
		old := entryReader(k.part.old)
		if _, err := io.Copy(k.w, io.NewSectionReader(old, k.part.old.Size-n, n)); err != nil {
			k.drop(whyNot(err), err)
			return
		}
	}
	if e.Whole {
		k.meta.Trailer = k.resp.Trailer.Clone()
	}
	err := k.w.Commit(k.ctx, k.meta)
	if k.st.calls.wrote(err); err != nil {
		k.drop(whyNot(err), err)
		return
	}
	k.st.hitForMiss.Remove(k.key)
	k.publish(k.ctx, &k.at, k.primary, k.meta, k.f)
}

func (k *recorder) drop(reason string, err error) {
	k.tell("abort", reason, k.meta.Status, err)
	_ = k.w.Abort()
}

// whyNot returns the reason that the Store does not have a response, for an error that it
// has given.
func whyNot(err error) string {
	switch {
	case errors.Is(err, errTooLong):
		return reasonMaxBody
	case errors.Is(err, ErrTooLarge):
		return reasonStoreTooLarge
	case errors.Is(err, errLeftAlone):
		return reasonStoreSuspended
	case errors.Is(err, errSlow):
		return reasonStoreLate
	}
	return reasonStoreFailed
}

// whyCut returns the reason that a body did not come to its end, for the error that ended
// it.
func whyCut(err error) string {
	if errors.Is(err, errAbandoned) {
		return reasonBodyNotRead
	}
	return reasonBodyCut
}

// A noWriter is the Writer of a body that cannot be stored, and goes only to the callers
// that share it: a Store that fails costs the origin no further trip.
type noWriter struct{ err error }

func (u noWriter) Write([]byte) (int, error) { return 0, u.err }

func (u noWriter) ReadAt([]byte, int64) (int, error) { return 0, u.err }

func (u noWriter) Commit(context.Context, *Meta) error { return u.err }

func (noWriter) Abort() error { return nil }

func (noWriter) Close() error { return nil }

// minPart is how much of a body is worth being kept without the rest.
const minPart = 64 << 10

// begin writes what is stored of the representation before the new part.
func (k *recorder) begin() error {
	if k.part.before == 0 {
		return nil
	}
	_, err := io.Copy(k.w, io.NewSectionReader(entryReader(k.part.old), 0, k.part.before))
	return err
}

// cut makes a part of a response whose body ended after n bytes, so that the rest
// alone has to be fetched later (RFC 9111 §3.3, §3.4). It reports false if that is
// not to be: the part must be of the one representation that a strong validator
// stands for, and must not take the place of something whole.
func (k *recorder) cut(n int64) bool {
	w, ok := shortenerOf(k.w)
	total := k.body.Size
	switch {
	case !ok || n < minPart || total <= n || k.part.old != nil || k.at.f != nil:
		return false
	case k.method != http.MethodGet || k.meta.Status != http.StatusOK || k.f.etag.IsZero() || k.f.etag.Weak:
		return false
	case httpfield.HasToken(k.meta.Header["Accept-Ranges"], "none"):
		return false
	}
	if e, _ := k.get(k.ctx, k.f.key); e != nil {
		_ = e.Close()
		return false
	}
	w.Shorten()
	m := k.meta.Clone()
	m.Header = maps.Clone(m.Header)
	whole(m, httpfield.ContentRange{First: 0, Last: n - 1, Total: total})
	k.meta, k.f = m, k.cat.setRecord(m, k.f.record)
	m.Expires = k.f.usefulUntil()
	k.tell("store", "the part that came of a body that was cut", m.Status, nil)
	return true
}
