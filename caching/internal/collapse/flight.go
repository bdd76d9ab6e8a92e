package collapse

import (
	"context"
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A Result is what a trip to the origin brings for all callers that wait for it. Join and Share
// are called with the lock of the flight.
type Result interface {
	// Joinable reports whether a caller may join the flight after the result has arrived:
	// a body is still being received.
	Joinable() bool
	// Join gives one more caller a share of a result that has arrived. It returns false
	// if the result is not shared any more.
	Join() bool
	// Share gives n callers that waited for the result a share each, besides the leader's.
	Share(n int)
	// Drop closes a result whose leader does not receive it.
	Drop()
}

// A Flight is one trip to the origin that any number of callers wait for. One of them, the
// leader, makes the trip.
//
// The lock of a flight may be held when that of the body that is its result is taken. The
// lock of a shard of the group is held with no other.
type Flight[R Result] struct {
	group    *Group[R] // nil if nobody can join
	key      string
	settings any                // that the trip is made by
	epoch    uint64             // the number of invalidations before the trip
	deadline roundtrip.Deadline // when the last of the waiting callers gives up

	mu       sync.Mutex              // guards the rest
	waiting  int                     // the callers that want the result, until it has arrived
	sent     time.Time               // when the request was sent; zero until then
	cancel   context.CancelCauseFunc // nil if the trip cannot be cancelled
	arrived  chan struct{}           // closed when result is set; made by the first call of Arrived
	deserted bool                    // the leader has left before the result arrived
	settled  bool                    // result is set
	reserved bool                    // it is not known whether a trip is needed
	result   R
}

// A Role is what a caller is in a flight.
type Role uint8

// The roles.
const (
	Leader    Role = iota // makes the trip
	Follower              // joined before the result arrived
	Latecomer             // joined after the result had arrived
)

// A Group holds the flights under way, by key. The zero value is ready to use.
type Group[R Result] struct {
	finished atomic.Uint64 // flights that are over, and whose request was sent
	shards   [64]groupShard[R]
}

// A groupShard has the flights of some of the keys.
type groupShard[R Result] struct {
	mu sync.Mutex
	m  map[string]*Flight[R] // guarded by mu
	_  [48]byte              // keeps shards on different cache lines
}

var groupSeed = maphash.MakeSeed()

func (g *Group[R]) shard(key string) *groupShard[R] {
	return &g.shards[maphash.String(groupSeed, key)%uint64(len(g.shards))]
}

// Join returns the flight for key and the caller's role in it. If there is none to join the
// flight is new, and the caller its leader. ctx is the caller's. A flight is joined if its
// settings are equal and if stale, called without a lock, does not report that an
// invalidation after the flight's epoch concerns the caller: such a flight may bring the
// invalidated response.
func (g *Group[R]) Join(ctx context.Context, key string, settings any, epoch uint64, stale func(epoch uint64) bool) (*Flight[R], Role) {
	var refused *Flight[R]
	s, own := g.shard(key), &Flight[R]{group: g, key: key, settings: settings, epoch: epoch, waiting: 1}
	for {
		f := s.put(own, refused)
		if f == own {
			return f, Leader
		}
		if f.settings == settings && (f.epoch == epoch || !stale(f.epoch)) {
			if r, ok := f.board(); ok {
				f.deadline.Extend(ctx)
				return f, r
			}
		}
		refused = f
	}
}

// Reserve returns a new flight for key, whose leader the caller is, or nil if there is a flight for
// key. The caller does not know yet whether it needs a trip: then it calls Lead. If not it settles the
// flight with a zero result, and callers that have joined it look into the store again.
func (g *Group[R]) Reserve(key string, settings any, epoch uint64) *Flight[R] {
	own := &Flight[R]{group: g, key: key, settings: settings, epoch: epoch, waiting: 1, reserved: true}
	if g.shard(key).put(own, nil) != own {
		return nil
	}
	return own
}

// Lead says that the caller that has reserved the flight makes the trip.
func (f *Flight[R]) Lead() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.reserved = false
}

// put returns the flight for the key of f. If there is none but refused, that is f from now on. The
// caller has made f: while the lock is held nothing is allocated, since the garbage collector may
// have the caller wait for it then.
func (s *groupShard[R]) put(f, refused *Flight[R]) *Flight[R] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.m[f.key]; other != nil && other != refused {
		return other
	}
	if s.m == nil {
		s.m = make(map[string]*Flight[R])
	}
	s.m[f.key] = f
	return f
}

// Busy reports whether there is a flight for key. One that is reserved only does not count.
func (g *Group[R]) Busy(key string) bool {
	s := g.shard(key)
	s.mu.Lock()
	f := s.m[key]
	s.mu.Unlock()
	if f == nil {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.reserved
}

// Finished returns how many flights are over whose request was sent. A caller that has looked into the store
// before the number changed looks again before it leads a flight.
func (g *Group[R]) Finished() uint64 { return g.finished.Load() }

// Len returns the number of flights under way.
func (g *Group[R]) Len() (n int) {
	for i := range g.shards {
		s := &g.shards[i]
		s.mu.Lock()
		n += len(s.m)
		s.mu.Unlock()
	}
	return n
}

// NewFlight returns a flight that only its leader knows.
func NewFlight[R Result]() *Flight[R] { return &Flight[R]{waiting: 1} }

// board adds a caller, unless it is too late for that.
func (f *Flight[R]) board() (r Role, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.settled:
		return Latecomer, f.result.Join()
	case f.waiting == 0: // all have left: the trip is being cancelled
		return Follower, false
	}
	f.waiting++
	return Follower, true
}

// Detach returns the context of a trip that may outlast the leader, whose context is ctx:
// it ends when cancel is called or the last caller has left, and tells the layers below by
// [roundtrip.DeadlineOf] for how long callers wait.
func (f *Flight[R]) Detach(ctx context.Context) (trip context.Context, cancel context.CancelCauseFunc) {
	f.deadline.Extend(ctx)
	trip = context.WithoutCancel(ctx)
	if _, ok := roundtrip.DeadlineOf(ctx); ok || ctx.Done() != nil { // else there is no deadline, and none by a later caller
		trip = roundtrip.WithDeadline(trip, &f.deadline)
	}
	trip, cancel = context.WithCancelCause(trip)
	f.mu.Lock()
	f.cancel = cancel
	f.mu.Unlock()
	return trip, cancel
}

// Send notes that the request is sent now: it may have waited for the lease of another process.
func (f *Flight[R]) Send() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.sent = time.Now()
}

// Rest returns how much is left of wait, which begins when the request is sent. Until then it is a second at least.
func (f *Flight[R]) Rest(wait time.Duration) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.sent.IsZero() {
		return max(wait, time.Second)
	}
	return wait - time.Since(f.sent)
}

// Settle gives the result to all callers that wait. Only a [Result] that is Joinable can be
// joined after that, until Land is called. It reports whether the leader has left: then
// the result was dropped.
func (f *Flight[R]) Settle(result R) (deserted bool) {
	if !result.Joinable() {
		f.Land() // before a caller can find the result: see Finished
	}
	f.mu.Lock()
	f.result, f.settled = result, true
	deserted = f.deserted
	others := f.waiting
	if !deserted {
		others--
	}
	result.Share(others)
	if f.arrived != nil {
		close(f.arrived)
	}
	f.mu.Unlock()
	if deserted {
		result.Drop()
	}
	return deserted
}

// Land takes f out of its group, so that nobody joins it any more.
func (f *Flight[R]) Land() {
	g := f.group
	if g == nil {
		return
	}
	f.mu.Lock()
	sent := !f.sent.IsZero()
	f.mu.Unlock()
	s := g.shard(f.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[f.key] == f {
		if sent {
			g.finished.Add(1)
		}
		delete(s.m, f.key)
	}
}

// Arrived returns a channel that is closed when the result has arrived.
func (f *Flight[R]) Arrived() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.arrived == nil {
		f.arrived = make(chan struct{})
		if f.settled {
			close(f.arrived)
		}
	}
	return f.arrived
}

// Result returns the result, which must have arrived.
func (f *Flight[R]) Result() *R { return &f.result }

// Leave is called by a caller that does not wait any longer. It returns true if the result
// has arrived first: then the caller has its share, and must use it. When the last caller
// leaves, the trip is cancelled with cause.
func (f *Flight[R]) Leave(r Role, cause error) (settled bool) {
	f.mu.Lock()
	if f.settled {
		f.mu.Unlock()
		return true
	}
	f.waiting--
	f.deserted = f.deserted || r == Leader
	last, cancel := f.waiting == 0, f.cancel
	f.mu.Unlock()
	if last {
		f.Land()
		if cancel != nil {
			cancel(cause)
		}
	}
	return false
}
