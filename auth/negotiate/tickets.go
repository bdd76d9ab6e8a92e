package negotiate

import (
	"context"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

const (
	// maxTickets bounds the tickets that are kept.
	maxTickets = 1024
	// margin is how long before its end a ticket is no longer used, since clocks differ.
	margin = time.Minute
	// fresh is how long a ticket is taken to be made with the present key of the service.
	fresh = 10 * time.Second
)

// A ticketKey says whose ticket it is, and for which service. The name of the service is
// empty for the ticket that other tickets are got by.
type ticketKey struct {
	login   login
	service string
}

// tickets keeps tickets in memory.
type tickets struct {
	mu      sync.Mutex // guards the rest; not held while the KDC is asked
	kept    map[ticketKey]*ticket
	flights map[login]*flight
}

// A flight is an exchange with the KDC that is under way.
type flight struct {
	service string
	done    chan struct{} // closed at the end, when the rest is set
	got     *ticket
	err     error
}

// get returns a ticket of l for service. There is one exchange with the KDC at a time for one
// user. The callers that wait for the same ticket share its failure.
func (t *tickets) get(ctx context.Context, l login, service string) (*ticket, error) {
	key := ticketKey{l, service}
	for {
		t.mu.Lock()
		if found := t.kept[key]; found.usable(time.Now()) {
			t.mu.Unlock()
			return found, nil
		}
		f := t.flights[l]
		if f == nil {
			f = &flight{service: service, done: make(chan struct{})}
			if t.flights == nil {
				t.flights = make(map[login]*flight)
			}
			t.flights[l] = f
			go t.fetch(f, l, t.kept[ticketKey{login: l}])
		}
		t.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-f.done:
		}
		if f.service == service {
			return f.got, f.err
		}
	}
}

// drop forgets a ticket that was refused, as the key of the service may have changed, unless it
// is so new that another one would be the same.
func (t *tickets) drop(l login, service string, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := ticketKey{l, service}
	if found := t.kept[key]; found != nil && now.Sub(found.got) > fresh {
		delete(t.kept, key)
	}
}

// fetch asks the KDC, and ends f.
func (t *tickets) fetch(f *flight, l login, granting *ticket) {
	got, granting, err := l.fetch(f.service, granting, time.Now())
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		got.got = time.Now()
		roundtrip.Put(&t.kept, ticketKey{l, f.service}, got, maxTickets)
	}
	if granting != nil {
		roundtrip.Put(&t.kept, ticketKey{login: l}, granting, maxTickets)
	}
	delete(t.flights, l)
	f.got, f.err = got, err
	close(f.done)
}

// usable reports whether t can be used at now.
func (t *ticket) usable(now time.Time) bool { return t != nil && now.Add(margin).Before(t.end) }
