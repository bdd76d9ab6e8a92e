package storetest_test

import (
	"context"
	"slices"

	"github.com/tripper-go/tripper/caching/store"
)

// Find implements [store.Finder], with or without a fault.
func (f *faulty) Find(ctx context.Context, w store.Want) (found store.Found, err error) {
	found.Entries = make([]store.FoundEntry, len(w.Entries))
	lease := func() error {
		if w.Lease == "" || found.Release != nil {
			return nil
		}
		release, err := f.Acquire(ctx, w.Lease)
		if found.Release = release; release == nil && err == nil && f.fault != "found: a refused lease is no error" {
			found.LeaseErr = store.ErrLeased
		}
		return err
	}
	late := f.fault == "found: the lease comes after the look"
	if w.Always && !late {
		if err := lease(); err != nil {
			return found, err
		}
	}
	for i, e := range w.Entries {
		entry, err := f.Get(ctx, e.Key)
		switch now := store.Absent; {
		case err != nil:
			found.Entries[i].Err = err
			continue
		case entry != nil:
			now = entry.Meta.Version
			fallthrough
		default:
			found.Entries[i] = store.FoundEntry{Entry: entry}
			if e.Seen != 0 && (now == e.Seen || f.fault == "found: all is the same") {
				_ = entry.Close()
				found.Entries[i] = store.FoundEntry{Same: true}
			}
		}
		if e.Key != w.Lease || w.Always || entry != nil && f.fault != "found: the lease of what is stored" {
			continue
		}
		if err := lease(); err != nil {
			return found, err
		}
		if found.Release != nil && !late {
			_ = entry.Close()
			if entry, err = f.Get(ctx, e.Key); err != nil {
				return found, err
			}
			found.Entries[i].Entry = entry
		}
	}
	if w.Always && late {
		f.dawdle()
		if err := lease(); err != nil {
			return found, err
		}
	}
	switch f.fault {
	case "found: in another order":
		slices.Reverse(found.Entries)
	case "found: only the first":
		found.Entries = found.Entries[:1]
	case "found: a lease is kept":
		found.Release = nil
	}
	return found, nil
}
