package transport

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// TestDeadlineNamesPhase: the caller's own deadline ends a phase by its name.
func TestDeadlineNamesPhase(t *testing.T) {
	t.Parallel()
	quiet := tcp(t, silent)
	slow := tcp(t, func(conn net.Conn) {
		_, _ = http.ReadRequest(bufio.NewReader(conn))
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")
		silent(conn)
	})
	stuck := func(tr *http.Transport) {
		tr.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
	}
	for _, row := range []struct {
		phase  string
		tr     *Transport
		target string
		body   io.Reader
	}{
		{PhaseConnect, &Transport{Proxy: Direct, ConnectTimeout: time.Second, Tune: stuck}, "http://example.com", nil},
		{PhaseProxy, &Transport{Proxy: fixed("http://" + quiet), ConnectTimeout: time.Second}, "https://example.com", nil},
		{PhaseProxy, &Transport{Proxy: fixed("socks5://" + quiet), ConnectTimeout: time.Second}, "http://example.com", nil},
		{PhaseTLS, &Transport{Proxy: Direct}, "https://" + quiet, nil},
		{PhaseWrite, &Transport{Proxy: Direct}, "http://" + tcp(t, func(net.Conn) { <-t.Context().Done() }), &endless{}},
		{PhaseHeader, &Transport{Proxy: Direct}, "http://" + quiet, nil},
		{PhaseBody, &Transport{Proxy: Direct}, "http://" + slow, nil},
		{PhaseBody, &Transport{Proxy: Direct, IdleTimeout: time.Minute}, "http://" + slow, nil},
	} {
		withinLimits(t, func(limit time.Duration) error {
			req := rttest.NewRequest(t, "PUT", row.target, row.body)
			ctx, cancel := context.WithTimeout(req.Context(), limit)
			defer cancel()
			resp, err := closing(t, row.tr).RoundTrip(req.WithContext(ctx))
			if err == nil {
				_, err = io.ReadAll(resp.Body)
				_ = resp.Body.Close()
			}
			return endedBy(err, row.phase, context.DeadlineExceeded)
		})
	}
}

// withinLimits calls check with a longer and longer limit until it succeeds: on a
// busy machine a request may need some time to come to the phase that it is to end in.
func withinLimits(t *testing.T, check func(limit time.Duration) error) {
	t.Helper()
	for limit := 60 * time.Millisecond; ; limit *= 3 {
		err := check(limit)
		if err == nil {
			return
		}
		if limit > 5*time.Second {
			t.Error(err)
			return
		}
	}
}

// endedBy returns an error if err does not say that the phase took too long, because
// of cause.
func endedBy(err error, phase string, cause error) error {
	var e *Error
	if !errors.As(err, &e) || e.Phase != phase || !e.Timeout() || !errors.Is(err, cause) || !errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("error %w, want one of phase %q because of %w", err, phase, cause)
	}
	return nil
}

// TestDeadlineOfOthers: a deadline with a cause of its own is a timeout all the
// same, and http.Client, which cancels by its own means and keeps of the error only
// the text, has the phase in it.
func TestDeadlineOfOthers(t *testing.T) {
	t.Parallel()
	quiet := tcp(t, silent)
	cause := errors.New("too late")
	for phase, target := range map[string]string{PhaseTLS: "https://" + quiet, PhaseHeader: "http://" + quiet} {
		tr := closing(t, &Transport{Proxy: Direct})
		withinLimits(t, func(limit time.Duration) error {
			req := rttest.NewRequest(t, "GET", target, nil)
			ctx, cancel := context.WithTimeoutCause(req.Context(), limit, cause)
			defer cancel()
			_, err := tr.RoundTrip(req.WithContext(ctx))
			return endedBy(err, phase, cause)
		})
		for range 4 { // which means comes first is left to chance
			withinLimits(t, func(limit time.Duration) error {
				client := &http.Client{Transport: tr, Timeout: limit}
				_, err := client.Do(rttest.NewRequest(t, "GET", target, nil))
				if err == nil || !strings.Contains(err.Error(), "transport: "+phase+": ") {
					return fmt.Errorf("http.Client in %s: %w", phase, err)
				}
				return nil
			})
		}
	}
}

// endless is a body without an end.
type endless struct{}

func (*endless) Read(p []byte) (int, error) { return len(p), nil }
