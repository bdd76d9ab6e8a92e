package auth_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
)

// TestCancelled cancels requests wherever they may be, and leaves bodies of
// answers unread: no count arrives out of order, and nothing stays leased.
func TestCancelled(t *testing.T) {
	s := &digestServer{t: t, alg: "SHA-256", qop: "auth", next: true}
	url := s.start(t)
	base := newBase(t)
	for _, next := range []bool{true, false} {
		s.mu.Lock()
		s.next = next
		s.mu.Unlock()
		rt := &auth.Transport{Credentials: keys("joe", "password"), MaxReplay: 1 << 10}
		parallel(t, 16, 40, func() error {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			// The place where it ends: when it is sent, when the answer is there,
			// at the first or the second try, or not at all.
			place, tries := rand.IntN(6), 0
			rt := rt.Wrap(roundTripper(func(req *http.Request) (*http.Response, error) {
				tries++
				if place == tries {
					cancel()
				}
				resp, err := base.RoundTrip(req)
				if place == tries+2 {
					cancel()
				}
				return resp, err
			}))
			b := &body{Reader: strings.NewReader("payload")}
			req, err := http.NewRequestWithContext(ctx, "PUT", url, b)
			if err != nil {
				return err
			}
			if rand.IntN(2) == 0 {
				req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader("payload")), nil }
			}
			resp, err := rt.RoundTrip(req)
			switch {
			case errors.Is(err, context.Canceled):
				return nil
			case err != nil:
				return err
			case resp.StatusCode != 200:
				_ = resp.Body.Close()
				return errors.New(resp.Status)
			}
			return resp.Body.Close()
		})
		if leased, waiting := auth.Leased(rt); leased != 0 || waiting != 0 {
			t.Errorf("%d nonces are still out, and %d requests wait", leased, waiting)
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.problems {
		if !strings.HasPrefix(p, "body: ") {
			t.Errorf("server: %s", p)
		}
	}
}
