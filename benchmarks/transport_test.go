package benchmarks

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/hashicorp/go-cleanhttp"

	"github.com/tripper-go/tripper/transport"
)

// BenchmarkTransport sends a GET over loopback: the floor is http.Transport, the
// peer go-cleanhttp's, which is one with other settings.
//
//	go test -run '^$' -bench BenchmarkTransport
func BenchmarkTransport(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	b.Cleanup(server.Close)
	peer := cleanhttp.DefaultPooledTransport()
	peer.DisableCompression = true
	works := map[string]func(){}
	for name, rt := range transports(peer) {
		b.Cleanup(rt.(interface{ CloseIdleConnections() }).CloseIdleConnections)
		req := newGet(b, server.URL+"/path?query=1")
		works[name] = func() { overWire(b, rt, req) }
		works[name]()
	}
	alternateAll(b, works, "floor")
}

// BenchmarkTransportAllocs counts what the three allocate.
func BenchmarkTransportAllocs(b *testing.B) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	b.Cleanup(server.Close)
	peer := cleanhttp.DefaultPooledTransport()
	peer.DisableCompression = true
	for name, rt := range transports(peer) {
		b.Cleanup(rt.(interface{ CloseIdleConnections() }).CloseIdleConnections)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			req := newGet(b, server.URL+"/path?query=1")
			for b.Loop() {
				overWire(b, rt, req)
			}
		})
	}
}

func transports(peer http.RoundTripper) map[string]http.RoundTripper {
	return map[string]http.RoundTripper{
		"floor":     &http.Transport{DisableCompression: true},
		"cleanhttp": peer,
		"ours":      &transport.Transport{},
	}
}

func overWire(b *testing.B, rt http.RoundTripper, req *http.Request) {
	b.Helper()
	resp, err := rt.RoundTrip(req)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.Fatal(err)
	}
	_ = resp.Body.Close()
}
