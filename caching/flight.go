package caching

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A flight is one trip to the origin that any number of requests wait for.
type flight struct {
	key string
	// cfg are the settings it is made by, route is the way it takes, and epoch the number
	// of invalidations before it.
	cfg   *config
	route *route
	epoch uint64
	// unattended is true if no caller waits for it first: its failure is its own.
	unattended bool
	// credentials is true if those of one caller may be in what others wait for.
	credentials bool
	// deadline is when the last of those who wait gives up.
	deadline roundtrip.Deadline

	mu    sync.Mutex
	ready chan struct{} // closed when out is there; made by the first who waits
	// waiting counts those who want the result, until it is there.
	waiting int
	settled bool
	// deserted is true if the one who started the flight did not wait.
	deserted bool
	// sent is when the request went on its way: it may have to wait for the lease of
	// another process before.
	sent   time.Time
	cancel context.CancelCauseFunc // nil if the trip cannot be cancelled
	out    result
}

// flights are those under way, by key.
type flights struct {
	shards [64]flightShard
	// ended counts the flights that are over: who looked into the store before
	// one ended has to look again before it starts another.
	ended atomic.Uint64
}

type flightShard struct {
	mu sync.Mutex
	m  map[string]*flight
}

var seed = maphash.MakeSeed()

func (fs *flights) shard(key string) *flightShard {
	return &fs.shards[maphash.String(seed, key)%uint64(len(fs.shards))]
}

// join returns the flight for x under key, a new one if there is none to join,
// which the caller then has to lead. late is true if the flight's answer was
// there before. A flight that began before the target of x was invalidated may
// bring what was there before, and is not joined after that.
func (fs *flights) join(key string, x *exchange) (fl *flight, leader, late bool) {
	s := fs.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if fl := s.m[key]; fl != nil && fl.cfg == x.st.cfg && (fl.epoch == x.epoch || !x.st.tombs.since(fl.epoch, x.target(), x.also)) {
		if boarded, late := fl.board(); boarded {
			fl.deadline.Extend(x.req.Context())
			return fl, false, late
		}
	}
	fl = &flight{key: key, cfg: x.st.cfg, route: x.route, epoch: x.epoch, waiting: 1, credentials: x.mixed()}
	fl.deadline.Extend(x.req.Context())
	if s.m == nil {
		s.m = make(map[string]*flight)
	}
	s.m[key] = fl
	return fl, true, false
}

// busy reports whether there is a flight for key.
func (fs *flights) busy(key string) bool {
	s := fs.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.m[key] != nil
}

// remove takes fl off, so that nobody joins it any more.
func (fs *flights) remove(fl *flight) {
	s := fs.shard(fl.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[fl.key] == fl {
		fs.ended.Add(1)
		delete(s.m, fl.key)
	}
}

// board adds one who waits, if the flight is still to be joined. late is true if
// the result is there already.
func (fl *flight) board() (ok, late bool) {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if fl.settled {
		// A body on its way is joined by its own rules.
		return fl.out.fill != nil && fl.out.fill.hold(), true
	}
	if fl.waiting == 0 {
		return false, false // everybody left, it is being cancelled
	}
	fl.waiting++
	return true, false
}

// settle hands the result to all who wait. Only a flight with a body on its
// way can still be joined. It reports whether the one who made the trip is gone.
func (st *state) settle(fl *flight, o result) (deserted bool) {
	if o.fill == nil {
		st.flights.remove(fl)
	}
	fl.mu.Lock()
	fl.out = o
	fl.settled = true
	if o.fill != nil {
		// The one who made the trip has a hold already.
		others := fl.waiting
		if !fl.deserted {
			others--
		}
		o.fill.mu.Lock()
		o.fill.holds += others
		o.fill.mu.Unlock()
	}
	deserted = fl.deserted
	if fl.ready != nil {
		close(fl.ready)
	}
	fl.mu.Unlock()
	if deserted {
		o.unclaimed()
	}
	return deserted
}

// arrival returns a channel that is closed when the result is there.
func (fl *flight) arrival() <-chan struct{} {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if fl.ready == nil {
		fl.ready = make(chan struct{})
		if fl.settled {
			close(fl.ready)
		}
	}
	return fl.ready
}

// isSettled reports whether the result is there.
func (fl *flight) isSettled() bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.settled
}

// send notes that the request goes on its way.
func (fl *flight) send() {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	fl.sent = time.Now()
}

// rest is how much of wait is left of the time that is to be waited for the trip.
func (fl *flight) rest(wait time.Duration) time.Duration {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	if fl.sent.IsZero() {
		return max(wait, time.Second)
	}
	return wait - time.Since(fl.sent)
}

// isFilling reports whether a body is on its way.
func (fl *flight) isFilling() bool {
	fl.mu.Lock()
	defer fl.mu.Unlock()
	return fl.settled && fl.out.fill != nil
}

// leave is called by who waits no longer. It reports whether the result came
// first after all. leader is true for the one who started the flight.
func (st *state) leave(fl *flight, leader bool, cause error) (settled bool) {
	fl.mu.Lock()
	if fl.settled {
		fl.mu.Unlock()
		return true
	}
	fl.waiting--
	fl.deserted = fl.deserted || leader
	last := fl.waiting == 0
	cancel := fl.cancel
	fl.mu.Unlock()
	if last {
		st.flights.remove(fl)
		if cancel != nil {
			cancel(cause)
		}
	}
	return false
}

// passing remembers for a while what turned out not to be storable, so that
// requests for it do not wait for one another.
type passing struct {
	mu sync.Mutex
	m  map[string]time.Time
}

const (
	passFor = time.Minute
	passMax = 4096
)

func (p *passing) add(key string, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.m == nil || len(p.m) >= passMax {
		p.m = make(map[string]time.Time)
	}
	p.m[key] = now.Add(passFor)
}

func (p *passing) remove(key string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.m, key)
}

// has reports whether key is remembered, and whether that will last.
func (p *passing) has(key string, now time.Time) (ok, lasts bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	until, ok := p.m[key]
	if ok && now.After(until) {
		delete(p.m, key)
		return false, false
	}
	return ok, ok && until.Sub(now) > passFor/2
}
