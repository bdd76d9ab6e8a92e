package oteltrace_test

import (
	"bufio"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric"

	"github.com/tripper-go/tripper"
	"github.com/tripper-go/tripper/caching"
	"github.com/tripper-go/tripper/trace/oteltrace"
)

// The metrics of a client, as Prometheus scrapes them.
func Example_prometheus() {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	if err != nil {
		log.Fatal(err)
	}
	metrics := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer metrics.Close()

	cache := &caching.Transport{}
	defer cache.Close()
	client := tripper.Chain{
		&oteltrace.Transport{MeterProvider: metric.NewMeterProvider(metric.WithReader(reader))},
		cache,
		&oteltrace.Wire{},
	}.Client(nil)

	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		_, _ = io.WriteString(w, "hello")
	}))
	defer origin.Close()
	for range 3 {
		resp, err := client.Get(origin.URL)
		if err != nil {
			log.Fatal(err)
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}

	page, err := http.Get(metrics.URL)
	if err != nil {
		log.Fatal(err)
	}
	defer page.Body.Close()
	var lines []string
	for scanner := bufio.NewScanner(page.Body); scanner.Scan(); {
		if line := scanner.Text(); strings.Contains(line, "_count") || strings.Contains(line, "_bytes_total{") {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	fmt.Println(strings.Join(lines, "\n"))
	// Output:
	// tripper_cache_lookup_duration_seconds_count 3
	// tripper_call_duration_seconds_count{http_request_method="GET",http_response_status_code="200",tripper_cache_result="hit"} 2
	// tripper_call_duration_seconds_count{http_request_method="GET",http_response_status_code="200",tripper_cache_result="miss"} 1
	// tripper_exchange_duration_seconds_count{http_request_method="GET",http_response_status_code="200",tripper_background="false"} 1
	// tripper_response_body_size_bytes_total{tripper_source="cache"} 10
	// tripper_response_body_size_bytes_total{tripper_source="wire"} 5
}
