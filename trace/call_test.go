package trace

import (
	"io"
	"log/slog"
	"net/http"
	"slices"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// deciding returns a layer that tells of one decision.
func deciding(action string) http.RoundTripper {
	return roundTripFunc(func(req *http.Request) (*http.Response, error) {
		if hook := From(req.Context()); hook != nil {
			hook(About(req, "test", action, ""))
		}
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}, nil
	})
}

// Each RoundTrip of the outermost layer is a call, whatever layers and contexts there are.
func TestCalls(t *testing.T) {
	t.Parallel()
	var heard []Event
	hear := func(e Event) { heard = append(heard, e) }
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))
	for _, row := range []struct {
		name, why string
		rt        http.RoundTripper
		ctxHook   bool
		per, same int // events for each request, and whether two requests are one call
	}{
		{"a Hook", "a RoundTrip of the outermost layer is a call", (&Hook{Func: hear}).Wrap(deciding("a")), false, 1, 0},
		{"a hook in the context, and a Hook without a function", "it begins a call", new(Hook).Wrap(deciding("a")), true, 1, 0},
		{"a hook in the context, and no layer", "nothing begins a call", deciding("a"), true, 1, 1},
		{"both", "one event each", (&Hook{Func: hear}).Wrap(deciding("a")), true, 2, 0},
		{"more layers", "only the outermost begins one", (&Hook{Func: hear}).Wrap((&Log{Logger: quiet}).Wrap((&HAR{}).Wrap(new(Hook).Wrap(deciding("a"))))), false, 1, 0},
	} {
		heard = nil
		ctx := t.Context()
		if row.ctxHook {
			ctx = WithHook(ctx, hear)
		}
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx)
		for range 2 {
			if _, err := row.rt.RoundTrip(req); err != nil {
				t.Fatal(err)
			}
		}
		if len(heard) != 2*row.per {
			t.Errorf("%s: %d events, want %d: %s", row.name, len(heard), 2*row.per, row.why)
			continue
		}
		first, last := heard[0].Call, heard[len(heard)-1].Call
		if first == 0 || (first == last) != (row.same == 1) || heard[row.per-1].Call != first {
			t.Errorf("%s: calls %d and %d: %s", row.name, first, last, row.why)
		}
	}
}

// What a request is for is known by its context, and costs nothing without a hook.
func TestScopes(t *testing.T) {
	t.Parallel()
	req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
	if ForHop(req, 1) != req || ForAttempt(req, 1) != req || InBackground(req.Context()) != req.Context() {
		t.Error("a request that nobody hears of is copied")
	}
	req = req.WithContext(WithHook(t.Context(), func(Event) {}))
	hop := ForHop(ForAttempt(req, 3), 1)
	var got []string
	for _, req := range []*http.Request{
		req, ForAttempt(req, 2), hop, ForAttempt(hop, 2), hop.WithContext(InBackground(hop.Context())),
	} {
		got = append(got, About(req, "p", "a", "why").String())
	}
	want := []string{"p: a (why)", "p: a (why) attempt=2", "p: a (why) hop=1", "p: a (why) hop=1 attempt=2", "p: a (why) hop=1 background"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestHookPasses(t *testing.T) {
	req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
	rt := new(Hook).Wrap(roundTripFunc(func(got *http.Request) (*http.Response, error) {
		if got != req {
			t.Error("a Hook that nobody hears copies the request")
		}
		return nil, io.EOF
	}))
	if n := testing.AllocsPerRun(100, func() { _, _ = rt.RoundTrip(req) }); n != 0 {
		t.Errorf("a Hook that nobody hears allocates %v times", n)
	}
}
