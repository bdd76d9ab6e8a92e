package lostupdate

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

// Every way out closes the body of the request, once.
func TestBodyClosed(t *testing.T) {
	weak := rttest.Respond("HTTP/1.1 200 OK\nETag: W/\"a\"\nLast-Modified: " + now + "\nDate: " + now + "\n\n")
	strong := rttest.Respond("HTTP/1.1 200 OK\nETag: \"a\"\n\n")
	other := rttest.Respond("HTTP/1.1 200 OK\nETag: \"b\"\n\n")
	none := rttest.Respond("HTTP/1.1 204 Done\n\n")
	required := rttest.Respond("HTTP/1.1 428 Required\n\n")
	for _, tt := range []struct {
		name      string
		transport *Transport
		steps     []rttest.Step
		stream    bool
		err       error
	}{
		{"cancelled while waiting", &Transport{}, []rttest.Step{weak, weak}, false, context.DeadlineExceeded},
		{"HEAD and GET fail", &Transport{Verify: true}, []rttest.Step{strong, rttest.Fail(io.EOF), rttest.Fail(io.ErrUnexpectedEOF)}, false, io.ErrUnexpectedEOF},
		{"changed", &Transport{Verify: true}, []rttest.Step{strong, other, other}, false, nil},
		{"refused", &Transport{Unsure: Refuse}, []rttest.Step{weak}, false, ErrUnsure},
		{"HEAD and GET fail after 428", &Transport{Required: true}, []rttest.Step{none, required, rttest.Fail(io.EOF), rttest.Fail(io.ErrUnexpectedEOF)}, false, io.ErrUnexpectedEOF},
		{"428 with a body that cannot be sent again", &Transport{Required: true}, []rttest.Step{none, required}, true, nil},
		{"428 answered, then an error", &Transport{Required: true}, []rttest.Step{none, required, strong, rttest.Fail(io.ErrUnexpectedEOF)}, false, io.ErrUnexpectedEOF},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				rt := tt.transport.Wrap(rttest.NewScript(t, tt.steps...))
				resp, err := rt.RoundTrip(rttest.ReadRequest(t, "GET /x"))
				if err != nil {
					t.Fatal(err)
				}
				_ = resp.Body.Close()
				req := rttest.ReadRequest(t, "PUT /x\n\ntwo").WithContext(ctx)
				closed := 0
				req.Body = closeBody{req.Body, &closed}
				if tt.stream {
					req.GetBody = nil
				}
				resp, err = rt.RoundTrip(req)
				if !errors.Is(err, tt.err) || (err == nil) != (tt.err == nil) {
					t.Errorf("error %v, want %v", err, tt.err)
				}
				if err == nil {
					_ = resp.Body.Close()
				}
				if closed != 1 {
					t.Errorf("body closed %d times", closed)
				}
			})
		})
	}
}

type closeBody struct {
	io.ReadCloser
	n *int
}

func (b closeBody) Close() error {
	*b.n++
	return b.ReadCloser.Close()
}

// The sum is that of what was sent, also if a layer below had to send it again.
func TestSumOfReplay(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers("200 OK\nETag: \"a\"", "503 No", "204 Done", "200 OK\nETag: \"b\"\n\ntwo", "204 Done")...)
	twice := rttest.Func(func(req *http.Request) (*http.Response, error) {
		resp, err := script.RoundTrip(req)
		if err != nil || resp.StatusCode != 503 {
			return resp, err
		}
		roundtrip.Discard(resp)
		if req, err = roundtrip.Rewind(req); err != nil {
			return nil, err
		}
		return script.RoundTrip(req)
	})
	tr := &Transport{Unsure: Fetch}
	resp, err := conflictOf(t, tr, twice)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp, err = tr.Wrap(twice).RoundTrip(rttest.ReadRequest(t, "PUT /x\n\nthree")); err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
}
