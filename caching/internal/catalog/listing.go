package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/tripper-go/tripper/caching/internal/guard"
	"github.com/tripper-go/tripper/caching/store"
)

// errNoList is the error of a list or purge of a Store that cannot list its entries.
var errNoList = errors.New("caching: the store cannot list its entries")

// Listed is an entry in a list, with what is known of it: at least its key.
type Listed struct {
	Meta *store.Meta
	F    *Memo
	Size int64
}

// Entries goes through all entries of the Store. If the Store has no list or it fails, that is the
// last pair, with an error.
func (c *Catalog) Entries(ctx context.Context) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		l, ok := c.Calls.Store.(store.Lister)
		if !ok {
			yield(Listed{}, errNoList)
			return
		}
		for e, err := range l.List(ctx) {
			if err != nil {
				yield(Listed{}, fmt.Errorf("caching: list: %w", err))
				return
			}
			f := MemoOf(c.Cfg, e.Meta)
			if f == nil || f.Key != e.Key {
				f = &Memo{Record: Record{Key: e.Key, Home: e.Key, Index: true}}
			}
			if !yield(Listed{e.Meta, f, e.Size}, nil) {
				return
			}
		}
	}
}

// List goes through the stored responses, as Entries does. What was invalidated is left out.
func (c *Catalog) List(ctx context.Context) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		for l, err := range c.Entries(ctx) {
			if (err != nil || !l.F.Index && c.alive(ctx, l.F)) && !yield(l, err) {
				return
			}
		}
	}
}

// alive reports whether a response is of the generation that its target has now.
func (c *Catalog) alive(ctx context.Context, f *Memo) bool {
	t := f.target
	if f.Home != f.Key {
		_, t = c.recordAt(ctx, f.Home, nil)
	}
	return t != nil && t.gen == f.gen && t.has(c.name(f.Home))
}

// recordAt returns the record under key and the metadata of its entry, nil if there is none.
func (c *Catalog) recordAt(ctx context.Context, key string, b *guard.Budget) (*store.Meta, *target) {
	e, err := c.Calls.Get(ctx, key, b)
	if err != nil || e == nil {
		return nil, nil
	}
	_ = e.Close()
	if f := MemoOf(c.Cfg, e.Meta); f != nil && f.Key == key {
		return e.Meta, f.target
	}
	return nil, nil
}

// PurgeEntries removes the entries for which match returns true, records of targets too, and notes
// that their targets were invalidated.
func (c *Catalog) PurgeEntries(ctx context.Context, match func(Listed) bool) error {
	return c.purge(ctx, c.Entries(ctx), match, c.remove)
}

// Purge removes the responses for which match returns true, and notes that their targets were
// invalidated.
func (c *Catalog) Purge(ctx context.Context, match func(Listed) bool) error {
	return c.purge(ctx, c.List(ctx), match, func(ctx context.Context, f *Memo, url string, b *guard.Budget) error {
		if f.Key == f.Home && c.leaveRecord(ctx, f, b) {
			return nil
		}
		return c.remove(ctx, f, url, b)
	})
}

func (c *Catalog) purge(
	ctx context.Context, list iter.Seq2[Listed, error], match func(Listed) bool, remove func(context.Context, *Memo, string, *guard.Budget) error,
) (err error) {
	var found []Listed
	for l, failed := range list {
		if err = failed; failed == nil && match(l) {
			found = append(found, l)
			c.note(0, l.F.Home)
		}
	}
	for _, l := range found {
		if e := remove(ctx, l.F, l.Meta.URL, nil); e != nil && err == nil {
			err = e
		}
	}
	if err != nil && err != errNoList {
		return fmt.Errorf("caching: purge: %w", err)
	}
	return err
}

// remove deletes the entry of a response. If the Store fails to, nothing that is stored for the
// target is used any more.
func (c *Catalog) remove(ctx context.Context, f *Memo, url string, b *guard.Budget) error {
	err := c.Calls.Delete(ctx, f.Key, b)
	if err != nil {
		c.require(f.Home, url)
	}
	return err
}
