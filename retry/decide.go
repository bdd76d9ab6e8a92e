package retry

import "time"

// A situation is all that the decision whether to send again looks at.
type situation struct {
	attempt Attempt
	// retryable is what the policy says about the cause.
	retryable bool
	// sent is how often the request was sent: more than attempt.Number if the
	// attempt was hedged by another. limit is how often it may be.
	sent, limit int
	// replayable is true if the body can be sent again.
	replayable bool
	// backoff is the wait that Transport.Backoff wants.
	backoff time.Duration
	// maxWait bounds Retry-After; negative is no bound.
	maxWait time.Duration
	// deadline is that of the caller, zero if there is none.
	deadline time.Time
	now      time.Time
}

// A verdict is what becomes of a request after an attempt.
type verdict struct {
	// again is true if the request is to be sent again after wait.
	again bool
	wait  time.Duration
	// reason is why not, if again is false.
	reason string
}

// decide tells what becomes of a request. It does not know of budgets and
// breakers, which are asked last since asking changes them.
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

// pause returns how long to wait. ok is false if the server asks for more than
// there is patience for.
func pause(s situation) (wait time.Duration, ok bool) {
	backoff := max(0, s.backoff)
	asked, ok := asked(s.attempt.Response, s.now)
	if !ok {
		return backoff, true
	}
	if s.maxWait >= 0 && asked > s.maxWait {
		return 0, false
	}
	// Jitter goes on top: earlier than the server said is too early.
	return add(asked, backoff), true
}
