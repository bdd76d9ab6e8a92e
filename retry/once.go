package retry

import (
	"context"
	"net/http"
	"time"
)

// once sends out and returns either a response or an error. timeout bounds the time until
// the header of the response; zero means no limit. timedOut is true if it expired.
func once(next http.RoundTripper, out *http.Request, timeout time.Duration) (resp *http.Response, timedOut bool, err error) {
	if timeout > 0 {
		return timed(next, out, timeout)
	}
	resp, err = checked(next.RoundTrip(out))
	if resp != nil && resp.Request == nil {
		resp = about(resp, out)
	}
	return resp, false, err
}

// timed is once with a timeout.
func timed(next http.RoundTripper, out *http.Request, timeout time.Duration) (resp *http.Response, timedOut bool, err error) {
	ctx, cancel := context.WithCancelCause(out.Context())
	expired := &timeoutError{timeout}
	timer := time.AfterFunc(timeout, func() { cancel(expired) })
	guarded := out.WithContext(ctx)
	resp, err = checked(next.RoundTrip(guarded))
	// If the timer has fired, the context is done, and a response that has arrived at the
	// last moment cannot be read.
	if !timer.Stop() && cancelled(out) == nil {
		if resp != nil {
			_ = resp.Body.Close()
		}
		return nil, true, expired
	}
	if err != nil {
		cancel(nil)
		return nil, false, err
	}
	own := *resp // the layer below may keep resp
	if own.Request == nil || own.Request == guarded {
		own.Request = asSent(guarded, out)
	}
	own.Body = cancelWhenRead(own.Body, cancel)
	return &own, false, nil
}

// checked returns either a response with a body or an error, whatever a RoundTripper that
// breaks its contract has returned.
func checked(resp *http.Response, err error) (*http.Response, error) {
	switch {
	case err != nil:
		if resp != nil && resp.Body != nil {
			_ = resp.Body.Close()
		}
		return nil, err
	case resp == nil:
		return nil, errNoResponse
	case resp.Body == nil:
		own := *resp
		own.Body = http.NoBody
		return &own, nil
	}
	return resp, nil
}

// about returns a copy of resp whose Request is out. The layer below may keep resp.
func about(resp *http.Response, out *http.Request) *http.Response {
	own := *resp
	own.Request = out
	return &own
}
