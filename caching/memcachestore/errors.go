package memcachestore

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/store"
)

var errNoClient = errors.New("memcachestore: a Store without a client (it is made by New)")

// usable returns an error if ctx has ended or s has no client.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s == nil || s.client == nil {
		return errNoClient
	}
	return nil
}

func missing(err error) bool { return errors.Is(err, memcache.ErrCacheMiss) }

// lost reports whether an item was changed or removed since it was read.
func lost(err error) bool {
	return errors.Is(err, memcache.ErrCASConflict) || errors.Is(err, memcache.ErrNotStored) || missing(err)
}

// wrap returns err with the name of the step that failed.
func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("memcachestore: %s: %w", what, err)
}

// wrapChange is wrap for the command that changes an entry. Unless the server has answered, or was
// never asked, it may have done so.
func wrapChange(what string, err error) error {
	var dial *net.OpError
	var timeout *memcache.ConnectTimeoutError
	switch {
	case err == nil, errors.Is(err, memcache.ErrNoServers), errors.As(err, &timeout), errors.As(err, &dial) && dial.Op == "dial",
		strings.Contains(err.Error(), "unexpected response line"):
		return wrap(what, err)
	}
	return wrap(what, fmt.Errorf("%w: %w", store.ErrUncertain, err))
}
