package benchmarks

import (
	"io"
	"log/slog"
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
	"github.com/tripper-go/tripper/trace"
)

// BenchmarkTrace is what it costs to be heard: each layer, and all of them, without and with
// a hook, in process; and all of them below Log and HAR.
func BenchmarkTrace(b *testing.B) {
	origin := retryBase(func(req *http.Request) (*http.Response, error) {
		return &http.Response{
			Status: "200 OK", StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: req,
			Header: http.Header{"Cache-Control": {"max-age=3600"}}, ContentLength: 5, Body: io.NopCloser(strings.NewReader("hello")),
		}, nil
	})
	hook := &trace.Hook{Func: func(trace.Event) {}}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	for _, row := range []struct {
		name  string
		chain tripper.Chain
	}{
		{"decompress", tripper.Chain{&decompress.Transport{}}},
		{"redirects", tripper.Chain{&redirects.Transport{}}},
		{"lostupdate", tripper.Chain{&lostupdate.Transport{}}},
		{"caching-hit", tripper.Chain{&caching.Transport{}}},
		{"compress", tripper.Chain{&compress.Transport{}}},
		{"retry", tripper.Chain{&retry.Transport{}}},
		{"auth", tripper.Chain{&auth.Transport{}}},
		{"wire", tripper.Chain{&trace.Wire{}}},
		{"all-hit", append(allLayers(), &trace.Wire{})},
	} {
		for _, outer := range []struct {
			name  string
			chain tripper.Chain
		}{
			{"bare", nil},
			{"hook", tripper.Chain{hook}},
			{"log", tripper.Chain{&trace.Log{Logger: quiet}}},
			{"har", tripper.Chain{&trace.HAR{}}},
		} {
			if outer.name > "bare" && outer.name != "hook" && row.name != "all-hit" {
				continue
			}
			rt := append(outer.chain, row.chain...).Wrap(origin)
			b.Run(row.name+"/"+outer.name, func(b *testing.B) {
				req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, "http://example.com/a?b=c", nil)
				if err != nil {
					b.Fatal(err)
				}
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
}
