package lostupdate

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

// conflictOf gets and puts, with what lies below.
func conflictOf(t *testing.T, tr *Transport, base http.RoundTripper) (*http.Response, error) {
	t.Helper()
	rt := tr.Wrap(base)
	resp, err := rt.RoundTrip(rttest.ReadRequest(t, "GET /x"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	return rt.RoundTrip(rttest.ReadRequest(t, "PUT /x\n\ntwo"))
}

func TestConflict(t *testing.T) {
	answers := []string{"200 OK\nETag: \"a\"", "412 Precondition Failed\n\nno"}
	resp, err := conflictOf(t, &Transport{}, rttest.NewScript(t, rttest.Answers(answers...)...))
	if err != nil {
		t.Fatal(err)
	}
	if c := Conflict(resp); c == nil || c.Sent != `"a"` || c.Field != "If-Match" || c.Ambiguous || c.Local || c.Response != resp {
		t.Errorf("conflict %+v", c)
	}
	_ = resp.Body.Close()
	if Conflict(nil) != nil || Conflict(&http.Response{}) != nil {
		t.Error("no response, no conflict")
	}

	_, err = conflictOf(t, &Transport{ConflictErrors: true}, rttest.NewScript(t, rttest.Answers(answers...)...)) //nolint:bodyclose // there is none
	var c *ConflictError
	if !errors.As(err, &c) || c.Sent != `"a"` || c.HTTPResponse().StatusCode != 412 || c.Reason() == "" {
		t.Fatalf("error %v", err)
	}
	if body, err := io.ReadAll(c.Response.Body); string(body) != "no" || err != nil {
		t.Errorf("body %q, %v", body, err)
	}
	if strings.Contains(err.Error(), "example") || !strings.HasPrefix(err.Error(), "lostupdate: conflict: ") {
		t.Errorf("text %q", err)
	}
}

// A layer below that sends twice makes a 412 ambiguous.
func TestAmbiguous(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers("200 OK\nETag: \"a\"", "503 Later", "412 Precondition Failed", "412 Precondition Failed")...)
	retry := rttest.Func(func(req *http.Request) (*http.Response, error) {
		for {
			roundtrip.CountAttempt(req.Context())
			resp, err := script.RoundTrip(req)
			if err != nil || resp.StatusCode != 503 {
				return resp, err
			}
			roundtrip.Discard(resp)
			if req, err = roundtrip.Rewind(req); err != nil {
				return nil, err
			}
		}
	})
	tr := &Transport{}
	resp, err := conflictOf(t, tr, retry)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if c := Conflict(resp); c == nil || !c.Ambiguous || !strings.Contains(c.Error(), "earlier try") || !strings.Contains(c.Reason(), "earlier try") {
		t.Errorf("conflict %+v", c)
	}
	resp, err = tr.Wrap(script).RoundTrip(rttest.ReadRequest(t, "PUT /x\n\ntwo"))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if c := Conflict(resp); c == nil || !c.Ambiguous {
		t.Errorf("the user saves again: conflict %+v", c)
	}
}

// So does a write that failed without an answer, or with a 5xx.
func TestUncertain(t *testing.T) {
	for name, first := range map[string]rttest.Step{
		"an error": rttest.Fail(io.ErrUnexpectedEOF), "a 502": rttest.Respond("HTTP/1.1 502 Bad Gateway\n\n"),
	} {
		script := rttest.NewScript(t, rttest.Respond("HTTP/1.1 200 OK\nETag: \"a\"\n\n"), first, rttest.Respond("HTTP/1.1 412 Precondition Failed\n\n"))
		tr := &Transport{}
		resp, err := conflictOf(t, tr, script)
		if err == nil {
			_ = resp.Body.Close()
		}
		resp, err = tr.Wrap(script).RoundTrip(rttest.ReadRequest(t, "PUT /x\n\ntwo"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if c := Conflict(resp); c == nil || !c.Ambiguous {
			t.Errorf("%s: conflict %+v", name, c)
		}
	}
}
