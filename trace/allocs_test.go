package trace

import (
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptrace"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// connected is the end of a connection.
type connected struct{ net.Conn }

func (connected) RemoteAddr() net.Addr { return &loopback }
func (connected) LocalAddr() net.Addr  { return &loopback }

var loopback = net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 80}

// origin answers without a server, over a connection that was there.
func origin(req *http.Request) (*http.Response, error) {
	if told := httptrace.ContextClientTrace(req.Context()); told != nil {
		if told.GetConn != nil {
			told.GetConn("")
		}
		told.GotConn(httptrace.GotConnInfo{Conn: connected{}, Reused: true})
	}
	return &http.Response{
		Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
		Header: http.Header{"Content-Type": {"text/plain"}}, ContentLength: 5, Body: io.NopCloser(strings.NewReader("hello")),
	}, nil
}

// taking takes all lines, and does nothing with them.
type taking struct{ slog.Handler }

func (taking) Enabled(context.Context, slog.Level) bool  { return true }
func (taking) Handle(context.Context, slog.Record) error { return nil }

// What a request costs that somebody hears of, over what it costs without.
var costs = []struct {
	name  string
	layer interface {
		Wrap(http.RoundTripper) http.RoundTripper
	}
	allocs float64
	why    string
}{
	{"nobody hears", new(Hook), 0, "a client has a Hook and a Wire always"},
	{"a hook", &Hook{Func: func(Event) {}}, 13, "4 of them for the call, 9 for the exchange"},
	{"exchanges", &Hook{Exchanges: true}, 26, "3 of them for the call, 15 for the functions that net/http calls"},
	{"a hook and exchanges", &Hook{Func: func(Event) {}, Exchanges: true}, 31, "an Exchange and attributes for each event"},
	{"HAR", &HAR{}, 71, "the fields of the messages are copied; one less without the race detector"},
	{"Timeline", &Timeline{MaxEvents: 100}, 60, "text of attributes, and what an exchange has"},
	{"Log", &Log{Logger: slog.New(taking{})}, 25, "three lines; three less without the race detector"},
}

func TestAllocs(t *testing.T) {
	send := func(rt http.RoundTripper) func() {
		req := rttest.NewRequest(t, "GET", "http://example.com/a?b=c", nil)
		return func() {
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
	}
	bare := testing.AllocsPerRun(200, send(roundTripFunc(origin)))
	for _, row := range costs {
		got := testing.AllocsPerRun(200, send(row.layer.Wrap(new(Wire).Wrap(roundTripFunc(origin))))) - bare
		if got > row.allocs {
			t.Errorf("%s: %v allocations, want at most %v: %s", row.name, got, row.allocs, row.why)
		}
	}
}

func BenchmarkHeard(b *testing.B) {
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://example.com/a?b=c", nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range costs {
		rt := row.layer.Wrap(new(Wire).Wrap(roundTripFunc(origin)))
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				resp, err := rt.RoundTrip(req)
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
}
