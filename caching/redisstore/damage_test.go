package redisstore

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
	"github.com/tripper-go/tripper/internal/servers"
)

func TestLeftovers(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			s := New(c, "")
			s.ChunkSize, s.Grace, s.WriteTime = 10_000, time.Minute, 20*time.Minute
			atMost := func(why string, n int, most time.Duration) {
				t.Helper()
				keys, err := c.Keys(t.Context(), "tripper:c:*").Result()
				if err != nil || len(keys) != n {
					t.Errorf("%s: %d pieces, want %d (%v)", why, len(keys), n, err)
				}
				for _, k := range keys {
					if ttl := c.PTTL(t.Context(), k).Val(); ttl <= 0 || ttl > most {
						t.Errorf("%s: piece lives %v, want at most %v", why, ttl, most)
					}
				}
			}
			w, err := s.Create(t.Context(), "key", -1)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(entries.Body(25_000)); err != nil {
				t.Fatal(err)
			}
			atMost("written by a process that dies", 2, s.WriteTime)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			atMost("closed", 0, 0)

			entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(25_000))
			entries.Put(t, s, "key", entries.MetaForAnHour(2), entries.Body(10))
			atMost("replaced", 3, s.Grace)
			entries.Put(t, s, "key", entries.MetaForAnHour(3), entries.Body(35_000))
			if err := s.Delete(t.Context(), "key"); err != nil {
				t.Fatal(err)
			}
			atMost("deleted", 7, s.Grace)
		})
	}
}

// TestForeign puts values where entries should be that nobody here made.
func TestForeign(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			s := New(c, "")
			s.ChunkSize = 10_000
			ctx := t.Context()
			n := s.name("key")
			sealed, err := sealMeta("key", entries.MetaForAnHour(1))
			if err != nil {
				t.Fatal(err)
			}
			hash := func(fields ...any) func() error {
				return func() error { return c.HSet(ctx, n.head, fields...).Err() }
			}
			// signed makes a descriptor that only lies.
			signed := func(text string) string {
				return text + " " + fmt.Sprintf("%x", sum("descriptor", "key", text))
			}
			nonce, id := strings.Repeat("ab", 16), fmt.Sprintf("%x", entries.MetaForAnHour(1).ID)
			for why, write := range map[string]func() error{
				"a string":           func() error { return c.Set(ctx, n.head, "x", 0).Err() },
				"a list":             func() error { return c.LPush(ctx, n.head, "x").Err() },
				"garbage":            hash("b", "x", "m", "y"),
				"only metadata":      hash("m", sealed),
				"newer version":      hash("b", signed("2 "+nonce+" 0 "+id+" 0 10000"), "m", sealed),
				"too many pieces":    hash("b", signed("1 "+nonce+" 2000000000 "+id+" 20000000000000 10000"), "m", sealed),
				"pieces against":     hash("b", signed("1 "+nonce+" 2 "+id+" 10 10000"), "m", sealed),
				"a negative size":    hash("b", signed("1 "+nonce+" 0 "+id+" -1 10000"), "m", sealed),
				"pieces of nothing":  hash("b", signed("1 "+nonce+" 2 "+id+" 10 0"), "m", sealed),
				"a nonce of another": hash("b", signed("1 x 0 "+id+" 0 10000"), "m", sealed),
				"metadata of others": hash("b", signed("1 "+nonce+" 0 ff 0 10000"), "m", sealed),
				"no body": hash("b", signed("1 "+nonce+" 0 "+id+" 5 10000"), "m", sealed,
					"d", string(chunkSum(nonce, 0, []byte("abc")))+"abc"),
			} {
				if err := write(); err != nil {
					t.Fatal(err)
				}
				if e, err := s.Get(ctx, "key"); e != nil || !errors.Is(err, store.ErrCorrupt) {
					t.Errorf("%s: %v, %v; want ErrCorrupt", why, e, err)
				}
				if left, err := c.Exists(ctx, n.head).Result(); left != 0 || err != nil {
					t.Errorf("%s: is still there (%v)", why, err)
				}
				if err := write(); err != nil {
					t.Fatal(err)
				}
				if err := s.Update(ctx, "key", entries.MetaForAnHour(2)); !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s: Update: %v, want ErrConflict", why, err)
				}
				entries.Put(t, s, "key", entries.MetaForAnHour(3), entries.Body(25_000))
				if b, ok, err := entries.TryGet(s, "key"); !ok || err != nil || !bytes.Equal(b, entries.Body(25_000)) {
					t.Errorf("%s: cannot be replaced: %v", why, err)
				}
				if err := s.Delete(ctx, "key"); err != nil {
					t.Fatal(err)
				}
				if err := write(); err != nil {
					t.Fatal(err)
				}
				if err := s.Delete(ctx, "key"); err != nil {
					t.Errorf("%s: Delete: %v", why, err)
				}
				if left, err := c.Exists(ctx, n.head).Result(); left != 0 || err != nil {
					t.Errorf("%s: was not deleted (%v)", why, err)
				}
			}
		})
	}
}

// TestEvicted loses a piece of a body, as a server does that runs full.
func TestEvicted(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			s := New(c, "")
			s.ChunkSize = 10_000
			lose := func(i int) {
				t.Helper()
				keys, err := c.Keys(t.Context(), "tripper:c:*:"+strconv.Itoa(i)).Result()
				if err != nil || len(keys) == 0 {
					t.Fatal(keys, err)
				}
				if err := c.Del(t.Context(), keys...).Err(); err != nil {
					t.Fatal(err)
				}
			}
			entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(45_000))
			lose(3)
			if e, err := s.Get(t.Context(), "key"); e != nil || !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("lost before Get: %v, %v", e, err)
			}
			if e, err := s.Get(t.Context(), "key"); e != nil || err != nil {
				t.Errorf("still there: %v, %v", e, err)
			}

			s.ReadAhead = -1 // else it would be here already
			entries.Put(t, s, "key", entries.MetaForAnHour(2), entries.Body(45_000))
			e, err := s.Get(t.Context(), "key")
			if err != nil || e == nil {
				t.Fatal(e, err)
			}
			defer func() { _ = e.Close() }()
			lose(3)
			got, err := io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
			if !errors.Is(err, store.ErrCorrupt) || !bytes.Equal(got, entries.Body(45_000)[:len(got)]) || len(got) > 3*10_000 {
				t.Errorf("lost while it was read: %d bytes, %v", len(got), err)
			}
			if e, err := s.Get(t.Context(), "key"); e != nil || err != nil {
				t.Errorf("still there: %v, %v", e, err)
			}

			w, err := s.Create(t.Context(), "key", -1)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = w.Close() }()
			if _, err := w.Write(entries.Body(45_000)); err != nil {
				t.Fatal(err)
			}
			lose(1)
			if err := w.Commit(t.Context(), entries.MetaForAnHour(3)); err == nil {
				t.Error("a body without its second piece was committed")
			}
			if e, err := s.Get(t.Context(), "key"); e != nil || err != nil {
				t.Errorf("is there: %v, %v", e, err)
			}
		})
	}
}

// TestFull stores more than the server has room for. One that evicts loses pieces,
// one that does not refuses to store; what is found is right with both.
func TestFull(t *testing.T) {
	for _, policy := range []string{"allkeys-random", "noeviction"} {
		t.Run(policy, func(t *testing.T) {
			c := client(t, servers.Redis(t, "maxmemory 6mb\nmaxmemory-policy "+policy+"\n").Addr)
			s := New(c, "")
			s.ChunkSize = 100_000
			entries.Overfill(t, s)
		})
	}
}

// TestReplacedWhileBeingFoundBroken has a reader find something wrong with a body
// that another has replaced: the new one must stay.
func TestReplacedWhileBeingFoundBroken(t *testing.T) {
	s := New(client(t, miniredis.RunT(t).Addr()), "")
	entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(10))
	old, err := s.readHead(t.Context(), s.name("key"))
	if err != nil {
		t.Fatal(err)
	}
	entries.Put(t, s, "key", entries.MetaForAnHour(2), entries.Body(20))
	if err := s.drop(t.Context(), s.name("key"), old, store.ErrCorrupt); !errors.Is(err, store.ErrCorrupt) {
		t.Error(err)
	}
	if b, ok, err := entries.TryGet(s, "key"); !ok || err != nil || len(b) != 20 {
		t.Errorf("the new entry is gone: %d bytes, %v", len(b), err)
	}
}
