package auth_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/auth"
)

type answering struct{ challenge string }

func (a answering) RoundTrip(req *http.Request) (*http.Response, error) {
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: req}
	if req.Header["Authorization"] == nil {
		resp.StatusCode = 401
		resp.Header["Www-Authenticate"] = []string{a.challenge}
	}
	return resp, nil
}

func BenchmarkKnown(b *testing.B) {
	for name, c := range map[string]string{
		"Basic": `Basic realm="r"`, "Digest": `Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256`,
	} {
		b.Run(name, func(b *testing.B) {
			rt := &auth.Transport{Base: answering{c}, Credentials: keys("joe", "password")}
			req, err := http.NewRequest("GET", "http://example.com/a/b?c=d", nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != 200 {
					b.Fatal(resp, err)
				}
			}
		})
	}
}

// TestKnownAllocs holds what the benchmark measures: a request that is signed
// with a known nonce costs 16 allocations at most, those of the origin included.
func TestKnownAllocs(t *testing.T) {
	rt := &auth.Transport{Base: answering{`Digest realm="r", nonce="n", qop="auth"`}, Credentials: keys("joe", "password")}
	req, err := http.NewRequest("GET", "http://example.com/a/b?c=d", nil)
	if err != nil {
		t.Fatal(err)
	}
	n := testing.AllocsPerRun(100, func() {
		if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
	})
	if n > 16 {
		t.Errorf("%v allocations, want 16 at most", n)
	}
}

// BenchmarkHostile returns challenges as they came.
func BenchmarkHostile(b *testing.B) {
	for name, c := range map[string]string{
		"blanks":     strings.Repeat(" ", 64<<10),
		"open quote": `Digest realm="r", nonce="` + strings.Repeat("x", 64<<10),
		"challenges": strings.Repeat(`Digest realm="r", nonce=, `, 2<<10),
		"megabyte":   `Digest realm="r", qop="auth", nonce="` + strings.Repeat("n", 1<<20) + `"`,
	} {
		b.Run(name, func(b *testing.B) {
			rt := &auth.Transport{Base: answering{c}, Credentials: keys("joe", "password")}
			req, err := http.NewRequest("GET", "http://example.com/", nil)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if resp, err := rt.RoundTrip(req); err != nil || resp.StatusCode != 401 {
					b.Fatal(resp, err)
				}
			}
		})
	}
}
