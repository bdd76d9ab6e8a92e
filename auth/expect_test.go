package auth_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/rttest"
)

// TestExpect: a body that cannot be sent twice is sent once, whole.
func TestExpect(t *testing.T) {
	const size = 1 << 20
	for _, row := range []struct {
		why     string
		handler func(w http.ResponseWriter, r *http.Request) bool // before authentication; false: it has answered
		own     string                                            // Expect of the caller's
		body    func() io.Reader
		timeout time.Duration
		trips   int
		status  int
		expects bool // of the first request
	}{
		{
			"RFC 9110 §10.1.1: the server looks at the header first", nil, "",
			func() io.Reader { return io.LimitReader(zeros{}, size) }, time.Minute, 2, 200, true,
		},
		{
			"RFC 9110 §15.5.18: 417 means without, once", func(w http.ResponseWriter, r *http.Request) bool {
				if r.Header.Get("Expect") != "" {
					w.WriteHeader(http.StatusExpectationFailed)
					return false
				}
				return true
			}, "",
			func() io.Reader { return io.LimitReader(zeros{}, 1000) }, time.Minute, 3, 200, true,
		},
		{
			"a server that reads before it asks: the body is gone", func(_ http.ResponseWriter, r *http.Request) bool {
				_, _ = io.Copy(io.Discard, r.Body)
				return true
			}, "",
			func() io.Reader { return io.LimitReader(zeros{}, size) }, time.Minute, 1, 401, true,
		},
		{
			"a body of known length that can be kept goes at once", nil, "",
			func() io.Reader { return strings.NewReader("short") }, time.Minute, 2, 200, false,
		},
		{
			"the caller's own expectation is the caller's", nil, "100-continue",
			func() io.Reader { return io.LimitReader(zeros{}, 1000) }, time.Minute, 2, 200, true,
		},
	} {
		trips, read, expected := 0, int64(0), false
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if trips++; trips == 1 {
				expected = r.Header.Get("Expect") != ""
			}
			if row.handler != nil && !row.handler(w, r) {
				return
			}
			if _, _, ok := r.BasicAuth(); !ok {
				w.Header().Set("WWW-Authenticate", `Basic realm="r"`)
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			read, _ = io.Copy(io.Discard, r.Body)
		}))
		base := newBase(t)
		base.ExpectContinueTimeout = row.timeout
		rt := &auth.Transport{Base: base, Credentials: keys("joe", "password")}
		req, err := http.NewRequestWithContext(t.Context(), "PUT", srv.URL, struct{ io.Reader }{row.body()})
		if err != nil {
			t.Fatal(err)
		}
		if row.own != "" {
			req.Header.Set("Expect", row.own)
		}
		if _, short := row.body().(*strings.Reader); short {
			req.ContentLength = 5
		}
		resp, err := rt.RoundTrip(req)
		if err != nil {
			t.Errorf("%v: %s", err, row.why)
			continue
		}
		_ = resp.Body.Close()
		want, _ := io.Copy(io.Discard, row.body())
		if row.status != 200 {
			want = 0
		}
		if resp.StatusCode != row.status || trips != row.trips || expected != row.expects || read != want {
			t.Errorf("status %d after %d trips, expectation %v, %d bytes; want %d, %d, %v, %d: %s",
				resp.StatusCode, trips, expected, read, row.status, row.trips, row.expects, want, row.why)
		}
		srv.Close()
	}
}

// TestExpectsNothing: where there is nothing to answer with, or nothing to fear, the
// request is what the caller made of it.
func TestExpectsNothing(t *testing.T) {
	for why, tr := range map[string]*auth.Transport{
		"no credentials at all":           {},
		"none for this origin":            {Credentials: keys("joe", "password", "other.example")},
		"none by http":                    {Credentials: keys("joe", "password"), RequireTLS: true},
		"they are sent without being ask": {Credentials: keys("joe", "password"), Preemptive: true},
	} {
		script := rttest.NewScript(t, yes)
		tr.Base = script
		if status, _, err := do(t, tr, "PUT", "http://example.com/", io.LimitReader(zeros{}, 1<<20)); status != 200 || err != nil {
			t.Errorf("%d %v: %s", status, err, why)
		}
		if got := script.Requests()[0].Header.Get("Expect"); got != "" {
			t.Errorf("Expect: %s: %s", got, why)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }
