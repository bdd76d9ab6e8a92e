package caching

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"
)

// writeBackEvery is how long after a try to write invalidations the next one may come.
const writeBackEvery = time.Second

// begin reports whether invalidations are to be written now, which end ends.
func (u *undeleted) begin(now time.Time) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.writing || len(u.m) == 0 || now.Sub(u.wrote) < writeBackEvery {
		return false
	}
	u.writing, u.wrote = true, now
	return true
}

func (u *undeleted) end() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.writing = false
}

// pending returns what was invalidated when, and is not written yet.
func (u *undeleted) pending() map[string]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	return maps.Clone(u.m)
}

// written notes that what was invalidated under key at that time is gone from the Store.
func (u *undeleted) written(key string, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m[key].Equal(at) {
		delete(u.m, key)
	}
	u.some.Store(len(u.m) > 0 || !u.floor.IsZero())
}

// writeBack writes the invalidations that the Store has not taken, now that it is back:
// other processes are to know of them too.
func (st *state) writeBack() {
	if !st.undeleted.begin(time.Now()) {
		return
	}
	started := st.background.start(context.Background(), func(ctx context.Context) {
		defer st.undeleted.end()
		for key, at := range st.undeleted.pending() {
			if st.deleteBefore(ctx, key, at, 2) != nil {
				return
			}
			st.undeleted.written(key, at)
		}
	})
	if !started {
		st.undeleted.end()
	}
}

// deleteBefore deletes what is stored under key and was asked for no later than at, and
// what it lists, and what that lists, depth levels deep.
func (st *state) deleteBefore(ctx context.Context, key string, at time.Time, depth int) error {
	e, err := st.calls.get(ctx, key, nil)
	if errors.Is(err, ErrCorrupt) {
		return nil
	}
	if err != nil || e == nil {
		return err
	}
	defer func() { _ = e.Close() }()
	if f := factsOf(st.cfg, e.Meta); f != nil && depth > 0 {
		listed := f.others
		for i := range f.variants {
			listed = append(slices.Clip(listed), f.variants[i].key)
		}
		for _, k := range listed {
			if err := st.deleteBefore(ctx, k, at, depth-1); err != nil {
				return err
			}
		}
	}
	if e.Meta.RequestTime.After(at) {
		return nil
	}
	return st.calls.delete(ctx, key, nil)
}
