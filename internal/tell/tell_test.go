package tell_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/tell"
	"github.com/tripper-go/tripper/trace"
)

func request(ctx context.Context, t *testing.T) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://joe:secret@example.com/a?b#c", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestTell: what is told arrives at the hook as an event of the request.
func TestTell(t *testing.T) {
	var got []trace.Event
	ctx := trace.WithHook(t.Context(), func(e trace.Event) { got = append(got, e) })
	req := tell.ForAttempt(tell.ForHop(request(ctx, t), 3), 2)
	cause := errors.New("cause")
	h := tell.From(req.Context())
	h.Tell(req, tell.Decision{Layer: "layer", Action: "act", Reason: "why"})
	h.Tell(req, tell.Decision{
		Layer: "layer", Action: "act", Attempt: 5, Status: 503, Err: cause, Warn: true,
		Attrs: []tell.Attr{
			tell.With("text", "t"), tell.With("number", 1), tell.With("long", int64(2)), tell.With("wait", time.Second), tell.With("is", true),
		},
	})
	want := []trace.Event{
		{Level: slog.LevelDebug, Hop: 3, Attempt: 2, Layer: "layer", Action: "act", Reason: "why", Method: "GET", URL: "http://example.com/a"},
		{
			Level: slog.LevelWarn, Hop: 3, Attempt: 5, Layer: "layer", Action: "act", Method: "GET", URL: "http://example.com/a", Status: 503, Err: cause,
			Attrs: []slog.Attr{
				slog.String("text", "t"), slog.Int("number", 1), slog.Int64("long", 2), slog.Duration("wait", time.Second), slog.Bool("is", true),
			},
		},
	}
	for i := range got {
		if got[i].Call == 0 || got[i].Time.IsZero() {
			t.Errorf("no call or time: %+v", got[i])
		}
		got[i].Call, got[i].Time = 0, time.Time{}
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("mismatch (-want +got):\n%s", diff)
	}
}

// TestNobody: nothing is told where nobody hears.
func TestNobody(t *testing.T) {
	for name, ctx := range map[string]context.Context{
		"no trace":       t.Context(),
		"hook hidden":    trace.WithoutHook(trace.WithHook(t.Context(), func(trace.Event) {})),
		"exchanges only": trace.WithExchanges(t.Context()),
	} {
		if tell.From(ctx) != nil {
			t.Errorf("%s: somebody hears", name)
		}
	}
	req := request(t.Context(), t)
	if tell.ForHop(req, 1) != req || tell.ForAttempt(req, 1) != req {
		t.Error("a request without a hook was copied")
	}
}
