package lostupdate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// ErrUnsure is the error of a write that was not sent, because there was no validator
// to protect it; see [Refuse] and [Fetch]. The resource can be read again, or the write be
// sent with [WithMode]([Override]).
var ErrUnsure = errors.New("lostupdate: no validator is known to protect the write")

// ConflictError reports a write that was stopped by a precondition: the resource
// has changed since the caller saw it.
type ConflictError struct {
	// Field and Sent are the name and the value of the precondition, such as
	// If-Match and "a".
	Field, Sent string
	// Response is the 412 response. In an error its body is a copy of up to 64 KiB,
	// which can be read and need not be closed.
	Response *http.Response
	// Ambiguous is true if the write was sent more than once, or if a write before
	// it failed without a response: the server may have executed the first one,
	// which then is the change that made the last one fail.
	Ambiguous bool
	// Local is true if the write was not sent: [Transport.Verify] or [Fetch] found
	// the change.
	Local bool
}

func (e *ConflictError) Error() string {
	if e.Ambiguous {
		return "lostupdate: conflict: the resource has changed, perhaps by an earlier try of this write"
	}
	return "lostupdate: conflict: the resource has changed since it was seen"
}

// HTTPResponse returns e.Response. tripper.ErrorResponses finds it by this
// method.
func (e *ConflictError) HTTPResponse() *http.Response { return e.Response }

// Reason returns a sentence for a status line.
func (e *ConflictError) Reason() string {
	if e.Ambiguous {
		return "The resource has changed, perhaps by an earlier try of this write"
	}
	return "The resource has changed since it was seen"
}

type conflictKey struct{}

// Conflict returns the conflict that resp reports, if resp is a 412 to a precondition
// of this layer, else nil.
func Conflict(resp *http.Response) *ConflictError {
	if resp == nil || resp.Request == nil {
		return nil
	}
	c, _ := resp.Request.Context().Value(conflictKey{}).(*ConflictError)
	if c == nil {
		return nil
	}
	found := *c
	found.Response = resp // It may have been decoded since.
	return &found
}

// conflict returns a 412, or its error if ConflictErrors is set.
func (x *exchange) conflict(resp *http.Response, ambiguous, local bool) (*http.Response, error) {
	own := *resp
	resp = &own
	c := &ConflictError{Field: x.plan.field, Sent: x.plan.value, Response: resp, Ambiguous: ambiguous, Local: local}
	why := reasonChanged
	if ambiguous {
		why = reasonAmbiguous
	}
	x.tell(actionConflict, why, http.StatusPreconditionFailed, x.plan)
	if x.ConflictErrors {
		roundtrip.Keep(resp, roundtrip.DrainBytes)
		return nil, c
	}
	resp.Request = resp.Request.WithContext(context.WithValue(resp.Request.Context(), conflictKey{}, c))
	return resp, nil
}

// answer answers a write in the server's place. mismatch is a sentence about the resource.
func (x *exchange) answer(mismatch string) (*http.Response, error) {
	text := "The write was not sent: " + mismatch + ".\n"
	resp := roundtrip.Synthesize(x.req, http.StatusPreconditionFailed, "text/plain; charset=utf-8",
		readCloser{strings.NewReader(text)}, int64(len(text)))
	return x.conflict(resp, x.seen.Uncertain, true)
}

type readCloser struct{ *strings.Reader }

func (readCloser) Close() error { return nil }

// Format implements [fmt.Formatter]: whatever the verb, the text of the error is
// printed, and nothing of the response.
func (e ConflictError) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, e.Error()) }
