package trace

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Log is a layer that logs: one line for each request when its response has been
// read, and one line for each [Event] of the layers below it, at the level of the event.
// The attribute call is the same in all lines of a call.
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

	// Events is the lowest [Event.Level] of which there are lines. If nil, there is a line
	// for each event whose level the logger takes.
	Events slog.Leveler

	// Headers adds the header fields of request and response to the line about a
	// request. Values that might be secret are replaced.
	Headers bool

	// Verbose takes what curl -v prints, beside the lines of Logger, for each exchange with a
	// server that [Wire] tells of: the address, whether the connection was there, TLS, the
	// heads of request and response, the size of the body. It is for people to read, and
	// hides what Headers hides. It is written to by one goroutine at a time, and
	// requests wait for it. If nil, nothing is printed.
	Verbose io.Writer

	// Reveal reports whether the values of a further header field, whose name is
	// in canonical form, may be logged. If nil, no others are.
	Reveal func(name string) bool

	mu sync.Mutex // is held while Verbose is written to
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
	ctx, out := req.Context(), req
	d := eventsOnly
	if l.Verbose != nil {
		d = headsToo
	}
	if l.Verbose != nil || logger.Enabled(ctx, max(slog.LevelWarn, l.lowest())) {
		out = req.WithContext(begin(ctx, func(e Event) { l.event(ctx, logger, e) }, d))
	}
	if !logger.Enabled(ctx, max(l.Level, slog.LevelError)) && !logger.Enabled(ctx, l.Level) {
		return next.RoundTrip(out)
	}
	line := &logLine{l: l, logger: logger, req: out, start: time.Now()}
	resp, err := next.RoundTrip(out)
	if err != nil || resp == nil {
		line.finish(0, err, false)
		return nil, err
	}
	line.resp = resp
	if l.Headers {
		line.fields = l.fields("response", resp.Header) // before somebody changes them
	}
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		line.finish(0, nil, true)
		return resp, nil
	}
	return watched(resp, &body{to: line}), nil
}

// lowest returns the lowest level of the lines about events.
func (l *Log) lowest() slog.Level {
	if l.Events == nil {
		return slog.LevelDebug
	}
	return l.Events.Level()
}

// A logLine is the line about a request.
type logLine struct {
	l      *Log
	logger *slog.Logger
	req    *http.Request
	start  time.Time
	resp   *http.Response // nil if there is none
	fields slog.Attr      // of resp, if they are wanted
}

// finish logs what became of the request.
func (line *logLine) finish(n int64, err error, _ bool) {
	resp, level, ctx := line.resp, line.l.Level, line.req.Context()
	if err != nil {
		level = max(level, slog.LevelError)
	}
	if !line.logger.Enabled(ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 8)
	if s := scopeOf(ctx); s != nil {
		attrs = append(attrs, slog.Uint64("call", s.call.id))
	}
	attrs = append(attrs, slog.String("method", roundtrip.Method(line.req)), slog.String("url", Redact(line.req.URL)))
	if line.l.Headers {
		attrs = append(attrs, line.l.fields("request", line.req.Header))
	}
	if resp != nil {
		attrs = append(attrs, slog.Int("status", resp.StatusCode), slog.Int64("bytes", n))
		if line.l.Headers {
			attrs = append(attrs, line.fields)
		}
	}
	attrs = append(attrs, slog.Duration("duration", time.Since(line.start)))
	if err != nil {
		attrs = append(attrs, slog.String("error", RedactError(err)))
	}
	line.logger.LogAttrs(ctx, level, "http", attrs...)
}

// fields returns the fields of h to tell, by name.
func (l *Log) fields(group string, h http.Header) slog.Attr {
	attrs := make([]slog.Attr, 0, len(h))
	for name, vs := range h {
		vs = values(name, vs, l.Reveal)
		if len(vs) == 1 {
			attrs = append(attrs, slog.String(name, vs[0]))
			continue
		}
		attrs = append(attrs, slog.Any(name, vs))
	}
	slices.SortFunc(attrs, func(a, b slog.Attr) int { return strings.Compare(a.Key, b.Key) })
	return slog.GroupAttrs(group, attrs...)
}

// event logs e. The order of the attributes is that of the fields of [Event].
func (l *Log) event(ctx context.Context, logger *slog.Logger, e Event) {
	if l.Verbose != nil && e.Exchange.headed() {
		l.verbose(l.Verbose, e)
	}
	if e.Level < l.lowest() || !logger.Enabled(ctx, e.Level) {
		return
	}
	attrs := make([]slog.Attr, 0, 10+len(e.Attrs))
	attrs = append(attrs, slog.Uint64("call", e.Call))
	if e.Hop > 0 {
		attrs = append(attrs, slog.Int("hop", e.Hop))
	}
	if e.Attempt > 0 {
		attrs = append(attrs, slog.Int("attempt", e.Attempt))
	}
	if e.Background {
		attrs = append(attrs, slog.Bool("background", true))
	}
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
		attrs = append(attrs, slog.String("error", RedactError(e.Err)))
	}
	logger.LogAttrs(ctx, e.Level, "http event", attrs...)
}
