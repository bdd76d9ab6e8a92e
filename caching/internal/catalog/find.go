package catalog

import (
	"time"

	"github.com/tripper-go/tripper/caching/store"
)

// A Wish says whether a look-up asks for the lease of the key of the query.
type Wish uint8

// The wishes.
const (
	NoLease       Wish = iota
	LeaseIfNeeded      // if nothing is stored under the key
	LeaseAlways
)

// Leased is what a look-up has got of the lease. Release gives it back; it is nil if there is no
// lease. Err says why not, if the lease was wanted: [store.ErrLeased] if another has it.
type Leased struct {
	Release func()
	Err     error
}

// A lookup is what is read in one look-up. It is nil for a Store that is asked for one entry at a time.
type lookup struct {
	// ahead are entries that came before they were asked for, by key.
	ahead map[string]store.FoundEntry
	// read is what was asked for, with what was there.
	read []store.Wanted
}

// take returns what came under key, if it did, which is the caller's then.
func (l *lookup) take(key string) (f store.FoundEntry, ok bool) {
	if l != nil {
		if f, ok = l.ahead[key]; ok {
			delete(l.ahead, key)
		}
	}
	return f, ok
}

// note notes what was read under key. e is nil if nothing is stored.
func (l *lookup) note(key string, e *store.Entry, err error) {
	if l == nil {
		return
	}
	w := store.Wanted{Key: key, Seen: store.Absent}
	switch {
	case err != nil:
		w.Seen = 0
	case e != nil && e.Meta != nil:
		w.Seen = e.Meta.Version
	}
	l.read = append(l.read, w)
}

// close closes the entries that were not taken.
func (l *lookup) close() {
	for _, f := range l.ahead {
		_ = f.Entry.Close()
	}
	l.ahead = nil
}

// Wish returns whether a look-up is to ask for the lease. What was found last tells: a response that
// is fresh still will be found, and needs no lease, and one that is stale must be validated.
func (q *Query) Wish() Wish {
	if !q.Cat.Calls.Finds() {
		return NoLease
	}
	h := q.Cat.hints.of(q.Key)
	switch {
	case h == nil && q.open: // everybody's response may be there
		return NoLease
	case h == nil:
		return LeaseIfNeeded
	case q.Now.Before(h.until):
		return NoLease
	}
	return LeaseAlways
}

// Find is Lookup, and asks for the lease too. From a Store that can it gets all that it is likely to
// read at once: the record, and the response of the user or the variant that was found last time.
// Each is judged by what both say now, in whatever order they were read.
func (q *Query) Find(wish Wish) (c Candidate, l Leased) {
	if !q.Cat.Calls.Finds() && wish != LeaseAlways {
		return q.Lookup(), l
	}
	w := store.Want{Entries: []store.Wanted{{Key: q.Target}}}
	if key := q.likely(); key != q.Target {
		w.Entries = append(w.Entries, store.Wanted{Key: key})
	}
	if wish != NoLease {
		w.Lease, w.Always = q.Key, wish == LeaseAlways
	}
	q.begin()
	defer q.Budget.Looked()
	found, l, err := q.ask(&w)
	return q.from(w, found, err), l
}

// Again is Find with the lease, for a query whose look-up was made before. If same is true all that
// was read then is as it was, or the Store does not say: then c is nothing, and q as it was.
func (q *Query) Again() (c Candidate, l Leased, same bool) {
	if !q.Cat.Calls.Finds() || len(q.seen) == 0 {
		c, l = q.Find(LeaseAlways)
		return c, l, false
	}
	w := store.Want{Entries: q.seen, Lease: q.Key, Always: true}
	before := q.Epoch
	q.begin()
	defer q.Budget.Looked()
	found, l, err := q.ask(&w)
	if same = err != nil; !same {
		same = !q.InvalidatedSince(before) && len(found.Entries) == len(w.Entries)
		for _, f := range found.Entries {
			same = same && f.Same
		}
	}
	if err != nil {
		l.Err = err
	}
	if same {
		q.Epoch = before
		return c, l, true
	}
	return q.from(w, found, nil), l, false
}

// ask asks the Store for w. If it gives the answer to an earlier look-up instead, which was late, w has what
// was asked for then.
func (q *Query) ask(w *store.Want) (f store.Found, l Leased, err error) {
	late := q.Budget.Pending()
	f, err = q.Cat.Calls.Find(q.Req.Context(), *w, &q.Budget)
	if !late {
		q.asked = w.Entries
	} else if !q.Budget.Pending() {
		w.Entries = q.asked
	}
	q.tellLate(late, err)
	return f, Leased{f.Release, f.LeaseErr}, err
}

// from makes the look-up, which was begun, with what the Store has given at once.
func (q *Query) from(w store.Want, found store.Found, err error) (c Candidate) {
	l := &lookup{ahead: make(map[string]store.FoundEntry, len(w.Entries))}
	if err != nil { // it is told where it is taken
		l.ahead[q.Target] = store.FoundEntry{Err: err}
	}
	for i, f := range found.Entries {
		if !f.Same || w.Entries[i].Seen == store.Absent { // else it is read again
			l.ahead[w.Entries[i].Key] = f
		}
	}
	q.lookup = l
	defer func() {
		q.lookup = nil
		l.close()
	}()
	c = q.lookUp()
	switch q.seen = l.read; {
	case c.F != nil:
		q.learn(c.F)
	case err == nil:
		q.unlearn()
	}
	return c
}

// likely returns the key of the entry that is likely to answer the query.
func (q *Query) likely() string {
	if h := q.Cat.hints.of(q.Key); h != nil && len(h.names) > 0 {
		return q.variantKey(q.Key, h.names)
	}
	return q.Key
}

// learn notes that requests like q are answered with the response with the memo f.
func (q *Query) learn(f *Memo) {
	if q.Cat.Calls.Finds() {
		q.Cat.hints.set(q.Key, f.ServedUntil(), namesOf(f.Selectors))
	}
}

// unlearn notes that requests like q are answered with nothing that is stored.
func (q *Query) unlearn() {
	if q.Cat.Calls.Finds() {
		q.Cat.hints.set(q.Key, time.Time{}, q.VaryNames())
	}
}
