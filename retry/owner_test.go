package retry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

// TestResponseOfBelow: what a recorder below has kept stays as it was, whatever is
// done about the response.
func TestResponseOfBelow(t *testing.T) {
	for _, row := range []struct {
		why    string
		t      *Transport
		method string
		hook   bool
	}{
		{"a download", &Transport{}, "GET", false},
		{"a body that is listened to", &Transport{NoResume: true}, "GET", true},
		{"a request that is followed", &Transport{}, "POST", false},
		{"a limit for each attempt", &Transport{AttemptTimeout: time.Minute}, "GET", false},
		{"a hedge", &Transport{Hedge: time.Minute}, "GET", false},
	} {
		synctest.Test(t, func(t *testing.T) {
			for _, request := range []bool{true, false} {
				var kept, before *http.Response
				base := roundTripper(func(req *http.Request) (*http.Response, error) {
					kept = response(t, "HTTP/1.1 200 OK\nEtag: \"a\"\nAccept-Ranges: bytes\nContent-Length: 4\n\nbody")
					if kept.Request = nil; request {
						kept.Request = req
					}
					b := *kept
					b.Header = kept.Header.Clone()
					before = &b
					return kept, nil
				})
				req := rttest.NewRequest(t, row.method, "http://example.com/", nil)
				if row.hook {
					req = req.WithContext(trace.WithHook(tracetest.Context(t, ".."), func(trace.Event) {}))
				}
				resp, err := row.t.Wrap(base).RoundTrip(req)
				if err != nil {
					t.Fatal(err)
				}
				if got := read(t, resp); got != "body" || resp.Request == nil {
					t.Errorf("%s: %q, request %v", row.why, got, resp.Request)
				}
				if kept.Body != before.Body || kept.Request != before.Request || !reflect.DeepEqual(kept.Header, before.Header) {
					t.Errorf("%s: the response of the layer below was changed", row.why)
				}
			}
		})
	}
}

// TestNotResumedIsHeard: a body that breaks and is not continued tells why.
func TestNotResumedIsHeard(t *testing.T) {
	for _, row := range []*struct {
		why, header, want string
		t                 Transport
		request           http.Header
	}{
		{"weak", "Etag: W/\"a\"\nAccept-Ranges: bytes\n", reasonNoValidator, Transport{}, nil},
		{"no ranges", "Etag: \"a\"\n", reasonNoRanges, Transport{}, nil},
		{"turned off", "Etag: \"a\"\nAccept-Ranges: bytes\n", reasonNoResume, Transport{NoResume: true}, nil},
		{"signed", "Etag: \"a\"\nAccept-Ranges: bytes\n", reasonSigned, Transport{}, http.Header{"Signature-Input": {"sig=()"}, "Signature": {"sig=::"}}},
		{"one-time", "Etag: \"a\"\nAccept-Ranges: bytes\n", reasonOneTime, Transport{}, http.Header{"Authorization": {"Digest nonce=\"n\""}}},
	} {
		var heard []string
		ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) { heard = append(heard, e.Action+": "+e.Reason) })
		req := rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx)
		maps.Copy(req.Header, row.request)
		resp, err := row.t.Wrap(rttest.NewScript(t, rttest.Respond("HTTP/1.1 200 OK\n"+row.header+"Content-Length: 9\n\nhalf"))).RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = io.ReadAll(resp.Body); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", row.why, err)
		}
		_ = resp.Body.Close()
		if want := "give up: the body cannot be continued: " + row.want; len(heard) != 2 || heard[1] != want {
			t.Errorf("%s: heard %q, want %q", row.why, heard, want)
		}
	}
}

// TestInterruptedNamesPhase: the error of the attempt that the caller's deadline
// ended is kept.
func TestInterruptedNamesPhase(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		n := 0
		base := roundTripper(func(req *http.Request) (*http.Response, error) {
			if n++; n == 1 {
				return nil, errReset
			}
			<-req.Context().Done()
			return nil, fmt.Errorf("transport: response header: %w", context.DeadlineExceeded)
		})
		_, err := (&Transport{Base: base}).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil).WithContext(ctx))
		if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "response header") || errors.Is(err, ErrExhausted) {
			t.Errorf("error %v", err)
		}
	})
}

// TestPrints: no exported type prints a secret, whatever the verb, and every
// exported type is looked at here.
func TestPrints(t *testing.T) {
	const secret = "hunter2"
	req := rttest.NewRequest(t, "GET", "http://joe:"+secret+"@example.com/?token="+secret, nil)
	req.Header.Set("Authorization", secret)
	resp := &http.Response{StatusCode: 503, Header: http.Header{"Set-Cookie": {secret}}, Body: http.NoBody, Request: req}
	budget, circuit := &Budget{}, &Circuit{}
	used := &Transport{Budget: budget, Breaker: circuit, Base: roundTripper(func(*http.Request) (*http.Response, error) { return resp, nil })}
	if _, err := used.RoundTrip(req); err != nil {
		t.Fatal(err)
	}
	values := map[string][]any{
		"Transport": {used, used.Wrap(used.Base)}, "Stats": {used.Stats()},
		"Attempt": {Attempt{Request: req, Response: resp, Err: errReset}},
		"Error":   {&Error{Attempts: 2, Err: errReset, Causes: []error{cause(Attempt{Response: resp}), errReset}}},
		"Budget":  {budget}, "Circuit": {circuit},
		"Breaker": nil, // an interface
	}
	rttest.Prints(t, secret, values)
}

// TestSignedBelow: a layer below that writes its credentials into the header it is
// given does not make of them the caller's, which would forbid to send again.
func TestSignedBelow(t *testing.T) {
	for _, row := range []struct{ name, value, why string }{
		{"Authorization", "AWS4-HMAC-SHA256 Credential=x", "it signs the Range of the next request too"},
		{"Authorization", `OAuth oauth_nonce="n", oauth_signature="s"`, "it makes a nonce for each request"},
		{"Dpop", "eyJ", "it makes a proof for each request"},
	} {
		head := "Etag: \"a\"\nAccept-Ranges: bytes\n"
		script := rttest.NewScript(t,
			rttest.Respond("HTTP/1.1 503 Service Unavailable\n\n"),
			rttest.Respond("HTTP/1.1 200 OK\n"+head+"Content-Length: 8\n\nhalf"),
			rttest.Respond("HTTP/1.1 206 Partial Content\n"+head+"Content-Range: bytes 4-7/8\nContent-Length: 4\n\nrest"))
		signing := roundTripper(func(req *http.Request) (*http.Response, error) {
			req.Header[row.name] = []string{row.value}
			return script.RoundTrip(req)
		})
		resp, err := (&Transport{Backoff: Constant(0)}).Wrap(signing).RoundTrip(rttest.NewRequest(t, "GET", "http://example.com/", nil))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(t, resp); got != "halfrest" {
			t.Errorf("%s: %s: got %q: %s", row.name, row.value, got, row.why)
		}
	}
}
