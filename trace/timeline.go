package trace

import (
	"cmp"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// DefaultMaxEvents is how many events a [Timeline] holds unless told otherwise.
const DefaultMaxEvents = 10_000

// Timeline is a layer that records when each layer decided what, and what went over the
// wire, for people to look at.
//
//	line := &trace.Timeline{}
//	client := tripper.Chain{line, &retry.Transport{}}.Client(nil)
//	…
//	line.WriteTo(os.Stderr) // as text
//	line.WritePage(file)    // as a page for a browser
//
// What it knows of connections, phases and sizes it has from [Wire]. The client of a
// tripper.Chain has one; a Timeline that is used by its Base, and not as a layer, puts one
// around Base.
//
// It records neither header fields nor bodies, nor queries and user information of URLs. The
// zero value holds the last [DefaultMaxEvents] events.
//
// A Timeline is safe for concurrent use. Its fields must not be changed after its first use.
type Timeline struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// MaxEvents is how many events are held, those of all calls together; a call counts as
	// one more. The oldest calls go first. A call that has more events than that keeps its
	// first ones. If zero, [DefaultMaxEvents] is used; if negative, there is no limit. An event
	// takes some 500 bytes, and never more than 8 KiB.
	MaxEvents int

	mu    sync.Mutex
	calls []*timelineCall
	held  int // calls and events in calls
}

// RoundTrip implements [http.RoundTripper].
func (t *Timeline) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, new(Wire).Wrap(roundtrip.Next(t, t.Base)))
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Timeline) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(t.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Timeline) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

// Len returns the number of calls that are held.
func (t *Timeline) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.calls)
}

// Reset forgets all calls. Nothing more is recorded of those that are under way.
func (t *Timeline) Reset() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, c := range t.calls {
		c.forget()
	}
	t.calls, t.held = nil, 0
}

func (t *Timeline) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	c := &timelineCall{line: t, returned: -1}
	c.x = newExchange(req.WithContext(begin(req.Context(), c.hear, exchangesToo)), c)
	t.mu.Lock()
	t.calls = append(t.calls, c)
	t.held++
	t.evict()
	t.mu.Unlock()
	return c.x.send(next)
}

// limit returns how many events are held, negative for no limit.
func (t *Timeline) limit() int {
	if t.MaxEvents == 0 {
		return DefaultMaxEvents
	}
	return t.MaxEvents
}

// evict forgets the oldest calls while more is held than may be. The lock is held.
func (t *Timeline) evict() {
	n := 0
	for ; t.limit() >= 0 && t.held > t.limit() && n < len(t.calls)-1; n++ {
		t.held -= 1 + len(t.calls[n].events)
		t.calls[n].forget()
	}
	clear(t.calls[:n])
	t.calls = t.calls[n:]
}

// A timelineCall is one request through a Timeline.
type timelineCall struct {
	line *Timeline
	x    *exchange // what the Timeline itself has seen of the request

	// The lock of line guards the fields below.
	events    []timelineEvent
	more      int           // events that there was no room for
	returned  time.Duration // from the start until there was a response or an error, negative before
	forgotten bool          // is not in line any more
}

// forget drops what is held of a call, which may be under way still. The lock is held.
func (c *timelineCall) forget() { c.events, c.forgotten = nil, true }

// A timelineEvent is what is held of an [Event].
type timelineEvent struct {
	at           time.Duration // since the call began
	level        slog.Level
	hop, attempt int
	background   bool

	layer, action, reason string
	method, url           string
	status                int
	err, attrs            string
	// wait is how long the layer waits from now on, took how long it has waited.
	wait, took time.Duration
	exchange   *Exchange // nil if the event is not one of [Wire]
}

// hear takes an event of the layers below.
func (c *timelineCall) hear(ev Event) {
	e := timelineEvent{
		at: ev.Time.Sub(c.x.Start), level: ev.Level, hop: ev.Hop, attempt: ev.Attempt, background: ev.Background,
		layer: shownWord(ev.Layer), action: shownWord(ev.Action), reason: shown(ev.Reason),
		method: shownWord(ev.Method), url: shown(ev.URL), status: ev.Status,
	}
	if ev.Err != nil {
		e.err = shown(RedactError(ev.Err))
	}
	attrs := make([]string, 0, len(ev.Attrs))
	for _, a := range ev.Attrs {
		switch d := a.Value; {
		case d.Kind() != slog.KindDuration:
		case a.Key == "wait" && ev.Action != "give up": // that says how long it does not wait
			e.wait = max(0, d.Duration())
		case a.Key == "took":
			e.took = max(0, d.Duration())
		}
		if ev.Exchange == nil || a.Key != "duration" && a.Key != "bytes" { // the exchange has them
			attrs = append(attrs, a.Key+"="+value(a.Value))
		}
	}
	e.attrs = shown(strings.Join(attrs, " "))
	if ev.Exchange != nil {
		e.exchange = ev.Exchange.bare()
		e.exchange.Method, e.exchange.URL, e.exchange.Err = e.method, e.url, nil
	}
	c.keep(e)
}

// keep holds an event, if there is room.
func (c *timelineCall) keep(e timelineEvent) {
	t := c.line
	t.mu.Lock()
	defer t.mu.Unlock()
	if c.forgotten {
		return
	}
	if limit := t.limit(); limit >= 0 && len(c.events)+1 >= limit {
		c.more++
		return
	}
	c.events = append(c.events, e)
	t.held++
	t.evict()
}

// head implements teller.
func (c *timelineCall) head(x *exchange, _ *http.Response) {
	c.line.mu.Lock()
	defer c.line.mu.Unlock()
	c.returned = time.Since(x.Start)
}

// end implements teller.
func (c *timelineCall) end(*exchange) {}

// A recordedCall is a copy of a [timelineCall] as far as it has come.
type recordedCall struct {
	Exchange // of the program with the layers
	events   []timelineEvent
	more     int
	returned time.Duration
	err      string
}

// recorded returns the calls in the order in which they began.
func (t *Timeline) recorded() []recordedCall {
	t.mu.Lock()
	held := slices.Clone(t.calls)
	calls := make([]recordedCall, len(held))
	for i, c := range held {
		calls[i] = recordedCall{events: slices.Clone(c.events), more: c.more, returned: c.returned}
	}
	t.mu.Unlock()
	for i, c := range held {
		r := &calls[i]
		r.Exchange = *c.x.now()
		r.Method, r.URL = shownWord(r.Method), shown(r.URL)
		if r.Err != nil {
			r.err = shown(RedactError(r.Err))
		}
		slices.SortStableFunc(r.events, func(a, b timelineEvent) int { return cmp.Compare(a.at, b.at) })
	}
	return calls
}

// fromCache reports whether the response came from a store.
func (r *recordedCall) fromCache() (yes bool) {
	hop := 0
	for _, e := range r.events {
		if e.background {
			continue
		}
		if e.hop > hop {
			hop, yes = e.hop, false
		}
		yes = yes || e.cached()
	}
	return yes
}

// cached reports whether the event says that a stored response is returned.
func (e *timelineEvent) cached() bool {
	return e.layer == "caching" && (e.action == "hit" || e.action == "stale" || e.action == "validated")
}

// Bounds of the strings of an event that are held, in bytes.
const (
	longest     = 1 << 10
	longestWord = 32 // of the name of a layer, an action or a method
)

// shown returns s as it is held: bounded, and without characters that do things to a terminal
// or to the text beside them.
func shown(s string) string { return bounded(s, longest) }

func shownWord(s string) string { return bounded(s, longestWord) }

func bounded(s string, n int) string {
	s, cut := cutTo(s, n)
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return utf8.RuneError
		}
		return r
	}, s)
	s, again := cutTo(s, n) // what stands in the place of a byte has three
	if cut || again {
		s += "…"
	}
	return s
}

// cutTo returns the first characters of s, which have at most n bytes, and whether there are more.
func cutTo(s string, n int) (string, bool) {
	if len(s) <= n {
		return s, false
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n], true
}
