package memcachestore

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/bradfitz/gomemcache/memcache"

	"github.com/tripper-go/tripper/caching/store"
	"github.com/tripper-go/tripper/internal/rttest/entries"
)

// A wire counts the commands that are sent to a server, one at a time.
type wire struct {
	sent   int              // commands so far
	before func(number int) // if it is not nil, called before each command
	lose   int              // the number of the command whose answer is lost
}

func (w *wire) client(t *testing.T, addr string) *memcache.Client {
	t.Helper()
	c := patient(t, addr)
	c.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, network, addr)
		return &wireConn{conn, w, false}, err
	}
	return c
}

type wireConn struct {
	net.Conn
	wire   *wire
	asking bool
}

func (c *wireConn) Write(b []byte) (int, error) {
	if !c.asking {
		c.asking = true
		if c.wire.sent++; c.wire.before != nil {
			c.wire.before(c.wire.sent)
		}
	}
	return c.Conn.Write(b)
}

func (c *wireConn) Read(b []byte) (int, error) {
	c.asking = false
	n, err := c.Conn.Read(b)
	if c.wire.sent == c.wire.lose {
		return 0, io.ErrUnexpectedEOF
	}
	return n, err
}

// A trip to the server is most of what a call costs.
func TestTrips(t *testing.T) {
	_, server := client(t)
	w := new(wire)
	s := New(w.client(t, server.Addr), "")
	ctx := t.Context()
	const small, medium, large = 1 << 10, 100 << 10, 1 << 20
	put := func(key string, n int, replaces store.Version) func() error {
		return func() error {
			m := entries.MetaForAnHour(1)
			m.Version, m.Replaces = 1, replaces
			return entries.TryPut(s, key, m, entries.Body(n), int64(n))
		}
	}
	get := func(key string) func() error {
		return func() error {
			e, err := s.Get(ctx, key)
			if e == nil || e.Body == nil {
				return err
			}
			_, err = io.Copy(io.Discard, io.NewSectionReader(e.Body, 0, e.Size))
			return errors.Join(err, e.Close())
		}
	}
	for _, row := range []struct {
		why  string
		do   func() error
		want int
	}{
		{"nothing is stored", get("small"), 1},
		{"one item, and a look at what is there", put("small", small, 0), 2},
		{"the server compares", put("absent", small, store.Absent), 1},
		{"the body lies beside its metadata", get("small"), 1},
		{"what is there is read, and compared by the server", put("small", small, 1), 2},
		{"what is there is read, and compared by the server", func() error { return s.Update(ctx, "small", entries.MetaForAnHour(1)) }, 2},
		{"it is read", get("small"), 1},
		{"what was read just now is compared by the server", func() error { return s.Update(ctx, "small", entries.MetaForAnHour(1)) }, 1},
		{"its pieces are to go", func() error { return s.Delete(ctx, "small") }, 2},
		{"the body is a piece", put("medium", medium, 0), 3},
		{"the body is a piece", get("medium"), 2},
		{"the piece must not go before", func() error { return s.Update(ctx, "medium", entries.MetaForAnHour(1)) }, 2},
		{"the piece that was there lives for those who read it", put("medium", medium, 0), 4},
		{"three pieces, two of which are sent before it is known how long they live", put("large", large, 0), 7},
		{"all pieces are got at once", get("large"), 2},
	} {
		w.sent = 0
		if err := row.do(); err != nil || w.sent != row.want {
			t.Errorf("%d commands, want %d: %s: %v", w.sent, row.want, row.why, err)
		}
	}
}

// TestSwapLosesItsEntry has the server forget what is to be replaced, or all that it has, between
// the look at it and the command that replaces it.
func TestSwapLosesItsEntry(t *testing.T) {
	_, server := client(t)
	w := new(wire)
	s, other := New(w.client(t, server.Addr), ""), New(patient(t, server.Addr), "")
	name := s.name("key").head
	for _, row := range []struct {
		why       string
		replaces  store.Version
		meanwhile func(*memcache.Client) error
		want      error
	}{
		{"nothing happens", 1, func(*memcache.Client) error { return nil }, nil},
		{"it is evicted", 1, func(c *memcache.Client) error { return c.Delete(name) }, store.ErrConflict},
		{"the server is restarted, and has nothing", 1, (*memcache.Client).FlushAll, store.ErrConflict},
		{"it is evicted, and anything may be replaced", 0, func(c *memcache.Client) error { return c.Delete(name) }, nil},
		{"it is touched, which changes nothing", 1, func(c *memcache.Client) error { return c.Touch(name, 100) }, nil},
		{"another replaces it", 1, func(*memcache.Client) error {
			m := entries.MetaForAnHour(2)
			m.Version = 9
			return entries.TryPut(other, "key", m, entries.Body(10), 10)
		}, store.ErrConflict},
	} {
		w.before = nil
		m := entries.MetaForAnHour(1)
		m.Version = 1
		entries.Put(t, s, "key", m, entries.Body(100))
		w.sent, w.before = 0, func(number int) {
			if number == 2 {
				if err := row.meanwhile(other.client); err != nil {
					t.Errorf("%s: %v", row.why, err)
				}
			}
		}
		m = entries.MetaForAnHour(3)
		m.Version, m.Replaces = 2, row.replaces
		if err := entries.TryPut(s, "key", m, entries.Body(100), 100); !errors.Is(err, row.want) {
			t.Errorf("%s: %v, want %v", row.why, err, row.want)
		}
		e, err := other.Get(t.Context(), "key")
		if err != nil || (e != nil && e.Meta.Version == 2) != (row.want == nil) {
			t.Errorf("%s: %v is stored, %v", row.why, e, err)
		}
	}
}

// TestUncertain loses the answer to a command. Only if that is the one which changes the entry, nobody
// knows what was done.
func TestUncertain(t *testing.T) {
	c, server := client(t)
	w := new(wire)
	s := New(w.client(t, server.Addr), "")
	for what, do := range map[string]func() error{
		"Commit": func() error { return entries.TryPut(s, "key", entries.MetaForAnHour(2), entries.Body(10), 10) },
		"Update": func() error { return s.Update(t.Context(), "key", entries.MetaForAnHour(1)) },
		"Delete": func() error { return s.Delete(t.Context(), "key") },
	} {
		for lose, uncertain := range map[int]bool{1: false, 2: true} {
			entries.Put(t, New(c, ""), "key", entries.MetaForAnHour(1), entries.Body(10))
			w.sent, w.lose = 0, lose
			if err := do(); err == nil || errors.Is(err, store.ErrUncertain) != uncertain {
				t.Errorf("%s, answer %d is lost: %v, uncertain %v", what, lose, err, uncertain)
			}
		}
	}
	server.Stop()
	w.lose = 0
	if err := s.Delete(t.Context(), "key"); err == nil || errors.Is(err, store.ErrUncertain) {
		t.Errorf("no server was asked: %v", err)
	}
	for err, uncertain := range map[error]bool{
		&net.OpError{Op: "dial", Err: io.EOF}: false,
		&net.OpError{Op: "read", Err: io.EOF}: true,
		memcache.ErrNoServers:                 false,
		&memcache.ConnectTimeoutError{}:       false,
		errors.New(`memcache: unexpected response line from "set": "SERVER_ERROR out of memory storing object\r\n"`): false,
	} {
		if got := wrapChange("commit", err); !errors.Is(got, err) || errors.Is(got, store.ErrUncertain) != uncertain {
			t.Errorf("%v: %v, uncertain %v", err, got, uncertain)
		}
	}
}
