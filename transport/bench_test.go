package transport

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/servers"
)

// BenchmarkRoundTrip compares a Transport with the http.Transport below it; both
// are in one run, as the machine may be busy.
func BenchmarkRoundTrip(b *testing.B) {
	s := server(b, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	bare := &http.Transport{DisableCompression: true}
	b.Cleanup(bare.CloseIdleConnections)
	cert, key := servers.NewCA(b).Cert("alice")
	for _, row := range []struct {
		name string
		tr   http.RoundTripper
	}{
		{"floor", bare},
		{"ours", closing(b, &Transport{})},
		{"ours with certificates", closing(b, &Transport{Certificates: []Certificate{load(b, "example.com", cert, key, "")}, Proxy: Direct})},
		{"ours with IdleTimeout", closing(b, &Transport{IdleTimeout: time.Minute})},
	} {
		b.Run(row.name, func(b *testing.B) {
			b.ReportAllocs()
			req := rttest.NewRequest(b, "GET", s.URL+"/path?query=1", nil)
			for b.Loop() {
				roundTrip(b, row.tr, req)
			}
		})
	}
}

func roundTrip(tb testing.TB, tr http.RoundTripper, req *http.Request) {
	tb.Helper()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		tb.Fatal(err)
	}
	resp.Body.Close()
}

// TestAllocations: no more than http.Transport's own plus one.
func TestAllocations(t *testing.T) {
	s := server(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") })
	bare := &http.Transport{DisableCompression: true}
	t.Cleanup(bare.CloseIdleConnections)
	cert, key := servers.NewCA(t).Cert("alice")
	measure := func(tr http.RoundTripper) float64 {
		req := rttest.NewRequest(t, "GET", s.URL+"/path?query=1", nil)
		roundTrip(t, tr, req)
		return testing.AllocsPerRun(300, func() { roundTrip(t, tr, req) })
	}
	floor := measure(bare)
	for name, tr := range map[string]*Transport{
		"zero value":   {},
		"direct":       {Proxy: Direct},
		"certificates": {Proxy: Direct, Certificates: []Certificate{load(t, "example.com", cert, key, "")}},
		"timeouts":     {HeaderTimeout: time.Minute, ConnectTimeout: time.Minute},
	} {
		want := floor + 1
		if name == "timeouts" {
			want += 4 // the timer of ResponseHeaderTimeout is http.Transport's own
		}
		if got := measure(closing(t, tr)); got > want {
			t.Errorf("%s: %v allocations, http.Transport %v", name, got, floor)
		}
	}
}
