package conformance

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"time"
)

// DefaultPause is how long a [Runner] waits where a case asks for a pause.
const DefaultPause = 3 * time.Second

// A Runner is the suite's client. A Runner may run several cases at once.
type Runner struct {
	// Client is the cache under test. It sends to Origin, directly or through
	// sockets.
	Client http.RoundTripper

	// Origin is what Client sends to.
	Origin *Origin

	// BaseURL is what the URLs of the cases begin with. If empty,
	// "http://origin.test" is used.
	BaseURL string

	// Pause is how long to wait where a case asks for a pause. If zero,
	// [DefaultPause] is used.
	Pause time.Duration
}

// A Verdict is the result of a case by itself, whatever the cases that it depends on. The
// zero value means that all expectations held.
type Verdict struct {
	// Problem is the expectation that did not hold, or empty.
	Problem string
	// Setup is set if the case could not be tried: an expectation failed that is
	// only there to prepare it.
	Setup bool
	// Retry is set if the origin saw a request twice.
	Retry bool
}

// response is a response as the client has received it.
type response struct {
	status  int
	header  http.Header
	body    string
	interim []interim
}

// Case runs c and returns the verdict.
func (r *Runner) Case(ctx context.Context, c Case) Verdict {
	token := r.Origin.register(c)
	x := &exchange{token: token, requests: c.Requests}
	for i := range c.Requests {
		resp, err := r.send(ctx, x, i)
		if err != nil {
			return Verdict{Problem: fmt.Sprintf("response %d: %v", i+1, err)}
		}
		x.responses = append(x.responses, resp)
		if v := x.checkResponse(i); v.Problem != "" {
			return v
		}
		if c.Requests[i].PauseAfter {
			time.Sleep(cmp.Or(r.Pause, DefaultPause))
		}
	}
	return x.checkServer(r.Origin.seen(token))
}

// send sends request i. An error of the cache is a response of status 502, as a proxy
// would send; send fails only if a body ends too early.
func (r *Runner) send(ctx context.Context, x *exchange, i int) (response, error) {
	config := &x.requests[i]
	var got response
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			got.interim = append(got.interim, interim{Code: code, Fields: fieldsOf(h)})
			return nil
		},
	})
	req, err := r.request(ctx, x, i)
	if err != nil {
		return got, err
	}
	resp, err := r.Client.RoundTrip(req)
	if err != nil {
		got.status, got.header = http.StatusBadGateway, http.Header{}
		return got, nil //nolint:nilerr // it is the answer
	}
	got.status, got.header = resp.StatusCode, resp.Header
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil && (config.CheckBody == nil || *config.CheckBody) {
		return got, fmt.Errorf("body: %w", err)
	}
	got.body = string(body)
	return got, nil
}

func (r *Runner) request(ctx context.Context, x *exchange, i int) (*http.Request, error) {
	config := &x.requests[i]
	url := cmp.Or(r.BaseURL, "http://origin.test") + "/test/" + x.token
	if config.Filename != "" {
		url += "/" + config.Filename
	}
	if config.QueryArg != "" {
		url += "?" + config.QueryArg
	}
	var body io.Reader
	if config.Body != "" {
		body = strings.NewReader(config.Body)
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(config.Method, http.MethodGet), url, body)
	if err != nil {
		return nil, err
	}
	// The first two are there so that the client's own defaults stay out. Fetch
	// in the mode no-cache sends max-age=0 instead.
	lines := []sentField{{"Pragma", "foo"}, {"Cache-Control", "nothing-to-see-here"}}
	if config.Cache == "no-cache" {
		lines = []sentField{{"Cache-Control", "max-age=0"}}
	}
	for _, f := range config.Headers {
		lines = append(lines, sentField{f.Name, fixup(f, config, x.clock(i), "")})
	}
	lines = append(lines, sentField{"Test-ID", x.token}, sentField{"Req-Num", strconv.Itoa(i + 1)})
	for _, l := range lines {
		name := http.CanonicalHeaderKey(l.name)
		if old := req.Header.Get(name); old != "" {
			l.value = old + ", " + l.value // fetch sends one line of a name
		}
		req.Header[name] = []string{l.value}
	}
	if req.Header.Get("User-Agent") == "" {
		req.Header.Set("User-Agent", "conformance")
	}
	return req, nil
}

// clock returns what dates in request i are relative to.
func (x *exchange) clock(i int) time.Time {
	if x.requests[i].MagicIMS && i > 0 {
		if ms, err := strconv.ParseInt(x.responses[i-1].header.Get("Server-Now"), 10, 64); err == nil {
			return time.UnixMilli(ms)
		}
	}
	return time.Now()
}

func fieldsOf(h textproto.MIMEHeader) []field {
	var fields []field
	for name, values := range h {
		for _, v := range values {
			fields = append(fields, field{Name: name, Value: v})
		}
	}
	slices.SortFunc(fields, func(a, b field) int { return cmp.Compare(a.Name, b.Name) })
	return fields
}
