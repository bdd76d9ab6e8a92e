package trace

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/tripper-go/tripper/internal/rttest"
)

// What Wire tells of each end that an exchange can have.
func TestWire(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name, why string
		step      rttest.Step
		read      int // bytes that the caller reads, all if negative
		want      []string
		level     slog.Level // of the last event
	}{
		{
			"complete", "the body was read to its end", rttest.Respond("HTTP/1.1 200 OK\n\nhello"), -1,
			[]string{"wire: response (over no connection that is known of)", "wire: body (complete)"},
			slog.LevelDebug,
		},
		{
			"no body", "nothing is to be read", rttest.Respond("HTTP/1.1 204 No Content\n\n"), 0,
			[]string{"wire: response (over no connection that is known of)", "wire: body (complete)"},
			slog.LevelDebug,
		},
		{
			"closed", "the caller has enough", rttest.Respond("HTTP/1.1 200 OK\n\nhello"), 2,
			[]string{"wire: response (over no connection that is known of)", "wire: body (closed before its end)"},
			slog.LevelDebug,
		},
		{
			"all that there is", "its length is reached, though not its end", rttest.Respond("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), 5,
			[]string{"wire: response (over no connection that is known of)", "wire: body (complete)"},
			slog.LevelDebug,
		},
		{
			"broken", "the caller may not notice", rttest.Respond("HTTP/1.1 200 OK\nContent-Length: 9\n\nhell"), -1,
			[]string{"wire: response (over no connection that is known of)", "wire: body (broken): unexpected EOF"},
			slog.LevelWarn,
		},
		{"no response", "one event, the error is returned", rttest.Fail(io.ErrUnexpectedEOF), 0, []string{"wire: fail: unexpected EOF"}, slog.LevelDebug},
		{"cancelled", "it is what the caller wanted", rttest.Fail(context.Canceled), 0, []string{"wire: fail: context canceled"}, slog.LevelDebug},
	} {
		var heard []Event
		rt := (&Hook{Exchanges: true, Func: func(e Event) { heard = append(heard, e) }}).Wrap(new(Wire).Wrap(rttest.NewScript(t, row.step)))
		resp, err := rt.RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err == nil {
			if row.read < 0 {
				_, _ = io.Copy(io.Discard, resp.Body)
			} else {
				_, _ = io.ReadFull(resp.Body, make([]byte, row.read))
			}
			_ = resp.Body.Close()
		}
		if len(heard) != len(row.want) {
			t.Errorf("%s: heard %v, want %q: %s", row.name, heard, row.want, row.why)
			continue
		}
		for i, want := range row.want {
			e := heard[i]
			e.Attrs = nil // how long it took
			if got := e.String(); got != want {
				t.Errorf("%s: heard %q, want %q: %s", row.name, got, want, row.why)
			}
			if x := heard[i].Exchange; x == nil || x.Call != heard[i].Call || x.Status != heard[i].Status || x.Ended != (i == len(row.want)-1) {
				t.Errorf("%s: exchange %+v of %+v", row.name, x, heard[i])
			}
		}
		if got := heard[len(heard)-1].Level; got != row.level {
			t.Errorf("%s: level %v, want %v: %s", row.name, got, row.level, row.why)
		}
	}
}

// ExchangeOf tells what curl -w does.
func TestExchangeOf(t *testing.T) {
	t.Parallel()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "hello")
	}))
	defer srv.Close()
	client := srv.Client()
	client.Transport = new(Hook).Wrap(new(Wire).Wrap(client.Transport))
	for n := range 2 {
		ctx := WithExchanges(t.Context())
		resp, err := client.Do(rttest.NewRequest(t, "GET", srv.URL+"/a?b=c", nil).WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		if x, ok := ExchangeOf(resp); !ok || x.Ended || x.Phases.Receive != x.Duration-x.Phases.FirstByte() {
			t.Errorf("before the body is read: %+v, %v", x, ok)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		x, ok := ExchangeOf(resp)
		if !ok || !x.Ended || !x.Complete || x.Received != 5 || x.Status != 200 || x.Proto != "HTTP/1.1" || x.URL != srv.URL+"/a" {
			t.Errorf("got %+v, %v", x, ok)
		}
		if x.RemoteAddr.String() != srv.Listener.Addr().String() || x.LocalAddr == nil || x.TLSVersion != "TLS 1.3" || x.Reused != (n == 1) {
			t.Errorf("connection: %+v", x)
		}
		p := x.Phases
		if (p.Connect > 0) != (n == 0) || (p.TLS > 0) != (n == 0) || p.TLS > p.Connect || p.Send+p.Wait <= 0 || p.FirstByte()+p.Receive != x.Duration {
			t.Errorf("phases: %+v of %v", p, x.Duration)
		}
		if x.RequestHead < 60 || x.ResponseHead < 60 {
			t.Errorf("heads of %d and %d bytes", x.RequestHead, x.ResponseHead)
		}
	}
	resp, err := client.Get(srv.URL)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if _, ok := ExchangeOf(resp); ok {
		t.Error("an exchange without a hook")
	}
	if _, ok := ExchangeOf(nil); ok {
		t.Error("an exchange of nothing")
	}
}

// Which exchange is that of the response.
func TestExchangesOfACall(t *testing.T) {
	t.Parallel()
	x := func(hop, status int, background bool) *exchange {
		return &exchange{Exchange: Exchange{Hop: hop, Status: status, Background: background}}
	}
	for _, row := range []struct {
		why  string
		all  []*exchange
		want int
	}{
		{"the last attempt", []*exchange{x(0, 503, false), x(0, 200, false)}, 1},
		{"of the last hop", []*exchange{x(0, 200, false), x(1, 302, false)}, 0},
		{"in the background another response comes", []*exchange{x(0, 200, false), x(0, 304, true)}, 0},
		{"of two at the same time one is cancelled", []*exchange{x(0, 200, false), x(0, 0, false)}, 0},
		{"none has a response", []*exchange{x(0, 0, false), x(0, 0, false)}, 1},
		{"a cache has answered", nil, -1},
	} {
		var xs exchanges
		for _, x := range row.all {
			xs.add(x)
		}
		var want begun
		if row.want >= 0 {
			want = row.all[row.want]
		}
		if got := xs.last(0); got != want {
			t.Errorf("got %+v, want %+v: %s", got, want, row.why)
		}
	}
	var xs exchanges
	for range 2 * maxExchanges {
		xs.add(x(0, 200, false))
	}
	if len(xs.all) != maxExchanges {
		t.Errorf("%d exchanges are held, want %d", len(xs.all), maxExchanges)
	}
}
