package tripper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
)

func TestErrorResponsesContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &ErrorResponses{} })
}

// heldError is an error that holds a response, as those of redirects and
// decompress are.
type heldError struct {
	resp   *http.Response
	reason string
}

func (e *heldError) Error() string                { return "held: " + e.reason }
func (e *heldError) HTTPResponse() *http.Response { return e.resp }
func (e *heldError) Reason() string               { return e.reason }

func TestErrorResponses(t *testing.T) {
	first := &http.Response{StatusCode: 301}
	held := func() *http.Response {
		req, _ := http.NewRequest("GET", "http://example.com/b", nil)
		req.Response = first
		return &http.Response{
			StatusCode: 302, Status: "302 Found", Header: http.Header{"Location": {"/c"}},
			Body: io.NopCloser(strings.NewReader("second redirect")), Request: req,
		}
	}
	for _, row := range []struct {
		name, why string
		err       error
		status    int
		reason    string
		body      string
	}{
		{
			"redirect limit", "an error that holds a response is that response with status 500 and the error as reason",
			fmt.Errorf("wrapped: %w", &heldError{held(), "Redirected more times than allowed"}), 500, "Redirected more times than allowed", "second redirect",
		},
		{
			"a reason of two lines", "a reason phrase is one line: a server must not write the next one",
			&heldError{held(), "bad\r\nX-Evil: 1"}, 500, "bad  X-Evil: 1", "second redirect",
		},
		{
			"an error that holds no response after all", "the rest are 400",
			&heldError{nil, "nothing"}, 400, "Bad Request", "held: nothing",
		},
		{
			"timeout", "a timeout is 408",
			&net.OpError{Op: "read", Err: context.DeadlineExceeded}, 408, "Request Timeout", "Request Timeout",
		},
		{
			"wrapped timeout", "it is found through the errors of the layers",
			fmt.Errorf("retry: 2 attempts: %w", context.DeadlineExceeded), 408, "Request Timeout", "Request Timeout",
		},
		{
			"unknown server", "httplib2's words",
			fmt.Errorf("transport: %w", &net.DNSError{Err: "no such host", Name: "no.example", IsNotFound: true}), 400, "Bad Request", "Unable to find the server at no.example",
		},
		{
			"connection refused", "anything else is 400 with the message as text",
			errors.New("dial tcp: connection refused"), 400, "Bad Request", "dial tcp: connection refused",
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			script := rttest.NewScript(t, rttest.Fail(row.err))
			req, _ := http.NewRequest("GET", "http://example.com/a", nil)
			resp, err := ErrorResponses{}.Wrap(script).RoundTrip(req)
			if err != nil {
				t.Fatalf("got error %v (%s)", err, row.why)
			}
			body, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != row.status || !strings.HasSuffix(resp.Status, " "+row.reason) || string(body) != row.body {
				t.Errorf("got %d %q %q; want %d %q %q (%s)", resp.StatusCode, resp.Status, body, row.status, row.reason, row.body, row.why)
			}
			if got := ErrorOf(resp); !errors.Is(got, row.err) {
				t.Errorf("ErrorOf returns %v, want %v", got, row.err)
			}
			if row.status == 500 && resp.Request.Response != first {
				t.Error("the chain of previous responses is lost")
			}
			if row.status != 500 && (resp.Header.Get("Content-Type") != "text/plain" || resp.Request.URL != req.URL) {
				t.Errorf("header %v, request %v", resp.Header, resp.Request)
			}
			if row.status == 500 && resp.Header.Get("Location") != "/c" {
				t.Errorf("the fields of the response are lost: %v", resp.Header)
			}
		})
	}
}

func TestErrorOf(t *testing.T) {
	if ErrorOf(nil) != nil || ErrorOf(&http.Response{}) != nil {
		t.Error("an error of nothing")
	}
	original := &http.Response{StatusCode: 302}
	cause := &heldError{original, "Redirected more times than allowed"}
	req, _ := http.NewRequest("GET", "http://example.com/a", nil)
	resp, err := ErrorResponses{}.Wrap(rttest.NewScript(t, rttest.Fail(fmt.Errorf("wrapped: %w", cause)))).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	var held ResponseError
	if !errors.As(ErrorOf(resp), &held) || held.HTTPResponse().StatusCode != 302 || resp.StatusCode != 500 {
		t.Errorf("the original status is lost: %v", ErrorOf(resp))
	}
	if original.StatusCode != 302 || original.Body != nil || original.Request != nil {
		t.Error("the response that the error holds was changed")
	}
}

func TestErrorResponsesRelative(t *testing.T) {
	for _, row := range []struct{ url, want, why string }{
		{"/rel?secret#secret", "Only absolute URIs are allowed. uri = /rel", "no query in an error"},
		{"//u:secret@host/", "Only absolute URIs are allowed. uri = //host/", "a scheme is missing"},
		{"http:///x", "Only absolute URIs are allowed. uri = http:///x", "a host is missing"},
	} {
		req, err := http.NewRequest("GET", row.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := ErrorResponses{}.Wrap(rttest.NewScript(t, rttest.Fail(errors.New("no host")))).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 400 || string(body) != row.want {
			t.Errorf("%s: %d %q, want %q: %s", row.url, resp.StatusCode, body, row.want, row.why)
		}
	}
}

func TestErrorResponsesCancellation(t *testing.T) {
	// Cancellation is the caller's own doing, whatever error comes of it.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := http.NewRequestWithContext(ctx, "GET", "http://example.com/", nil)
	script := rttest.NewScript(t)
	if resp, err := (ErrorResponses{}).Wrap(script).RoundTrip(req); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, %v; want the cancellation", resp, err)
	}
	script.Add(rttest.Respond("HTTP/1.1 204 No Content\n\n"))
	req = req.WithContext(t.Context())
	resp, err := (ErrorResponses{}).Wrap(script).RoundTrip(req)
	if err != nil || resp.StatusCode != 204 {
		t.Errorf("a response did not pass: %v, %v", resp, err)
	}
}

func TestErrorResponsesClientTimeout(t *testing.T) {
	hang := LayerFunc(func(http.RoundTripper) http.RoundTripper {
		return rttest.Func(func(req *http.Request) (*http.Response, error) {
			<-req.Context().Done()
			return nil, context.Cause(req.Context())
		})
	})
	client := Chain{ErrorResponses{}, hang}.Client(nil)
	client.Timeout = time.Millisecond
	resp, err := client.Get("http://example.com/")
	if err != nil {
		t.Fatalf("the client's own timeout came out as an error: %v", err)
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 408 || string(body) != "Request Timeout" || err != nil {
		t.Errorf("got %s %q, %v", resp.Status, body, err)
	}
}

func TestErrorResponsesHead(t *testing.T) {
	script := rttest.NewScript(t, rttest.Fail(errors.New("refused")))
	req, _ := http.NewRequest("HEAD", "http://example.com/", nil)
	resp, err := ErrorResponses{Base: script}.RoundTrip(req)
	if err != nil || resp.StatusCode != 400 || resp.Body != http.NoBody {
		t.Errorf("got %v, %v", resp, err)
	}
}
