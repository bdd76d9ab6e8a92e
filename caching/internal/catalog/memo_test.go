package catalog

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// What is worked out for one entry is kept for up to four different settings, and counted.
func TestMemos(t *testing.T) {
	t.Parallel()
	r := Record{Key: "k"}
	m := &store.Meta{Header: http.Header{"A": {"1", "2"}, "Age": {"5"}, "B": {}}, Extra: r.appendTo(nil)}
	if MemoOf(&policy.Settings{}, &store.Meta{Extra: []byte("other")}) != nil {
		t.Error("an entry of another program has a memo")
	}
	var settings []*policy.Settings
	var memos []*Memo
	var one int64
	for i := range maxMemos {
		cfg := &policy.Settings{Name: strings.Repeat("x", i+1)}
		f := MemoOf(cfg, m)
		if i == 0 {
			one = f.box.Bytes
		}
		if f.box.Bytes != int64(i+1)*one || m.Memo() != &f.box {
			t.Errorf("%d memos occupy %d bytes, want %d times %d", i+1, f.box.Bytes, i+1, one)
		}
		settings, memos = append(settings, cfg), append(memos, f)
	}
	for i, cfg := range settings {
		if same := *cfg; MemoOf(&same, m) != memos[i] {
			t.Errorf("the memo for %q is made again", cfg.Name)
		}
	}
	f := MemoOf(&policy.Settings{Name: "one more"}, m)
	if f.next != nil || f.box.Bytes != one {
		t.Errorf("more than %d memos are kept", maxMemos)
	}
	if f.Known() != &f.Facts || (*Memo)(nil).Known() != nil {
		t.Error("the facts of a memo are its own, and without a memo there are none")
	}
	if len(f.Fields) != 1 || f.Fields[0].Name != "A" || f.Lines != 2 {
		t.Errorf("%d fields in %d lines, want A alone, twice: Age is set anew", len(f.Fields), f.Lines)
	}
}

// A memo says how much it occupies.
func TestMemoSize(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1000)
	size := func(r Record, h http.Header) int64 {
		return newMemo(&policy.Settings{}, &store.Meta{URL: "http://example.com/", Header: h}, r, nil, false, nil).box.Bytes
	}
	least := size(Record{}, nil)
	for why, got := range map[string]int64{
		"key":                    size(Record{Key: text}, nil),
		"No-Vary-Search":         size(Record{NoVarySearch: text}, nil),
		"keys of a target":       size(Record{Index: true, keys: []string{text}}, nil),
		"selectors":              size(Record{Selectors: []policy.Selector{{Value: text}}}, nil),
		"key of a variant":       size(Record{Index: true, variants: []policy.Variant{{Key: text}}}, nil),
		"entity tag":             size(Record{Index: true, variants: []policy.Variant{{Etag: text}}}, nil),
		"selectors of a variant": size(Record{Index: true, variants: []policy.Variant{{Selectors: []policy.Selector{{Value: text}}}}}, nil),
		"many selectors":         size(Record{Selectors: make([]policy.Selector, 100)}, nil),
		"many keys":              size(Record{Index: true, keys: make([]string, 100)}, nil),
		"many variants":          size(Record{Index: true, variants: make([]policy.Variant, 100)}, nil),
		"groups":                 size(Record{}, http.Header{"Cache-Groups": {strings.Repeat(`"a",`, 30) + `"b"`}}),
	} {
		if got < least+1000 {
			t.Errorf("%s: %d bytes, %d without", why, got, least)
		}
	}
}

// A record is encoded anew only if it has changed, and the time that the entry expires
// follows from the response.
func TestSetRecord(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	now := time.Now()
	m := &store.Meta{Status: 200, Header: http.Header{"Cache-Control": {"max-age=60"}, "Etag": {`"a"`}}, RequestTime: now, ResponseTime: now}
	f := s.SetRecord(m, Record{Key: "k"}, nil, false, nil)
	extra, expires := &m.Extra[0], m.Expires
	if !expires.Equal(f.UsefulUntil()) || expires.Before(now.Add(time.Minute)) {
		t.Errorf("it expires at %v", expires)
	}
	if f = s.SetRecord(m, Record{Key: "k"}, nil, false, nil); &m.Extra[0] != extra || m.Memo() != &f.box {
		t.Error("the same record was encoded again, or its memo is not kept")
	}
	f = s.SetRecord(m, Record{Key: "l"}, nil, false, nil)
	if r, ok := parseRecord(m.Extra); !ok || r.Key != "l" || f.Key != "l" {
		t.Errorf("the record is %+v", r)
	}
	m.Expires = now
	if s.SetRecord(m, Record{Key: "k", Index: true}, nil, false, nil); !m.Expires.Equal(now) {
		t.Error("an index is kept for as long as what it lists")
	}
}

// Hits of one second have the same fields, and those of the next have others.
func TestStampAt(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, showKey := range []bool{false, true} {
		cfg := &policy.Settings{Name: "c", ShowKey: showKey}
		m := &store.Meta{Status: 200, Header: http.Header{"Cache-Control": {"max-age=60"}}, RequestTime: now, ResponseTime: now}
		f := newMemo(cfg, m, Record{Key: "k"}, nil, false, nil)
		for range 2 {
			for _, row := range []struct {
				old         time.Duration
				age, status string
			}{{1500 * time.Millisecond, "1", "c; hit; ttl=59"}, {1900 * time.Millisecond, "1", "c; hit; ttl=59"}, {2 * time.Second, "2", "c; hit; ttl=58"}, {0, "0", "c; hit; ttl=60"}} {
				if showKey {
					row.status += `; key="k"`
				}
				if age, status := f.StampAt(row.old); age != row.age || status != row.status {
					t.Errorf("at %v: Age %s, %s, want %s, %s", row.old, age, status, row.age, row.status)
				}
			}
		}
		first := f.stamp.Load()
		if f.StampAt(0); first == nil || f.stamp.Load() != first {
			t.Error("it is made again within a second")
		}
	}
}
