package benchmarks

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/compress"
	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/lostupdate"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/retry"
)

// allLayersAs is allLayers with credentials for one host.
func allLayersAs(host string) tripper.Chain {
	keys := new(auth.Keyring)
	keys.Add("joe", "password", host)
	return tripper.Chain{
		&decompress.Transport{}, &redirects.Transport{}, &lostupdate.Transport{},
		&caching.Transport{}, &compress.Transport{}, &retry.Transport{},
		&auth.Transport{Credentials: keys, Preemptive: true},
	}
}

// rawOrigin answers every request with the same bytes, and does nothing else: the client is
// all that is measured. It returns the address that it listens at.
func rawOrigin(b *testing.B, answer string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				buf := make([]byte, 4<<10)
				for {
					n, err := c.Read(buf)
					if err != nil {
						return
					}
					if bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
						if _, err := io.WriteString(c, answer); err != nil {
							return
						}
					}
				}
			}()
		}
	}()
	return l.Addr().String()
}

// BenchmarkIdle is what all layers cost that have nothing to do, where credentials are
// configured: "none" for another host, "basic" for this one.
func BenchmarkIdle(b *testing.B) {
	const body = 1 << 10
	process := &answers{header: originHeader("no-store", "Content-Length", "1024"), body: make([]byte, body)}
	wire := rawOrigin(b, "HTTP/1.1 200 OK\r\nCache-Control: no-store\r\nContent-Length: 1024\r\nContent-Type: application/json\r\n\r\n"+strings.Repeat("x", body))
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableCompression = true
	b.Cleanup(base.CloseIdleConnections)
	for _, origin := range []struct {
		name, host string
		next       http.RoundTripper
	}{{"process", "example.com", process}, {"wire", wire, base}} {
		b.Run(origin.name, func(b *testing.B) {
			host, _, _ := strings.Cut(origin.host, ":")
			works := map[string]func(){}
			for name, rt := range map[string]http.RoundTripper{
				"bare": origin.next, "none": allLayersAs("other.example").Wrap(origin.next), "basic": allLayersAs(host).Wrap(origin.next),
			} {
				works[name] = func() {
					exchangeOf(b, rt, newGet(b, "http://"+origin.host+"/a/path?q=1"), body)
				}
				works[name]()
			}
			for name, work := range works {
				b.Run(name, func(b *testing.B) {
					b.ReportAllocs()
					for b.Loop() {
						work()
					}
				})
			}
			b.Run("ratio", func(b *testing.B) {
				if origin.name == "wire" {
					alternateAll(b, works, "bare")
				} else {
					alternate(b, works, "bare")
				}
			})
		})
	}
}
