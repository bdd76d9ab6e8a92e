package oteltrace_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/internal/compare"
	otel "github.com/tripper-go/tripper/trace/oteltrace"
)

// The metrics and caching.Stats say the same.
func TestMetricsAgreeWithStats(t *testing.T) {
	t.Parallel()
	reader := metric.NewManualReader()
	cache := &caching.Transport{}
	defer cache.Close()
	client := tripper.Chain{&otel.Transport{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))}, cache}.Client(statsOrigin{})
	for _, request := range []struct{ method, path, cacheControl string }{
		{"GET", "/fresh", ""},
		{"GET", "/fresh", ""},
		{"GET", "/fresh", "no-cache"},
		{"GET", "/no-store", ""},
		{"GET", "/fresh", "max-age=0"},
		{"POST", "/other", ""},
		{"GET", "/absent", "only-if-cached"},
		{"GET", "/fresh", ""},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), request.method, "http://example.com"+request.path, nil)
		if request.cacheControl != "" {
			req.Header.Set("Cache-Control", request.cacheControl)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
	s := cache.Stats()
	want := map[string]int64{"hit": s.Hits, "validated": s.Validated, "miss": s.Misses, "pass": s.Passed, "refused": s.Refused, "bytes": s.BytesSaved}
	got := make(map[string]int64)
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					if v, ok := p.Attributes.Value("tripper.cache.result"); ok {
						got[v.AsString()] += int64(p.Count)
					}
				}
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if v, ok := p.Attributes.Value("tripper.source"); ok && v.AsString() == "cache" {
						got["bytes"] += p.Value
					}
				}
			}
		}
	}
	if diff := compare.Diff(want, got); diff != "" || s.Hits != 2 || s.Validated != 2 || s.BytesSaved != 20 {
		t.Errorf("%+v (-stats +metrics):\n%s", s, diff)
	}
}

// A statsOrigin answers from memory.
type statsOrigin struct{}

func (statsOrigin) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: 200, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header), Request: req}
	resp.Header.Set("Cache-Control", "max-age=60")
	if req.URL.Path != "/fresh" {
		resp.Header.Set("Cache-Control", "no-store")
	}
	resp.Header.Set("Etag", `"a"`)
	body := "hello"
	if req.Header.Get("If-None-Match") != "" {
		resp.StatusCode, body = 304, ""
	}
	resp.Body, resp.ContentLength = io.NopCloser(strings.NewReader(body)), int64(len(body))
	return resp, nil
}
