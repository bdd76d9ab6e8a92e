package caching

import (
	"strconv"
	"sync/atomic"
	"time"
)

// memo is what is worked out once for each stored entry and kept with its [Meta], so
// that using the entry again decodes nothing. It depends on the settings of the cache:
// caches with other settings on the same Store add memos of their own.
type memo struct {
	box Memo // which holds this memo
	record
	facts
	// groups are the keys of the groups that the response is in.
	groups []string
	// fields is the header in the order of a slice, which is faster to copy than
	// a map; lines counts the values.
	fields []field
	lines  int
	stamp  atomic.Pointer[stamp]
	// next is a memo of the same Meta for other settings.
	next *memo
}

// known returns the facts in f, nil if there is no f.
func (f *memo) known() *facts {
	if f == nil {
		return nil
	}
	return &f.facts
}

type field struct {
	name   string
	values []string
}

// maxMemos bounds the memos of one Meta.
const maxMemos = 4

// memoOf returns the memo of m for cfg. It is nil if the entry was not stored by this
// package.
func memoOf(cfg *settings, m *Meta) *memo {
	first, n := memosOf(m), 0
	for f := first; f != nil; f = f.next {
		if f.cfg.equal(cfg) {
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

// memosOf returns the first of the memos that m has.
func memosOf(m *Meta) *memo {
	if known := m.Memo(); known != nil {
		f, _ := known.Value.(*memo)
		return f
	}
	return nil
}

// newMemo makes the memo of m, whose record is r. d are the directives of the response, which
// come from a targeted field if targeted is true. If nil, they are read from the response. was
// is what the response was before an update, or nil.
func newMemo(cfg *settings, m *Meta, r record, d *directives, targeted bool, was *facts) *memo {
	f := &memo{record: r, facts: facts{cfg: cfg}}
	if !r.index {
		resp := responseOf(m)
		f.set(cfg, &resp, r.imposed, d, targeted, was)
		f.groups = groupKeys(m.URL, m.Header)
		f.fields = make([]field, 0, len(m.Header))
		for name, values := range m.Header {
			if name != "Age" && len(values) > 0 { // it is set anew
				f.fields = append(f.fields, field{name, values})
				f.lines += len(values)
			}
		}
	}
	f.box = Memo{Value: f, Bytes: f.size()}
	return f
}

// setRecord gives m the record r, and returns the memo of it.
func (c *catalog) setRecord(m *Meta, r record) *memo {
	size := 128
	if r.index {
		size = 256
	}
	m.Extra = r.append(make([]byte, 0, size))
	f := newMemo(c.cfg, m, r, nil, false, nil)
	m.SetMemo(&f.box)
	return f
}

func responseOf(m *Meta) response {
	return response{url: m.URL, status: m.Status, header: m.Header, requestTime: m.RequestTime, responseTime: m.ResponseTime}
}

// stamp holds the fields of a hit that change from second to second.
type stamp struct {
	age         int64
	text        string
	cacheStatus string
}

// stampAt returns the fields that are the same for every hit of one second, by its age.
func (f *memo) stampAt(old time.Duration) *stamp {
	age := int64(old / time.Second)
	if st := f.stamp.Load(); st != nil && st.age == age {
		return st
	}
	s := cacheStatus{hit: true, hasTTL: true, ttl: int64(f.lifetime/time.Second) - age}
	if f.cfg.showKey {
		s.key = f.key
	}
	st := &stamp{age: age, text: strconv.FormatInt(age, 10), cacheStatus: s.String(f.cfg.name)}
	f.stamp.Store(st)
	return st
}

// memoryStamp is half of what the fields of a hit occupy, which not every entry has.
const memoryStamp = 64

// size returns about how many bytes f occupies.
func (f *memo) size() int64 {
	n := arraySize[memo](1) + arraySize[field](cap(f.fields)) + stringSize(f.key) + stringSize(f.noVarySearch) + memoryStamp
	n += selectorsCost(f.selectors) + arraySize[variant](cap(f.variants)) + stringsCost(f.keys) + stringsCost(f.groups)
	for i := range f.variants {
		v := &f.variants[i]
		n += stringSize(v.key) + stringSize(v.etag) + selectorsCost(v.selectors)
	}
	return n
}

func stringsCost(list []string) int64 {
	n := arraySize[string](cap(list))
	for _, s := range list {
		n += stringSize(s)
	}
	return n
}

func selectorsCost(selectors []selector) int64 {
	n := arraySize[selector](cap(selectors))
	for _, s := range selectors {
		n += stringSize(s.value)
	}
	return n
}
