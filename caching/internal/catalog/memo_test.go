package catalog

import (
	"net/http"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// What is worked out for one entry is kept for up to four different settings, and counted.
func TestMemos(t *testing.T) {
	t.Parallel()
	r := Record{Key: "k", Home: "k"}
	m := &store.Meta{Header: store.FieldsOf(http.Header{"A": {"1", "2"}}), Extra: string(r.appendTo(nil))}
	if MemoOf(&policy.Settings{}, &store.Meta{Extra: "other"}) != nil {
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
		if want := int64(i+1)*one + int64(i)*storekit.ArraySize[more](1); f.box.Bytes != want || m.Memo() != &f.box {
			t.Errorf("%d memos occupy %d bytes, want %d", i+1, f.box.Bytes, want)
		}
		settings, memos = append(settings, cfg), append(memos, f)
	}
	for i, cfg := range settings {
		if same := *cfg; MemoOf(&same, m) != memos[i] {
			t.Errorf("the memo for %q is made again", cfg.Name)
		}
	}
	f := MemoOf(&policy.Settings{Name: "one more"}, m)
	if f.next() != nil || f.box.Bytes != one {
		t.Errorf("more than %d memos are kept", maxMemos)
	}
	if f.Known() != &f.Facts || (*Memo)(nil).Known() != nil {
		t.Error("the facts of a memo are its own, and without a memo there are none")
	}
}

// A memo says how much it occupies.
func TestMemoSize(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1000)
	size := func(r Record, h http.Header) int64 {
		return newMemo(&policy.Settings{}, &store.Meta{URL: "http://example.com/", Header: store.FieldsOf(h)}, h, r, nil, false, nil).box.Bytes
	}
	least := size(Record{}, nil)
	for why, got := range map[string]int64{
		"No-Vary-Search": size(Record{target: targetOf(target{}, lists{noVarySearch: text})}, nil),
		"names":          size(Record{target: targetOf(target{}, lists{names: make([]token, 100)})}, nil),
		"sets":           size(Record{target: targetOf(target{}, lists{sets: []set{{names: []string{text}}}})}, nil),
		"entity tag":     size(Record{target: targetOf(target{}, lists{tags: []tag{{etag: text}}})}, nil),
		"key of a tag":   size(Record{target: targetOf(target{}, lists{tags: []tag{{key: text}}})}, nil),
		"base of a tag":  size(Record{target: targetOf(target{}, lists{tags: []tag{{base: text}}})}, nil),
		"many selectors": size(Record{Selectors: make([]policy.Selector, 100)}, nil),
		"groups":         size(Record{}, http.Header{"Cache-Groups": {strings.Repeat(`"a",`, 30) + `"b"`}}),
	} {
		if got < least+1000 {
			t.Errorf("%s: %d bytes, %d without", why, got, least)
		}
	}
}

// A record is encoded anew only if it has changed, each write has a version, and the time that the
// entry expires follows from the response.
func TestSetRecord(t *testing.T) {
	t.Parallel()
	s := newShelf(t, policy.Settings{})
	now := time.Now()
	m := &store.Meta{Status: 200, Header: store.FieldsOf(http.Header{"Cache-Control": {"max-age=60"}, "Etag": {`"a"`}}), RequestTime: now, ResponseTime: now}
	f := s.SetRecord(m, nil, Record{Key: "k", Home: "k"}, nil, false, nil)
	if !m.Expires.Equal(f.UsefulUntil()) || m.Expires.Before(now.Add(time.Minute)) {
		t.Errorf("it expires at %v", m.Expires)
	}
	s.seal(m, f, 7)
	extra, version := unsafe.StringData(m.Extra), m.Version
	if s.seal(m, f, store.Absent); unsafe.StringData(m.Extra) != extra || m.Memo() != &f.box || m.Version == version || m.Replaces != store.Absent {
		t.Error("the same record was encoded again, or its memo is not kept, or it has no version of its own")
	}
	f = s.SetRecord(m, nil, Record{Key: "l", Home: "l"}, nil, false, nil)
	s.seal(m, f, 0)
	if r, ok := parseRecord(m.Extra); !ok || r.Key != "l" || f.Key != "l" {
		t.Errorf("the record is %+v", r)
	}
	m.Expires = now
	if s.SetRecord(m, nil, Record{Key: "k", Home: "k", Index: true}, nil, false, nil); !m.Expires.Equal(now) {
		t.Error("an index expires when its response would")
	}
	g := newToken()
	if f = s.SetRecord(m, nil, Record{Key: "k", Home: "k", target: targetOf(target{gen: g}, lists{})}, nil, false, nil); f.MustRevalidate {
		t.Error("nothing was marked")
	}
	f.target = f.target.marked(true) // by another process
	if s.seal(m, f, 0); m.Memo() != nil || !MemoOf(s.Cfg, m).MustRevalidate {
		t.Error("what is outdated when it is stored has the memo of what is not")
	}
}
