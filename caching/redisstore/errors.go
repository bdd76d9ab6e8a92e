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

// usable returns why s cannot do what it is asked to under ctx, if so.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s == nil || s.client == nil {
		return errNoClient
	}
	return nil
}

// wrap says what failed. No reply is not a failure.
func (s *Store) wrap(what string, err error) error {
	if err == nil || errors.Is(err, redis.Nil) {
		return nil
	}
	s.lookAround(err)
	if noRoom(err) {
		return fmt.Errorf("redisstore: %s: %w: %w", what, store.ErrTooLarge, err)
	}
	return fmt.Errorf("redisstore: %s: %w", what, err)
}

// lookAround has the client of a cluster look where keys are now, beside, if err is
// that a node did not answer. By itself it does so only when it has tried for long
// enough, which a deadline cuts short, and once a minute.
func (s *Store) lookAround(err error) {
	var reply redis.Error
	if errors.As(err, &reply) || errors.Is(err, context.Canceled) {
		return
	}
	if c, ok := s.client.(*redis.ClusterClient); ok {
		c.ReloadState(context.Background())
	}
}

// noRoom reports whether the server has all the memory it may have (maxmemory). It
// still removes what is invalid, so this is nothing to leave it alone for.
func noRoom(err error) bool { return redis.IsOOMError(err) || strings.Contains(err.Error(), "OOM ") }

// wrongType reports whether the value under a key is not of the sort that this
// package stores.
func wrongType(err error) bool { return err != nil && strings.Contains(err.Error(), "WRONGTYPE") }
