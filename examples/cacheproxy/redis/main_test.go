package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/examples/cacheproxy/internal/proxy"
	"github.com/tripper-go/tripper/internal/servers"
)

// TestTwoProxies has one proxy fetch what the other then has.
func TestTwoProxies(t *testing.T) {
	var asked atomic.Int32
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Cache-Control", "max-age=600")
		_, _ = io.WriteString(w, "hello")
	}))
	defer origin.Close()
	spec := "redis://" + servers.Redis(t, "").Addr + "/1?namespace=test"
	for i := range 2 {
		ctx, cancel := context.WithCancel(t.Context())
		ready, ended := make(chan string, 1), make(chan error, 1)
		go func() {
			args := []string{"-listen", "127.0.0.1:0", "-upstream", origin.URL, "-store", spec}
			ended <- proxy.Run(ctx, args, open, func(url string) { ready <- url })
		}()
		var url string
		select {
		case url = <-ready:
		case err := <-ended:
			t.Fatal(err)
		}
		resp, err := http.Get(url + "/x") //nolint:noctx // a test
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		status := resp.Header.Get("Cache-Status")
		if err != nil || string(body) != "hello" || strings.Contains(status, "hit") != (i == 1) {
			t.Errorf("proxy %d: %q, %v, Cache-Status %q", i+1, body, err, status)
		}
		http.DefaultTransport.(*http.Transport).CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("the origin was asked %d times", n)
	}
}

func TestOpen(t *testing.T) {
	for _, bad := range []string{"redis://localhost/notanumber", "memory:"} {
		if s, err := open(bad); err == nil {
			t.Errorf("%s: %T", bad, s)
		}
	}
	s, err := open("memory")
	if err != nil || s == nil {
		t.Errorf("memory: %v", err)
	}
}
