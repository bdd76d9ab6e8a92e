package catalog

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"

	"github.com/tripper-go/tripper/caching/store"
)

// errNoList is the error of a list or purge of a Store that cannot list its entries.
var errNoList = errors.New("caching: the store cannot list its entries")

// List goes through the entries of the Store. If it has none or fails, that is the
// last pair, with an error.
func (c *Catalog) List(ctx context.Context) iter.Seq2[store.Listed, error] {
	return func(yield func(store.Listed, error) bool) {
		l, ok := c.Calls.Store.(store.Lister)
		if !ok {
			yield(store.Listed{}, errNoList)
			return
		}
		for e, err := range l.List(ctx) {
			if err != nil {
				err = fmt.Errorf("caching: list: %w", err)
			}
			if !yield(e, err) {
				return
			}
		}
	}
}

// Purge deletes the entries for which match returns true, and notes that their targets were
// invalidated.
func (c *Catalog) Purge(ctx context.Context, match func(m *store.Meta, size int64) bool) error {
	l, ok := c.Calls.Store.(store.Lister)
	if !ok {
		return errNoList
	}
	var keys []string
	var err error
	for e, failed := range l.List(ctx) {
		if failed != nil {
			err = failed
			break
		}
		if match(e.Meta, e.Size) {
			keys = append(keys, e.Key)
			if u, err := url.Parse(e.Meta.URL); err == nil {
				c.epochs.invalidate(targetKey(&http.Request{URL: u}))
			}
		}
	}
	for _, key := range keys {
		if e := c.Calls.Store.Delete(ctx, key); e != nil && err == nil {
			err = e
		}
	}
	if err != nil {
		return fmt.Errorf("caching: purge: %w", err)
	}
	return nil
}
