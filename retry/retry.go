// Package retry sends a request again when its failure is likely to pass, and
// finishes downloads that broke in the middle.
//
//	client := &http.Client{Transport: &retry.Transport{}}
//
// # Behavior
//
// An attempt is followed by another one if all of this is true:
//
//   - It failed for a cause that may pass: see [Retryable], which
//     [Transport.Retryable] replaces.
//   - It is safe to send the request twice: its method is idempotent by the HTTP
//     Method Registry (GET, HEAD, OPTIONS, PUT, DELETE, PROPFIND …), it carries an
//     Idempotency-Key or X-Idempotency-Key field, [WithIdempotent] is in its context, or it
//     was certainly not processed (no connection was made, nothing was written, the
//     server refused the HTTP/2 stream, or answered 417, 421 or 425). A POST is not sent
//     twice by default, nor is a PUT with a Content-Range, which is one part of an
//     upload.
//   - The caller did not sign it with credentials that can be used once (OAuth 1,
//     DPoP, Hawk, Digest), or [Transport.Prepare] is there to sign it again, or it
//     was certainly not processed.
//   - Its body can be sent again: there is none, GetBody makes a new one, it can seek,
//     or what was read of it so far is not more than [Transport.MaxReplay] bytes, which
//     are kept while they are sent.
//   - [Transport.Attempts] and [Transport.Budget] are not used up, and the
//     [Transport.Breaker] lets it pass.
//   - The wait before it ends before the deadline of the request's context, below a
//     cache before that of the last caller who waits, and, if the server asked for
//     it by Retry-After or Retry-After-Ms, is no longer than [Transport.MaxWait].
//     A date in Retry-After is compared with the Date of the response.
//
// Otherwise the response of the last attempt is returned with its body unread,
// or the error: as it is after one attempt, as an [*Error] after several.
//
// The body of a 200 answer to GET that breaks before its end is continued by a
// Range request, if the server offers byte ranges and the response has a strong
// validator; so is the body of a 206 the caller asked for. What continues it must
// be the same representation at the same place, or the caller gets the original
// error: no byte is guessed. As long as there is progress a download is continued up
// to [Transport.MaxResumes] times; a request that the caller signed is not continued
// by a Range that was not signed, unless Prepare is there. Why a body that broke is
// not continued is told to a hook of package trace.
//
// # Place in a chain
//
// Below caching, so that callers who wait for the same response share its
// attempts and a resumed body is whole when it is stored; below decompress, which
// makes of the wire bytes that ranges are about something else; above auth, so
// that every attempt is signed afresh.
//
// # Limits
//
// Whether a request was processed is learned from [net/http/httptrace]; a Base
// that does not support it is believed to have sent every request that failed,
// unless the error is one of dialing. net/http's own replays, over a connection
// that the server had closed or after GOAWAY, happen below and are not counted.
// After a 421 package transport connects anew. Other RoundTrippers have their idle
// connections closed; an HTTP/2 connection that carries other requests at that moment
// stays, and may be used again.
// A request body without GetBody is wrapped, so that a file is copied by Read and
// not by sendfile.
package retry

import (
	"context"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Defaults of a [Transport].
const (
	// DefaultAttempts is how often a request is sent at most.
	DefaultAttempts = 2
	// DefaultMaxWait is the longest wait a Retry-After field is obeyed for.
	DefaultMaxWait = time.Minute
	// DefaultMaxResumes is how often a broken download is continued at most.
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

	// Attempts is the most times a request is sent, first try, retries and hedges
	// together. For a download that broke, it is counted anew whenever there was
	// progress: what brought the body so far is the first attempt. If zero,
	// [DefaultAttempts] is used; 1 or a negative number turns retries and
	// resumptions off. [WithAttempts] overrides it.
	Attempts int

	// Retryable reports whether the outcome of an attempt may be better the next
	// time. It is asked for every outcome, success included, and decides about
	// the cause only: it cannot have a request sent twice that is not safe to
	// send twice, nor after an error that says that it is permanent or a response
	// with X-Should-Retry: false or Stripe-Should-Retry: false. If it reads the
	// response body it must put another in its place. If nil, [Retryable] is used.
	Retryable func(Attempt) bool

	// Backoff returns how long to wait after a failed attempt before the next.
	// After a Retry-After of the server it is added as jitter. If nil,
	// [FullJitter] of 100 ms, at most 10 s, is used.
	Backoff func(Attempt) time.Duration

	// MaxWait is the longest wait that a Retry-After field is obeyed for. If it asks
	// for more, the request is not sent again and the response is returned: the server
	// would refuse whatever comes earlier. If zero, [DefaultMaxWait] is used; negative
	// means no limit.
	MaxWait time.Duration

	// Budget limits what retries, hedges and resumptions add to the load of a
	// host. Transports may share one. If nil, there is no limit but Attempts.
	Budget *Budget

	// Breaker stops requests to a host that is down. If nil, none is stopped.
	Breaker Breaker

	// AttemptTimeout is how long an attempt may take to get the header of a
	// response. It never cuts a body that is being read. Zero means no limit.
	AttemptTimeout time.Duration

	// Hedge is how long a request with a safe method (GET, HEAD, OPTIONS, PROPFIND …)
	// waits for the header of a response before it is sent a second time, at the
	// same time; the first good response wins and the other attempt is
	// cancelled. It takes one of Attempts and of the Budget. Zero means never.
	Hedge time.Duration

	// MaxReplay is how many bytes of a request body are kept in memory, to be sent
	// again, if the request has no GetBody and its body cannot seek. They are kept
	// while they are sent: nothing is read ahead. If zero, [DefaultMaxReplay] is
	// used; if negative, none are kept. Once more was read of such a body, the
	// request is not sent again.
	MaxReplay int64

	// MaxResumes is the most times the body of one response is continued. If zero,
	// [DefaultMaxResumes] is used; negative means no limit.
	MaxResumes int

	// NoResume turns the resumption of broken downloads off.
	NoResume bool

	// IdempotencyKey returns the value of an Idempotency-Key field to be sent
	// with every attempt of a request, the same on each, or "" for none; the
	// request is then safe to send twice. It is not asked for a request that has
	// one. If nil, none is added. [RandomKey] is one to use.
	IdempotencyKey func(*http.Request) string

	// AttemptHeader names a request field that carries the number of the
	// attempt, counted from 1. If empty, none is sent.
	AttemptHeader string

	// Prepare is called before each attempt but the first, resumptions included,
	// with the request that is going to be sent, which it may change (a fresh
	// date, a new signature), and the attempt that failed, whose response body is
	// closed. If it returns an error, that ends the request, or the download with
	// its original error. If nil, requests are sent unchanged.
	Prepare func(out *http.Request, failed Attempt) error
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
		roundtrip.CloseBody(req)
		return nil, err
	}
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
	ctx := req.Context()
	if d <= 0 {
		return cancelled(req)
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
	case <-req.Cancel: //nolint:staticcheck // Deprecated, but net/http still obeys it, and so must what waits above it.
	}
	return cancelled(req)
}

// cancelled returns why the caller gave req up, or nil.
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

// maxResumes returns how often a body may be continued, negative for no limit.
func (t *Transport) maxResumes() int {
	if t.MaxResumes == 0 {
		return DefaultMaxResumes
	}
	return t.MaxResumes
}
