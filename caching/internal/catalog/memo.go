package catalog

import (
	"bytes"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// Memo is what is worked out once for each stored entry and kept with its [store.Meta], so
// that using the entry again decodes nothing. It depends on the settings of the cache:
// caches with other settings on the same Store add memos of their own.
type Memo struct {
	box store.Memo // which holds this memo
	Record
	policy.Facts
	// Groups are the keys of the groups that the response is in.
	Groups []string
	// Fields is the header in the order of a slice, which is faster to copy than
	// a map; Lines counts the values.
	Fields []Field
	Lines  int
	// next is a memo of the same Meta for other settings.
	next *Memo
}

// Known returns the facts in f, nil if there is no f.
func (f *Memo) Known() *policy.Facts {
	if f == nil {
		return nil
	}
	return &f.Facts
}

// A Field is one field of a header.
type Field struct {
	Name   string
	Values []string
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
	for f := first; f != nil; f = f.next {
		if f.Cfg.Equal(cfg) {
			return f
		}
		n++
	}
	r, ok := parseRecord(m.Extra)
	if !ok {
		return nil
	}
	f := newMemo(cfg, m, r, nil, false, nil)
	if n > 0 && n < maxMemos {
		f.next, f.box.Bytes = first, f.box.Bytes+first.box.Bytes
	}
	m.SetMemo(&f.box)
	return f
}

func newMemo(cfg *policy.Settings, m *store.Meta, r Record, d *policy.Directives, targeted bool, was *policy.Facts) *Memo {
	f := &Memo{Record: r, Facts: policy.Facts{Cfg: cfg}}
	if !r.Index {
		resp := ResponseOf(m)
		f.Set(cfg, &resp, r.Imposed, d, targeted, was)
		if t := r.target; t != nil && t.outdated(r.stamp, f.Validators()) {
			f.MustRevalidate = true
			f.Set(cfg, &resp, f.Imposed, nil, false, nil)
		}
		f.Groups = groupKeys(m.URL, m.Header)
		f.Fields = make([]Field, 0, len(m.Header))
		for name, values := range m.Header {
			if name != "Age" && len(values) > 0 { // it is set anew
				f.Fields = append(f.Fields, Field{name, values})
				f.Lines += len(values)
			}
		}
	}
	f.box = store.Memo{Value: f, Bytes: f.size()}
	return f
}

// SetRecord gives m a memo with the record r, which is written into m when it is stored. d are
// the directives of the response, which come from a targeted field if targeted is true. If nil,
// they are read from the response. was is what the response was before an update, or nil. The
// time that m expires follows, if there is a response.
func (c *Catalog) SetRecord(m *store.Meta, r Record, d *policy.Directives, targeted bool, was *policy.Facts) *Memo {
	f := newMemo(c.Cfg, m, r, d, targeted, was)
	if m.SetMemo(&f.box); !r.Index {
		m.Expires = f.UsefulUntil()
	}
	return f
}

// seal writes the record of f into m, which is about to be stored in place of the version was.
// Zero is any.
func (c *Catalog) seal(m *store.Meta, f *Memo, was store.Version) {
	var room [512]byte
	if b := f.appendTo(room[:0]); !bytes.Equal(b, m.Extra) {
		m.Extra = bytes.Clone(b)
	}
	m.Version, m.Replaces = storekit.NewVersion(), was
	f.box.Bytes = f.size()
	if t := f.target; t != nil && !f.MustRevalidate && t.outdated(f.stamp, !f.Index && f.Validators()) {
		m.SetMemo(nil) // readers work it out
	}
}

// ResponseOf returns what policy needs to know of m.
func ResponseOf(m *store.Meta) policy.Response {
	return policy.Response{URL: m.URL, Status: m.Status, Header: m.Header, RequestTime: m.RequestTime, ResponseTime: m.ResponseTime}
}

// size returns about how many bytes f occupies.
func (f *Memo) size() int64 {
	n := storekit.ArraySize[Memo](1) + storekit.ArraySize[Field](cap(f.Fields)) + storekit.StringSize(f.Key)
	if f.Home != f.Key {
		n += storekit.StringSize(f.Home)
	}
	n += storekit.ArraySize[policy.Selector](cap(f.Selectors))
	for _, s := range f.Selectors {
		n += storekit.StringSize(s.Value)
	}
	return n + stringsCost(f.Groups) + f.target.size()
}

// size returns about how many bytes t occupies, which may be nil.
func (t *target) size() int64 {
	if t == nil {
		return 0
	}
	n := storekit.ArraySize[target](1) + storekit.ArraySize[token](cap(t.names)) + storekit.ArraySize[set](cap(t.sets)) +
		storekit.ArraySize[tag](cap(t.tags)) + storekit.StringSize(t.noVarySearch)
	for _, s := range t.sets {
		n += stringsCost(s.names)
	}
	for _, g := range t.tags {
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
