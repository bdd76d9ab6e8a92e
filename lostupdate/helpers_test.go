package lostupdate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

// exchangeTest is a series of requests of one editor.
type exchangeTest struct {
	name, why string
	transport *Transport
	mode      Mode
	requests  []string // "METHOD path", then field lines, a blank line and a body
	answers   []string
	// want is what is sent: method, path and preconditions.
	want []string
	// statuses are those the caller gets; zero is an error.
	statuses []int
	errs     error
}

func sent(all []rttest.Recorded) []string {
	var lines []string
	for _, r := range all {
		line := r.Method + " " + strings.TrimPrefix(r.URL, "http://example.com")
		for _, f := range conditions {
			if v := r.Header[f]; len(v) > 0 {
				line += " " + f + ": " + strings.Join(v, "|")
			}
		}
		lines = append(lines, line)
	}
	return lines
}

func (tt exchangeTest) run(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if tt.why == "" {
			t.Fatal("row without a why")
		}
		if tt.transport == nil {
			tt.transport = &Transport{}
		}
		script := rttest.NewScript(t, rttest.Answers(tt.answers...)...)
		rt := tt.transport.Wrap(script)
		var got []int
		for _, r := range tt.requests {
			req := rttest.ReadRequest(t, r)
			if tt.mode != Auto {
				req = req.WithContext(WithMode(req.Context(), tt.mode))
			}
			resp, err := rt.RoundTrip(req)
			if err != nil {
				if !errors.Is(err, tt.errs) || tt.errs == nil {
					t.Errorf("error %v, want %v", err, tt.errs)
				}
				got = append(got, 0)
				continue
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			got = append(got, resp.StatusCode)
		}
		if diff := compare.Diff(tt.want, sent(script.Requests())); diff != "" {
			t.Errorf("sent mismatch (-want +got):\n%s%s", diff, tt.why)
		}
		if tt.statuses != nil {
			if diff := compare.Diff(tt.statuses, got); diff != "" {
				t.Errorf("statuses mismatch (-want +got):\n%s%s", diff, tt.why)
			}
		}
	})
}

func tagOf(t *testing.T, url, coding string) Version {
	t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url+"/doc.txt", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", coding)
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	return VersionOf(resp)
}

// sentBy returns the precondition that was sent.
func sentBy(resp *http.Response) string {
	if resp == nil {
		return ""
	}
	h := resp.Request.Header
	return "If-Match: " + h.Get("If-Match") + ", If-Unmodified-Since: " + h.Get("If-Unmodified-Since")
}
