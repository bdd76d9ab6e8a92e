package memcachestore

import (
	"bytes"
	"context"
	"net"
	"testing"

	"github.com/tripper-go/tripper/caching/internal/sharedtest"
	"github.com/tripper-go/tripper/caching/store"
)

// countedConn tells a counter of the commands on a connection. Only a lease is given back in the background: it
// is got, to see whose it is, and replaced.
type countedConn struct {
	net.Conn
	c      *sharedtest.TripCounter
	asking bool
}

func (c *countedConn) Write(b []byte) (int, error) {
	if !c.asking {
		c.asking = true
		lease := bytes.Contains(b, []byte(":l:"))
		c.c.Ask(lease && !bytes.HasPrefix(b, []byte("add ")))
	}
	return c.Conn.Write(b)
}

func (c *countedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.asking {
		c.asking = false
		c.c.Answered()
	}
	return n, err
}

// TestCost counts the round trips of requests through a caching.Transport, as the package comment tells them.
func TestCost(t *testing.T) {
	_, server := client(t)
	sharedtest.Trips(t, func(t *testing.T, c *sharedtest.TripCounter) store.Store {
		t.Helper()
		client := patient(t, server.Addr)
		client.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, addr)
			return &countedConn{Conn: conn, c: c}, err
		}
		return New(client, "")
	}, map[string]sharedtest.Cost{
		sharedtest.Hit:            {Trips: 1},
		sharedtest.HitOf60K:       {Trips: 1},
		sharedtest.HitOf1M:        {Trips: 2},
		sharedtest.HitOfUser:      {Trips: 1},
		sharedtest.HitOfVariant:   {Trips: 1},
		sharedtest.FirstOfVariant: {Trips: 2},
		sharedtest.NoStore:        {Trips: 3, Aside: 2},
		sharedtest.NoStoreAgain:   {Trips: 1},
		sharedtest.ErrorAgain:     {Trips: 2, Aside: 2},
		sharedtest.Miss:           {Trips: 4, Aside: 2},
		sharedtest.MissOfUser:     {Trips: 6, Aside: 2},
		sharedtest.Validation:     {Trips: 3, Aside: 2},
		sharedtest.ValidationOf60: {Trips: 3, Aside: 2},
		sharedtest.FirstOf304:     {Trips: 4, Aside: 2},
		sharedtest.Put:            {Trips: 2},
		sharedtest.MissAfterPut:   {Trips: 4, Aside: 2},
	})
}
