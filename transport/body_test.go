package transport

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestWriteWatchEnds: an origin that answers early ends the body in the middle of a Read. What
// that Read brings later is sent to nobody, and must not cancel the response.
func TestWriteWatchEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pr, pw := io.Pipe()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://example.com/", io.NopCloser(pr))
		if err != nil {
			t.Fatal(err)
		}
		out, w := watchWrites(req, time.Second)
		read := make(chan struct{})
		go func() {
			_, _ = out.Body.Read(make([]byte, 9))
			close(read)
		}()
		synctest.Wait()
		_ = out.Body.Close()
		_, _ = io.Copy(pw, strings.NewReader("late"))
		<-read
		time.Sleep(time.Minute)
		if out.Context().Err() != nil {
			t.Errorf("the response is cancelled: %v", context.Cause(out.Context()))
		}
		w.release()
		if out.Context().Err() == nil {
			t.Error("the context is not released when request and response are done")
		}
	})
}
