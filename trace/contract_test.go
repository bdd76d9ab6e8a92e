package trace

import (
	"io"
	"log/slog"
	"net/http"
	"testing"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestContract(t *testing.T) {
	quiet := slog.New(slog.NewTextHandler(io.Discard, &slog.HandlerOptions{Level: slog.LevelDebug}))
	t.Run("Log", func(t *testing.T) {
		rttest.Contract(t, func() rttest.Layer { return &Log{Logger: quiet, Headers: true} })
	})
	t.Run("Log/off", func(t *testing.T) {
		rttest.Contract(t, func() rttest.Layer { return &Log{Logger: slog.New(slog.DiscardHandler)} })
	})
	t.Run("Hook", func(t *testing.T) { rttest.Contract(t, func() rttest.Layer { return &Hook{Func: func(Event) {}} }) })
	t.Run("Hook/zero", func(t *testing.T) { rttest.Contract(t, func() rttest.Layer { return new(Hook) }) })
	t.Run("HAR", func(t *testing.T) { rttest.Contract(t, func() rttest.Layer { return &HAR{MaxBody: 10} }) })
	t.Run("HAR/stream", func(t *testing.T) {
		rttest.Contract(t, func() rttest.Layer { return &HAR{Writer: io.Discard, Exchanges: true} })
	})
	t.Run("Timeline", func(t *testing.T) { rttest.Contract(t, func() rttest.Layer { return &Timeline{MaxEvents: 10} }) })
	t.Run("Wire", func(t *testing.T) { rttest.Contract(t, func() rttest.Layer { return &below{} }) })
}

// below is a Wire below a hook.
type below struct{ Base http.RoundTripper }

func (h *below) RoundTrip(req *http.Request) (*http.Response, error) {
	return h.Wrap(roundtrip.Next(h, h.Base)).RoundTrip(req)
}

func (h *below) Wrap(next http.RoundTripper) http.RoundTripper {
	return (&Hook{Func: func(Event) {}}).Wrap(new(Wire).Wrap(next))
}

func (h *below) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(h, h.Base)) }
