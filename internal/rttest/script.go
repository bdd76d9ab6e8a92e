// Package rttest tests RoundTrippers: a scripted one that answers in order and
// records what it was asked, and the contract that every layer keeps.
package rttest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// A Step answers one request. By itself it is a RoundTripper that answers all requests.
type Step func(*http.Request) (*http.Response, error)

// RoundTrip implements [http.RoundTripper].
func (s Step) RoundTrip(req *http.Request) (*http.Response, error) { return s(req) }

// Respond returns a Step that answers with a response written as on the wire,
// but with line feeds alone:
//
//	rttest.Respond("HTTP/1.1 200 OK\nETag: \"a\"\n\nbody")
//
// Without a Content-Length the length of the body is that of the text, except in
// answers to HEAD and those that have no content. The body must be closed by
// the end of the test.
func Respond(wire string) Step {
	return func(req *http.Request) (*http.Response, error) { return parse(req, wire) }
}

// Answers returns a Step for each response, written as for [Respond], but without the
// HTTP version, and without the blank line at the end of the head if there is no body:
//
//	rttest.Answers("302 Found\nLocation: /b", "200 OK\n\nbody")
func Answers(responses ...string) []Step {
	steps := make([]Step, len(responses))
	for i, wire := range responses {
		if !strings.Contains(wire, "\n\n") {
			wire += "\n\n"
		}
		steps[i] = Respond("HTTP/1.1 " + wire)
	}
	return steps
}

// Fail returns a Step that fails with err.
func Fail(err error) Step {
	return func(*http.Request) (*http.Response, error) { return nil, err }
}

// Func returns f as a Step.
func Func(f func(*http.Request) (*http.Response, error)) Step { return f }

// Recorded is a request as a [Script] received it, with its body read.
type Recorded struct {
	Method string
	URL    string
	Host   string
	Header http.Header
	Body   string
	// Request is the request itself; its body has been read and closed.
	Request *http.Request
}

// Script is a RoundTripper that answers its steps in order. It keeps the
// contract of [http.RoundTripper] itself: it reads and closes request bodies and
// obeys the context of a request that is already done. It is safe for concurrent
// use; then which request gets which step is left to chance.
type Script struct {
	t     testing.TB
	mu    sync.Mutex
	steps []Step
	seen  []Recorded
	open  map[*trackedBody]string
	idle  int
}

// NewScript returns a Script with the given steps. At the end of the test it
// fails t if a step was left over or a response body was not closed.
func NewScript(t testing.TB, steps ...Step) *Script {
	t.Helper()
	s := &Script{t: t, steps: steps, open: make(map[*trackedBody]string)}
	t.Cleanup(s.check)
	return s
}

// Repeat returns n copies of step.
func Repeat(n int, step Step) []Step {
	steps := make([]Step, n)
	for i := range steps {
		steps[i] = step
	}
	return steps
}

// RoundTrip implements [http.RoundTripper].
func (s *Script) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		body, err = io.ReadAll(req.Body)
		_ = req.Body.Close()
		if err != nil {
			return nil, err
		}
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	r := Recorded{Method: req.Method, Host: req.Host, Header: req.Header.Clone(), Body: string(body), Request: req}
	if req.URL != nil {
		r.URL = req.URL.String()
	}
	s.mu.Lock()
	s.seen = append(s.seen, r)
	if len(s.steps) == 0 {
		s.mu.Unlock()
		s.t.Errorf("rttest: unexpected request %d: %s %s", len(s.seen), r.Method, r.URL)
		return nil, fmt.Errorf("rttest: no step left for %s", r.Method)
	}
	step := s.steps[0]
	s.steps = s.steps[1:]
	s.mu.Unlock()

	resp, err := step(req)
	if resp != nil {
		if resp.Request == nil {
			resp.Request = req
		}
		s.track(resp, r)
	}
	return resp, err
}

// CloseIdleConnections counts its calls; see [Script.IdleCloses].
func (s *Script) CloseIdleConnections() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle++
}

// IdleCloses returns how often CloseIdleConnections was called.
func (s *Script) IdleCloses() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.idle
}

// Add appends steps.
func (s *Script) Add(steps ...Step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps = append(s.steps, steps...)
}

// Requests returns what was received so far.
func (s *Script) Requests() []Recorded {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Recorded(nil), s.seen...)
}

func (s *Script) track(resp *http.Response, r Recorded) {
	if resp.Body == nil || resp.Body == http.NoBody {
		resp.Body = http.NoBody
		return
	}
	b := &trackedBody{ReadCloser: resp.Body, script: s}
	s.mu.Lock()
	s.open[b] = fmt.Sprintf("%s %s (%d)", r.Method, r.URL, resp.StatusCode)
	s.mu.Unlock()
	resp.Body = b
}

func (s *Script) check() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.steps) > 0 {
		s.t.Errorf("rttest: %d steps left over after %d requests", len(s.steps), len(s.seen))
	}
	for _, what := range s.open {
		s.t.Errorf("rttest: response body not closed: %s", what)
	}
}

type trackedBody struct {
	io.ReadCloser
	script *Script
}

func (b *trackedBody) Close() error {
	b.script.mu.Lock()
	delete(b.script.open, b)
	b.script.mu.Unlock()
	return b.ReadCloser.Close()
}

// parse reads a response from text. It does not use http.ReadResponse for the
// body, so that tests may claim lengths that are not true.
func parse(req *http.Request, wire string) (*http.Response, error) {
	head, body, _ := strings.Cut(wire, "\n\n")
	head = strings.ReplaceAll(head, "\n", "\r\n") + "\r\n\r\n"
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), &http.Request{Method: http.MethodHead})
	if err != nil {
		return nil, fmt.Errorf("rttest: bad script: %w", err)
	}
	resp.Request = req
	switch {
	case req.Method == http.MethodHead || resp.StatusCode == 204 || resp.StatusCode == 304:
		resp.Body = http.NoBody
		return resp, nil
	case resp.Header.Get("Content-Length") != "":
		if int64(len(body)) < resp.ContentLength {
			resp.Body = io.NopCloser(io.MultiReader(strings.NewReader(body), errReader{io.ErrUnexpectedEOF}))
			return resp, nil
		}
	case len(resp.TransferEncoding) > 0:
		resp.ContentLength = -1
	default:
		resp.ContentLength = int64(len(body))
	}
	resp.Body = io.NopCloser(bytes.NewReader([]byte(body)))
	return resp, nil
}

type errReader struct{ err error }

func (r errReader) Read([]byte) (int, error) { return 0, r.err }
