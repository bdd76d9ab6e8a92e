package trace

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Log is a layer that logs: one line for each request when its response has been
// read, and one line for each [Event] of the layers below it.
//
//	client := tripper.Chain{&trace.Log{Logger: logger}, &retry.Transport{}}.Client(nil)
//
// Neither bodies nor query strings are logged, nor user information in URLs, and
// of header fields only those whose values are known to be harmless. The zero
// value logs to [slog.Default]. If the logger takes no lines of these levels, a Log
// costs nothing.
//
// A Log is safe for concurrent use. Its fields must not be changed after its
// first use.
type Log struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Logger takes the lines. If nil, [slog.Default] is used.
	Logger *slog.Logger

	// Level is that of the line about a request that got a response; the zero
	// Level is Info. A request that failed is logged at Error, or at Level if that
	// is higher.
	Level slog.Level

	// Events is the level of the lines about events. If nil, it is
	// [slog.LevelDebug].
	Events slog.Leveler

	// Headers adds the header fields of request and response to the line about a
	// request. Values that might be secret are replaced.
	Headers bool

	// Reveal reports whether the values of a further header field, whose name is
	// in canonical form, may be logged. If nil, no others are.
	Reveal func(name string) bool
}

// RoundTrip implements [http.RoundTripper].
func (l *Log) RoundTrip(req *http.Request) (*http.Response, error) {
	return l.roundTrip(req, roundtrip.Next(l, l.Base))
}

// Wrap returns a RoundTripper like l that sends through next in place of l.Base.
func (l *Log) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(l.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of l.Base.
func (l *Log) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(l, l.Base)) }

func (l *Log) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	logger := l.Logger
	if logger == nil {
		logger = slog.Default()
	}
	ctx := req.Context()
	out := req
	if level := l.eventLevel(); logger.Enabled(ctx, level) {
		out = req.WithContext(WithHook(ctx, func(e Event) { logEvent(ctx, logger, level, e) }))
	}
	if !logger.Enabled(ctx, max(l.Level, slog.LevelError)) && !logger.Enabled(ctx, l.Level) {
		return next.RoundTrip(out)
	}
	start := time.Now()
	resp, err := next.RoundTrip(out)
	if err != nil || resp == nil {
		l.line(req, nil, logger, start, 0, err)
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		l.line(req, resp, logger, start, 0, nil)
		return resp, nil
	}
	return watched(resp, &body{done: func(n int64, err error) { l.line(req, resp, logger, start, n, err) }}), nil
}

func (l *Log) eventLevel() slog.Level {
	if l.Events == nil {
		return slog.LevelDebug
	}
	return l.Events.Level()
}

// line logs what became of req.
func (l *Log) line(req *http.Request, resp *http.Response, logger *slog.Logger, start time.Time, n int64, err error) {
	level := l.Level
	if err != nil {
		level = max(level, slog.LevelError)
	}
	ctx := req.Context()
	if !logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", roundtrip.Method(req)),
		slog.String("url", Redact(req.URL)),
	}
	if l.Headers {
		attrs = append(attrs, l.fields("request", req.Header))
	}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.Int64("bytes", n))
		if l.Headers {
			attrs = append(attrs, l.fields("response", resp.Header))
		}
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(start)))
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	logger.LogAttrs(ctx, level, "http", attrs...)
}

func (l *Log) fields(group string, h http.Header) slog.Attr {
	attrs := make([]any, 0, len(h))
	for name, vs := range h {
		vs = values(name, vs, l.Reveal)
		if len(vs) == 1 {
			attrs = append(attrs, slog.String(name, vs[0]))
			continue
		}
		attrs = append(attrs, slog.Any(name, vs))
	}
	return slog.Group(group, attrs...)
}

func logEvent(ctx context.Context, logger *slog.Logger, level slog.Level, e Event) {
	attrs := make([]slog.Attr, 0, 6+len(e.Attrs))
	attrs = append(attrs, slog.String("layer", e.Layer), slog.String("action", e.Action))
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.Reason))
	}
	attrs = append(attrs, slog.String("method", e.Method), slog.String("url", e.URL))
	if e.Status != 0 {
		attrs = append(attrs, slog.Int("status", e.Status))
	}
	attrs = append(attrs, e.Attrs...)
	if e.Err != nil {
		attrs = append(attrs, slog.String("error", e.Err.Error()))
	}
	logger.LogAttrs(ctx, level, "http event", attrs...)
}
