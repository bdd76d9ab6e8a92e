package redirects

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
	"github.com/tripper-go/tripper/internal/tracetest"
	"github.com/tripper-go/tripper/trace"
)

func TestContract(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer { return &Transport{} })
}

func TestContractAllOn(t *testing.T) {
	rttest.Contract(t, func() rttest.Layer {
		return &Transport{Unsafe: true, ForwardAuthorization: Everywhere, Downgrade: true, Policy: And(), KeepBody: -1}
	})
}

type readCloser = io.ReadCloser

type countClose struct {
	readCloser
	n *int
}

func (c countClose) Close() error {
	*c.n++
	return c.readCloser.Close()
}

// Nothing is sent after the caller has gone.
func TestCancelBetweenHops(t *testing.T) {
	cause := errors.New("the caller's own cause")
	ctx, cancel := context.WithCancelCause(t.Context())
	n := 0
	base := rttest.Func(func(req *http.Request) (*http.Response, error) {
		n++
		cancel(cause)
		return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/x"}}, Body: http.NoBody}, nil
	})
	_, err := (&Transport{}).Wrap(base).RoundTrip(rttest.ReadRequest(t, "GET http://a.example/").WithContext(ctx)) //nolint:bodyclose // there is none
	if !errors.Is(err, cause) || n != 1 {
		t.Errorf("error %v after %d requests", err, n)
	}
}

// A silent body of a redirect does not hold the caller up.
func TestSilentRedirectBody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, w := io.Pipe()
		defer func() { _ = w.Close() }()
		n := 0
		base := rttest.Func(func(req *http.Request) (*http.Response, error) {
			if n++; n > 1 {
				return &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody}, nil
			}
			return &http.Response{StatusCode: 302, Header: http.Header{"Location": {"/x"}}, Body: r, ContentLength: 5}, nil
		})
		start := time.Now()
		resp, err := (&Transport{}).Wrap(base).RoundTrip(rttest.ReadRequest(t, "GET http://a.example/"))
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("followed after %v", d)
		}
		if body, err := io.ReadAll(Previous(resp).Body); len(body) != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("body %q, error %v", body, err)
		}
	})
}

func TestTrace(t *testing.T) {
	var got []string
	ctx := trace.WithHook(tracetest.Context(t, ".."), func(e trace.Event) {
		if e.Layer != "redirects" {
			t.Errorf("layer %q", e.Layer)
		}
		got = append(got, strings.TrimPrefix(e.String(), "redirects: "))
	})
	run := func(tr *Transport, request string, answers ...string) {
		t.Helper()
		script := rttest.NewScript(t, rttest.Answers(answers...)...)
		resp, err := tr.Wrap(script).RoundTrip(rttest.ReadRequest(t, request).WithContext(ctx))
		if err == nil {
			_ = resp.Body.Close()
		}
	}
	run(&Transport{}, "GET http://a.example/\nAuthorization: Basic secret\nX-Api-Key: secret",
		"302 F\nLocation: http://u:secret@b.example/x?secret#secret\nSet-Cookie: secret=1", "302 F\nLocation: ftp://secret/")
	run(&Transport{}, "POST http://a.example/\n\nx", "302 F\nLocation: /x")
	run(&Transport{}, "GET http://a.example/", "302 F")
	run(&Transport{Max: -1}, "GET http://a.example/", "302 F\nLocation: /x")
	want := []string{
		"drop (cookies of a redirect, and no Jar) cookies=1",
		"follow (Found) next=GET to=http://b.example/x without=Authorization X-Api-Key",
		"fail hop=1: redirect to a scheme that is neither http nor https: ftp",
		"stop (method POST is not safe)",
		"fail: redirect without a usable Location",
		"stop (redirects are not followed)",
	}
	if diff := compare.Diff(want, got); diff != "" {
		t.Errorf("events mismatch (-want +got):\n%s", diff)
	}
}

func TestFollowsRedirects(t *testing.T) {
	var l any = &Transport{Max: -1}
	if f, ok := l.(interface{ FollowsRedirects() bool }); !ok || !f.FollowsRedirects() {
		t.Error("tripper.Chain would let http.Client follow")
	}
}

// Without a redirect the layer costs nothing.
func TestAllocs(t *testing.T) {
	resp := &http.Response{StatusCode: 200, Header: http.Header{}, Body: http.NoBody, Request: &http.Request{}}
	rt := (&Transport{}).Wrap(rttest.Func(func(*http.Request) (*http.Response, error) { return resp, nil }))
	req := rttest.ReadRequest(t, "GET http://a.example/")
	if n := testing.AllocsPerRun(100, func() {
		_, _ = rt.RoundTrip(req) //nolint:bodyclose // http.NoBody
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestWithMax(t *testing.T) {
	for _, tt := range []struct {
		max, want int
		why       string
	}{
		{-1, 302, "none is followed"},
		{0, 0, "httplib2's redirections=0: the first redirect is one too many"},
		{1, 0, "one is not enough"},
		{2, 200, "two are"},
	} {
		answers := rttest.Answers("302 F\nLocation: /1", "302 F\nLocation: /2", "200 OK")
		n := map[int]int{-1: 1, 0: 1, 1: 2, 2: 3}[tt.max]
		script := rttest.NewScript(t, answers[:n]...)
		req := rttest.ReadRequest(t, "GET http://a.example/")
		resp, err := (&Transport{Max: 9}).Wrap(script).RoundTrip(req.WithContext(WithMax(t.Context(), tt.max)))
		if tt.want == 0 {
			if !errors.Is(err, ErrLimit) {
				t.Errorf("%d: error %v, want ErrLimit: %s", tt.max, err, tt.why)
			}
			continue
		}
		if err != nil || resp.StatusCode != tt.want {
			t.Fatalf("%d: %v, %v: %s", tt.max, resp, err, tt.why)
		}
		_ = resp.Body.Close()
	}
}
