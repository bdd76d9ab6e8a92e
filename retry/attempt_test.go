package retry

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestIdempotencyKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := rttest.NewScript(t, rttest.Fail(errReset), rttest.Fail(errReset), rttest.Respond("HTTP/1.1 200 OK\n\n"),
			rttest.Respond("HTTP/1.1 200 OK\n\n"), rttest.Respond("HTTP/1.1 200 OK\n\n"), rttest.Respond("HTTP/1.1 200 OK\n\n"))
		rt := (&Transport{Attempts: 3, IdempotencyKey: RandomKey}).Wrap(script)
		send := func(method string, header http.Header) {
			req := rttest.NewRequest(t, method, "http://example.com/", strings.NewReader("x"))
			maps.Copy(req.Header, header)
			before := req.Header.Clone()
			resp, err := rt.RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if diff := compare.Diff(before, req.Header); diff != "" {
				t.Errorf("the caller's header changed (-before +after):\n%s", diff)
			}
		}
		send("POST", nil)
		send("POST", nil)
		send("PUT", nil)
		send("POST", http.Header{"Idempotency-Key": {"own"}})
		var keys []string
		for _, r := range script.Requests() {
			keys = append(keys, r.Header.Get("Idempotency-Key"))
		}
		if keys[0] == "" || keys[0] != keys[1] || keys[0] != keys[2] {
			t.Errorf("one request had the keys %q", keys[:3])
		}
		if keys[3] == keys[0] || keys[4] != "" || keys[5] != "own" {
			t.Errorf("other requests had the keys %q", keys[3:])
		}
		if len(keys[0]) != 38 || keys[0][0] != '"' || keys[0][15] != '4' || !strings.ContainsRune("89ab", rune(keys[0][20])) {
			t.Errorf("%s is no quoted UUID of version 4", keys[0])
		}
	})
}

func TestAttemptHeaderAndPrepare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := rttest.NewScript(t, rttest.Respond("HTTP/1.1 503 Service Unavailable\n\n"), rttest.Fail(errReset), rttest.Respond("HTTP/1.1 200 OK\n\n"))
		var failed []string
		tr := &Transport{
			Attempts: 3, AttemptHeader: "X-Attempt", Backoff: Constant(time.Second),
			Prepare: func(out *http.Request, a Attempt) error {
				failed = append(failed, fmt.Sprint(a.Number, cause(a), a.Wait))
				out.Header.Set("Date", time.Now().Format(http.TimeFormat))
				out.URL.RawQuery = "n=" + fmt.Sprint(a.Number)
				return nil
			},
		}
		req := rttest.NewRequest(t, "PUT", "http://example.com/", strings.NewReader("x"))
		ctx, n := roundtrip.WithAttempts(req.Context())
		resp, err := tr.Wrap(script).RoundTrip(req.WithContext(ctx))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		var got []string
		for _, r := range script.Requests() {
			got = append(got, r.URL+" "+r.Header.Get("X-Attempt")+" "+r.Header.Get("Date")+" "+r.Body)
		}
		want := []string{
			"http://example.com/ 1  x",
			"http://example.com/?n=1 2 Sat, 01 Jan 2000 00:00:01 UTC x",
			"http://example.com/?n=2 3 Sat, 01 Jan 2000 00:00:02 UTC x",
		}
		for i := range want {
			want[i] = strings.ReplaceAll(want[i], "UTC", "GMT")
		}
		if diff := compare.Diff(want, got); diff != "" {
			t.Errorf("requests mismatch (-want +got):\n%s", diff)
		}
		if diff := compare.Diff([]string{"1 status 503 Service Unavailable 0s", "2 read tcp: connection reset by peer 1s"}, failed); diff != "" {
			t.Errorf("attempts shown to Prepare mismatch (-want +got):\n%s", diff)
		}
		if req.URL.RawQuery != "" || len(req.Header) != 0 {
			t.Error("the caller's request was changed")
		}
		if n.Load() != 3 {
			t.Errorf("a layer above counted %d attempts, want 3", n.Load())
		}
	})
}

func TestLimitOfContext(t *testing.T) {
	t.Parallel()
	tr := &Transport{Attempts: 7}
	req := rttest.NewRequest(t, "GET", "http://example.com/", nil)
	got := []int{tr.limit(req), (&Transport{}).limit(req), tr.limit(req.WithContext(WithAttempts(t.Context(), 2)))}
	if want := []int{7, DefaultAttempts, 2}; !slices.Equal(got, want) {
		t.Errorf("limits %v, want %v", got, want)
	}
}
