package caching

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/dunglas/httpsfv"
)

// Responses of one origin that name the same group in Cache-Groups are
// invalidated together (RFC 9875). When that happens only the time is noted, in
// the store and here: whatever of the group was asked for before then is
// nothing stored when it is looked up next. So a group may have any number of
// members, and each process that shares the store knows.

// maxGroups bounds the groups that one field may name. RFC 9875 §2 and §3 want
// 32 at least.
const maxGroups = 256

// groupAgain is how long what the store says about a group is believed: another
// process may have invalidated it.
const groupAgain = time.Second

// groupNames reads Cache-Groups or Cache-Group-Invalidation, each a List of
// Strings whose parameters mean nothing (RFC 9875 §2, §3). ok is false for a field
// with anything else in it, which is no field at all.
func groupNames(values []string) (names []string, ok bool) {
	if len(values) == 0 {
		return nil, false
	}
	list, err := httpsfv.UnmarshalList(values)
	if err != nil {
		return nil, false
	}
	for _, member := range list {
		item, is := member.(httpsfv.Item)
		if !is {
			return nil, false
		}
		name, is := item.Value.(string)
		if !is {
			return nil, false
		}
		names = append(names, name)
	}
	return names, true
}

// groupKeys returns the keys of the groups that a response for url is in: groups
// of the same name at two origins have nothing in common (RFC 9875 §2.1).
func groupKeys(target string, h http.Header) []string {
	names, _ := groupNames(h["Cache-Groups"])
	if len(names) == 0 {
		return nil
	}
	origin := originOf(target)
	keys := make([]string, len(names))
	for i, name := range names {
		keys[i] = groupKey(origin, name)
	}
	return keys
}

func groupKey(origin, name string) string { return hashKey(keyGroup, []byte(origin), nil, name) }

// originOf is the origin of a URL that appendURL wrote.
func originOf(target string) string {
	if at := strings.Index(target, "://"); at >= 0 {
		if end := strings.IndexByte(target[at+3:], '/'); end >= 0 {
			return target[:at+3+end]
		}
	}
	return target
}

func originOfURL(u *url.URL) string { return originOf(string(appendURL(nil, u, ""))) }

// groupTimes are when groups were invalidated, by key.
type groupTimes struct {
	mu sync.Mutex
	m  map[string]groupTime
}

type groupTime struct {
	// struck is when it was, or zero if it never was.
	struck time.Time
	// read is when the store was asked.
	read time.Time
}

const groupTimesMax = 4096

func (g *groupTimes) get(key string) (groupTime, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok := g.m[key]
	return t, ok
}

// set notes t, unless something later is known, and returns what is known then.
func (g *groupTimes) set(key string, t groupTime) groupTime {
	g.mu.Lock()
	defer g.mu.Unlock()
	if old := g.m[key]; old.struck.After(t.struck) {
		t.struck = old.struck
	}
	if g.m == nil || len(g.m) >= groupTimesMax {
		g.m = make(map[string]groupTime) // the store knows
	}
	g.m[key] = t
	return t
}

// struck reports whether one of the groups of a response, which was asked for at
// sent, was invalidated since. What happened at that very moment may have come
// first.
func (st *state) struck(ctx context.Context, f *facts, sent time.Time, x *exchange) bool {
	for _, key := range f.groups {
		if t := st.groupTime(ctx, key, x); !t.IsZero() && !sent.After(t) {
			return true
		}
	}
	return false
}

// groupTime returns when a group was invalidated.
func (st *state) groupTime(ctx context.Context, key string, x *exchange) time.Time {
	now := time.Now()
	if t, ok := st.groups.get(key); ok && now.Sub(t.read) < groupAgain {
		return t.struck
	}
	t := groupTime{read: now}
	if e, f := st.get(ctx, key, x); e != nil {
		if f.index {
			t.struck = e.Meta.ResponseTime
		}
		_ = e.Close()
	}
	return st.groups.set(key, t).struck
}

// strikeGroup invalidates the group of that name at an origin.
func (st *state) strikeGroup(ctx context.Context, origin, name string, x *exchange) error {
	key := groupKey(origin, name)
	defer st.indexes.lock(key)()
	now := time.Now()
	st.groups.set(key, groupTime{struck: now, read: now})
	// The URL is no target of a request: nothing but a purge of the whole origin
	// removes the entry.
	err := st.put(ctx, &record{key: key, index: true}, origin, now, now.Add(maxLifetime))
	x.tell("invalidate", "its group", 0, err)
	return err
}
