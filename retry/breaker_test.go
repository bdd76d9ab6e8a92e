package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestCircuit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Circuit{Failures: 3, Cooldown: time.Minute}
		req := func(host string) *http.Request {
			r, err := http.NewRequestWithContext(t.Context(), "GET", "http://"+host+"/", nil)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		r := req("a.example")
		allowed := func(want bool, why string) {
			t.Helper()
			err := c.Allow(r)
			if (err == nil) != want || err != nil && !errors.Is(err, ErrOpen) {
				t.Errorf("Allow = %v, want allowed %v: %s", err, want, why)
			}
		}
		failed := Attempt{Request: r, Err: io.EOF}
		status := func(n int) Attempt { return Attempt{Request: r, Response: &http.Response{StatusCode: n}} }

		allowed(true, "nothing has failed")
		c.Done(failed)
		c.Done(status(500))
		allowed(true, "two failures are not three")
		c.Done(status(404))
		c.Done(failed)
		c.Done(failed)
		allowed(true, "an answer in between counts the failures from zero; 404 is one")
		c.Done(failed)
		allowed(false, "three failures in a row")
		if c.Allow(req("b.example")) != nil || c.Allow(req("a.example:8080")) != nil {
			t.Error("the circuit of another host is its own")
		}
		time.Sleep(time.Minute - 1)
		allowed(false, "the cooldown is not over")
		time.Sleep(time.Nanosecond)
		allowed(true, "one probe")
		allowed(false, "and only one")
		c.Done(failed)
		time.Sleep(time.Minute - 1)
		allowed(false, "its failure opens the circuit again")
		time.Sleep(time.Nanosecond)
		allowed(true, "another probe")
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		c.Done(Attempt{Request: r.WithContext(gone), Err: context.Canceled})
		allowed(true, "a probe that the caller cancelled tells nothing: the next one may go")
		c.Done(Attempt{Request: r, Err: roundtrip.Caller(errors.New("prepare"))})
		allowed(true, "neither does one that was not sent")
		c.Done(status(200))
		allowed(true, "success closes the circuit")
		allowed(true, "for all")
		c.Done(Attempt{Request: r.WithContext(gone), Err: context.Canceled})
		allowed(true, "a cancelled request is no failure")

		for range 3 {
			c.Done(failed)
		}
		time.Sleep(time.Minute)
		allowed(true, "a probe whose outcome is never told")
		time.Sleep(time.Minute)
		allowed(true, "does not keep the circuit open for ever")
	})
}

func TestCircuitDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Circuit{}
		r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://a.example/", nil)
		for range DefaultFailures {
			if err := c.Allow(r); err != nil {
				t.Fatal(err)
			}
			c.Done(Attempt{Request: r, Err: io.EOF})
		}
		if c.Allow(r) == nil {
			t.Errorf("still closed after %d failures", DefaultFailures)
		}
		time.Sleep(DefaultCooldown)
		if err := c.Allow(r); err != nil {
			t.Errorf("still open after %v", DefaultCooldown)
		}
	})
}

func TestCircuitMemory(t *testing.T) {
	t.Parallel()
	c := &Circuit{}
	for i := range 2 * maxHosts {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("http://h%d.example/", i), nil)
		c.Done(Attempt{Request: r, Err: io.EOF})
		if len(c.hosts) > maxHosts {
			t.Fatalf("%d hosts are remembered", len(c.hosts))
		}
	}
}

type countingBreaker struct{ allowed, done int }

func (b *countingBreaker) Allow(*http.Request) error { b.allowed++; return nil }

func (b *countingBreaker) Done(Attempt) { b.done++ }

func TestBreakerInUse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := rttest.Respond("HTTP/1.1 503 Service Unavailable\n\nbusy")
		script := rttest.NewScript(t, busy, busy)
		tr := &Transport{Attempts: 5, Breaker: &Circuit{Failures: 2, Cooldown: time.Hour}}
		resp, err := tr.Wrap(script).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil || resp.StatusCode != 503 || read(t, resp) != "busy" {
			t.Fatalf("the circuit opened: the last response is kept; got %v", err)
		}
		body := &closeCounter{Reader: strings.NewReader("x")}
		_, err = tr.Wrap(script).RoundTrip(rttest.NewRequest(t, "POST", "http://example.com/", body))
		if !errors.Is(err, ErrOpen) || body.closed != 1 {
			t.Errorf("got %v, body closed %d times", err, body.closed)
		}
		time.Sleep(time.Hour)
		script.Add(rttest.Respond("HTTP/1.1 200 OK\n\nfine"))
		resp, err = tr.Wrap(script).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil || read(t, resp) != "fine" {
			t.Errorf("got %v", err)
		}
	})
}
