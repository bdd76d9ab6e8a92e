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

// Listed is a stored response in a list.
type Listed struct {
	Meta *store.Meta
	F    *Memo
	Size int64
}

// List goes through the stored responses. What was invalidated is left out. If the Store has no
// list or it fails, that is the last pair, with an error.
func (c *Catalog) List(ctx context.Context) iter.Seq2[Listed, error] {
	return func(yield func(Listed, error) bool) {
		for e, err := range c.entries(ctx) {
			if err != nil {
				yield(Listed{}, fmt.Errorf("caching: list: %w", err))
				return
			}
			f := MemoOf(c.Cfg, e.Meta)
			if f != nil && f.Key == e.Key && !f.Index && c.alive(ctx, f) && !yield(Listed{e.Meta, f, e.Size}, nil) {
				return
			}
		}
	}
}

// entries goes through the entries of the Store.
func (c *Catalog) entries(ctx context.Context) iter.Seq2[store.Listed, error] {
	if l, ok := c.Calls.Store.(store.Lister); ok {
		return l.List(ctx)
	}
	return func(yield func(store.Listed, error) bool) { yield(store.Listed{}, errNoList) }
}

// alive reports whether a response is of the generation that its target has now.
func (c *Catalog) alive(ctx context.Context, f *Memo) bool {
	t := f.target
	if f.Home != f.Key {
		e, err := c.Calls.Get(ctx, f.Home, nil)
		if err != nil || e == nil {
			return false
		}
		defer func() { _ = e.Close() }()
		home := MemoOf(c.Cfg, e.Meta)
		if home == nil || home.Key != f.Home {
			return false
		}
		t = home.target
	}
	return t != nil && t.gen == f.gen && t.has(c.required.name(f.Home))
}

// Purge removes the responses for which match returns true, and notes that their targets were
// invalidated.
func (c *Catalog) Purge(ctx context.Context, match func(Listed) bool) (err error) {
	var found []Listed
	for l, failed := range c.List(ctx) {
		if err = failed; failed == nil && match(l) {
			found = append(found, l)
			c.epochs.note(l.F.Home)
		}
	}
	for _, l := range found {
		if e := c.remove(ctx, l.F, l.Meta.URL, nil); e != nil && err == nil {
			err = e
		}
	}
	return purgeError(err)
}

// PurgeEntries deletes all entries for which match returns true of their URL. That everything was
// invalidated has been noted.
func (c *Catalog) PurgeEntries(ctx context.Context, match func(url string) bool) (err error) {
	var found []store.Listed
	for e, failed := range c.entries(ctx) {
		if err = failed; failed == nil && match(e.Meta.URL) {
			found = append(found, e)
		}
	}
	for _, l := range found {
		f := &Memo{Record: Record{Key: l.Key, Home: l.Key}}
		if known := MemoOf(c.Cfg, l.Meta); known != nil {
			f.Home = known.Home
		}
		if e := c.remove(ctx, f, l.Meta.URL, nil); e != nil && err == nil {
			err = e
		}
	}
	return purgeError(err)
}

func purgeError(err error) error {
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
		c.required.add(f.Home, url)
	}
	return err
}
