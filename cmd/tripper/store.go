package main

import (
	"context"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/dirstore"
	"github.com/tripper-go/tripper/caching/redisstore"
	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/trace"
)

// A stock is a store that is open.
type stock struct {
	store.Store
	stats func() store.Stats
	close func() error
}

// storeMode says what a store is opened for.
type storeMode int

const (
	modeRead  storeMode = iota // to look into it: nothing is changed
	modePurge                  // to remove from it: it must exist, and nothing is evicted
	modeUse                    // to use it as a cache: a directory is made if it does not exist
)

// redisWait is how long a Redis server may take to answer at first.
const redisWait = 5 * time.Second

// openStore opens the store that name stands for.
func openStore(ctx context.Context, c *console, name, keyFile string, limit int64, mode storeMode) (*stock, error) {
	if strings.Contains(name, "://") {
		if keyFile != "" {
			return nil, failf(exitUsage, "only a directory can be encrypted")
		}
		return openRedis(ctx, c, name)
	}
	if name == "" {
		return nil, failf(exitUsage, "the name of the store is empty")
	}
	o := &dirstore.Options{MaxBytes: limit, ReadOnly: mode == modeRead}
	if mode != modeUse {
		o.MaxBytes = 1 << 60 // the bound is that of the programs that use the directory
		if _, err := os.Stat(filepath.Join(name, "v1")); errors.Is(err, fs.ErrNotExist) {
			return nil, failf(exitRead, "%s holds no cache", name)
		}
	}
	if keyFile != "" {
		key, err := readSmall(keyFile)
		if err != nil {
			return nil, err
		}
		o.Key = func() ([]byte, error) { return key, nil }
	}
	d, err := dirstore.Open(name, o)
	if err != nil {
		return nil, fileFailure(exitRead, err)
	}
	return &stock{d, d.Stats, d.Close}, nil
}

// openRedis opens a store on a Redis server, which must answer. A password that is missing beside a user is asked for.
func openRedis(ctx context.Context, c *console, name string) (*stock, error) {
	u, err := url.Parse(name)
	if err != nil {
		return nil, failf(exitURL, "the store is no URL") // there may be a password in the error
	}
	q := u.Query()
	namespace := q.Get("namespace")
	q.Del("namespace")
	u.RawQuery = q.Encode()
	if _, complete := u.User.Password(); u.User != nil && !complete {
		password, err := c.ask(ctx, "Password of "+u.User.Username()+" at "+u.Host+": ")
		if err != nil {
			return nil, failf(exitUsage, "the password: %w", err)
		}
		u.User = url.UserPassword(u.User.Username(), password)
	}
	o, err := redis.ParseURL(u.String())
	if err != nil {
		return nil, failf(exitURL, "the store: %s", trace.RedactError(err))
	}
	o.ContextTimeoutEnabled = true
	redis.SetLogger(noLog{}) // what it would print is in the errors
	client := redis.NewClient(o)
	ctx, cancel := context.WithTimeout(ctx, redisWait)
	defer cancel()
	if err := client.Ping(ctx).Err(); err != nil {
		_ = client.Close()
		if cause := context.Cause(ctx); errors.Is(cause, context.Canceled) {
			return nil, cause
		}
		return nil, failf(exitConnect, "the store: %s", trace.RedactError(err))
	}
	s := redisstore.New(client, namespace)
	return &stock{s, s.Stats, client.Close}, nil
}

// noLog takes what go-redis would write to the standard error.
type noLog struct{}

func (noLog) Printf(context.Context, string, ...any) {}
