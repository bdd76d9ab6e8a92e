package catalog

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/httpfield"
)

// Memo is what is worked out once for each stored entry and kept with its [store.Meta], so
// that using the entry again decodes nothing. It depends on the settings of the cache:
// caches with other settings on the same Store add memos of their own.
type Memo struct {
	box store.Memo // which holds this memo
	Record
	policy.Facts
	// own is the memory of the target of the record.
	own  target
	more *more
}

// more is what few memos have. It is not changed once the memo is that of a Meta.
type more struct {
	// groups are the keys of the groups that the response is in.
	groups []string
	// next is a memo of the same Meta for other settings.
	next *Memo
}

// setTarget makes t the target of the record, in memory of f.
func (f *Memo) setTarget(t *target) {
	if f.target = nil; t != nil {
		f.own = *t
		f.target = &f.own
	}
}

// CopyTo makes to, which is new, a copy of f for m, a copy of its Meta: storing a Meta changes both, while
// callers that share the response read the copies.
func (f *Memo) CopyTo(to *Memo, m *store.Meta) {
	*to = *f
	to.setTarget(f.target)
	to.box.Value = to
	m.SetMemo(&to.box)
}

// Groups returns the keys of the groups that the response is in.
func (f *Memo) Groups() []string {
	if f.more == nil {
		return nil
	}
	return f.more.groups
}

func (f *Memo) next() *Memo {
	if f.more == nil {
		return nil
	}
	return f.more.next
}

// Known returns the facts in f, nil if there is no f.
func (f *Memo) Known() *policy.Facts {
	if f == nil {
		return nil
	}
	return &f.Facts
}

// maxMemos bounds the memos of one Meta.
const maxMemos = 4

// MemoOf returns the memo of m for cfg. It is nil if the entry was not stored by this
// package.
func MemoOf(cfg *policy.Settings, m *store.Meta) *Memo {
	var first *Memo
	if known := m.Memo(); known != nil {
		first, _ = known.Value.(*Memo)
	}
	n := 0
	for f := first; f != nil; f = f.next() {
		if f.Cfg.Equal(cfg) {
			return f
		}
		n++
	}
	r, ok := parseRecord(m.Extra)
	if !ok {
		return nil
	}
	f := newMemo(cfg, m, nil, r, nil, false, nil)
	if n > 0 && n < maxMemos {
		f.more = &more{f.Groups(), first}
		f.box.Bytes += storekit.ArraySize[more](1) + first.box.Bytes
	}
	m.SetMemo(&f.box)
	return f
}

// newMemo returns the memo of m with the record r. h are the fields of m, nil if they are not at hand
// as a map.
func newMemo(cfg *policy.Settings, m *store.Meta, h http.Header, r Record, d *policy.Directives, targeted bool, was *policy.Facts) *Memo {
	f := &Memo{Record: r, Facts: policy.Facts{Cfg: cfg}}
	f.setTarget(r.target)
	if !r.Index {
		if h == nil {
			h = headers.Get().(http.Header) // the pool holds nothing else
			defer func() {
				clear(h)
				headers.Put(h)
			}()
			m.Header.Fill(h, make([]string, 0, m.Header.Len()))
		}
		resp := ResponseOf(m, h)
		f.Set(cfg, &resp, r.Imposed, d, targeted, was)
		if t := r.target; t != nil && t.outdated(r.stamp, f.Validators()) {
			f.MustRevalidate = true
			f.Set(cfg, &resp, f.Imposed, nil, false, nil)
		}
		for name, value := range m.Header.All() { // in the order of the names
			if f.Own(name, value); name > "Last-Modified" {
				break
			}
		}
		if keys := groupKeys(m.URL, h); len(keys) > 0 {
			f.more = &more{groups: keys}
		}
	}
	f.box = store.Memo{Value: f, Bytes: f.size()}
	return f
}

// headers are for the fields of responses whose memos are made: a memo keeps none of them as they are.
var headers = sync.Pool{New: func() any { return make(http.Header) }}

// SetRecord gives m a memo with the record r, which is written into m when it is stored. h are the
// fields of m, nil if they are not at hand as a map. d are the directives of the response, which come from a targeted field if targeted is true. If nil,
// they are read from the response. was is what the response was before an update, or nil. The
// time that m expires follows, if there is a response.
func (c *Catalog) SetRecord(m *store.Meta, h http.Header, r Record, d *policy.Directives, targeted bool, was *policy.Facts) *Memo {
	f := newMemo(c.Cfg, m, h, r, d, targeted, was)
	if m.SetMemo(&f.box); !r.Index {
		m.Expires = f.UsefulUntil()
	}
	return f
}

// seal writes the record of f into m, which is about to be stored in place of the version was.
// Zero is any.
func (c *Catalog) seal(m *store.Meta, f *Memo, was store.Version) {
	var room [512]byte
	if b := f.appendTo(room[:0]); string(b) != m.Extra {
		n := len(b)
		text := string(append(b, m.URL...)) // in one piece of memory
		m.Extra, m.URL = text[:n], text[n:]
		f.compact(m.Extra)
	}
	m.Version, m.Replaces = storekit.NewVersion(), was
	f.box.Bytes = f.size()
	if t := f.target; t != nil && !f.MustRevalidate && t.outdated(f.stamp, !f.Index && f.Validators()) {
		m.SetMemo(nil) // readers work it out
	}
}

// compact takes the strings of the record from what was written of it, so that they take no memory of
// their own.
func (f *Memo) compact(extra string) {
	part := func(s string) string {
		if i := strings.Index(extra, s); i >= 0 {
			return extra[i : i+len(s)]
		}
		return s
	}
	f.Key, f.Owner = part(f.Key), part(f.Owner)
	if f.Home != f.Key {
		f.Home = part(f.Home)
	} else {
		f.Home = f.Key
	}
	if len(f.Selectors) > 0 {
		f.Selectors = slices.Clone(f.Selectors) // other memos may have it
		for i, s := range f.Selectors {
			f.Selectors[i] = policy.Selector{Name: part(s.Name), Value: part(s.Value)}
		}
	}
}

// ResponseOf returns what policy needs to know of m, whose fields are h.
func ResponseOf(m *store.Meta, h http.Header) policy.Response {
	return policy.Response{URL: m.URL, Status: m.Status, Header: h, RequestTime: m.RequestTime, ResponseTime: m.ResponseTime}
}

// size returns about how many bytes f occupies. Most of its strings are parts of what the entry has.
func (f *Memo) size() int64 {
	n := storekit.ArraySize[Memo](1) + storekit.ArraySize[policy.Selector](cap(f.Selectors))
	if f.IsPartial {
		n += storekit.ArraySize[httpfield.ContentRange](1)
	}
	if groups := f.Groups(); len(groups) > 0 {
		n += storekit.ArraySize[more](1) + stringsCost(groups)
	}
	if f.target != nil {
		n += f.target.size()
	}
	return n
}

// size returns about how many bytes the lists occupy.
func (l *lists) size() int64 {
	if l == noLists {
		return 0
	}
	n := storekit.ArraySize[lists](1) + storekit.ArraySize[token](cap(l.names)) + storekit.ArraySize[set](cap(l.sets)) +
		storekit.ArraySize[tag](cap(l.tags)) + storekit.StringSize(l.noVarySearch)
	for _, s := range l.sets {
		n += stringsCost(s.names)
	}
	for _, g := range l.tags {
		n += storekit.StringSize(g.etag) + storekit.StringSize(g.key) + storekit.StringSize(g.base)
	}
	return n
}

func stringsCost(list []string) int64 {
	n := storekit.ArraySize[string](cap(list))
	for _, s := range list {
		n += storekit.StringSize(s)
	}
	return n
}
