package caching

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// heeding is a body that comes after a while, unless its request has ended.
type heeding struct {
	req  *http.Request
	text string
}

func (b *heeding) Read(p []byte) (int, error) {
	if err := heed(b.req); err != nil {
		return 0, err
	}
	n := copy(p, b.text)
	b.text = b.text[n:]
	return n, nil
}

func (b *heeding) Close() error { return nil }

// heed waits, as [http.Transport] does, for whatever may end a request.
func heed(req *http.Request) error {
	select {
	case <-time.After(10 * time.Second):
		return nil
	case <-req.Cancel: //nolint:staticcheck // http.Client.Timeout uses it
		return errors.New("request cancelled")
	case <-req.Context().Done():
		return context.Cause(req.Context())
	}
}

// The patience of one caller, in whatever way it is told, is not that of those who
// share its trip.
func TestPatienceOfOne(t *testing.T) {
	for _, row := range []struct {
		name, why string
		ask       func(c *Transport, limit time.Duration) error
	}{{
		"Client.Timeout", "an http.Client sets Request.Cancel if it does not know the RoundTripper",
		func(c *Transport, limit time.Duration) error {
			_, _, err := exchanged(roundTripper(http.Client{Transport: c, Timeout: limit}), page())
			return err
		},
	}, {
		"Request.Cancel", "deprecated, and in use",
		func(c *Transport, limit time.Duration) error {
			req, cancel := page(), make(chan struct{})
			req.Cancel = cancel //nolint:staticcheck // it is what is tested
			go func() {
				time.Sleep(limit)
				close(cancel)
			}()
			_, _, err := exchanged(c, req)
			return err
		},
	}, {
		"context", "the way of today",
		func(c *Transport, limit time.Duration) error {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			defer cancel()
			_, _, err := exchanged(c, page().WithContext(ctx))
			return err
		},
	}} {
		for when, limit := range map[string]time.Duration{"header": 5 * time.Second, "body": 15 * time.Second} {
			t.Run(row.name+"/"+when, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					trips := 0
					c := &Transport{Base: originFunc(func(req *http.Request) (*http.Response, error) {
						trips++
						if err := heed(req); err != nil {
							return nil, err
						}
						return reply(req, 200, &heeding{req, "body"}, 4, "Cache-Control: max-age=60"), nil
					})}
					var wg sync.WaitGroup
					wg.Go(func() {
						if err := row.ask(c, limit); err == nil && (row.name != "Request.Cancel" || when != "body") {
							t.Errorf("the hasty one has waited")
						}
					})
					synctest.Wait()
					if _, body, err := try(c, t.Context(), "GET", "http://example.com/"); body != "body" || err != nil || trips != 1 {
						t.Errorf("the patient one: %q, %v after %d trips: %s", body, err, trips, row.why)
					}
					wg.Wait()
				})
			})
		}
	}
}

func page() *http.Request {
	req, _ := http.NewRequest("GET", "http://example.com/", nil)
	return req
}

// roundTripper makes a RoundTripper of a client.
func roundTripper(client http.Client) http.RoundTripper { return originFunc(client.Do) }
