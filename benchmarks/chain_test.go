package benchmarks

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
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

// fetch makes one GET and reads the body.
func fetch(b *testing.B, client *http.Client, url string) {
	b.Helper()
	fetchAs(b, client, url, "")
}

// fetchAs is fetch with an Accept-Encoding, if it is not empty.
func fetchAs(b *testing.B, client *http.Client, url, codings string) {
	b.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		b.Fatal(err)
	}
	if codings != "" {
		req.Header["Accept-Encoding"] = []string{codings}
	}
	resp, err := client.Do(req)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		b.Fatal(err)
	}
	_ = resp.Body.Close()
}

func allLayers() tripper.Chain {
	return tripper.Chain{
		&decompress.Transport{}, &redirects.Transport{}, &lostupdate.Transport{},
		&caching.Transport{}, &compress.Transport{}, &retry.Transport{}, &auth.Transport{},
	}
}

// BenchmarkChain puts all layers beside a bare client over loopback: with
// nothing to do, and with a hit in the cache. "interleaved" alternates them and
// reports the ratio of their times. "asking" is the bare client with the same
// request fields as all layers send: what it takes beyond "bare" is the price of
// asking for codings, at both ends of the connection, whoever does it. It has a run
// of its own, since one work more in turn makes the caches of the others colder.
func BenchmarkChain(b *testing.B) {
	body := strings.Repeat("x", 1<<10)
	origin := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cc := "no-store"
		if r.URL.Path == "/hit" {
			cc = "max-age=3600"
		}
		w.Header().Set("Cache-Control", cc)
		_, _ = io.WriteString(w, body)
	}))
	defer origin.Close()
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.DisableCompression = true
	defer base.CloseIdleConnections()
	bare := &http.Client{Transport: base}
	all := allLayers().Client(base)
	hit := allLayers().Client(base)
	fetch(b, hit, origin.URL+"/hit")

	root, stored := origin.URL+"/", origin.URL+"/hit"
	for _, bench := range []struct {
		name   string
		client *http.Client
		url    string
	}{
		{"bare", bare, root},
		{"all-nothing-to-do", all, root},
		{"all-hit", hit, stored},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				fetch(b, bench.client, bench.url)
			}
		})
	}
	b.Run("interleaved", func(b *testing.B) {
		alternateAll(b, map[string]func(){
			"bare":    func() { fetch(b, bare, root) },
			"nothing": func() { fetch(b, all, root) },
			"hit":     func() { fetch(b, hit, stored) },
		}, "bare")
	})
	b.Run("interleaved-asking", func(b *testing.B) {
		alternateAll(b, map[string]func(){
			"asking":  func() { fetchAs(b, bare, root, decompress.DefaultCodings) },
			"bare":    func() { fetch(b, bare, root) },
			"nothing": func() { fetch(b, all, root) },
		}, "asking")
	})
}
