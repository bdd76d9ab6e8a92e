package oteltrace

import (
	"log/slog"
	"time"

	"go.opentelemetry.io/otel/attribute"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/tripper-go/tripper/trace"
)

// What the cache did about a call: the value of tripper.cache.result.
const (
	cacheNone      = "none"      // there is no cache, or it was not asked
	cacheHit       = "hit"       // a stored response, without asking the server
	cacheStale     = "stale"     // the same, though it was stale
	cacheValidated = "validated" // a stored response, which the server has confirmed
	cacheMiss      = "miss"      // the server was asked for all of it
	cachePass      = "pass"      // not a matter of the cache, or not to be stored
	cacheCollapsed = "collapsed" // the response of another call
	cacheRefused   = "refused"   // only-if-cached, and there was none
)

// cacheResults are what the actions of layer caching say.
var cacheResults = map[string]string{
	"hit": cacheHit, "stale": cacheStale, "validated": cacheValidated, "fetch": cacheMiss, "pass": cachePass, "bypass": cachePass,
	"collapse": cacheCollapsed, "refuse": cacheRefused,
}

// hear makes an event of the span of e, and counts it.
func (c *call) hear(e trace.Event) {
	if e.Exchange != nil {
		if e.Exchange.Ended {
			c.t.metrics.exchanged(c.ctx, e.Exchange)
		}
		return // it is in the span of the exchange
	}
	if result, ok := cacheResults[e.Action]; ok && e.Layer == "caching" && !e.Background {
		c.mu.Lock()
		if e.Hop >= c.hop {
			c.hop, c.cache = e.Hop, result
		}
		c.mu.Unlock()
	}
	c.t.metrics.decided(c.ctx, e)
	if !c.span.IsRecording() {
		return
	}
	attrs := make([]attribute.KeyValue, 0, 8+len(e.Attrs))
	attrs = append(attrs, attribute.String("tripper.layer", e.Layer), attribute.String("tripper.action", e.Action))
	if e.Reason != "" {
		attrs = append(attrs, attribute.String("tripper.reason", e.Reason))
	}
	if e.Hop > 0 {
		attrs = append(attrs, attribute.Int("tripper.hop", e.Hop))
	}
	if e.Attempt > 0 {
		attrs = append(attrs, attribute.Int("tripper.attempt", e.Attempt))
	}
	if e.Background {
		attrs = append(attrs, attribute.Bool("tripper.background", true))
	}
	if e.Status != 0 {
		attrs = append(attrs, attribute.Int("http.response.status_code", e.Status))
	}
	if e.Err != nil {
		attrs = append(attrs, attribute.String("exception.message", trace.RedactError(e.Err)))
	}
	for _, a := range e.Attrs {
		attrs = append(attrs, attribute.String("tripper."+a.Key, a.Value.String()))
	}
	c.span.AddEvent(e.Layer+" "+e.Action, oteltrace.WithTimestamp(e.Time), oteltrace.WithAttributes(attrs...))
}

// duration returns the attribute of that name, if there is one.
func duration(attrs []slog.Attr, name string) (time.Duration, bool) {
	for _, a := range attrs {
		if a.Key == name && a.Value.Kind() == slog.KindDuration {
			return a.Value.Duration(), true
		}
	}
	return 0, false
}
