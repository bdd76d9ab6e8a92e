package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestDownloadPrepared has Prepare see resumptions, and end one.
func TestDownloadPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var seen []string
		tr := &Transport{Attempts: 5, AttemptHeader: "X-Attempt", Backoff: Constant(time.Second), Prepare: func(out *http.Request, failed Attempt) error {
			seen = append(seen, fmt.Sprint(out.Header.Get("Range"), " after ", failed.Number, ": ", failed.Err))
			if len(seen) == 2 {
				return errors.New("no more")
			}
			return nil
		}}
		script := rttest.NewScript(t, whole(10), rest(5))
		resp, err := tr.Wrap(script).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if string(got) != representation[:15] || err != io.ErrUnexpectedEOF { //nolint:errorlint // The original error, as it was.
			t.Errorf("got %q, %v", got, err)
		}
		want := []string{"bytes=10- after 1: unexpected EOF", "bytes=15- after 2: unexpected EOF"}
		if diff := compare.Diff(want, seen); diff != "" {
			t.Errorf("attempts shown to Prepare mismatch (-want +got):\n%s", diff)
		}
		if n := script.Requests()[1].Header.Get("X-Attempt"); n != "2" {
			t.Errorf("the resumption was attempt %q", n)
		}
	})
}

func TestDownloadCancellation(t *testing.T) {
	wait := rttest.Respond("HTTP/1.1 503 Service Unavailable\nRetry-After: 30\n\n")
	start := func(t *testing.T, ctx context.Context, steps ...rttest.Step) *http.Response {
		t.Helper()
		tr := &Transport{Attempts: 9, Backoff: Constant(time.Second)}
		resp, err := tr.Wrap(rttest.NewScript(t, steps...)).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	t.Run("by the context, while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			resp := start(t, ctx, whole(10), wait)
			time.AfterFunc(5*time.Second, cancel)
			begin := time.Now()
			if _, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF || time.Since(begin) != 5*time.Second { //nolint:errorlint // As it was.
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
			_ = resp.Body.Close()
		})
	})
	t.Run("by Close, while it waits", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			resp := start(t, t.Context(), whole(10), wait)
			time.AfterFunc(5*time.Second, func() { _ = resp.Body.Close() })
			begin := time.Now()
			if _, err := io.ReadAll(resp.Body); err == nil || time.Since(begin) != 5*time.Second {
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
		})
	})
	t.Run("by Close, while it asks", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			resp := start(t, t.Context(), whole(10), func(req *http.Request) (*http.Response, error) {
				<-req.Context().Done()
				return rest(-1)(req)
			})
			time.AfterFunc(5*time.Second, func() { _ = resp.Body.Close() })
			begin := time.Now()
			if got, err := io.ReadAll(resp.Body); err == nil || len(got) != 10 || time.Since(begin) != 5*time.Second {
				t.Errorf("got %q, %v after %v", got, err, time.Since(begin))
			}
		})
	})
	t.Run("after Close nothing is asked", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			resp := start(t, t.Context(), whole(10))
			_ = resp.Body.Close()
			if _, err := io.ReadAll(resp.Body); err == nil {
				t.Error("no error")
			}
		})
	})
	t.Run("the deadline is near", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
			defer cancel()
			resp := start(t, ctx, whole(10))
			begin := time.Now()
			if _, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF || time.Since(begin) != 0 { //nolint:errorlint // As it was.
				t.Errorf("got %v after %v", err, time.Since(begin))
			}
			_ = resp.Body.Close()
		})
	})
}
