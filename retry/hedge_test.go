package retry

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// A slow origin answers its requests each after a time of its own.
type slow struct {
	mu      sync.Mutex
	answers []slowAnswer
	log     []string
	open    int
}

type slowAnswer struct {
	after  time.Duration
	status int // 0 is an error
}

func (s *slow) RoundTrip(req *http.Request) (*http.Response, error) {
	s.mu.Lock()
	a := s.answers[0]
	s.answers = s.answers[1:]
	s.mu.Unlock()
	body := ""
	if req.Body != nil {
		b, _ := io.ReadAll(req.Body)
		_ = req.Body.Close()
		body = string(b)
	}
	note := func(what string) {
		s.mu.Lock()
		s.log = append(s.log, time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)).String()+" "+what)
		s.mu.Unlock()
	}
	note("asked " + body)
	select {
	case <-time.After(a.after):
	case <-req.Context().Done():
		note("cancelled")
		return nil, context.Cause(req.Context())
	}
	if a.status == 0 {
		return nil, errReset
	}
	s.mu.Lock()
	s.open++
	s.mu.Unlock()
	return &http.Response{StatusCode: a.status, Header: http.Header{}, ContentLength: -1, Request: req, Body: &slowBody{
		Reader: strings.NewReader("after " + a.after.String()), ctx: req.Context(), s: s,
	}}, nil
}

// A slowBody fails once its request is cancelled.
type slowBody struct {
	io.Reader
	ctx  context.Context
	s    *slow
	once sync.Once
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.ctx.Err() != nil {
		return 0, b.ctx.Err()
	}
	return b.Reader.Read(p)
}

func (b *slowBody) Close() error {
	b.once.Do(func() {
		b.s.mu.Lock()
		b.s.open--
		b.s.mu.Unlock()
	})
	return nil
}

func TestHedge(t *testing.T) {
	const s = time.Second
	for _, row := range []*struct {
		name    string
		why     string
		t       Transport
		method  string
		body    string
		answers []slowAnswer
		want    string
		log     []string
	}{
		{
			name: "fast enough", why: "one request", answers: []slowAnswer{{2 * s, 200}}, want: "200 after 2s",
			log: []string{"0s asked "},
		},
		{
			name: "second wins", why: "the first is cancelled", answers: []slowAnswer{{time.Hour, 200}, {s, 200}}, want: "200 after 1s",
			log: []string{"0s asked ", "3s asked ", "4s cancelled"},
		},
		{
			name: "first wins", why: "the second is cancelled, the first can be read", answers: []slowAnswer{{4 * s, 200}, {time.Hour, 200}}, want: "200 after 4s",
			log: []string{"0s asked ", "3s asked ", "4s cancelled"},
		},
		{
			name: "second fails", why: "the first may do better", answers: []slowAnswer{{9 * s, 200}, {s, 0}}, want: "200 after 9s",
			log: []string{"0s asked ", "3s asked "},
		},
		{
			name: "second is busy", why: "the first may do better", answers: []slowAnswer{{9 * s, 200}, {s, 503}}, want: "200 after 9s",
			log: []string{"0s asked ", "3s asked "},
		},
		{
			name: "both fail", why: "the last failure counts; two attempts were made", answers: []slowAnswer{{9 * s, 0}, {s, 0}},
			want: "retry: 2 attempts: read tcp: connection reset by peer", log: []string{"0s asked ", "3s asked "},
		},
		{
			name: "both are busy", why: "the last response is the caller's", answers: []slowAnswer{{9 * s, 503}, {s, 503}}, want: "503 after 9s",
			log: []string{"0s asked ", "3s asked "},
		},
		{
			name: "fails before the hedge", why: "then it is an ordinary retry", t: Transport{Attempts: 3}, answers: []slowAnswer{{s, 0}, {2 * s, 200}}, want: "200 after 2s",
			log: []string{"0s asked ", "2s asked "},
		},
		{
			name: "both fail, third attempt", why: "a hedged attempt is retried like another", t: Transport{Attempts: 3}, answers: []slowAnswer{{4 * s, 0}, {s, 0}, {9 * s, 200}},
			want: "200 after 9s", log: []string{"0s asked ", "3s asked ", "5s asked "},
		},
		{
			name: "no attempts for it", why: "a hedge is an attempt", t: Transport{Attempts: 1}, answers: []slowAnswer{{9 * s, 200}}, want: "200 after 9s",
			log: []string{"0s asked "},
		},
		{
			name: "no budget for it", why: "a hedge costs a token", t: Transport{Budget: &Budget{Burst: -1}}, answers: []slowAnswer{{9 * s, 200}}, want: "200 after 9s",
			log: []string{"0s asked "},
		},
		{
			name: "PUT", why: "idempotent, but two at once can end in any order", method: "PUT", body: "x", answers: []slowAnswer{{9 * s, 200}}, want: "200 after 9s",
			log: []string{"0s asked x"},
		},
		{
			name: "QUERY", why: "safe, and GetBody has the body twice", method: "QUERY", body: "q", answers: []slowAnswer{{9 * s, 200}, {s, 200}}, want: "200 after 1s",
			log: []string{"0s asked q", "3s asked q", "4s cancelled"},
		},
		{
			name: "attempts time out", why: "each has its own time", t: Transport{AttemptTimeout: 5 * s, Attempts: 2}, answers: []slowAnswer{{time.Hour, 200}, {time.Hour, 200}},
			want: "retry: 2 attempts: retry: no response header within 5s", log: []string{"0s asked ", "3s asked ", "5s cancelled", "8s cancelled"},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			if row.why == "" {
				t.Fatal("row without why")
			}
			synctest.Test(t, func(t *testing.T) {
				origin := &slow{answers: row.answers}
				row.t.Hedge, row.t.Backoff = 3*s, Constant(s)
				var body io.Reader
				if row.body != "" {
					body = strings.NewReader(row.body)
				}
				req := rttest.NewRequest(t, row.method, "http://example.com/", body)
				ctx, n := roundtrip.WithAttempts(req.Context())
				resp, err := row.t.Wrap(origin).RoundTrip(req.WithContext(ctx))
				got := ""
				if err != nil {
					got = err.Error()
				} else {
					got = strings.Join([]string{map[int]string{200: "200", 503: "503"}[resp.StatusCode], read(t, resp)}, " ")
				}
				synctest.Wait()
				if got != row.want {
					t.Errorf("got %q, want %q: %s", got, row.want, row.why)
				}
				if diff := compare.Diff(row.log, origin.log); diff != "" {
					t.Errorf("log mismatch (-want +got):\n%s", diff)
				}
				if origin.open != 0 {
					t.Errorf("%d bodies left open", origin.open)
				}
				asked := 0
				for _, l := range origin.log {
					if strings.Contains(l, "asked") {
						asked++
					}
				}
				if int(n.Load()) != asked {
					t.Errorf("counted %d attempts of %d", n.Load(), asked)
				}
			})
		})
	}
}

// TestHedgeLoserArrives has the loser ignore its cancellation and answer.
func TestHedgeLoserArrives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan bool, 1)
		n := 0
		var mu sync.Mutex
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			mu.Lock()
			n++
			first := n == 1
			mu.Unlock()
			if first {
				time.Sleep(time.Hour)
				return &http.Response{StatusCode: 200, Body: closeFunc(func() { closed <- true })}, nil
			}
			return &http.Response{StatusCode: 200, Body: http.NoBody}, nil
		})
		start := time.Now()
		resp, err := (&Transport{Hedge: time.Second}).Wrap(base).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil || time.Since(start) != time.Second {
			t.Fatalf("got %v after %v", err, time.Since(start))
		}
		_ = resp.Body.Close()
		<-closed
	})
}

type closeFunc func()

func (f closeFunc) Read([]byte) (int, error) { return 0, io.EOF }
func (f closeFunc) Close() error             { f(); return nil }

func TestHedgeCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		errMine := errors.New("mine")
		ctx, cancel := context.WithCancelCause(t.Context())
		var events []string
		ctx = trace.WithHook(trace.WithHook(ctx, tracetest.Documented(t, "..")), func(e trace.Event) { events = append(events, e.String()) })
		origin := &slow{answers: []slowAnswer{{time.Hour, 200}, {time.Hour, 200}}}
		time.AfterFunc(5*time.Second, func() { cancel(errMine) })
		start := time.Now()
		_, err := (&Transport{Hedge: time.Second}).Wrap(origin).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
		if !errors.Is(err, errMine) || errors.Is(err, ErrExhausted) || time.Since(start) != 5*time.Second {
			t.Errorf("got %v after %v", err, time.Since(start))
		}
		synctest.Wait()
		want := []string{"retry: hedge (no header within 1s) attempt=2", "retry: fail (cancelled by the caller) attempt="}
		if len(events) != 2 || events[0] != want[0] || !strings.HasPrefix(events[1], want[1]) {
			t.Errorf("events %q", events)
		}
	})
}
