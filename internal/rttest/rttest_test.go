package rttest

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// through is the smallest layer that keeps the contract.
type through struct {
	Base http.RoundTripper
	do   func(*http.Request, http.RoundTripper) (*http.Response, error)
}

func (l *through) RoundTrip(req *http.Request) (*http.Response, error) {
	return l.Wrap(roundtrip.Next(l, l.Base)).RoundTrip(req)
}

func (l *through) Wrap(next http.RoundTripper) http.RoundTripper {
	return &throughBound{l, roundtrip.Or(next)}
}

func (l *through) CloseIdleConnections() { roundtrip.CloseIdle(roundtrip.Next(l, l.Base)) }

type throughBound struct {
	l    *through
	next http.RoundTripper
}

func (b *throughBound) RoundTrip(req *http.Request) (*http.Response, error) {
	if b.l.do != nil {
		return b.l.do(req, b.next)
	}
	return b.next.RoundTrip(req)
}

func (b *throughBound) CloseIdleConnections() {
	if c, ok := b.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func TestContractOfAPassThrough(t *testing.T) {
	Contract(t, func() Layer { return new(through) })
}

// broken are layers that each break one clause, by the clause that must notice.
var broken = map[string]func(*http.Request, http.RoundTripper) (*http.Response, error){
	"a_plain_GET_stays_as_it_was": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req = req.Clone(req.Context())
		req.Header.Set("X-Added", "1")
		return next.RoundTrip(req)
	},
	"the_caller's_request_is_not_modified": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		req.Header.Set("X-Added", "1")
		return next.RoundTrip(req)
	},
	"the_request_body_is_closed_exactly_once": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		if req.Body != nil {
			defer func() { _ = req.Body.Close() }()
		}
		return next.RoundTrip(req)
	},
	"responses_that_are_dropped_are_closed": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode == 503 {
			return next.RoundTrip(req)
		}
		return resp, err
	},
	"exactly_one_of_response_and_error": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode == 412 {
			err = errors.New("conflict")
		}
		return resp, err
	},
	"cancellation_is_prompt_and_keeps_its_cause": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			time.Sleep(time.Second)
			return nil, errors.New("failed")
		}
		return resp, err
	},
	"cancellation_while_the_body_is_read": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(req.Context()), time.Hour)
		time.AfterFunc(2*time.Hour, cancel)
		return next.RoundTrip(req.WithContext(ctx))
	},
	"the_body_streams": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil {
			var all []byte
			all, _ = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			resp.Body = io.NopCloser(strings.NewReader(string(all)))
		}
		return resp, err
	},
	"errors_tell_no_secrets": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, errors.New("cannot get " + req.URL.String())
		}
		return resp, nil
	},
	"timeouts_stay_timeouts": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil {
			return nil, errors.Join(err)
		}
		return resp, nil
	},
	"the_response_of_the_layer_below_is_not_changed": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil {
			resp.Header.Set("Cache-Status", "mine")
		}
		return resp, err
	},
	"a_request_is_asked_before_it_is_handed_down": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err == nil && resp.StatusCode == 503 && req.Body == nil {
			_ = resp.Body.Close()
			return next.RoundTrip(req)
		}
		return resp, err
	},
	"the_caller's_deadline_holds_for_every_request": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.WithoutCancel(req.Context())))
	},
	"a_permanent_error_is_not_repeated": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(req)
		if err != nil && req.Body == nil {
			return next.RoundTrip(req)
		}
		return resp, err
	},
	"odd_requests_do_not_panic": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		_ = req.URL.Host
		return next.RoundTrip(req)
	},
	"httptrace_hooks_of_the_caller_are_called": func(req *http.Request, next http.RoundTripper) (*http.Response, error) {
		return next.RoundTrip(req.WithContext(context.Background()))
	},
}

// TestContractNotices runs each broken layer in a process of its own and wants
// the contract to fail at the clause it breaks.
func TestContractNotices(t *testing.T) {
	if clause := os.Getenv("RTTEST_BROKEN"); clause != "" {
		Contract(t, func() Layer { return &through{do: broken[clause]} })
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for clause := range broken {
		t.Run(clause, func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), exe, "-test.run=^TestContractNotices$/^"+regexp.QuoteMeta(clause)+"$", "-test.timeout=60s")
			cmd.Env = append(os.Environ(), "RTTEST_BROKEN="+clause)
			out, err := cmd.CombinedOutput()
			if err == nil {
				t.Errorf("the contract passes a layer that breaks it")
			}
			if !strings.Contains(string(out), clause) && !strings.Contains(string(out), "rttest.contract.odd") {
				t.Errorf("not noticed at its clause:\n%s", out)
			}
		})
	}
}

func TestScript(t *testing.T) {
	s := NewScript(t,
		Respond("HTTP/1.1 200 OK\nX: 1\n\nbody"),
		Fail(io.ErrUnexpectedEOF),
		Respond("HTTP/1.1 200 OK\nContent-Length: 9\n\nshort"))
	req, _ := http.NewRequest("PUT", "http://example.com/a", strings.NewReader("payload"))
	resp, err := s.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || string(body) != "body" || resp.Header.Get("X") != "1" || resp.ContentLength != 4 {
		t.Errorf("got %q, %v, %v", body, resp.Header, err)
	}
	_ = resp.Body.Close()
	if _, err := s.RoundTrip(req); err != io.ErrUnexpectedEOF {
		t.Errorf("got error %v", err)
	}
	resp, err = s.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err != io.ErrUnexpectedEOF {
		t.Errorf("a short body ends with %v, want io.ErrUnexpectedEOF", err)
	}
	_ = resp.Body.Close()
	if got := s.Requests(); len(got) != 3 || got[0].Body != "payload" || got[0].Method != "PUT" {
		t.Errorf("recorded %+v", got)
	}
}
