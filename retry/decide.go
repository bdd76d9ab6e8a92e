package retry

import (
	"math"
	"time"
)

// A situation is the input of the decision whether to send again.
type situation struct {
	attempt Attempt
	// retryable is the result of the policy.
	retryable bool
	// sent is how often the request was sent, hedges included; limit is how often it may
	// be.
	sent, limit int
	// replayable is true if the body can be sent again.
	replayable bool
	// backoff is the result of Transport.Backoff.
	backoff time.Duration
	// maxWait bounds Retry-After; negative means no limit.
	maxWait time.Duration
	// deadline is that of the request; zero if there is none.
	deadline time.Time
	now      time.Time
}

// A verdict is the decision about a request after an attempt.
type verdict struct {
	// again is true if the request is sent again after wait.
	again bool
	wait  time.Duration
	// reason is why not, if again is false.
	reason string
}

// decide decides whether a request is sent again. Budget and Breaker are asked afterwards,
// since asking changes them.
func decide(s situation) verdict {
	switch {
	case !s.retryable:
		return verdict{reason: reasonDone}
	case !s.attempt.Idempotent && !s.attempt.Unprocessed:
		// RFC 9110 §9.2.2: a client should not repeat a request that is not
		// idempotent unless it knows that the first one was not applied.
		return verdict{reason: reasonUnsafe}
	case s.sent >= s.limit:
		return verdict{reason: reasonAttempts}
	case !s.replayable:
		return verdict{reason: reasonBody}
	}
	wait, ok := pause(s)
	if !ok {
		return verdict{reason: reasonMaxWait}
	}
	if !s.deadline.IsZero() && !s.now.Add(wait).Before(s.deadline) {
		return verdict{reason: reasonDeadline}
	}
	return verdict{again: true, wait: wait}
}

// pause returns how long to wait. ok is false if Retry-After asks for more than maxWait.
func pause(s situation) (wait time.Duration, ok bool) {
	backoff := max(0, s.backoff)
	asked, ok := asked(s.attempt.Response, s.now)
	if !ok {
		return backoff, true
	}
	if s.maxWait >= 0 && asked > s.maxWait {
		return 0, false
	}
	// The jitter is added: the server refuses a request before that time.
	return asked + min(backoff, math.MaxInt64-asked), true
}
