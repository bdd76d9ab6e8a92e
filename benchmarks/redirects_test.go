package benchmarks

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/redirects"
)

// hops answers /n by a redirect to /n-1, and /0 by 200. It does no I/O.
type hops struct{}

func (hops) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{
		StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: make(http.Header, 1), Body: http.NoBody, Request: req,
	}
	if n, err := strconv.Atoi(strings.TrimPrefix(req.URL.Path, "/")); err == nil && n > 0 {
		resp.StatusCode = http.StatusFound
		resp.Header["Location"] = []string{"/" + strconv.Itoa(n-1)}
	}
	return resp, nil
}

// BenchmarkRedirects follows none, one and five redirects, on an origin in
// memory: by http.Client itself (the peer), by ours below an http.Client, and by
// the floor: resolve, copy, send, and decide nothing.
//
//	go test -bench Redirects -benchtime 2s
func BenchmarkRedirects(b *testing.B) {
	leave := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	for _, n := range []int{0, 1, 5} {
		url := fmt.Sprintf("http://example.com/%d", n)
		req, err := http.NewRequest(http.MethodGet, url, nil)
		if err != nil {
			b.Fatal(err)
		}
		req.Header.Set("User-Agent", "benchmark")
		req.Header.Set("Accept", "*/*")
		for _, side := range []struct {
			name   string
			client *http.Client
		}{
			{"net-http", &http.Client{Transport: hops{}}},
			{"ours", &http.Client{Transport: (&redirects.Transport{}).Wrap(hops{}), CheckRedirect: leave}},
		} {
			b.Run(fmt.Sprintf("hops=%d/%s", n, side.name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					resp, err := side.client.Do(req)
					if err != nil || resp.StatusCode != http.StatusOK {
						b.Fatal(resp, err)
					}
					_ = resp.Body.Close()
				}
			})
		}
		b.Run(fmt.Sprintf("hops=%d/floor", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				out := req
				for i := n; ; i-- {
					resp, err := hops{}.RoundTrip(out)
					if err != nil {
						b.Fatal(err)
					}
					_ = resp.Body.Close()
					if i == 0 {
						break
					}
					next := *out
					if next.URL, err = out.URL.Parse(resp.Header.Get("Location")); err != nil {
						b.Fatal(err)
					}
					next.Header, next.Response = out.Header.Clone(), resp
					out = &next
				}
			}
		})
	}
}
