package catalog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"github.com/tripper-go/tripper/caching/store"
)

// errNoList is the error of a list or purge of a Store that cannot list its entries.
var errNoList = errors.New("caching: the store cannot list its entries")

// List calls fn for the entries of the Store until fn returns false.
func (c *Catalog) List(ctx context.Context, fn func(key string, m *store.Meta, size int64) bool) error {
	l, ok := c.Calls.Store.(store.Lister)
	if !ok {
		return errNoList
	}
	if err := l.List(ctx, fn); err != nil {
		return fmt.Errorf("caching: list: %w", err)
	}
	return nil
}

// Purge deletes the entries for which match returns true, and notes that their targets were
// invalidated.
func (c *Catalog) Purge(ctx context.Context, match func(m *store.Meta, size int64) bool) error {
	l, ok := c.Calls.Store.(store.Lister)
	if !ok {
		return errNoList
	}
	var keys []string
	err := l.List(ctx, func(key string, m *store.Meta, size int64) bool {
		if match(m, size) {
			keys = append(keys, key)
			if u, err := url.Parse(m.URL); err == nil {
				c.epochs.invalidate(targetKey(&http.Request{URL: u}))
			}
		}
		return true
	})
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
