package trace

import (
	"context"
	"encoding/json"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// sum adds up the phases as HAR 1.2 says: ssl is part of connect, and -1 does not
// count.
func (p harTimings) sum() float64 {
	total := 0.0
	for _, v := range []float64{p.Blocked, p.DNS, p.Connect, p.Send, p.Wait, p.Receive} {
		total += max(v, 0)
	}
	return total
}

func TestHARPhases(t *testing.T) {
	start := time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	const took = 100
	for _, tt := range []struct {
		name, why string
		m         moments
		want      harTimings
	}{
		{
			"all of it", "HAR 1.2: ssl is part of connect",
			moments{at(1), at(10), at(20), at(20), at(30), at(30), at(45), at(50), at(52), at(80)},
			harTimings{Blocked: 15, DNS: 10, Connect: 25, SSL: 15, Send: 2, Wait: 28, Receive: 20},
		},
		{"a connection was there", "nothing is dialled", moments{asked: at(1), got: at(5), wrote: at(6), first: at(60)}, harTimings{5, -1, -1, 1, 54, 40, -1}},
		{"no answer", "a timeout of the server's is a wait", moments{asked: at(1), got: at(5), wrote: at(6)}, harTimings{5, -1, -1, 1, 94, 0, -1}},
		{"writing fails", "the body was being sent", moments{asked: at(1), got: at(5)}, harTimings{5, -1, -1, 95, 0, 0, -1}},
		{"name not found", "the name server does not answer", moments{asked: at(0), dns0: at(10)}, harTimings{10, 90, -1, 0, 0, 0, -1}},
		{"no connection", "a firewall drops packets", moments{asked: at(0), dns0: at(1), dns1: at(10), conn0: at(10)}, harTimings{1, 9, 90, 0, 0, 0, -1}},
		{"TLS hangs", "the handshake is under way", moments{asked: at(0), conn0: at(1), conn1: at(10), tls0: at(10)}, harTimings{1, -1, 99, 0, 0, 0, 90}},
		{"refused, then nothing", "the rest is waiting for another try", moments{asked: at(0), conn0: at(1), conn1: at(10)}, harTimings{91, -1, 9, 0, 0, 0, -1}},
		{"all connections busy", "MaxConnsPerHost", moments{asked: at(3)}, harTimings{100, -1, -1, 0, 0, 0, -1}},
		{"a cache answers", "no connection is asked for: all of it is waiting for the answer", moments{}, harTimings{-1, -1, -1, 0, 100, 0, -1}},
		{"answer before the end of the request", "RFC 9112 §9.5: a server may answer early", moments{asked: at(0), got: at(10), wrote: at(90), first: at(40)}, harTimings{10, -1, -1, 30, 0, 60, -1}},
		{"a dial that goes on", "the connection that was got is another's", moments{asked: at(0), conn0: at(1), conn1: at(90), got: at(10), wrote: at(10), first: at(20)}, harTimings{1, -1, 9, 0, 10, 80, -1}},
		{"two dials", "what took place at the same time counts once", moments{asked: at(0), dns0: at(0), dns1: at(30), conn0: at(10), conn1: at(50), got: at(50), wrote: at(50), first: at(60)}, harTimings{0, 10, 40, 0, 10, 40, -1}},
	} {
		phases := tt.m.phases(start, at(took))
		x := &Exchange{Start: start, Phases: phases, Duration: at(took).Sub(start)}
		wire := x
		if !tt.m.wired() {
			wire = nil
		}
		got := timingsOf(x, wire)
		if got != tt.want || math.Abs(got.sum()-took) > 0.01 {
			t.Errorf("%s: got %+v, sum %v; want %+v, sum %d: %s", tt.name, got, got.sum(), tt.want, took, tt.why)
		}
	}
}

// The time that a body takes on its way up, and that the server takes, is not taken for
// the way down because the server has said 100 or 103 before.
func TestHARInterim(t *testing.T) {
	for _, status := range []int{http.StatusContinue, http.StatusEarlyHints} {
		synctest.Test(t, func(t *testing.T) {
			h := &HAR{}
			resp, err := h.Wrap(new(Wire).Wrap(roundTripFunc(func(req *http.Request) (*http.Response, error) {
				told := httptrace.ContextClientTrace(req.Context())
				told.GetConn("")
				told.GotConn(httptrace.GotConnInfo{})
				time.Sleep(time.Second)
				told.GotFirstResponseByte()
				_ = told.Got1xxResponse(status, nil)
				time.Sleep(time.Second)
				told.WroteRequest(httptrace.WroteRequestInfo{})
				time.Sleep(time.Second)
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: req}, nil
			}))).RoundTrip(httptest.NewRequestWithContext(t.Context(), http.MethodPut, "http://example.com/", nil))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			_ = resp.Body.Close()
			e := h.entries[0]
			want := harTimings{Blocked: 0, DNS: -1, Connect: -1, Send: 2000, Wait: 1000, Receive: 1000, SSL: -1}
			if got := timingsOf(e.x.now(), e.wire); got != want {
				t.Errorf("%d: got %+v, want %+v", status, got, want)
			}
		})
	}
}

// Over real connections: whatever happens, the phases add up to the time.
func TestHARAddsUp(t *testing.T) {
	stop := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/hang":
			<-stop
		case "/slow":
			w.Header().Set("Content-Length", "4")
			_, _ = w.Write([]byte("ab"))
			w.(http.Flusher).Flush()
			<-stop
		}
	}))
	defer srv.Close()
	defer close(stop)
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	for _, url := range []string{srv.URL, srv.URL + "/hang", srv.URL + "/slow", "https://" + silent.Addr().String(), "http://127.0.0.1:1"} {
		h := &HAR{}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		base := &http.Transport{}
		if resp, err := (&http.Client{Transport: h.Wrap(new(Wire).Wrap(base))}).Do(req); err == nil {
			_, _ = resp.Body.Read(make([]byte, 4))
			_, _ = resp.Body.Read(make([]byte, 4))
			_ = resp.Body.Close()
		}
		cancel()
		base.CloseIdleConnections()
		data, err := h.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Log struct {
				Entries []struct {
					Time    float64
					Timings harTimings
				}
			}
		}
		if err := json.Unmarshal(data, &doc); err != nil {
			t.Fatal(err)
		}
		e := doc.Log.Entries[0]
		if math.Abs(e.Timings.sum()-e.Time) > 0.1 {
			t.Errorf("%s: time %v ms, sum %v ms of %+v", url, e.Time, e.Timings.sum(), e.Timings)
		}
	}
}
