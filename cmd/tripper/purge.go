package main

import (
	"context"

	"github.com/tripper-go/tripper/caching"
)

// purgeCommand is tripper cache purge.
func purgeCommand(ctx context.Context, c *console, args []string) error {
	var o cacheOptions
	var prefix, all bool
	cmd := &command{name: "cache purge", args: "STORE URL", about: `Forgets what is stored for URL, for all users and in all variants. Programs that
use the store do not serve it any more.
`}
	f := cmd.group("Options:")
	f.BoolVar(&prefix, "prefix", false, "forget all that begins with URL")
	f.BoolVar(&all, "all", false, "forget everything; there is no URL then")
	o.storeFlags(f)
	rest, _, err := cmd.parse(c, args)
	if err != nil {
		return err
	}
	least := 2
	if all {
		least = 1
	}
	if err := cmd.wants(rest, least, least); err != nil {
		return failf(exitUsage, "%w; everything is forgotten by --all", err)
	}
	target := ""
	if !all {
		t, err := parseTarget(rest[1])
		if err != nil {
			return err
		}
		target = storedURL(t.url)
	}
	st, err := openStore(ctx, c, rest[0], o.keyFile, 0, modePurge)
	if err != nil {
		return err
	}
	defer st.close() //nolint:errcheck // what was to be written is written
	cache := &caching.Transport{Store: st.Store, StoreWait: redisWait}
	defer cache.Close() //nolint:errcheck // nothing is under way
	switch {
	case all:
		err = cache.PurgeAll(ctx)
	case prefix:
		err = cache.PurgePrefix(ctx, target)
	default:
		err = cache.Purge(ctx, target)
	}
	if err != nil {
		return failf(exitWrite, "%w", err)
	}
	return nil
}
