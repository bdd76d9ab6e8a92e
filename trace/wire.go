package trace

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Wire is a layer that reports each exchange with a server: an [Event] with the action
// "response" when the head of the response is there, or "fail" if none comes, and one with
// the action "body" when the body has ended. The layer of the events is "wire".
//
// It stands innermost, directly around the transport. The client of a tripper.Chain has
// one there. Without a hook, or with another Wire below it, it passes requests on, as if it were
// not there.
//
// A Wire is safe for concurrent use.
type Wire struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper
}

// RoundTrip implements [http.RoundTripper].
func (w *Wire) RoundTrip(req *http.Request) (*http.Response, error) {
	return w.roundTrip(req, roundtrip.Next(w, w.Base))
}

// Wrap returns a RoundTripper like w that sends through next in place of w.Base.
func (w *Wire) Wrap(next http.RoundTripper) http.RoundTripper {
	l := roundtrip.Bind(w.roundTrip, next)
	l.Of = w
	return l
}

// isWire reports whether rt is a Wire.
func isWire(rt http.RoundTripper) bool {
	if l, ok := rt.(*roundtrip.TripperLayer); ok {
		_, ok = l.Of.(*Wire)
		return ok
	}
	_, ok := rt.(*Wire)
	return ok
}

// CloseIdleConnections closes the idle connections of w.Base.
func (w *Wire) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(w, w.Base)) }

func (w *Wire) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	s := scopeOf(req.Context())
	if s == nil || roundtrip.Shows(next, isWire) {
		return next.RoundTrip(req)
	}
	x := newExchange(req, wireHook(s.hook))
	x.request = req.WithContext(x.follow(req.Context(), s.detail))
	if s.detail >= exchangesToo {
		s.call.exchanges.add(x)
	}
	return x.send(next)
}

// A wireHook is the hook that Wire tells of an exchange, or nil.
type wireHook func(Event)

func (h wireHook) head(x *exchange, resp *http.Response) {
	if h == nil || resp == nil {
		return
	}
	x.mu.Lock()
	conn := x.conn
	x.mu.Unlock()
	reason := reasonNewConnection
	switch {
	case conn.remote == nil:
		reason = reasonNoConnection
	case conn.reused:
		reason = reasonReused
	}
	e := x.event(actionResponse, reason)
	e.Attrs = append(make([]slog.Attr, 0, 2), slog.Duration("duration", e.Time.Sub(x.Start)))
	if conn.remote != nil {
		e.Attrs = append(e.Attrs, slog.Any("remote", address{conn.remote}))
	}
	h(e)
}

func (h wireHook) end(x *exchange) {
	if h == nil {
		return
	}
	action, reason := actionBody, reasonComplete
	switch {
	case x.Status == 0:
		action, reason = actionFail, ""
	case x.Err != nil:
		reason = reasonBroken
	case !x.Complete:
		reason = reasonClosed
	}
	e := x.event(action, reason)
	e.Err = x.Err
	e.Attrs = append(make([]slog.Attr, 0, 2), slog.Duration("duration", x.Duration))
	if action == actionBody {
		e.Attrs = append(e.Attrs, slog.Int64("bytes", x.Received))
		if x.Err != nil && !errors.Is(x.Err, context.Canceled) {
			e.Level = slog.LevelWarn
		}
	}
	h(e)
}

// event returns an event about x.
func (x *exchange) event(action, reason string) Event {
	e := Event{
		Time: time.Now(), Level: slog.LevelDebug, Call: x.Call, Hop: x.Hop, Attempt: x.Attempt, Background: x.Background,
		Layer: layerWire, Action: action, Reason: reason, Method: x.Method, URL: x.URL, Status: x.Status,
	}
	if x.detail >= exchangesToo {
		e.Exchange = x.now()
	}
	return e
}

// An address is turned into text when somebody reads it.
type address struct{ net.Addr }

// LogValue implements [slog.LogValuer].
func (a address) LogValue() slog.Value { return slog.StringValue(a.String()) }
