// Package retry sends a request again when its failure is likely to pass, and
// finishes downloads that broke in the middle.
//
//	client := &http.Client{Transport: &retry.Transport{}}
//
// # Behavior
//
// An attempt is followed by another one if all of this is true:
//
//   - It failed for a cause that may pass, by [Transport.Retryable].
//   - It is safe to send the request twice: its method is idempotent by the HTTP
//     Method Registry (GET, HEAD, OPTIONS, PUT, DELETE, PROPFIND …), it carries an
//     Idempotency-Key or X-Idempotency-Key field, [WithIdempotent] is in its context, or it
//     was certainly not processed (no connection was made, nothing was written, the
//     server refused the HTTP/2 stream, or answered 417, 421 or 425). A POST is not sent
//     twice by default, nor is a PUT with a Content-Range, which is a part of an upload.
//   - The caller did not sign it with credentials that can be used only once (OAuth 1,
//     DPoP, Hawk, Digest), or [Transport.Prepare] signs it again, or it was certainly not
//     processed.
//   - Its body can be sent again: there is none, GetBody makes a new one, it can seek,
//     or what was read of it so far is not more than [Transport.MaxReplay] bytes, which
//     are kept while they are sent.
//   - [Transport.Attempts] and [Transport.Budget] are not used up, and
//     [Transport.Breaker] allows it.
//   - The wait ends before the deadline of the request's context. Below a cache that is
//     the deadline of the last caller that waits for the response. A wait that the server
//     asks for by Retry-After or Retry-After-Ms is no longer than [Transport.MaxWait]. A
//     date in Retry-After is compared with the Date of the response.
//
// Otherwise the response of the last attempt is returned with its body unread, or the
// error: as it is after one attempt, as an [*Error] after several.
//
// If the body of a 200 response to GET breaks before its end, it is continued by a Range
// request, provided that the response has Accept-Ranges: bytes and a strong validator; so is
// the body of a 206 that the caller asked for. The response to the Range request must have
// the next bytes of the same representation, or the caller gets the original error, such as
// [io.ErrUnexpectedEOF]; the reason is reported to a hook of package trace. As long as there
// is progress, a body is continued up to [Transport.MaxResumes] times. If the caller signed
// the request, it is continued only if Prepare signs it again. The ContentLength of the
// response stays that of the whole body, so that a count of the bytes read is the progress.
//
// # Events
//
// Each attempt is told as done, retry, "give up" or fail, and a second one at the same
// time as hedge; a body that broke as resume or "give up". Attributes are wait,
// unprocessed, and for bodies offset. "give up" has level WARN. See docs/events.md for
// the reasons.
//
// # Place in a chain
//
// Below caching, so that callers that wait for the same response share its attempts, and a
// resumed body is complete when it is stored; below decompress, since ranges refer to the
// encoded bytes; above auth, so that every attempt is signed anew.
//
// # Limits
//
// A body that Base has decoded is not continued, as [net/http.Transport] decodes gzip if
// it was not asked for by the caller: use package transport, with decompress above.
// A connection that falls silent breaks only after the IdleTimeout of package transport,
// which is off by default. [net/http.Client].Timeout ends a download with all its
// resumptions.
//
// Whether a request may have been processed is learned from [net/http/httptrace]. If Base
// does not support it, every request that failed counts as sent, unless it failed while
// connecting. net/http itself sends a request again over a connection that the server had
// closed, or after GOAWAY; those attempts are not counted.
//
// After a 421 package transport makes a new connection. Of another RoundTripper the idle
// connections are closed; an HTTP/2 connection that is in use is not idle, and may be used
// again.
//
// A request body without GetBody is wrapped, so that net/http copies a file by Read and not
// by sendfile.
package retry

import (
	"context"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/tally"
)

// Defaults of a [Transport].
const (
	// DefaultAttempts is the most times a request is sent.
	DefaultAttempts = 2
	// DefaultMaxWait is the longest wait that a Retry-After field is obeyed for.
	DefaultMaxWait = time.Minute
	// DefaultMaxResumes is the most times a broken body is continued.
	DefaultMaxResumes = 100
	// DefaultMaxReplay is how many bytes of a body are kept: 64 KiB.
	DefaultMaxReplay = roundtrip.MaxReplay
)

// Transport is an [http.RoundTripper] that retries. The zero value sends an
// idempotent request up to [DefaultAttempts] times, backing off in between, and
// resumes broken downloads as long as they make progress.
//
// A Transport is safe for concurrent use. Its fields must not be changed after
// its first use.
type Transport struct {
	// Base sends the requests. If nil, [http.DefaultTransport] is used.
	Base http.RoundTripper

	// Attempts is the most times a request is sent, with retries and hedges. When a
	// body is continued and there was progress, the attempts so far count as one, so that
	// by default a resumption is tried once: for downloads from a server that is restarted
	// now and then, set 5. If zero, [DefaultAttempts] is used; 1 or a negative number turns
	// retries and resumptions off. [WithAttempts] overrides it.
	Attempts int

	// Retryable reports whether the next attempt may have a better outcome. It is called
	// for every outcome, also for a success. If it returns true, a request that is not
	// safe to send twice is still not sent again, nor is one after an error that says
	// that it is permanent, or after a response with X-Should-Retry: false or
	// Stripe-Should-Retry: false. If it reads the body of the response it must put
	// another in its place. If nil, [Retryable] is used.
	Retryable func(Attempt) bool

	// Backoff returns the wait after a failed attempt. If the server asks for a wait by
	// Retry-After, it is added to that as jitter; with [Constant](0) the wait is just what
	// the server asks for. If nil, [FullJitter] of 100 ms, at most 10 s, is used.
	Backoff func(Attempt) time.Duration

	// MaxWait is the longest wait that a Retry-After field is obeyed for. If the field
	// asks for more, the request is not sent again, since the server would refuse it
	// earlier, and the response is returned. If zero, [DefaultMaxWait] is used;
	// negative means no limit.
	MaxWait time.Duration

	// Budget limits what retries, hedges and resumptions add to the load of a
	// host. Transports may share one. If nil, there is no limit but Attempts.
	Budget *Budget

	// Breaker stops requests to a host that is down. If nil, no request is stopped.
	Breaker Breaker

	// AttemptTimeout is the longest time until the header of a response arrives. It does
	// not apply to the body. Zero means no limit.
	AttemptTimeout time.Duration

	// Hedge is how long a request with a safe method (GET, HEAD, OPTIONS, PROPFIND …)
	// waits for the header of a response before it is sent a second time, while the
	// first attempt is under way. The first good response is used and the other attempt
	// is cancelled. A hedge counts towards Attempts and Budget. Zero means never.
	Hedge time.Duration

	// MaxReplay is how many bytes of a request body are kept in memory, to be sent
	// again, if the request has no GetBody and its body cannot seek. They are kept
	// while they are sent: nothing is read ahead. If zero, [DefaultMaxReplay] is
	// used; if negative, none are kept. Once more was read of such a body, the
	// request is not sent again.
	MaxReplay int64

	// MaxResumes is the most times the body of one response is continued. If zero,
	// [DefaultMaxResumes] is used; negative means no limit. A Budget may end it earlier.
	MaxResumes int

	// NoResume turns the resumption of broken downloads off.
	NoResume bool

	// IdempotencyKey returns the value of the Idempotency-Key field of a request, or ""
	// for none. All attempts have the same value, and the request is safe to send
	// twice. It is not called for a request that has the field. If nil, no field is
	// added. [RandomKey] can be used.
	IdempotencyKey func(*http.Request) string

	// AttemptHeader is the name of a request field for the number of the attempt, from
	// 1. If empty, it is not sent.
	AttemptHeader string

	// Prepare is called before each attempt but the first, also before resumptions, with
	// the request that will be sent, which it may change (a new date, a new signature),
	// and the attempt that failed, whose response body is closed. If it returns an
	// error, the request fails with it; a resumption ends with the original error. If
	// nil, requests are sent unchanged.
	Prepare func(out *http.Request, failed Attempt) error

	counters tally.Counters
}

// RoundTrip implements [http.RoundTripper]. If several attempts failed, the error
// is an [*Error].
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	return t.roundTrip(req, roundtrip.Next(t, t.Base))
}

// Wrap returns a RoundTripper like t that sends through next in place of t.Base.
func (t *Transport) Wrap(next http.RoundTripper) http.RoundTripper {
	return roundtrip.Bind(t.roundTrip, next)
}

// CloseIdleConnections closes the idle connections of t.Base.
func (t *Transport) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(t, t.Base)) }

func (t *Transport) roundTrip(req *http.Request, next http.RoundTripper) (*http.Response, error) {
	x := exchange{t: t, next: next, req: req}
	x.begin()
	if err := x.pass(); err != nil {
		x.ended()
		roundtrip.CloseBody(req)
		return nil, err
	}
	defer x.body.Finish() // also if a policy or a layer below panics
	var a, last Attempt
	for {
		x.send(&a, &last)
		v := x.judge(&a)
		if !v.again {
			return x.finish(&a)
		}
		x.drop(a)
		if err := sleep(req, v.wait); err != nil {
			x.unsent(err)
			return nil, x.interrupted(err)
		}
		x.wait, last = v.wait, a
	}
}

// pass asks the Breaker whether the request may be sent now.
func (x *exchange) pass() error {
	if x.t.Breaker == nil {
		return nil
	}
	return x.t.Breaker.Allow(x.req)
}

// sleep waits for d, or until req is cancelled; then it returns the cause.
func sleep(req *http.Request, d time.Duration) error {
	if d <= 0 {
		return cancelled(req)
	}
	return roundtrip.Sleep(req.Context(), req.Cancel, d) //nolint:staticcheck // Deprecated, but net/http still obeys it.
}

// cancelled returns the cause if the caller has cancelled req, or nil.
func cancelled(req *http.Request) error {
	ctx := req.Context()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	select {
	case <-req.Cancel: //nolint:staticcheck // See sleep.
		return context.Canceled
	default:
		return nil
	}
}
