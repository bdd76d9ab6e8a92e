package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/retry"
	"github.com/tripper-go/tripper/trace"
)

// A step is one request and what is expected to come of it.
type step struct {
	title string
	does  string // what the reader should see
	// before changes the world before the request, if not nil.
	before func()
	method string
	url    string
	header http.Header
	body   string
	// check returns an error if the step did not end as it says.
	check func(*http.Response, []byte) error
}

// A tour makes steps and prints their timelines.
type tour struct {
	w         io.Writer
	wire      meter
	all, step trace.Timeline // of all steps, of one
	client    *http.Client
	// What connects the client and its origin; if nil, loopback ports.
	dial   func(ctx context.Context, network, addr string) (net.Conn, error)
	listen func() (net.Listener, error)
	// backoff is that of retry.
	backoff func(retry.Attempt) time.Duration
}

func (t *tour) run(ctx context.Context, steps []step) error {
	var failed []error
	for i, s := range steps {
		fmt.Fprintf(t.w, "%d. %s\n   %s\n", i+1, s.title, s.does)
		if err := t.make(ctx, s); err != nil {
			fmt.Fprintf(t.w, "   NOT AS EXPECTED: %v\n", err)
			failed = append(failed, fmt.Errorf("step %d, %s: %w", i+1, s.title, err))
		}
		fmt.Fprintln(t.w)
	}
	if len(failed) == 0 {
		fmt.Fprintf(t.w, "All %d steps ended as they say.\n", len(steps))
	}
	return errors.Join(failed...)
}

// make sends the request of s and prints what the layers said meanwhile.
func (t *tour) make(ctx context.Context, s step) error {
	if s.before != nil {
		s.before()
	}
	req, err := http.NewRequestWithContext(ctx, s.method, s.url, strings.NewReader(s.body))
	if err != nil {
		return err
	}
	if s.body == "" {
		req.Body, req.GetBody = nil, nil
	}
	maps.Copy(req.Header, s.header)
	t.step.Reset()
	sent, received := t.wire.sent.Load(), t.wire.received.Load()
	resp, err := t.client.Do(req)
	if err != nil {
		t.print()
		return err
	}
	body, err := io.ReadAll(resp.Body)
	if cerr := resp.Body.Close(); err == nil {
		err = cerr
	}
	t.print()
	fmt.Fprintf(t.w, "   = %s, %d bytes of content; wire: %d bytes sent, %d received\n",
		resp.Status, len(body), t.wire.sent.Load()-sent, t.wire.received.Load()-received)
	if err != nil {
		return err
	}
	return s.check(resp, body)
}

// print prints the timeline of the step.
func (t *tour) print() {
	var text strings.Builder
	_, _ = t.step.WriteTo(&text) // a Builder takes all
	for line := range strings.Lines(text.String()) {
		fmt.Fprint(t.w, "   ", line)
	}
}

// meter counts the bytes of all connections of a transport.
type meter struct{ sent, received atomic.Int64 }

// tune is for transport.Transport.Tune.
func (t *tour) tune(tr *http.Transport) {
	if t.dial != nil {
		tr.DialContext = t.dial
	}
	t.wire.count(tr)
}

// count counts the bytes of the connections of tr.
func (m *meter) count(tr *http.Transport) {
	dial := tr.DialContext
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return &metered{conn, m}, nil
	}
}

type metered struct {
	net.Conn
	m *meter
}

func (c *metered) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.m.received.Add(int64(n))
	return n, err
}

func (c *metered) Write(p []byte) (int, error) {
	n, err := c.Conn.Write(p)
	c.m.sent.Add(int64(n))
	return n, err
}

// write writes the page of all steps.
func (t *tour) write(file string) error {
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(t.all.WritePage(f), f.Close())
}
