package caching

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Responses of one origin that name the same group in Cache-Groups are
// invalidated together (RFC 9875). When that happens only the time is noted, in
// the store and here: whatever of the group was asked for before then is
// nothing stored when it is looked up next. So a group may have any number of
// members, and each process that shares the store knows.

// groupAgain is how long what the store says about a group is believed: another
// process may have invalidated it.
const groupAgain = time.Second

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

// groupInvalidated reports whether one of the groups of the response with the metadata m and
// the memo f was invalidated since its request was sent, or may have been: at the same
// moment, or the Store cannot say.
func (q *query) groupInvalidated(ctx context.Context, f *memo, m *Meta) bool {
	for _, key := range f.groups {
		if t, ok := q.groupTime(ctx, key, m.URL); !ok || outlived(m.RequestTime, t) {
			return true
		}
	}
	return false
}

// groupTime returns when the group under key was invalidated. ok is false if the
// store cannot say.
func (q *query) groupTime(ctx context.Context, key, target string) (at time.Time, ok bool) {
	now := time.Now()
	if t, ok := q.cat.groups.get(key, now); ok {
		return t.invalidated, true
	}
	e, f, err := q.read(ctx, key)
	if err != nil {
		return time.Time{}, false
	}
	var stored time.Time
	if e != nil && f.index {
		stored = e.Meta.ResponseTime
	}
	_ = e.Close()
	t := q.cat.groups.set(key, groupTime{invalidated: stored, read: now})
	if t.invalidated.After(stored) {
		// The store has forgotten it, as it may. Others should still hear of it.
		if err := q.putGroup(ctx, key, originOf(target), t.invalidated); err != nil {
			q.tell("store", "writing a group failed", 0, err)
		}
	}
	return t.invalidated, true
}

// putGroup stores when a group was invalidated. Its URL is no target of a request:
// nothing but a purge of all that begins like the origin removes it.
func (q *query) putGroup(ctx context.Context, key, origin string, at time.Time) error {
	return q.putIndex(ctx, &record{key: key, index: true}, origin, at, at.Add(maxLifetime))
}

// invalidateGroup invalidates the group of that name at an origin.
func (q *query) invalidateGroup(ctx context.Context, origin, name string) error {
	key := groupKey(origin, name)
	unlock := q.cat.indexes.lock(key)
	now := time.Now()
	q.cat.groups.set(key, groupTime{invalidated: now, read: now})
	err := q.putGroup(ctx, key, origin, now)
	unlock()
	q.tell("invalidate", "its group", 0, err)
	return err
}
