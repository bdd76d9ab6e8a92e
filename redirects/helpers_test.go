package redirects

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

// followTest is a request, what it is answered, and what is sent.
type followTest struct {
	name, why string
	transport *Transport
	request   string // "METHOD URL", then field lines, a blank line and a body
	stream    bool   // the body cannot be sent again
	answers   []string
	want      []string // "METHOD URL body" of what is sent
	status    int      // of the final response; zero if err
	err       error
	check     func(t *testing.T, sent []rttest.Recorded, resp *http.Response)
	ctx       context.Context // nil: that of the test
}

func sent(all []rttest.Recorded) []string {
	var lines []string
	for _, r := range all {
		lines = append(lines, strings.TrimSpace(r.Method+" "+r.URL+" "+r.Body))
	}
	return lines
}

func (tt followTest) run(t *testing.T) {
	t.Helper()
	if tt.why == "" {
		t.Fatal("row without a why")
	}
	if tt.transport == nil {
		tt.transport = &Transport{}
	}
	script := rttest.NewScript(t, rttest.Answers(tt.answers...)...)
	req := rttest.ReadRequest(t, tt.request)
	if tt.stream {
		req.GetBody = nil
	}
	if tt.ctx != nil {
		req = req.WithContext(tt.ctx)
	}
	resp, err := tt.transport.Wrap(script).RoundTrip(req)
	if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
		t.Fatalf("error %v, want %v: %s", err, tt.err, tt.why)
	}
	if diff := compare.Diff(tt.want, sent(script.Requests())); diff != "" {
		t.Errorf("sent mismatch (-want +got):\n%s%s", diff, tt.why)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			t.Fatalf("error %T, want *Error", err)
		}
		resp = e.Response
	} else {
		defer func() { _ = resp.Body.Close() }()
		if resp.StatusCode != tt.status {
			t.Errorf("status %d, want %d: %s", resp.StatusCode, tt.status, tt.why)
		}
	}
	if tt.check != nil {
		tt.check(t, script.Requests(), resp)
	}
}

func field(name string, want ...string) func(*testing.T, []rttest.Recorded, *http.Response) {
	return func(t *testing.T, sent []rttest.Recorded, _ *http.Response) {
		t.Helper()
		var got []string
		for _, r := range sent {
			got = append(got, strings.Join(r.Header[name], "|"))
		}
		if diff := compare.Diff(want, got); diff != "" {
			t.Errorf("%s mismatch (-want +got):\n%s", name, diff)
		}
	}
}
