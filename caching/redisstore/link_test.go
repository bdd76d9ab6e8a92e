package redisstore

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// A link is the way to a server that is some time away.
type link struct {
	// Addr is the address that leads to the server.
	Addr string

	server string
	trip   atomic.Int64 // time to the server and back
	turns  atomic.Int32
}

// newLink returns a way to the server at addr.
func newLink(t *testing.T, addr string) *link {
	t.Helper()
	in, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // closed with the test
	if err != nil {
		t.Fatal(err)
	}
	l := &link{Addr: in.Addr().String(), server: addr}
	t.Cleanup(func() { _ = in.Close() })
	go func() {
		for {
			c, err := in.Accept()
			if err != nil {
				return
			}
			go l.connect(t, c)
		}
	}()
	return l
}

// Away sets how long it takes to the server and back.
func (l *link) Away(trip time.Duration) { l.trip.Store(int64(trip)) }

// Turns returns how often something was sent to the server after an answer, since
// Turns was last called: round trips, also those that were made at the same time.
func (l *link) Turns() int { return int(l.turns.Swap(0)) }

func (l *link) connect(t *testing.T, c net.Conn) {
	t.Helper()
	s, err := net.Dial("tcp", l.server) //nolint:noctx // to a server of this test
	if err != nil {
		_ = c.Close()
		return
	}
	t.Cleanup(func() { _, _ = c.Close(), s.Close() })
	var asking atomic.Bool
	go l.carry(s, c, func() {
		if asking.CompareAndSwap(false, true) {
			l.turns.Add(1)
		}
	})
	go l.carry(c, s, func() { asking.Store(false) })
}

// carry copies from one to the other, each piece half a trip later.
func (l *link) carry(to, from net.Conn, seen func()) {
	type piece struct {
		data []byte
		due  time.Time
	}
	pieces := make(chan piece, 1<<12)
	var wg sync.WaitGroup
	wg.Go(func() {
		for p := range pieces {
			if wait := time.Until(p.due); wait > 0 {
				<-time.After(wait)
			}
			if _, err := to.Write(p.data); err != nil {
				break
			}
		}
		_, _ = to.Close(), from.Close()
		for range pieces { // what comes too late is dropped
		}
	})
	for b := make([]byte, 64<<10); ; {
		n, err := from.Read(b)
		if n > 0 {
			seen()
			pieces <- piece{append([]byte(nil), b[:n]...), time.Now().Add(time.Duration(l.trip.Load()) / 2)}
		}
		if err != nil {
			if err != io.EOF {
				_ = to.Close()
			}
			break
		}
	}
	close(pieces)
	wg.Wait()
}
