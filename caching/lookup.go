package caching

import (
	"context"
	"errors"
	"net/http"
	"time"
)

// found is what the store has for a request.
type found struct {
	// entry, with the facts f, is the response the request selects. It is nil if
	// there is none.
	entry *Entry
	f     *facts
	// key is where entry is stored.
	key string
	// variants are all that the index lists, if there is one.
	variants []variant
	// primary is where entry or the index was found, and until how long the index
	// is kept.
	primary string
	until   time.Time
}

// lookup finds what the store has for the request.
func (x *exchange) lookup() {
	x.looking, x.overdue = true, false
	defer func() { x.looking = false }()
	if u := &x.st.undeleted; u.some.Load() {
		// The Store is asked afterwards: what it says may be from before writeBack.
		x.undone = latest(x.undone, u.when(x.target()), u.when(x.key), u.when(x.open))
	}
	if x.open != "" && x.findPublic() || !x.overdue && x.find(x.key) || x.overdue || !x.st.t.ObeyNoVarySearch {
		return
	}
	if key, search := x.searchKey(); key != "" && x.find(key) && x.found.f != nil && x.found.f.search != search {
		x.drop()
	}
}

// find looks under key, and reports whether there is anything.
func (x *exchange) find(key string) bool {
	e, f := x.st.get(x.req.Context(), key, x)
	if e == nil {
		return false
	}
	if outlived(e.Meta.RequestTime, x.undone) || x.st.undeleted.some.Load() && x.st.undeleted.has(x.target(), e.Meta.RequestTime) {
		_ = e.Close()
		return false
	}
	if !f.index {
		x.found = found{entry: e, f: f, key: key, primary: key}
		return true
	}
	_ = e.Close()
	x.found.variants, x.found.primary, x.found.until = f.variants, key, e.Meta.Expires
	if v := match(f.variants, x.req.Header, x.hide); v != nil {
		if e, f := x.st.get(x.req.Context(), v.key, x); e != nil && !f.index {
			x.found.entry, x.found.f, x.found.key = e, f, v.key
		}
	}
	return true
}

func (x *exchange) hide(value string) string { return hide(x.secret(), value) }

// get returns what is stored under key with its facts. What cannot be used is
// reported and taken for nothing.
func (st *state) get(ctx context.Context, key string, x *exchange) (*Entry, *facts) {
	e, f, _ := st.read(ctx, key, x)
	return e, f
}

// read is get for those to whom it matters whether the store knows. There is no
// error if it found something that cannot be used.
func (st *state) read(ctx context.Context, key string, x *exchange) (*Entry, *facts, error) {
	undone := st.undeleted.when(key) // before the Store is asked, see lookup
	late := x.awaits(key)
	e, err := st.calls.get(ctx, key, &x.budget)
	if late && x.late == nil {
		x.tell("store", "the answer came late, StoreWait is short for it", 0, err)
	}
	if err != nil {
		x.tell("store", "reading failed", 0, err)
		if errors.Is(err, ErrCorrupt) {
			err = nil
		}
		return nil, nil, err
	}
	if e == nil {
		return nil, nil, nil
	}
	var f *facts
	if e.Meta != nil && e.Size >= 0 && (e.Body != nil || e.Size == int64(len(e.Bytes))) {
		f = factsOf(st.cfg, e.Meta)
	}
	if f == nil || f.key != key {
		_ = e.Close()
		x.tell("store", "entry of another kind or key", 0, ErrCorrupt)
		return nil, nil, nil
	}
	if st.landings.outdated(key, &st.tombs) {
		_ = e.Close()
		return nil, nil, nil
	}
	if len(f.others) == 0 && (outlived(e.Meta.RequestTime, undone) || st.undeleted.has(key, e.Meta.RequestTime)) {
		// A list of keys is left: what it lists could not be found without it.
		_ = e.Close()
		st.delete(ctx, key, x)
		return nil, nil, nil
	}
	if len(f.groups) > 0 && st.struck(ctx, f, e.Meta.URL, e.Meta.RequestTime, x) {
		_ = e.Close()
		x.tell("miss", "its group was invalidated", 0, nil)
		return nil, nil, nil
	}
	return e, f, nil
}

// portion says what of the found response answers the request.
func (x *exchange) portion() (portion, bool) {
	e, f := x.found.entry, x.found.f
	if x.cond.own() && notModified(f, x.cond, x.req.Header) && !f.isPartial && (e.Meta.Status == http.StatusOK || e.Meta.Status == http.StatusNoContent) {
		return portion{status: http.StatusNotModified}, true
	}
	return portionOf(e.Meta, f, e.Size, x.cond, x.req.Header)
}
