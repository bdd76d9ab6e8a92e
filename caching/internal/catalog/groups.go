package catalog

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/caching/internal/policy"
	"github.com/tripper-go/tripper/caching/store"
)

// Responses of one origin that name the same group in Cache-Groups are invalidated together
// (RFC 9875). An invalidation notes the time, in the Store and in memory. Responses of the
// group whose requests were sent before that are not used. So a group may have any number of
// responses, and each process that shares the Store hears of the invalidation.

// groupNoteLifetime is how long a note of the Store is relied on. Another process may invalidate the
// group meanwhile.
const groupNoteLifetime = time.Second

// groupKeys returns the keys of the groups that a response for target with the fields h is
// in. Groups of different origins are different (RFC 9875 §2.1).
func groupKeys(target string, h http.Header) []string {
	names := policy.GroupNames(h["Cache-Groups"])
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

// groupKey returns the key of the note of a group.
func groupKey(origin, name string) string { return hashKey(keyGroup, []byte(origin), nil, name) }

// originOf returns the origin of a URL in normal form.
func originOf(target string) string {
	scheme, rest, _ := strings.Cut(target, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

// GroupInvalidated reports whether one of the groups of the response with the metadata m and
// the memo f was invalidated since its request was sent, or may have been: at the same
// moment, or the Store cannot say.
func (q *Query) GroupInvalidated(ctx context.Context, f *Memo, m *store.Meta) bool {
	for _, key := range f.Groups() {
		if t, ok := q.groupTime(ctx, key, m.URL); !ok || !t.IsZero() && !m.RequestTime.After(t) {
			return true
		}
	}
	return false
}

// groupTime returns when the group under key was last invalidated, zero for never. ok is
// false if the Store cannot say.
func (q *Query) groupTime(ctx context.Context, key, target string) (at time.Time, ok bool) {
	now := time.Now()
	if t, ok := q.Cat.groups.get(key, now); ok {
		return t.invalidated, true
	}
	_, e, err := q.read(ctx, key)
	if err != nil {
		return time.Time{}, false
	}
	var stored time.Time
	if e != nil {
		stored = e.Meta.ResponseTime
	}
	_ = e.Close()
	t := q.Cat.groups.set(key, groupTime{invalidated: stored, read: now})
	if t.invalidated.After(stored) && !q.Cat.ReadOnly {
		// The Store has evicted the note. Other processes must still hear of it.
		if err := q.putGroup(ctx, key, originOf(target), t.invalidated); err != nil {
			q.Tell(policy.ActionStoreError, policy.ReasonGroupNotWritten, 0, err)
		}
	}
	return t.invalidated, true
}

// putGroup stores the note that a group of an origin was invalidated. Its URL is the origin,
// which is no target of a request: only PurgePrefix and PurgeAll can delete it.
func (q *Query) putGroup(ctx context.Context, key, origin string, at time.Time) error {
	return q.Cat.putIndex(ctx, key, nil, origin, at, at.Add(policy.MaxLifetime), 0, &q.Budget)
}

// InvalidateGroup invalidates a group of the origin of u, now, and notes that in memory and in the
// Store. After an error, which is the Store's, other processes do not hear of it.
func (q *Query) InvalidateGroup(ctx context.Context, u *url.URL, name string) (now time.Time, err error) {
	defer func() { q.Tell(policy.ActionInvalidate, policy.ReasonGroup, 0, err) }()
	origin := originOf(string(AppendURL(nil, u, "")))
	key := groupKey(origin, name)
	_, err = q.Cat.lock(ctx, key, &q.Budget)
	now = time.Now()
	if q.Cat.groups.set(key, groupTime{invalidated: now, read: now}); err != nil {
		return now, err
	}
	defer q.Cat.locks.unlock(key)
	return now, q.putGroup(ctx, key, origin, now)
}

// PurgeGroup invalidates a group of the origin of u, and deletes its responses if the Store
// can list them.
func (q *Query) PurgeGroup(ctx context.Context, u *url.URL, name string) error {
	at, err := q.InvalidateGroup(ctx, u, name)
	if err != nil {
		return fmt.Errorf("caching: purge: %w", err)
	}
	if _, ok := q.Cat.Calls.Store.(store.Lister); !ok {
		return nil
	}
	key := groupKey(originOf(string(AppendURL(nil, u, ""))), name)
	return q.Cat.Purge(ctx, func(l Listed) bool {
		return slices.Contains(l.F.Groups(), key) && !l.Meta.RequestTime.After(at)
	})
}
