package caching

import (
	"context"
	"maps"
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
	mu    sync.Mutex
	floor time.Time // what was forgotten is taken to be that late
	m     map[string]groupTime
}

type groupTime struct {
	// struck is when it was, or zero if it never was.
	struck time.Time
	// read is when the store was asked.
	read time.Time
}

const groupTimesMax = 4096

// get returns what is known of a group, and whether that is worth believing.
func (g *groupTimes) get(key string, now time.Time) (t groupTime, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t, ok = g.m[key]
	return t, ok && now.Sub(t.read) < groupAgain
}

// set notes t, unless something later is known, and returns what is known then.
func (g *groupTimes) set(key string, t groupTime) groupTime {
	g.mu.Lock()
	defer g.mu.Unlock()
	old, ok := g.m[key]
	if t.struck = later(t.struck, later(old.struck, g.floor)); !ok && len(g.m) >= groupTimesMax {
		// Those that were never invalidated can be asked for again.
		maps.DeleteFunc(g.m, func(_ string, o groupTime) bool { return o.struck.IsZero() })
		if len(g.m) >= groupTimesMax {
			g.m, g.floor = nil, t.read
		}
	}
	if g.m == nil {
		g.m = make(map[string]groupTime)
	}
	g.m[key] = t
	return t
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// struck reports whether one of the groups of a response for target, which was
// asked for at sent, was invalidated since, or may have been. What happened at that very
// moment may have come first.
func (st *state) struck(ctx context.Context, f *facts, target string, sent time.Time, x *exchange) bool {
	for _, key := range f.groups {
		if t, ok := st.groupTime(ctx, key, target, x); !ok || !t.IsZero() && !sent.After(t) {
			return true
		}
	}
	return false
}

// groupTime returns when the group under key was invalidated. ok is false if the
// store cannot say.
func (st *state) groupTime(ctx context.Context, key, target string, x *exchange) (struck time.Time, ok bool) {
	now := time.Now()
	if t, ok := st.groups.get(key, now); ok {
		return t.struck, true
	}
	e, f, err := st.read(ctx, key, x)
	if err != nil {
		return time.Time{}, false
	}
	var stored time.Time
	if e != nil && f.index {
		stored = e.Meta.ResponseTime
	}
	_ = e.Close()
	t := st.groups.set(key, groupTime{struck: stored, read: now})
	if t.struck.After(stored) {
		// The store has forgotten it, as it may. Others should still hear of it.
		if err := st.putGroup(ctx, key, originOf(target), t.struck, x); err != nil {
			x.tell("store", "writing a group failed", 0, err)
		}
	}
	return t.struck, true
}

// putGroup stores when a group was invalidated. Its URL is no target of a request:
// nothing but a purge of all that begins like the origin removes it.
func (st *state) putGroup(ctx context.Context, key, origin string, struck time.Time, x *exchange) error {
	return st.put(ctx, &record{key: key, index: true}, origin, struck, struck.Add(maxLifetime), x)
}

// strikeGroup invalidates the group of that name at an origin.
func (st *state) strikeGroup(ctx context.Context, origin, name string, x *exchange) error {
	key := groupKey(origin, name)
	unlock := st.indexes.lock(key)
	now := time.Now()
	st.groups.set(key, groupTime{struck: now, read: now})
	err := st.putGroup(ctx, key, origin, now, x)
	unlock()
	x.tell("invalidate", "its group", 0, err)
	return err
}
