package trace

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// A watch notes, by [httptrace], which connection an exchange has and, if somebody wants the
// [Exchange], when its phases begin and end. Should the RoundTripper make several trips, the
// moments are those of the last.
type watch struct {
	hooks httptrace.ClientTrace

	mu       sync.Mutex
	trip     moments
	conn     connection
	sentSize int64       // of the fields of the request, as they were written in HTTP/1
	sent     http.Header // these fields, if somebody wants them
	ended    bool
}

// A connection is what an exchange has.
type connection struct {
	remote, local net.Addr
	reused        bool
	idle          time.Duration
}

// moments are those of one trip. A moment that has not come is zero.
type moments struct {
	asked, dns0, dns1, conn0, conn1, tls0, tls1, got, wrote, first time.Time
}

// follow returns a context whose request the watch follows, as far as somebody wants to know.
func (w *watch) follow(ctx context.Context, d detail) context.Context {
	w.hooks.GotConn = w.gotConn
	if d >= exchangesToo {
		w.followPhases()
		w.hooks.WroteHeaderField = w.wroteField
	}
	if d >= headsToo {
		w.sent = make(http.Header)
	}
	return httptrace.WithClientTrace(ctx, &w.hooks)
}

// followPhases sets the hooks for the phases.
func (w *watch) followPhases() {
	w.hooks.GetConn = func(string) {
		w.note(func(now time.Time) {
			w.trip, w.conn, w.sentSize = moments{asked: now}, connection{}, 0
			clear(w.sent)
		})
	}
	w.hooks.DNSStart = func(httptrace.DNSStartInfo) { w.note(func(now time.Time) { w.trip.dns0 = now }) }
	w.hooks.DNSDone = func(httptrace.DNSDoneInfo) { w.note(func(now time.Time) { w.trip.dns1 = now }) }
	w.hooks.ConnectStart = func(string, string) {
		// Several addresses are tried at once: the first begins the phase.
		w.note(func(now time.Time) {
			if w.trip.conn0.IsZero() {
				w.trip.conn0 = now
			}
			w.trip.conn1 = time.Time{}
		})
	}
	w.hooks.ConnectDone = func(string, string, error) { w.note(func(now time.Time) { w.trip.conn1 = now }) }
	w.hooks.TLSHandshakeStart = func() { w.note(func(now time.Time) { w.trip.tls0 = now }) }
	w.hooks.TLSHandshakeDone = func(tls.ConnectionState, error) { w.note(func(now time.Time) { w.trip.tls1 = now }) }
	w.hooks.WroteRequest = func(httptrace.WroteRequestInfo) { w.note(func(now time.Time) { w.trip.wrote = now }) }
	w.hooks.GotFirstResponseByte = func() { w.note(func(now time.Time) { w.trip.first = now }) }
	// An interim response was the first, not the one that is waited for.
	w.hooks.Got1xxResponse = func(int, textproto.MIMEHeader) error {
		w.note(func(time.Time) { w.trip.first = time.Time{} })
		return nil
	}
}

func (w *watch) gotConn(info httptrace.GotConnInfo) {
	w.note(func(now time.Time) {
		w.trip.got = now
		w.conn = connection{reused: info.Reused, idle: info.IdleTime}
		if info.Conn != nil {
			w.conn.remote, w.conn.local = info.Conn.RemoteAddr(), info.Conn.LocalAddr()
		}
	})
}

func (w *watch) wroteField(name string, values []string) {
	if strings.HasPrefix(name, ":") { // of HTTP/2
		return
	}
	w.note(func(time.Time) {
		w.sentSize += fieldSize(name, values)
		if w.sent != nil {
			name = http.CanonicalHeaderKey(name)
			w.sent[name] = append(w.sent[name], values...)
		}
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
		n += fieldSize(name, values)
	}
	return n
}

func fieldSize(name string, values []string) (n int64) {
	for _, v := range values {
		n += int64(len(name) + len(": ") + len(v) + len("\r\n"))
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
