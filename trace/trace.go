// Package trace tells what each layer decided about a request, and why.
//
//	ctx := trace.WithHook(req.Context(), func(e trace.Event) { log.Println(e) })
//	resp, err := client.Do(req.WithContext(ctx))
//
// # Behavior
//
// A layer reports each decision as one [Event] to the hook in the request's
// context. [Hook] is a layer that puts a function there for all requests of a client,
// [Log], [HAR] and [Timeline] are layers that write the events down. Without a hook nothing is built
// and nothing is allocated.
//
// An event names the call, the hop and the attempt that it belongs to: what the layers do
// for requests that are made at the same time can be told apart.
//
// [Wire] tells of each exchange with a server: its connection, its phases, its sizes.
// [ExchangeOf] returns the same for a response.
//
// # Events
//
// [Wire] tells of an exchange as response (attributes duration, and remote if there is a
// connection) or fail (duration), and of the end of the body as body (duration and bytes),
// which has level WARN if it broke. A duration is the time since the exchange began. The actions and reasons of all layers are in docs/events.md; the package comments
// say what the actions mean. They are part of what the packages promise: a program may look
// at them.
//
// # Place in a chain
//
// [Hook], [Log], [HAR] and [Timeline] stand outermost, so that they hear every layer; [Wire] stands
// innermost. The client of a tripper.Chain has a Wire.
//
// # Limits
//
// Work that no request began, such as writing invalidations that a store did not take before,
// is told to nobody; the store error of the request that could not write them is. What a
// request began in the background is told to its hook for as long as it takes.
//
// Events carry no bodies, no query strings and no user information of a URL, and
// of header values only validators (ETag, If-Match): they can be logged as they
// are.
package trace

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/tell"
)

// An Event is one decision of one layer.
type Event struct {
	// Time is when the decision was made.
	Time time.Time
	// Level says how much the event matters. It is [slog.LevelWarn] where something
	// failed that the caller may not notice: a store, a body, a challenge that nothing
	// answers. Decisions have [slog.LevelDebug].
	Level slog.Level
	// Call is the ID of the call: one request of the program, that is one RoundTrip of
	// its outermost layer, with the redirects, attempts and validations made for it. IDs
	// are unique in the process. Requests for one URL at the same time are told apart by
	// it. See [WithHook] for requests that go through no chain.
	Call uint64
	// Hop is the number of redirects that led to the request.
	Hop int
	// Attempt is the number of the attempt that the event is about, from 1. It is zero
	// for events about no attempt in particular, such as a hit.
	Attempt int
	// Background is true if the work was begun by Call and went on beside it: a
	// validation that no caller waits for. The call may have ended before.
	Background bool
	// Layer is the name of the package that decided, such as "caching"; that of [Wire] is "wire".
	Layer string
	// Action is what it decided, one or two words: "hit", "retry", "follow".
	Action string
	// Reason is why, a phrase: "fresh for 59s", "status 503".
	Reason string
	// Method and URL are those of the request. URL has no user information, no
	// query and no fragment.
	Method, URL string
	// Status is the status code the decision is about, zero if there is none.
	Status int
	// Err is the error the decision is about, if any, as the layer has it. What is printed of
	// an event has its text by [RedactError].
	Err error
	// Attrs holds what else there is to say, such as a wait or a number of bytes.
	Attrs []slog.Attr
	// Exchange is what the event is about if it is one of [Wire], else nil. It must not be
	// changed.
	Exchange *Exchange
}

// String returns the event as one readable line, without what differs from run to run:
// Time and Call.
func (e Event) String() string {
	var b strings.Builder
	b.WriteString(e.Layer)
	b.WriteString(": ")
	b.WriteString(e.Action)
	if e.Reason != "" {
		b.WriteString(" (")
		b.WriteString(e.Reason)
		b.WriteByte(')')
	}
	if e.Hop > 0 {
		b.WriteString(" hop=")
		b.WriteString(strconv.Itoa(e.Hop))
	}
	if e.Attempt > 0 {
		b.WriteString(" attempt=")
		b.WriteString(strconv.Itoa(e.Attempt))
	}
	if e.Background {
		b.WriteString(" background")
	}
	for _, a := range e.Attrs {
		b.WriteByte(' ')
		b.WriteString(a.String())
	}
	if e.Err != nil {
		b.WriteString(": ")
		b.WriteString(RedactError(e.Err))
	}
	return b.String()
}

// MarshalJSON returns the fields of the event, Err as [RedactError] has it.
func (e Event) MarshalJSON() ([]byte, error) {
	type fields Event
	e.Err = printed(e.Err)
	return json.Marshal(fields(e))
}

// About returns an event about req at the present time, of level [slog.LevelDebug]. The
// call, the hop and the attempt are those of the context of req. It leaves out of the
// URL what must not be told.
func About(req *http.Request, layer, action, reason string) Event {
	e := Event{
		Time:   time.Now(),
		Level:  slog.LevelDebug,
		Layer:  layer,
		Action: action,
		Reason: reason,
		Method: req.Method,
		URL:    Redact(req.URL),
	}
	if s := scopeOf(req.Context()); s != nil {
		e.Call, e.Hop, e.Attempt, e.Background = s.call.id, s.hop, s.attempt, s.background
	}
	return e
}

// Redact returns u without user information, query and fragment.
func Redact(u *url.URL) string { return tell.Redact(u) }
