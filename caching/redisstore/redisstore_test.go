package redisstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/caching/storetest"
	"github.com/tripper-go/tripper/internal/servers"
)

// tested is a Store whose values the suite may break.
type tested struct{ *Store }

// Corrupt implements [storetest.Corrupter]: the parts are the fields of the hash
// and then the pieces.
func (s tested) Corrupt(key string, change func(part int, stored []byte) []byte) error {
	ctx := context.Background()
	n := s.name(key)
	h, err := s.readHead(ctx, n)
	if err != nil || h == nil {
		return err
	}
	d, _, err := h.parse(key)
	if err != nil {
		return err
	}
	for i, field := range []string{fieldDescriptor, fieldMeta, fieldInline} {
		old, err := s.client.HGet(ctx, n.head, field).Bytes()
		if errors.Is(err, redis.Nil) {
			continue
		}
		if b := change(i, old); b == nil {
			err = s.client.HDel(ctx, n.head, field).Err()
		} else {
			err = s.client.HSet(ctx, n.head, field, b).Err()
		}
		if err != nil {
			return err
		}
	}
	for i, chunk := range n.chunks(d) {
		old, err := s.client.Get(ctx, chunk).Bytes()
		if err != nil {
			return err
		}
		if b := change(3+i, old); b == nil {
			err = s.client.Del(ctx, chunk).Err()
		} else {
			err = s.client.Set(ctx, chunk, b, 0).Err()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// backends start the servers that the tests run on.
func backends(t *testing.T) map[string]func(t *testing.T) redis.UniversalClient {
	t.Helper()
	return map[string]func(t *testing.T) redis.UniversalClient{
		"miniredis": func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return client(t, miniredis.RunT(t).Addr())
		},
		"redis": func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return client(t, servers.Redis(t, "").Addr)
		},
	}
}

func client(t *testing.T, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestStore(t *testing.T) {
	all := backends(t)
	if _, err := exec.LookPath("redis-server"); err == nil && os.Getenv("TRIPPER_STRESS") != "1" {
		delete(all, "miniredis") // it takes half a minute, and is no Redis
	}
	if os.Getenv("TRIPPER_STRESS") == "1" {
		all["cluster"] = func(t *testing.T) redis.UniversalClient {
			t.Helper()
			return newCluster(t).open(t, true)
		}
	}
	for name, open := range all {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			spaces := 0
			storetest.Run(t, func() store.Store {
				spaces++
				if err := c.FlushDB(t.Context()).Err(); err != nil {
					t.Fatal(err)
				}
				s := New(c, "test"+strconv.Itoa(spaces))
				s.ChunkSize = 64 << 10 // several for the bodies of the suite
				s.Grace = 2 * time.Second
				return tested{s}
			})
		})
	}
}

// put stores an entry.
func put(t *testing.T, s store.Store, key string, meta *store.Meta, body []byte) {
	t.Helper()
	w, err := s.Create(t.Context(), key, int64(len(body)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = w.Close() }()
	if _, err := w.Write(body); err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(t.Context(), meta); err != nil {
		t.Fatal(err)
	}
}

func newMeta(id byte) *store.Meta {
	return &store.Meta{
		ID: [16]byte{id}, URL: "http://example.com/", Status: 200, StatusText: "OK", Proto: "HTTP/1.1",
		Header: http.Header{"Etag": {`"a"`}}, Expires: time.Now().Add(time.Hour),
	}
}

func bodyOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 / 3)
	}
	return b
}

// read returns the body of an entry, or "" and false if there is none.
func read(t *testing.T, s store.Store, key string) (body []byte, ok bool, err error) {
	t.Helper()
	e, err := s.Get(t.Context(), key)
	if err != nil || e == nil {
		return nil, false, err
	}
	defer func() { _ = e.Close() }()
	if e.Body == nil {
		return e.Bytes, true, nil
	}
	body, err = io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
	return body, true, err
}

func TestValueSizes(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			s := New(c, "")
			s.ChunkSize = 10_000
			put(t, s, "large", newMeta(1), bodyOf(123_456))
			put(t, s, "small", newMeta(2), bodyOf(9_000))
			put(t, s, "empty", newMeta(3), nil)
			keys, err := c.Keys(t.Context(), "*").Result()
			if err != nil {
				t.Fatal(err)
			}
			chunks := 0
			for _, k := range keys {
				if !strings.HasPrefix(k, "tripper:") {
					t.Errorf("key %s is outside the namespace", k)
				}
				if ttl := c.PTTL(t.Context(), k).Val(); ttl <= 0 {
					t.Errorf("key %s never goes away: %v", k, ttl)
				}
				if c.Type(t.Context(), k).Val() != "string" {
					continue
				}
				chunks++
				if n := c.StrLen(t.Context(), k).Val(); n > 10_000 {
					t.Errorf("value of %d bytes, at most 10,000 were asked for", n)
				}
			}
			if chunks != 13 || len(keys) != 16 {
				t.Errorf("%d pieces in %d keys: %q", chunks, len(keys), keys)
			}
		})
	}
}

func TestHashTag(t *testing.T) {
	s := New(nil, "{a}b%")
	for _, key := range []string{"k", "{x}", "}", "{"} {
		n := s.name(key)
		tag := func(name string) string {
			_, rest, _ := strings.Cut(name, "{")
			tag, _, ok := strings.Cut(rest, "}")
			if !ok || tag == "" {
				t.Errorf("%s has no hash tag", name)
			}
			return tag
		}
		if a, b, c := tag(n.head), tag(n.chunkName("ab", 3)), tag(n.lease); a != b || b != c {
			t.Errorf("key %q: hash tags %s, %s, %s", key, a, b, c)
		}
	}
	if s.name("a").head == s.name("b").head || New(nil, "x").name("a") == New(nil, "y").name("a") {
		t.Error("two keys with one name")
	}
}

func TestTimeToLive(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			s := New(c, "")
			s.ChunkSize, s.TTL, s.Grace = 10_000, 5*time.Minute, time.Minute
			check := func(why string, least, most time.Duration) {
				t.Helper()
				n := s.name("key")
				h, err := s.readHead(t.Context(), n)
				if err != nil || h == nil {
					t.Fatalf("%s: %v, %v", why, h, err)
				}
				d, _, err := h.parse("key")
				if err != nil {
					t.Fatal(err)
				}
				if ttl := c.PTTL(t.Context(), n.head).Val(); ttl < least || ttl > most {
					t.Errorf("%s: lives %v, want %v to %v", why, ttl, least, most)
				}
				for _, k := range n.chunks(d) {
					if ttl := c.PTTL(t.Context(), k).Val(); ttl < least+s.Grace || ttl > most+s.Grace {
						t.Errorf("%s: piece lives %v, want %v to %v", why, ttl, least+s.Grace, most+s.Grace)
					}
				}
			}
			meta := newMeta(1)
			meta.Expires = time.Now().Add(2 * time.Hour)
			put(t, s, "key", meta, bodyOf(50_000))
			check("metadata says two hours", 119*time.Minute, 2*time.Hour)

			for _, row := range []struct {
				why         string
				expires     time.Time
				least, most time.Duration
			}{
				{"updated to three hours", time.Now().Add(3 * time.Hour), 179 * time.Minute, 3 * time.Hour},
				{"not known: TTL", time.Time{}, 4 * time.Minute, 5 * time.Minute},
				{"the end of time", time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), 9 * 365 * 24 * time.Hour, maxTTL},
			} {
				next := newMeta(1)
				next.Expires = row.expires
				if err := s.Update(t.Context(), "key", next); err != nil {
					t.Fatal(err)
				}
				check(row.why, row.least, row.most)
			}
		})
	}
}

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
			if _, err := w.Write(bodyOf(25_000)); err != nil {
				t.Fatal(err)
			}
			atMost("written by a process that dies", 2, s.WriteTime)
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			atMost("closed", 0, 0)

			put(t, s, "key", newMeta(1), bodyOf(25_000))
			put(t, s, "key", newMeta(2), bodyOf(10))
			atMost("replaced", 3, s.Grace)
			put(t, s, "key", newMeta(3), bodyOf(35_000))
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
			sealed, err := sealMeta("key", newMeta(1))
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
			nonce, id := strings.Repeat("ab", 16), fmt.Sprintf("%x", newMeta(1).ID)
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
				if err := s.Update(ctx, "key", newMeta(2)); !errors.Is(err, store.ErrConflict) {
					t.Errorf("%s: Update: %v, want ErrConflict", why, err)
				}
				put(t, s, "key", newMeta(3), bodyOf(25_000))
				if b, ok, err := read(t, s, "key"); !ok || err != nil || !bytes.Equal(b, bodyOf(25_000)) {
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
			put(t, s, "key", newMeta(1), bodyOf(45_000))
			lose(3)
			if e, err := s.Get(t.Context(), "key"); e != nil || !errors.Is(err, store.ErrCorrupt) {
				t.Errorf("lost before Get: %v, %v", e, err)
			}
			if e, err := s.Get(t.Context(), "key"); e != nil || err != nil {
				t.Errorf("still there: %v, %v", e, err)
			}

			put(t, s, "key", newMeta(2), bodyOf(45_000))
			e, err := s.Get(t.Context(), "key")
			if err != nil || e == nil {
				t.Fatal(e, err)
			}
			defer func() { _ = e.Close() }()
			lose(3)
			got, err := io.ReadAll(io.NewSectionReader(e.Body, 0, e.Size))
			if !errors.Is(err, store.ErrCorrupt) || !bytes.Equal(got, bodyOf(45_000)[:len(got)]) || len(got) > 3*10_000 {
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
			if _, err := w.Write(bodyOf(45_000)); err != nil {
				t.Fatal(err)
			}
			lose(1)
			if err := w.Commit(t.Context(), newMeta(3)); err == nil {
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
			found := 0
			for i := range 100 {
				n := 1000 + i*7919%900_000
				w, err := s.Create(t.Context(), strconv.Itoa(i), -1)
				if err != nil {
					t.Fatal(err)
				}
				// It may be gone before it is whole, or be refused.
				if _, err := w.Write(bodyOf(n)); err == nil {
					_ = w.Commit(t.Context(), newMeta(byte(i)))
				}
				if err := w.Close(); err != nil {
					t.Error(err)
				}
				for _, j := range []int{i, i / 2, 0} {
					b, ok, err := read(t, s, strconv.Itoa(j))
					if err != nil && !errors.Is(err, store.ErrCorrupt) {
						t.Error(err)
					}
					if ok && err == nil {
						found++
						if !bytes.Equal(b, bodyOf(1000+j*7919%900_000)) {
							t.Errorf("entry %d has another body, of %d bytes", j, len(b))
						}
					}
				}
			}
			if found == 0 {
				t.Error("nothing was ever found")
			}
			t.Logf("%d of 300 looks found an entry", found)
		})
	}
}

// TestReplacedWhileBeingFoundBroken has a reader find something wrong with a body
// that another has replaced: the new one must stay.
func TestReplacedWhileBeingFoundBroken(t *testing.T) {
	s := New(client(t, miniredis.RunT(t).Addr()), "")
	put(t, s, "key", newMeta(1), bodyOf(10))
	old, err := s.readHead(t.Context(), s.name("key"))
	if err != nil {
		t.Fatal(err)
	}
	put(t, s, "key", newMeta(2), bodyOf(20))
	if err := s.drop(t.Context(), s.name("key"), old, store.ErrCorrupt); !errors.Is(err, store.ErrCorrupt) {
		t.Error(err)
	}
	if b, ok, err := read(t, s, "key"); !ok || err != nil || len(b) != 20 {
		t.Errorf("the new entry is gone: %d bytes, %v", len(b), err)
	}
}

func TestUpdateWritesNoBody(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			s := New(open(t), "")
			put(t, s, "key", newMeta(1), bodyOf(1<<20))
			before, err := s.client.Keys(t.Context(), "*").Result()
			if err != nil {
				t.Fatal(err)
			}
			next := newMeta(1)
			next.Header = http.Header{"Etag": {`"b"`}}
			if err := s.Update(t.Context(), "key", next); err != nil {
				t.Fatal(err)
			}
			after, err := s.client.Keys(t.Context(), "*").Result()
			slices.Sort(before)
			if slices.Sort(after); err != nil || !slices.Equal(before, after) {
				t.Errorf("keys before and after: %q, %q", before, after)
			}
			e, err := s.Get(t.Context(), "key")
			if err != nil || e == nil || e.Meta.Header.Get("Etag") != `"b"` || e.Size != 1<<20 {
				t.Errorf("%v, %v", e, err)
			}
		})
	}
}

func TestSecret(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			a, err := New(c, "a").Secret(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if again, err := New(c, "a").Secret(t.Context()); err != nil || !bytes.Equal(a, again) {
				t.Errorf("another process has another secret: %v", err)
			}
			if b, err := New(c, "b").Secret(t.Context()); err != nil || bytes.Equal(a, b) {
				t.Errorf("two namespaces with one secret: %v", err)
			}
			for _, broken := range []func() error{
				func() error { return c.Set(t.Context(), "a:s", "short", 0).Err() },
				func() error { c.Del(t.Context(), "a:s"); return c.LPush(t.Context(), "a:s", "x").Err() },
			} {
				if err := broken(); err != nil {
					t.Fatal(err)
				}
				if s, err := New(c, "a").Secret(t.Context()); err != nil || len(s) != 32 {
					t.Errorf("a secret that is none: %q, %v", s, err)
				}
			}
		})
	}
}

func TestLeaseEnds(t *testing.T) {
	mini := miniredis.RunT(t)
	s := New(client(t, mini.Addr()), "")
	first, err := s.Acquire(t.Context(), "key")
	if err != nil || first == nil {
		t.Fatal(err)
	}
	mini.FastForward(DefaultLeaseTime - time.Second)
	if again, err := s.Acquire(t.Context(), "key"); err != nil || again != nil {
		t.Errorf("given again before its time: %v", err)
	}
	mini.FastForward(2 * time.Second)
	second, err := s.Acquire(t.Context(), "key")
	if err != nil || second == nil {
		t.Fatalf("not given again after its time: %v", err)
	}
	first() // is not the holder any more
	if third, err := s.Acquire(t.Context(), "key"); err != nil || third != nil {
		t.Errorf("a lease was given back by who no longer held it: %v", err)
	}
}

// TestReadBack reads a body while it is being stored: what there is room for from
// memory, also if the server is gone, and the rest from the server.
func TestReadBack(t *testing.T) {
	for _, room := range []int64{0, 25_000, -1} {
		mini := miniredis.RunT(t)
		s := New(client(t, mini.Addr()), "")
		s.ChunkSize, s.ReadAhead = 10_000, room
		w, err := s.Create(t.Context(), "key", -1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(bodyOf(45_000)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(w, 0, 45_000))
		if err != nil || !bytes.Equal(got, bodyOf(45_000)) {
			t.Errorf("room for %d: %d bytes, %v", room, len(got), err)
		}
		mini.Close()
		if room == 0 {
			got, err := io.ReadAll(io.NewSectionReader(w, 0, 45_000))
			if err != nil || !bytes.Equal(got, bodyOf(45_000)) {
				t.Errorf("without the server: %d bytes, %v", len(got), err)
			}
		}
		_ = w.Close()
		if !s.ahead.Take(1, 1) {
			t.Error("memory is counted after Close")
		}
	}
}

// TestServerGone has every method fail, soon and with an error.
func TestServerGone(t *testing.T) {
	mini := miniredis.RunT(t)
	c := redis.NewClient(&redis.Options{Addr: mini.Addr(), MaxRetries: -1, DialTimeout: time.Second, DialerRetries: 1})
	t.Cleanup(func() { _ = c.Close() })
	s := New(c, "")
	s.ChunkSize = 10_000
	put(t, s, "key", newMeta(1), bodyOf(45_000))
	e, err := s.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bodyOf(5000)); err != nil {
		t.Fatal(err)
	}
	mini.Close()
	for what, do := range map[string]func() error{
		"ReadAt": func() error { _, err := e.Body.ReadAt(make([]byte, 10), 20_000); return err },
		"Get":    func() error { _, err := s.Get(t.Context(), "key"); return err },
		"Update": func() error { return s.Update(t.Context(), "key", newMeta(1)) },
		"Delete": func() error { return s.Delete(t.Context(), "key") },
		"Write":  func() error { _, err := w.Write(bodyOf(30_000)); return err },
		"Secret": func() error { _, err := s.Secret(t.Context()); return err },
		"Lease":  func() error { _, err := s.Acquire(t.Context(), "key"); return err },
		"List": func() error {
			return s.List(t.Context(), func(string, *store.Meta, int64) bool { return true })
		},
	} {
		if err := do(); err == nil || errors.Is(err, store.ErrCorrupt) || !strings.HasPrefix(err.Error(), "redisstore: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := make([]byte, 5000)
	if n, err := w.ReadAt(p, 0); n != 5000 || err != nil || !bytes.Equal(p, bodyOf(5000)) {
		t.Errorf("what a caller was shown is gone: %d, %v", n, err)
	}
	if err := w.Commit(t.Context(), newMeta(2)); err == nil {
		t.Error("Commit: no error")
	}
}
