package retry

import (
	"cmp"
	"net/http"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Breaker stops requests to a host that is down: they fail at once, and the host can
// recover. [Circuit] is one. A Breaker must be safe for concurrent use.
type Breaker interface {
	// Allow returns nil if req may be sent now, and otherwise the error that the
	// request fails with. It is called before each attempt; for a retry, before the
	// wait.
	Allow(req *http.Request) error
	// Done is called once after each Allow that returned nil, with the outcome. If the
	// caller has cancelled the request, the context of a.Request is done and the
	// outcome says nothing about the host. Done must not read or close the body of
	// a.Response.
	Done(a Attempt)
}

// Defaults of a [Circuit].
const (
	DefaultFailures = 5
	DefaultCooldown = 10 * time.Second
)

// A Circuit is a [Breaker] with one circuit for each host (scheme, host and port).
// After Failures attempts in a row without a response, or with a status of 500 and above,
// the circuit opens: requests fail with [ErrOpen]. After Cooldown one request is sent. Its
// success closes the circuit, its failure opens it again.
//
// The zero value is ready for use, and may be shared by Transports. Its fields
// must not be changed after its first use.
type Circuit struct {
	// Failures is how many failures in a row open a circuit. If zero,
	// [DefaultFailures] is used.
	Failures int
	// Cooldown is how long a circuit stays open. If zero, [DefaultCooldown] is
	// used.
	Cooldown time.Duration

	mu    sync.Mutex
	hosts map[roundtrip.Origin]*circuit
}

// A circuit is the state of a host that has failed.
type circuit struct {
	failures int
	// open is the time until which no request is sent; zero if the circuit is closed.
	open time.Time
	// probing is true while the one request after the cooldown is under way.
	probing bool
}

// Allow implements [Breaker].
func (c *Circuit) Allow(req *http.Request) error {
	return c.allow(roundtrip.OriginOf(req.URL), time.Now())
}

// Done implements [Breaker].
func (c *Circuit) Done(a Attempt) {
	host, now := roundtrip.OriginOf(a.Request.URL), time.Now()
	_, ofCaller := roundtrip.ErrorOf[*roundtrip.CallerError](a.Err)
	switch {
	case a.Err != nil && (cancelled(a.Request) != nil || ofCaller):
		c.release(host, now)
	case a.Err != nil || a.Response.StatusCode >= http.StatusInternalServerError:
		c.fail(host, now)
	default:
		c.succeed(host)
	}
}

func (c *Circuit) cooldown() time.Duration { return cmp.Or(c.Cooldown, DefaultCooldown) }

func (c *Circuit) allow(host roundtrip.Origin, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hosts[host]
	if h == nil || h.open.IsZero() {
		return nil
	}
	if now.Before(h.open) {
		return ErrOpen
	}
	// This request is the probe. If its outcome is never reported, another one is sent
	// after the next cooldown.
	h.open, h.probing = now.Add(c.cooldown()), true
	return nil
}

func (c *Circuit) succeed(host roundtrip.Origin) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.hosts, host)
}

func (c *Circuit) fail(host roundtrip.Origin, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	h := c.hosts[host]
	if h == nil {
		h = new(circuit)
		roundtrip.Put(&c.hosts, host, h, maxHosts)
	}
	h.failures++
	h.probing = false
	if h.failures >= cmp.Or(c.Failures, DefaultFailures) {
		h.open = now.Add(c.cooldown())
	}
}

// release makes the next request the probe, since this one says nothing about the host.
func (c *Circuit) release(host roundtrip.Origin, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if h := c.hosts[host]; h != nil && h.probing {
		h.open, h.probing = now, false
	}
}
