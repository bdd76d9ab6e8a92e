package trace

import (
	"context"
	"crypto/tls"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// harPhases are milliseconds; -1 says that a phase did not take place. Without
// SSL, which is part of Connect, and without the phases of -1 they add up to the
// time of the entry, also if the request failed.
type harPhases struct {
	Blocked float64 `json:"blocked"`
	DNS     float64 `json:"dns"`
	Connect float64 `json:"connect"`
	Send    float64 `json:"send"`
	Wait    float64 `json:"wait"`
	Receive float64 `json:"receive"`
	SSL     float64 `json:"ssl"`
}

// harTimings notes when the phases of a request begin and end. A request may make
// several trips; the moments are those of the last.
type harTimings struct {
	mu    sync.Mutex
	trip  moments
	ended bool
}

// moments are those of one trip. A moment that has not come is zero.
type moments struct {
	asked, dns0, dns1, conn0, conn1, tls0, tls1, got, wrote, first time.Time
}

func (t *harTimings) watch(ctx context.Context) context.Context {
	note := func(f func(m *moments, now time.Time)) {
		t.mu.Lock()
		defer t.mu.Unlock()
		if !t.ended {
			f(&t.trip, time.Now())
		}
	}
	set := func(moment func(*moments) *time.Time) {
		note(func(m *moments, now time.Time) { *moment(m) = now })
	}
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn:  func(string) { note(func(m *moments, now time.Time) { *m = moments{asked: now} }) },
		DNSStart: func(httptrace.DNSStartInfo) { set(func(m *moments) *time.Time { return &m.dns0 }) },
		DNSDone:  func(httptrace.DNSDoneInfo) { set(func(m *moments) *time.Time { return &m.dns1 }) },
		ConnectStart: func(string, string) {
			// Several addresses are tried at once: the first begins the phase.
			note(func(m *moments, now time.Time) {
				if m.conn0.IsZero() {
					m.conn0 = now
				}
				m.conn1 = time.Time{}
			})
		},
		ConnectDone:          func(string, string, error) { set(func(m *moments) *time.Time { return &m.conn1 }) },
		TLSHandshakeStart:    func() { set(func(m *moments) *time.Time { return &m.tls0 }) },
		TLSHandshakeDone:     func(tls.ConnectionState, error) { set(func(m *moments) *time.Time { return &m.tls1 }) },
		GotConn:              func(httptrace.GotConnInfo) { set(func(m *moments) *time.Time { return &m.got }) },
		WroteRequest:         func(httptrace.WroteRequestInfo) { set(func(m *moments) *time.Time { return &m.wrote }) },
		GotFirstResponseByte: func() { set(func(m *moments) *time.Time { return &m.first }) },
		// An interim response was the first, not the one that is waited for.
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			note(func(m *moments, _ time.Time) { m.first = time.Time{} })
			return nil
		},
	})
}

// answered says that there is a response. After an interim one that is the only way
// to know.
func (t *harTimings) answered() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := &t.trip; m.first.IsZero() && !m.got.IsZero() {
		m.first = time.Now()
	}
}

// end says that the request is over: what a connection that was dialled for it
// does later does not belong to it.
func (t *harTimings) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ended = true
}

func (t *harTimings) phases(start, end time.Time) harPhases {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.trip.phases(start, end)
}

// phases divides the time from start to end. What has begun and not ended lasts
// to the end.
func (m moments) phases(start, end time.Time) harPhases {
	if m.asked.IsZero() && m.got.IsZero() && m.dns0.IsZero() && m.conn0.IsZero() {
		// No connection was asked for: a cache has answered, or another layer.
		return harPhases{Blocked: -1, DNS: -1, Connect: -1, SSL: -1, Wait: ms(end.Sub(start))}
	}
	got := before(m.got, end)
	first := before(m.first, end)
	wrote := before(m.wrote, first)
	if m.got.IsZero() {
		wrote, first = end, end
	}
	dns := between(m.dns0, m.dns1, got)
	ssl := between(m.tls0, m.tls1, got)
	connect := between(m.conn0, m.conn1, got)
	if ssl >= 0 {
		connect = max(connect, 0) + ssl
	}
	// Connections are dialled while a request waits for one that is busy: what
	// took place at the same time is counted once.
	whole := got.Sub(start)
	connect = min(connect, whole)
	dns = min(dns, whole-max(connect, 0))
	return harPhases{
		Blocked: ms(whole - max(connect, 0) - max(dns, 0)), DNS: phase(dns), Connect: phase(connect), SSL: phase(min(ssl, connect)),
		Send: ms(wrote.Sub(got)), Wait: ms(first.Sub(wrote)), Receive: ms(end.Sub(first)),
	}
}

// before returns t, or limit if t has not come or is later.
func before(t, limit time.Time) time.Time {
	if t.IsZero() || t.After(limit) {
		return limit
	}
	return t
}

// between returns the time from a to b within limit, or -1 if a has not come.
func between(a, b, limit time.Time) time.Duration {
	if a.IsZero() || a.After(limit) {
		return -1
	}
	if b.Before(a) {
		b = limit
	}
	return before(b, limit).Sub(a)
}

// phase returns milliseconds, -1 for a phase that did not take place.
func phase(d time.Duration) float64 {
	if d < 0 {
		return -1
	}
	return ms(d)
}
