package auth_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/tripper-go/tripper/auth"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// singleNonce is the WebServer library of ESP8266 and ESP32: one nonce for
// everybody, replaced by each challenge, whose count nobody looks at.
type singleNonce struct {
	mu          sync.Mutex
	made, trips int
	password    string
}

func (s *singleNonce) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.trips++
	if p := params(r.Header.Get("Authorization")); s.made > 0 && p["nonce"] == fmt.Sprint("n", s.made) {
		ha1, ha2 := md5hex("joe:r:"+s.password), md5hex(r.Method+":"+p["uri"])
		if p["response"] == md5hex(strings.Join([]string{ha1, p["nonce"], p["nc"], p["cnonce"], "auth", ha2}, ":")) {
			return
		}
	}
	s.made++
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Digest realm="r", qop="auth", nonce="n%d", opaque="o"`, s.made))
	w.WriteHeader(http.StatusUnauthorized)
}

// TestSingleNonce: nobody is refused who knows the password, and soon nobody is
// asked any more.
func TestSingleNonce(t *testing.T) {
	for _, row := range []struct {
		why     string
		warm    bool
		workers int
	}{
		{"known before requests in parallel begin", true, 8},
		{"first contact by many at once", false, 8},
		{"and by more", false, 24},
	} {
		s := &singleNonce{password: "password"}
		srv := httptest.NewServer(s)
		var mu sync.Mutex
		shared := 0
		var events []string
		ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
			mu.Lock()
			defer mu.Unlock()
			if e.Action == "share" {
				shared++
			}
			events = append(events, e.String())
		})
		rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
		one := func() error {
			req, err := http.NewRequestWithContext(ctx, "GET", srv.URL, nil)
			if err != nil {
				return err
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				return err
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 200 {
				return fmt.Errorf("status %d", resp.StatusCode)
			}
			return nil
		}
		if row.warm {
			if err := one(); err != nil {
				t.Fatal(err)
			}
		}
		const each = 20
		parallel(t, row.workers, each, one)
		if most := row.workers*each + row.workers*12; s.trips > most {
			t.Errorf("%d trips for %d requests: %s", s.trips, row.workers*each, row.why)
		}
		if t.Logf("%d workers: %d trips for %d requests", row.workers, s.trips, row.workers*each); shared > 1 {
			t.Errorf("shared %d times: %s", shared, row.why)
		}
		if t.Failed() {
			t.Log(strings.Join(events[:min(len(events), 150)], "\n"))
		}
		srv.Close()
	}
}

// TestWrongPasswordCosts: what tells an overtaken request from a wrong password does
// not try wrong passwords over and over; servers lock accounts.
func TestWrongPasswordCosts(t *testing.T) {
	for _, row := range []struct {
		why     string
		changed bool // it was right at first
		workers int
		each    int // requests of a worker
		most    int // of them with credentials
	}{
		{"never right", false, 1, 1, 1},
		{"never right, one after the other: each is refused once", false, 1, 5, 5},
		{"changed: from memory, to the challenge, and once on trust", true, 1, 1, 3},
		// How many overtake each other is left to the scheduler; maxOvertaken is 8.
		{"never right, in parallel: within the bound", false, 16, 1, (1 + 8) * 16},
		{"changed, in parallel: within the bound", true, 16, 1, (2 + 8) * 16},
	} {
		s := &singleNonce{password: "password"}
		var signed atomic.Int64
		srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Authorization") != "" {
				signed.Add(1)
			}
			s.ServeHTTP(w, r)
		}))
		rt := &auth.Transport{Base: newBase(t), Credentials: keys("joe", "password")}
		if row.changed {
			if status, _, err := get(t, rt, srv.URL); status != 200 || err != nil {
				t.Fatal(status, err)
			}
		}
		s.password = "another"
		signed.Store(0)
		parallel(t, row.workers, row.each, func() error {
			resp, err := (&http.Client{Transport: rt}).Get(srv.URL)
			if err != nil {
				return err
			}
			_ = resp.Body.Close()
			if resp.StatusCode != 401 {
				return fmt.Errorf("status %d", resp.StatusCode)
			}
			return nil
		})
		if n := int(signed.Load()); n > row.most {
			t.Errorf("signed %d times, want %d at most: %s", n, row.most, row.why)
		}
		if leased, waiting := auth.Leased(rt); leased != 0 || waiting != 0 {
			t.Errorf("%d nonces are out, %d requests wait: %s", leased, waiting, row.why)
		}
		srv.Close()
	}
}
