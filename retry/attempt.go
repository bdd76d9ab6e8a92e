package retry

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// An Attempt is one sending of a request, with its outcome. The decision whether and when
// to send again is made by it.
type Attempt struct {
	// Number is the number of the attempt, from 1.
	Number int
	// Request is the request as the caller made it.
	Request *http.Request
	// Response is the response; nil if the attempt failed.
	Response *http.Response
	// Err is why there is no response, or why its body broke.
	Err error
	// Wait is the time that was waited before the attempt.
	Wait time.Duration
	// Idempotent is true if the request may be sent twice: by its method, its
	// idempotency key, or because the caller allowed it.
	Idempotent bool
	// Unprocessed is true if the server certainly did not process the request, so that
	// it may be sent again even if it is not idempotent.
	Unprocessed bool
}

// Format implements [fmt.Formatter]. Whatever the verb, it prints the number and the
// outcome, and nothing of the request and the response, which may hold secrets.
func (a Attempt) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "attempt %d", a.Number)
	if a.Err != nil || a.Response != nil {
		_, _ = fmt.Fprintf(f, ": %v", cause(a))
	}
}

// A contextKey is the key of a setting in a context.
type contextKey int

const (
	idempotentKey contextKey = iota
	attemptsKey
)

// WithIdempotent returns a context whose requests may be sent twice, whatever their method.
func WithIdempotent(ctx context.Context) context.Context {
	return context.WithValue(ctx, idempotentKey, true)
}

// WithAttempts returns a context whose requests are sent at most n times, in place of
// [Transport.Attempts]. With 1 they are not sent again.
func WithAttempts(ctx context.Context, n int) context.Context {
	return context.WithValue(ctx, attemptsKey, n)
}

// idempotent reports whether req may be sent twice.
func idempotent(req *http.Request) bool {
	if roundtrip.Idempotent(req.Method) && len(req.Header["Content-Range"]) == 0 || hasKey(req.Header) {
		// RFC 9110 §14.5: a PUT with Content-Range is a part of an upload, and a server
		// may append it.
		return true
	}
	allowed, _ := req.Context().Value(idempotentKey).(bool)
	return allowed
}

// hasKey reports whether h has an idempotency key. As in net/http, a field without a value
// is not sent, but marks the request as idempotent.
func hasKey(h http.Header) bool {
	_, ok := h["Idempotency-Key"]
	_, ok2 := h["X-Idempotency-Key"]
	return ok || ok2
}

// limit returns the most times that req may be sent.
func (t *Transport) limit(req *http.Request) int {
	if n, ok := req.Context().Value(attemptsKey).(int); ok {
		return max(n, 1)
	}
	return max(cmp.Or(t.Attempts, DefaultAttempts), 1)
}

// RandomKey returns a random idempotency key for a POST or a PATCH, and none for other
// requests. It is meant for [Transport.IdempotencyKey]. The key is a UUID as a quoted
// string (draft-ietf-httpapi-idempotency-key-header).
func RandomKey(req *http.Request) string {
	switch req.Method {
	case http.MethodPost, http.MethodPatch:
	default:
		return ""
	}
	var u [16]byte
	_, _ = rand.Read(u[:])  // It never fails.
	u[6] = u[6]&0x0f | 0x40 // RFC 9562 §5.4: version 4
	u[8] = u[8]&0x3f | 0x80
	s := hex.EncodeToString(u[:])
	return `"` + s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:] + `"`
}
