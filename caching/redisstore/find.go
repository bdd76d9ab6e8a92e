package redisstore

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/internal/storekit"
	"github.com/tripper-go/tripper/caching/store"
)

// Find implements [store.Finder]: all commands are sent at once. In a cluster each goes to the node of
// its key.
func (s *Store) Find(ctx context.Context, w store.Want) (f store.Found, err error) {
	if err := s.usable(ctx); err != nil {
		return f, err
	}
	token := rand.Text()
	commands := s.commands(ctx, w, token)
	f.Entries = make([]store.FoundEntry, len(w.Entries))
	unknown := 0
	for i := range commands {
		c := &commands[i]
		lease, found := c.result(ctx)
		if i < len(w.Entries) {
			if f.Entries[i] = found; found.Err != nil && !errors.Is(found.Err, store.ErrCorrupt) {
				unknown++
			}
		}
		switch {
		case !c.wantsLease:
		case lease == nil && found.Err != nil: // nothing was asked
			f.LeaseErr = found.Err
		case lease == int64(1):
			f.Release = s.release(ctx, c.name.lease, token)
		case lease == int64(0):
			f.LeaseErr = store.ErrLeased
		case lease != nil:
			f.LeaseErr = s.wrap("lease", fmt.Errorf("%v", lease)) //nolint:err113 // the server's own words
		}
	}
	if unknown == len(f.Entries) && f.Release == nil {
		return store.Found{}, f.Entries[0].Err
	}
	return f, nil
}

// A command reads one entry: by the fields of its hash, or by findScript if there is more to it.
type command struct {
	s    *Store
	key  string
	name name
	args []any // of the script
	cmd  interface {
		redis.Cmder
		Result() ([]any, error)
	}
	wantsLease bool
}

// commands sends the commands for w, in the order of its entries. There is one more at the end if the
// lease is that of another key.
func (s *Store) commands(ctx context.Context, w store.Want, token string) []command {
	commands := make([]command, 0, len(w.Entries)+1)
	for _, e := range w.Entries {
		c := command{s: s, key: e.Key, name: s.name(e.Key), wantsLease: e.Key == w.Lease}
		if c.wantsLease || e.Seen != 0 {
			c.args = []any{versionText(e.Seen), "", 0, 0}
		}
		commands = append(commands, c)
	}
	at := slices.IndexFunc(commands, func(c command) bool { return c.wantsLease })
	if at < 0 && w.Lease != "" {
		at = len(commands)
		commands = append(commands, command{s: s, key: w.Lease, name: s.name(w.Lease), wantsLease: true, args: []any{"-", "", 0, 0}})
	}
	pipe := s.client.Pipeline()
	if at >= 0 {
		always := 0
		if w.Always {
			always = 1
		}
		c := &commands[at]
		c.args = []any{c.args[0], token, ms(s.leaseTime()), always}
		c.send(ctx, pipe) // before all others, which are then read with the lease in hand
	}
	for i := range commands {
		if i != at {
			commands[i].send(ctx, pipe)
		}
	}
	_, _ = pipe.Exec(ctx) // each command has its own error
	return commands
}

func (c *command) send(ctx context.Context, pipe redis.Pipeliner) {
	if c.args == nil {
		c.cmd = pipe.HMGet(ctx, c.name.head, fieldDescriptor, fieldMeta, fieldInline)
		return
	}
	c.cmd = script{pipe.EvalSha(ctx, findScript.Hash(), []string{c.name.head, c.name.lease}, c.args...)}
}

// script is the command of a script that returns a list.
type script struct{ *redis.Cmd }

func (c script) Result() ([]any, error) { return c.Slice() }

// result returns what findScript says of the lease, nil if nothing, and the entry.
func (c *command) result(ctx context.Context) (lease any, f store.FoundEntry) {
	values, err := c.cmd.Result()
	if c.args == nil {
		f.Entry, f.Err = c.s.entry(ctx, c.key, c.name, values, err)
		return nil, f
	}
	if err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") { // the server has been restarted
		values, err = findScript.Eval(ctx, c.s.client, []string{c.name.head, c.name.lease}, c.args...).Slice()
	}
	if err != nil {
		f.Err = c.s.wrap("find", err)
		return nil, f
	}
	if len(values) > 0 {
		lease = values[0]
	}
	switch {
	case len(values) == 5:
		f.Entry, f.Err = c.s.entry(ctx, c.key, c.name, values[2:], nil)
	case len(values) == 2 && values[1] == int64(1):
		f.Same = true
	case len(values) == 2: // another program wrote it
		f.Entry, f.Err = c.s.entry(ctx, c.key, c.name, nil, errWrongType)
	case len(values) != 1:
		f.Err = storekit.Corrupt("answer of a script")
	}
	return lease, f
}

// Acquire implements [store.Leaser].
func (s *Store) Acquire(ctx context.Context, key string) (release func(), err error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	token, lease := rand.Text(), s.name(key).lease
	got, err := s.client.SetNX(ctx, lease, token, s.leaseTime()).Result()
	if err != nil {
		return nil, s.wrap("lease", err)
	}
	if !got {
		return nil, nil //nolint:nilnil // another has the lease
	}
	return s.release(ctx, lease, token), nil
}

// release returns the function that gives a lease back.
func (s *Store) release(ctx context.Context, lease, token string) func() {
	return func() {
		// The lease ends by itself if this fails.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = releaseScript.Run(ctx, s.client, []string{lease}, token).Err()
	}
}

func (s *Store) leaseTime() time.Duration { return cmp.Or(s.LeaseTime, DefaultLeaseTime) }
