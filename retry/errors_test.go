package retry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestErrorTellsAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := rttest.NewScript(t, rttest.Respond("HTTP/1.1 503 Service Unavailable\n\n"), rttest.Fail(errReset), rttest.Fail(&timeoutError{time.Second}))
		client := &http.Client{Transport: &Transport{Base: script, Attempts: 3}}
		_, err := client.Do(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		var e *Error
		if !errors.As(err, &e) || !errors.Is(err, ErrExhausted) || !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v", err)
		}
		var causes []string
		for _, c := range e.Causes {
			causes = append(causes, c.Error())
		}
		want := []string{"status 503 Service Unavailable", "read tcp: connection reset by peer", "retry: no response header within 1s"}
		if diff := compare.Diff(want, causes); diff != "" {
			t.Errorf("causes mismatch (-want +got):\n%s", diff)
		}
		if e.Attempts != 3 || e.Unwrap() != e.Err {
			t.Errorf("Attempts = %d, Err = %v", e.Attempts, e.Err)
		}
		var ue *url.Error
		if !errors.As(err, &ue) || !ue.Timeout() {
			t.Error("http.Client does not see that the last attempt timed out")
		}
	})
	if (&Error{Err: io.EOF}).Timeout() || !errors.Is(&Error{Err: io.EOF}, ErrExhausted) {
		t.Error("an Error of a lost connection is a timeout, or not exhausted")
	}
	if got := statusError(999).Error(); got != "status 999" {
		t.Errorf("unknown status: %q", got)
	}
}
