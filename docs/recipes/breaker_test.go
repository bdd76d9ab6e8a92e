package recipes_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/sony/gobreaker/v2"

	"github.com/tripper-go/tripper/retry"
)

// gobreakers has a circuit of gobreaker for each host.
type gobreakers struct {
	circuits sync.Map // host to *gobreaker.TwoStepCircuitBreaker[any]
	pending  sync.Map // request to the function that takes its outcome
}

func (b *gobreakers) Allow(req *http.Request) error {
	c, _ := b.circuits.LoadOrStore(req.URL.Host, gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{Name: req.URL.Host}))
	done, err := c.(*gobreaker.TwoStepCircuitBreaker[any]).Allow()
	if err == nil {
		b.pending.Store(req, done)
	}
	return err
}

func (b *gobreakers) Done(a retry.Attempt) {
	if done, ok := b.pending.LoadAndDelete(a.Request); ok {
		err := a.Err
		if err == nil && a.Response.StatusCode >= http.StatusInternalServerError {
			err = errors.New(a.Response.Status)
		}
		done.(func(error))(err)
	}
}

func Example_gobreaker() {
	fmt.Println(failures(&gobreakers{}))
	// Output: 6 requests were sent, and then: circuit breaker is open
}

// failsafes has one circuit of failsafe-go for all hosts.
type failsafes struct {
	circuitbreaker.CircuitBreaker[any]
}

func (b failsafes) Allow(*http.Request) error {
	if !b.TryAcquirePermit() {
		return circuitbreaker.ErrOpen
	}
	return nil
}

func (b failsafes) Done(a retry.Attempt) {
	if a.Err != nil || a.Response.StatusCode >= http.StatusInternalServerError {
		b.RecordFailure()
		return
	}
	b.RecordSuccess()
}

func Example_failsafe() {
	breaker := circuitbreaker.NewBuilder[any]().WithFailureThreshold(3).WithDelay(time.Minute).Build()
	fmt.Println(failures(failsafes{breaker}))
	// Output: 3 requests were sent, and then: circuit breaker open
}

// failures sends ten requests to a server that is down.
func failures(breaker retry.Breaker) string {
	sent := 0
	client := &http.Client{Transport: &retry.Transport{
		Base: roundTripper(func(*http.Request) (*http.Response, error) {
			sent++
			return nil, io.ErrUnexpectedEOF
		}),
		Attempts: 1,
		Breaker:  breaker,
	}}
	var err error
	for range 10 {
		_, err = client.Get("http://example.com/")
	}
	return fmt.Sprintf("%d requests were sent, and then: %v", sent, errors.Unwrap(err))
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(req *http.Request) (*http.Response, error) { return f(req) }
