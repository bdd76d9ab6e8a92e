package redirects

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/internal/compare"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestHistory(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers(
		"301 Moved\nLocation: /1\n\none", "302 Found\nLocation: /2\n\n"+strings.Repeat("2", DefaultKeepBody+1), "303 See\nLocation: /3", "200 OK\n\nend",
	)...)
	resp, err := (&Transport{}).Wrap(script).RoundTrip(rttest.ReadRequest(t, "GET http://a.example/0"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var got []string
	for _, r := range History(resp) {
		body, err := io.ReadAll(r.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) || (err != nil) != (len(body) == DefaultKeepBody) {
			t.Errorf("%s: read %d bytes, error %v", r.Request.URL, len(body), err)
		}
		if err := r.Body.Close(); err != nil {
			t.Error(err)
		}
		got = append(got, r.Status+" "+r.Request.URL.Path+" "+string(body[:min(len(body), 3)]))
	}
	if diff := compare.Diff([]string{"301 Moved /0 one", "302 Found /1 222", "303 See /2 "}, got); diff != "" {
		t.Errorf("history mismatch (-want +got):\n%s", diff)
	}
	if p := Previous(resp); p == nil || p.StatusCode != 303 {
		t.Errorf("Previous: %v", p)
	}
	if Previous(nil) != nil || Previous(&http.Response{}) != nil || History(nil) != nil {
		t.Error("without a response there is no history")
	}
}

// A request that already follows a redirect keeps its past.
func TestHistoryContinues(t *testing.T) {
	script := rttest.NewScript(t, rttest.Answers("302 F\nLocation: /2", "200 OK")...)
	req := rttest.ReadRequest(t, "GET http://a.example/1")
	req.Response = &http.Response{StatusCode: 307, Request: rttest.ReadRequest(t, "GET http://a.example/0")}
	resp, err := (&Transport{}).Wrap(script).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if h := History(resp); len(h) != 2 || h[0].StatusCode != 307 || h[1].StatusCode != 302 {
		t.Errorf("history %v", h)
	}
	_ = resp.Body.Close()
}

// A layer below may answer with a request that is not the one it got.
func TestHistoryMended(t *testing.T) {
	other := rttest.ReadRequest(t, "GET http://c.example/")
	script := rttest.NewScript(t,
		rttest.Respond("HTTP/1.1 302 F\nLocation: /2\n\n"),
		rttest.Func(func(*http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, Request: other}, nil
		}))
	resp, err := (&Transport{}).Wrap(script).RoundTrip(rttest.ReadRequest(t, "GET http://a.example/1"))
	if err != nil {
		t.Fatal(err)
	}
	if h := History(resp); len(h) != 1 || h[0].StatusCode != 302 || resp.Body == nil {
		t.Errorf("history %v, body %v", h, resp.Body)
	}
	if other.Response != nil || resp.Request.URL.Host != "c.example" {
		t.Error("the layer's own request must be left alone")
	}
}
