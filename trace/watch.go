package trace

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// A watch notes, by [httptrace], when the phases of an exchange begin and end, and which
// connection it has. Should the RoundTripper make several trips, the moments are those of
// the last.
type watch struct {
	mu    sync.Mutex
	trip  moments
	conn  connection
	sent  http.Header // the fields of the request, as they were written
	ended bool
}

// A connection is what an exchange has.
type connection struct {
	remote, local string
	reused        bool
	idle          time.Duration
}

// moments are those of one trip. A moment that has not come is zero.
type moments struct {
	asked, dns0, dns1, conn0, conn1, tls0, tls1, got, wrote, first time.Time
}

// follow returns a context whose request the watch follows.
func (w *watch) follow(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GetConn: func(string) {
			w.note(func(now time.Time) { w.trip, w.conn, w.sent = moments{asked: now}, connection{}, nil })
		},
		DNSStart: func(httptrace.DNSStartInfo) { w.note(func(now time.Time) { w.trip.dns0 = now }) },
		DNSDone:  func(httptrace.DNSDoneInfo) { w.note(func(now time.Time) { w.trip.dns1 = now }) },
		ConnectStart: func(string, string) {
			// Several addresses are tried at once: the first begins the phase.
			w.note(func(now time.Time) {
				if w.trip.conn0.IsZero() {
					w.trip.conn0 = now
				}
				w.trip.conn1 = time.Time{}
			})
		},
		ConnectDone:       func(string, string, error) { w.note(func(now time.Time) { w.trip.conn1 = now }) },
		TLSHandshakeStart: func() { w.note(func(now time.Time) { w.trip.tls0 = now }) },
		TLSHandshakeDone:  func(tls.ConnectionState, error) { w.note(func(now time.Time) { w.trip.tls1 = now }) },
		GotConn: func(info httptrace.GotConnInfo) {
			w.note(func(now time.Time) {
				w.trip.got = now
				w.conn = connection{reused: info.Reused, idle: info.IdleTime}
				if info.Conn != nil {
					w.conn.remote, w.conn.local = info.Conn.RemoteAddr().String(), info.Conn.LocalAddr().String()
				}
			})
		},
		WroteHeaderField: func(name string, values []string) {
			if strings.HasPrefix(name, ":") { // of HTTP/2
				return
			}
			w.note(func(time.Time) {
				if w.sent == nil {
					w.sent = make(http.Header)
				}
				name = http.CanonicalHeaderKey(name)
				w.sent[name] = append(w.sent[name], values...)
			})
		},
		WroteRequest:         func(httptrace.WroteRequestInfo) { w.note(func(now time.Time) { w.trip.wrote = now }) },
		GotFirstResponseByte: func() { w.note(func(now time.Time) { w.trip.first = now }) },
		// An interim response was the first, not the one that is waited for.
		Got1xxResponse: func(int, textproto.MIMEHeader) error {
			w.note(func(time.Time) { w.trip.first = time.Time{} })
			return nil
		},
	})
}

// note calls f with the present time, unless the exchange is over: what a connection that
// was dialled for it does later does not belong to it.
func (w *watch) note(f func(now time.Time)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.ended {
		f(time.Now())
	}
}

// answered says that there is a response. After an interim one that is the only way
// to know.
func (w *watch) answered() {
	w.note(func(now time.Time) {
		if w.trip.first.IsZero() && !w.trip.got.IsZero() {
			w.trip.first = now
		}
	})
}

// headSize returns the number of bytes that the fields have in HTTP/1.1.
func headSize(h http.Header) (n int64) {
	for name, values := range h {
		for _, v := range values {
			n += int64(len(name) + len(": ") + len(v) + len("\r\n"))
		}
	}
	return n
}

// wired reports whether a connection was asked for: else a cache has answered, or another
// layer.
func (m *moments) wired() bool {
	return !m.asked.IsZero() || !m.got.IsZero() || !m.dns0.IsZero() || !m.conn0.IsZero()
}

// phases divides the time from start to end. What has begun and not ended lasts
// to the end.
func (m *moments) phases(start, end time.Time) Phases {
	if !m.wired() {
		return Phases{Wait: end.Sub(start)}
	}
	got := before(m.got, end)
	first := before(m.first, end)
	wrote := before(m.wrote, first)
	if m.got.IsZero() {
		wrote, first = end, end
	}
	dns := between(m.dns0, m.dns1, got)
	ssl := between(m.tls0, m.tls1, got)
	// Connections are dialled while a request waits for one that is busy: what
	// took place at the same time is counted once.
	whole := got.Sub(start)
	connect := min(between(m.conn0, m.conn1, got)+ssl, whole)
	dns = min(dns, whole-connect)
	return Phases{
		Blocked: whole - connect - dns, DNS: dns, Connect: connect, TLS: min(ssl, connect),
		Send: wrote.Sub(got), Wait: first.Sub(wrote), Receive: end.Sub(first),
	}
}

// before returns t, or limit if t has not come or is later.
func before(t, limit time.Time) time.Time {
	if t.IsZero() || t.After(limit) {
		return limit
	}
	return t
}

// between returns the time from a to b within limit, or zero if a has not come.
func between(a, b, limit time.Time) time.Duration {
	if a.IsZero() || a.After(limit) {
		return 0
	}
	if b.Before(a) {
		b = limit
	}
	return before(b, limit).Sub(a)
}
