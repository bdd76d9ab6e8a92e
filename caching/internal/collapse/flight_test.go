package collapse

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A parcel is the result of a trip that has nothing but shares.
type parcel struct {
	joinable bool
	shares   *int // nil: it takes no more
	dropped  *bool
}

func (p parcel) Joinable() bool { return p.joinable }

func (p parcel) Join() bool {
	if p.joinable && p.shares != nil {
		*p.shares++
		return true
	}
	return false
}

func (p parcel) Share(n int) {
	if p.shares != nil {
		*p.shares += n
	}
}

func (p parcel) Drop() {
	if p.dropped != nil {
		*p.dropped = true
	}
}

func never(uint64) bool { return false }

// Who joins a flight, by what has become of it.
func TestGroupJoin(t *testing.T) {
	settings, others := new(int), new(int)
	for _, r := range []struct {
		name, why string
		key       string // of the second caller
		settings  any
		epoch     uint64 // of the first one it is 1
		stale     bool
		before    func(f *Flight[parcel])
		want      Role
	}{
		{name: "under way", why: "one trip answers both", settings: settings, epoch: 1, want: Follower},
		{name: "another key", why: "it is another response", key: "b", settings: settings, epoch: 1, want: Leader},
		{name: "other settings", why: "they may decide otherwise about the same response", settings: others, epoch: 1, want: Leader},
		{name: "not invalidated", why: "what was invalidated since is something else", settings: settings, epoch: 2, want: Follower},
		{name: "invalidated", why: "RFC 9111 §4.4 means responses on their way, too", settings: settings, epoch: 2, stale: true, want: Leader},
		{name: "same epoch", why: "nothing was invalidated", settings: settings, epoch: 1, stale: true, want: Follower},
		{
			name: "settled", why: "the response is in the store, or is not shared", settings: settings, epoch: 1, want: Leader,
			before: func(f *Flight[parcel]) { f.Settle(parcel{}) },
		},
		{
			name: "settled with a body", why: "it is still being received", settings: settings, epoch: 1, want: Latecomer,
			before: func(f *Flight[parcel]) { f.Settle(parcel{joinable: true, shares: new(int)}) },
		},
		{
			name: "settled with a body that is not shared any more", why: "its first reader has left", settings: settings, epoch: 1, want: Leader,
			before: func(f *Flight[parcel]) { f.Settle(parcel{joinable: true}) },
		},
		{
			name: "landed", why: "the body is in the store", settings: settings, epoch: 1, want: Leader,
			before: func(f *Flight[parcel]) { f.Settle(parcel{joinable: true, shares: new(int)}); f.Land() },
		},
		{
			name: "left", why: "the trip is being cancelled", settings: settings, epoch: 1, want: Leader,
			before: func(f *Flight[parcel]) { f.Leave(Leader, nil) },
		},
		{
			name: "just left", why: "it is cancelled, and its leader is about to take it out", settings: settings, epoch: 1, want: Leader,
			before: func(f *Flight[parcel]) { f.waiting = 0 },
		},
	} {
		t.Run(r.name, func(t *testing.T) {
			var g Group[parcel]
			first, role := g.Join(t.Context(), "a", settings, 1, never)
			if role != Leader || !g.Busy("a") || g.Len() != 1 {
				t.Fatalf("the first caller is %v; busy %v, %d flights", role, g.Busy("a"), g.Len())
			}
			if r.before != nil {
				r.before(first)
			}
			key := "a"
			if r.key != "" {
				key = r.key
			}
			second, role := g.Join(t.Context(), key, r.settings, r.epoch, func(epoch uint64) bool {
				if epoch != 1 || r.epoch == 1 {
					t.Errorf("asked about epoch %d", epoch)
				}
				return r.stale
			})
			if role != r.want || (second == first) != (r.want != Leader) {
				t.Errorf("the second caller is %v, in the same flight %v; want %v: %s", role, second == first, r.want, r.why)
			}
			if r.want == Leader { // and stays it, whatever becomes of the first flight
				first.Land()
				if !g.Busy(key) {
					t.Error("the first flight has taken the second one out")
				}
			}
		})
	}
}

// A caller that has looked into the store before a flight was over can tell.
func TestGroupFinished(t *testing.T) {
	var g Group[parcel]
	for i, end := range []func(*Flight[parcel]){
		func(f *Flight[parcel]) { f.Settle(parcel{}) },
		func(f *Flight[parcel]) { f.Settle(parcel{joinable: true}); f.Land(); f.Land() },
		func(f *Flight[parcel]) { f.Leave(Leader, nil) },
	} {
		f, _ := g.Join(t.Context(), "a", nil, 0, never)
		if n := g.Finished(); n != uint64(i) {
			t.Errorf("%d flights are over, want %d", n, i)
		}
		f.Send()
		end(f)
		if n := g.Finished(); n != uint64(i)+1 || g.Len() != 0 {
			t.Errorf("%d flights are over and %d under way, want %d and none", n, g.Len(), i+1)
		}
	}
}

// Each who waits gets one share, but the leader, who has one; a leader that has left
// leaves nothing open.
func TestFlightShares(t *testing.T) {
	for _, r := range []struct {
		followers, left int
		deserted        bool
		want            int
	}{{0, 0, false, 0}, {3, 0, false, 3}, {3, 2, false, 1}, {0, 0, true, 0}, {3, 1, true, 2}} {
		var g Group[parcel]
		f, _ := g.Join(t.Context(), "a", nil, 0, never)
		for range r.followers {
			if _, role := g.Join(t.Context(), "a", nil, 0, never); role != Follower {
				t.Fatalf("role %v", role)
			}
		}
		for range r.left {
			if f.Leave(Follower, nil) {
				t.Error("nothing has arrived")
			}
		}
		if r.deserted {
			f.Leave(Leader, nil)
		}
		shares, dropped := 0, false
		var arrived <-chan struct{}
		if r.left > 0 { // or nobody has waited
			arrived = f.Arrived()
		}
		if deserted := f.Settle(parcel{true, &shares, &dropped}); deserted != r.deserted || dropped != r.deserted {
			t.Errorf("%+v: deserted %v, dropped %v", r, deserted, dropped)
		}
		<-f.Arrived()
		if arrived != nil {
			<-arrived
		}
		if shares != r.want || f.Result().shares != &shares {
			t.Errorf("%+v: %d shares", r, shares)
		}
		if !f.Leave(Follower, nil) {
			t.Errorf("%+v: the result was there first", r)
		}
	}
}

// The trip outlasts its leader, and ends with the last who waits.
func TestFlightLeave(t *testing.T) {
	cause := errors.New("enough")
	var g Group[parcel]
	ctx, end := context.WithCancel(t.Context())
	f, _ := g.Join(ctx, "a", nil, 0, never)
	trip, _ := f.Detach(ctx)
	_, _ = g.Join(t.Context(), "a", nil, 0, never)
	end()
	f.Leave(Leader, context.Cause(ctx))
	if trip.Err() != nil || g.Len() != 1 {
		t.Error("the trip has ended with its leader")
	}
	f.Leave(Follower, cause)
	if context.Cause(trip) != cause || g.Len() != 0 {
		t.Errorf("the last has left: %v, %d flights", context.Cause(trip), g.Len())
	}
}

// The layers below are told until when callers wait, if all of them say so.
func TestFlightDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		short, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		long, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		var g Group[parcel]
		f, _ := g.Join(short, "a", nil, 0, never)
		trip, end := f.Detach(short)
		defer end(nil)
		for _, r := range []struct {
			join context.Context
			want time.Duration // 0 for none
		}{{nil, time.Second}, {long, time.Minute}, {t.Context(), 0}} {
			if r.join != nil {
				_, _ = g.Join(r.join, "a", nil, 0, never)
			}
			at, ok := roundtrip.DeadlineOf(trip)
			if ok != (r.want > 0) || ok && time.Until(at) != r.want {
				t.Errorf("deadline in %v, %v; want %v", time.Until(at), ok, r.want)
			}
		}
		alone, end := NewFlight[parcel]().Detach(short)
		defer end(nil)
		if at, ok := roundtrip.DeadlineOf(alone); !ok || time.Until(at) != time.Second {
			t.Errorf("deadline of a flight that nobody can join in %v, %v", time.Until(at), ok)
		}
	})
	f := NewFlight[parcel]()
	trip, end := f.Detach(context.Background())
	defer end(nil)
	if _, ok := roundtrip.DeadlineOf(trip); ok {
		t.Error("a deadline from nowhere")
	}
	f.Settle(parcel{}) // and belongs to no group
}

// The time that is waited for a trip begins when the request is sent.
func TestFlightRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := NewFlight[parcel]()
		time.Sleep(time.Hour)
		for wait, want := range map[time.Duration]time.Duration{time.Minute: time.Minute, time.Millisecond: time.Second} {
			if d := f.Rest(wait); d != want {
				t.Errorf("before it is sent %v are left of %v, want %v", d, wait, want)
			}
		}
		f.Send()
		time.Sleep(time.Second)
		if d := f.Rest(3 * time.Second); d != 2*time.Second {
			t.Errorf("after a second %v are left of 3s", d)
		}
	})
}

// Whoever comes and goes at once: each flight has one leader, each who waits a share.
func TestGroupAtOnce(t *testing.T) {
	var g Group[parcel]
	var trips, given, taken atomic.Int64
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 200 {
				f, role := g.Join(t.Context(), fmt.Sprint(j%3), nil, 0, never)
				switch {
				case role == Leader:
					trips.Add(1)
					f.Send()
					shares := 0
					f.Settle(parcel{shares: &shares})
					given.Add(int64(shares))
				case (i+j)%2 == 0 && !f.Leave(role, nil):
				default:
					<-f.Arrived()
					taken.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if given.Load() != taken.Load() || g.Len() != 0 || g.Finished() != uint64(trips.Load()) {
		t.Errorf("%d shares for %d; %d flights left; %d of %d over", given.Load(), taken.Load(), g.Len(), g.Finished(), trips.Load())
	}
}
