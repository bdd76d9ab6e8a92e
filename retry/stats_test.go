package retry

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestStats(t *testing.T) {
	ok, busy := rttest.Respond("HTTP/1.1 200 OK\n\nyes"), rttest.Respond("HTTP/1.1 503 Service Unavailable\n\nno")
	for _, row := range []*struct {
		name, why string
		t         Transport
		method    string
		steps     []rttest.Step
		want      Stats
	}{
		{name: "success", why: "one attempt", steps: []rttest.Step{ok}, want: Stats{Requests: 1, Attempts: 1}},
		{
			name: "retry", why: "the wait is that which was decided", t: Transport{Backoff: Constant(time.Second)},
			steps: []rttest.Step{busy, ok}, want: Stats{Requests: 1, Attempts: 2, Retries: 1, Waited: time.Second},
		},
		{
			name: "give up", why: "no attempts left", t: Transport{Backoff: Constant(0)},
			steps: []rttest.Step{busy, busy}, want: Stats{Requests: 1, Attempts: 2, Retries: 1, GivenUp: 1},
		},
		{
			name: "not safe", why: "sending a POST again might help, and is not safe", method: http.MethodPost,
			steps: []rttest.Step{busy}, want: Stats{Requests: 1, Attempts: 1, GivenUp: 1},
		},
		{
			name: "fail", why: "its error will not pass", steps: []rttest.Step{rttest.Fail(http.ErrSchemeMismatch)},
			t: Transport{Retryable: func(Attempt) bool { return false }}, want: Stats{Requests: 1, Attempts: 1, Failed: 1},
		},
		{
			name: "resume", why: "a Range request is an attempt too", t: Transport{Backoff: Constant(0)},
			steps: []rttest.Step{whole(10), rest(-1)}, want: Stats{Requests: 1, Attempts: 2, Resumes: 1},
		},
		{
			name: "resumption fails", why: "one body is given up once", t: Transport{Backoff: Constant(0)},
			steps: []rttest.Step{whole(10), busy}, want: Stats{Requests: 1, Attempts: 2, Resumes: 1, GivenUp: 1},
		},
		{
			name: "stopped", why: "the breaker lets no attempt through", t: Transport{Breaker: closedDoor{}},
			want: Stats{Requests: 1},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				method := http.MethodGet
				if row.method != "" {
					method = row.method
				}
				told := Stats{}
				ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
					if e.Layer == "retry" {
						*map[string]*int64{
							actionDone: new(int64), actionRetry: &told.Retries, actionHedge: &told.Hedges, actionResume: &told.Resumes,
							actionGiveUp: &told.GivenUp, actionFail: &told.Failed,
						}[e.Action]++
					}
				})
				req, _ := http.NewRequestWithContext(ctx, method, "http://example.com/", nil)
				resp, err := row.t.Wrap(rttest.NewScript(t, row.steps...)).RoundTrip(req)
				if err == nil {
					_, _ = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
				}
				got := row.t.Stats()
				if diff := compare.Diff(row.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", row.why, diff)
				}
				told.Requests, told.Attempts, told.Waited = got.Requests, got.Attempts, got.Waited
				if diff := compare.Diff(told, got); diff != "" {
					t.Errorf("not what was told (-told +counted):\n%s", diff)
				}
			})
		})
	}
}

func TestStatsOfHedge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := &Transport{Hedge: time.Second}
		origin := &slow{answers: []slowAnswer{{time.Minute, 200}, {time.Second, 200}}}
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://example.com/", nil)
		resp, err := c.Wrap(origin).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if diff := compare.Diff(Stats{Requests: 1, Attempts: 2, Hedges: 1}, c.Stats()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// Stats are numbers, for package expvar.
func TestStatsMarshal(t *testing.T) {
	t.Parallel()
	b, err := json.Marshal((&Transport{}).Stats())
	const want = `{"Requests":0,"Attempts":0,"Retries":0,"Hedges":0,"Resumes":0,"GivenUp":0,"Failed":0,"Waited":0}`
	if err != nil || string(b) != want {
		t.Errorf("%s, %v", b, err)
	}
}

// A closedDoor is a Breaker that stops all requests.
type closedDoor struct{}

func (closedDoor) Allow(*http.Request) error { return errReset }
func (closedDoor) Done(Attempt)              {}
