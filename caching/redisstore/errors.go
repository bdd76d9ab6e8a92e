package redisstore

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/store"
)

var errNoClient = errors.New("redisstore: a Store without a client (it is made by New)")

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

// wrap returns err with the name of the step that failed. redis.Nil says that there is no
// value, and is no failure.
func (s *Store) wrap(what string, err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	s.reloadCluster(err)
	if noRoom(err) {
		return fmt.Errorf("redisstore: %s: %w: %w", what, store.ErrTooLarge, err)
	}
	return fmt.Errorf("redisstore: %s: %w", what, err)
}

// wrapChange is wrap for a command that changes an entry. Unless the server has answered, it may have
// done so: the client tries again by itself, so that even a refused connection does not tell.
func (s *Store) wrapChange(what string, err error) error {
	var reply redis.Error
	if err != nil && !errors.As(err, &reply) {
		err = fmt.Errorf("%w: %w", store.ErrUncertain, err)
	}
	return s.wrap(what, err)
}

// reloadCluster makes the client of a cluster ask again which node has which keys, in the
// background, if a node did not answer. By itself the client does so once a minute, and
// after several tries, for which a deadline leaves no time.
func (s *Store) reloadCluster(err error) {
	var reply redis.Error
	if errors.As(err, &reply) || errors.Is(err, context.Canceled) {
		return
	}
	if c, ok := s.client.(*redis.ClusterClient); ok {
		c.ReloadState(context.Background())
	}
}

// noRoom reports whether the server has reached its limit of memory (maxmemory). It still
// removes entries, so the Transport must not take it for a server that fails.
func noRoom(err error) bool { return redis.IsOOMError(err) || strings.Contains(err.Error(), "OOM ") }

// errWrongType is what a server says of a value of another type.
var errWrongType = errors.New("WRONGTYPE")

// wrongType reports whether the value under a key is of another type than this package
// stores.
func wrongType(err error) bool { return err != nil && strings.Contains(err.Error(), "WRONGTYPE") }
