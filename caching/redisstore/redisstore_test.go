package redisstore

import (
	"bytes"
	"errors"
	"io"
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
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

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

func TestValueSizes(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			c := open(t)
			s := New(c, "")
			s.ChunkSize = 10_000
			entries.Put(t, s, "large", entries.MetaForAnHour(1), entries.Body(123_456))
			entries.Put(t, s, "small", entries.MetaForAnHour(2), entries.Body(9_000))
			entries.Put(t, s, "empty", entries.MetaForAnHour(3), nil)
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
			meta := entries.MetaForAnHour(1)
			meta.Expires = time.Now().Add(2 * time.Hour)
			entries.Put(t, s, "key", meta, entries.Body(50_000))
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
				next := entries.MetaForAnHour(1)
				next.Expires = row.expires
				if err := s.Update(t.Context(), "key", next); err != nil {
					t.Fatal(err)
				}
				check(row.why, row.least, row.most)
			}
		})
	}
}

func TestUpdateWritesNoBody(t *testing.T) {
	for name, open := range backends(t) {
		t.Run(name, func(t *testing.T) {
			s := New(open(t), "")
			entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(1<<20))
			before, err := s.client.Keys(t.Context(), "*").Result()
			if err != nil {
				t.Fatal(err)
			}
			next := entries.MetaForAnHour(1)
			next.Header = entries.With(next.Header, "Etag", `"b"`)
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
		t.Errorf("a lease was given back by a caller whose own had ended: %v", err)
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
		if _, err := w.Write(entries.Body(45_000)); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(io.NewSectionReader(w, 0, 45_000))
		if err != nil || !bytes.Equal(got, entries.Body(45_000)) {
			t.Errorf("room for %d: %d bytes, %v", room, len(got), err)
		}
		mini.Close()
		if room == 0 {
			got, err := io.ReadAll(io.NewSectionReader(w, 0, 45_000))
			if err != nil || !bytes.Equal(got, entries.Body(45_000)) {
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
	entries.Put(t, s, "key", entries.MetaForAnHour(1), entries.Body(1_500_000))
	e, err := s.Get(t.Context(), "key")
	if err != nil || e == nil {
		t.Fatal(e, err)
	}
	w, err := s.Create(t.Context(), "key", -1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(entries.Body(5000)); err != nil {
		t.Fatal(err)
	}
	mini.Close()
	for what, do := range map[string]func() error{
		"ReadAt": func() error { _, err := e.Body.ReadAt(make([]byte, 10), 1_400_000); return err },
		"Get":    func() error { _, err := s.Get(t.Context(), "key"); return err },
		"Update": func() error { return s.Update(t.Context(), "key", entries.MetaForAnHour(1)) },
		"Delete": func() error { return s.Delete(t.Context(), "key") },
		"Write":  func() error { _, err := w.Write(entries.Body(30_000)); return err },
		"Secret": func() error { _, err := s.Secret(t.Context()); return err },
		"Lease":  func() error { _, err := s.Acquire(t.Context(), "key"); return err },
		"List": func() (err error) {
			for _, err = range s.List(t.Context()) {
				continue
			}
			return err
		},
	} {
		if err := do(); err == nil || errors.Is(err, store.ErrCorrupt) || !strings.HasPrefix(err.Error(), "redisstore: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
	p := make([]byte, 5000)
	if n, err := w.ReadAt(p, 0); n != 5000 || err != nil || !bytes.Equal(p, entries.Body(5000)) {
		t.Errorf("a caller cannot read on in what was written: %d, %v", n, err)
	}
	if err := w.Commit(t.Context(), entries.MetaForAnHour(2)); err == nil {
		t.Error("Commit: no error")
	}
}
