package trace

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Wire is a layer that reports each exchange with a server: an [Event] with the action
// "response" when the head of the response is there, or "fail" if none comes, and one with
// the action "body" when the body has ended. The layer of the events is "wire".
//
// It stands innermost, directly around the transport. The client of a tripper.Chain has
// one there. Without a hook it passes requests on, as if it were not there.
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
	return roundtrip.Bind(w.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of w.Base.
func (w *Wire) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(w, w.Base)) }

func (w *Wire) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	s := scopeOf(req.Context())
	if s == nil {
		return next.RoundTrip(req)
	}
	x := newExchange(req)
	x.heads.request = req.WithContext(x.follow(req.Context()))
	x.onHead = func() {
		if x.hasResponse() {
			s.hook(x.responded(req))
		}
	}
	x.onEnd = func() { s.hook(x.over(req)) }
	s.call.exchanges.add(x)
	return x.send(next)
}

// responded returns the event that the head of the response is there.
func (x *exchange) responded(req *http.Request) Event {
	now := x.now()
	reason := reasonNewConnection
	switch {
	case now.Reused:
		reason = reasonReused
	case now.RemoteAddr == "":
		reason = reasonNoConnection
	}
	e := About(req, layerWire, actionResponse, reason)
	e.Status, e.Exchange = now.Status, now
	e.Attrs = []slog.Attr{slog.Duration("first_byte", now.Phases.FirstByte())}
	if now.RemoteAddr != "" {
		e.Attrs = append(e.Attrs, slog.String("remote", now.RemoteAddr))
	}
	return e
}

// over returns the event that the exchange is over.
func (x *exchange) over(req *http.Request) Event {
	now := x.now()
	if now.Status == 0 {
		e := About(req, layerWire, actionFail, "")
		e.Err, e.Exchange = now.Err, now
		return e
	}
	reason := reasonComplete
	switch {
	case now.Err != nil:
		reason = reasonBroken
	case !now.Complete:
		reason = reasonClosed
	}
	e := About(req, layerWire, actionBody, reason)
	e.Status, e.Err, e.Exchange = now.Status, now.Err, now
	if now.Err != nil && !errors.Is(now.Err, context.Canceled) {
		e.Level = slog.LevelWarn
	}
	e.Attrs = []slog.Attr{slog.Int64("bytes", now.Received), slog.Duration("duration", now.Duration)}
	return e
}
