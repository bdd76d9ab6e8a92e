package retry

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

// TestHedgeNotSent has the body of a hedge fail: a token is not spent on what is
// not sent.
func TestHedgeNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		budget := &Budget{Burst: 1, Ratio: -1}
		origin := &slow{answers: []slowAnswer{{9 * time.Second, 200}}}
		req := rttest.NewRequest(t, "QUERY", "http://example.com/", strings.NewReader("q"))
		req.GetBody = func() (io.ReadCloser, error) { return nil, errors.New("gone") }
		resp, err := (&Transport{Hedge: time.Second, Budget: budget}).Wrap(origin).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if !budget.full() {
			t.Error("the token was not given back")
		}
	})
}

// TestPrepareBodies has Prepare put another body in the place of one that GetBody
// made: whatever was made is closed, once.
func TestPrepareBodies(t *testing.T) {
	for _, row := range []struct {
		why     string
		replace bool
		err     error
		want    [2]int64 // closes of the body of GetBody, and of that of Prepare
	}{
		{"sent, and closed by who sends it", false, nil, [2]int64{1, 0}},
		{"replaced: nobody else would close it", true, nil, [2]int64{1, 1}},
		{"not sent", false, io.ErrClosedPipe, [2]int64{1, 0}},
		{"neither is sent", true, io.ErrClosedPipe, [2]int64{1, 1}},
	} {
		synctest.Test(t, func(t *testing.T) {
			made, other := &source{Reader: strings.NewReader("a")}, &source{Reader: strings.NewReader("b")}
			steps := []rttest.Step{rttest.Fail(errReset)}
			if row.err == nil {
				steps = append(steps, rttest.Respond("HTTP/1.1 200 OK\n\n"))
			}
			req := rttest.NewRequest(t, "PUT", "http://example.com/", strings.NewReader("a"))
			req.GetBody = func() (io.ReadCloser, error) { return made, nil }
			tr := &Transport{Prepare: func(out *http.Request, _ Attempt) error {
				if row.replace {
					out.Body = other
				}
				return row.err
			}}
			resp, err := tr.Wrap(rttest.NewScript(t, steps...)).RoundTrip(req)
			if !errors.Is(err, row.err) {
				t.Errorf("error %v", err)
			}
			if err == nil {
				_ = resp.Body.Close()
			}
			if got := [2]int64{int64(made.closes.Load()), int64(other.closes.Load())}; got != row.want {
				t.Errorf("closed %v times, want %v: %s", got, row.want, row.why)
			}
		})
	}
}
