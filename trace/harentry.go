package trace

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// The types of HAR 1.2, as far as a client knows what to put there.
type (
	harPair struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	harRequest struct {
		Method      string     `json:"method"`
		URL         string     `json:"url"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []struct{} `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		QueryString []harPair  `json:"queryString"`
		HeadersSize int64      `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harContent struct {
		Size     int64  `json:"size"`
		MimeType string `json:"mimeType"`
		Text     string `json:"text,omitempty"`
		Encoding string `json:"encoding,omitempty"`
	}
	harResponse struct {
		Status      int        `json:"status"`
		StatusText  string     `json:"statusText"`
		HTTPVersion string     `json:"httpVersion"`
		Cookies     []struct{} `json:"cookies"`
		Headers     []harPair  `json:"headers"`
		Content     harContent `json:"content"`
		RedirectURL string     `json:"redirectURL"`
		HeadersSize int64      `json:"headersSize"`
		BodySize    int64      `json:"bodySize"`
	}
	harEvent struct {
		Time   float64 `json:"time"`
		Layer  string  `json:"layer"`
		Action string  `json:"action"`
		Reason string  `json:"reason,omitempty"`
		Status int     `json:"status,omitempty"`
		Error  string  `json:"error,omitempty"`
		Detail string  `json:"detail,omitempty"`
	}
)

// harEntry is one request. Its lock guards everything below it.
type harEntry struct {
	har     *HAR
	start   time.Time
	timings harTimings

	mu       sync.Mutex
	Started  string
	Request  harRequest
	Response harResponse
	Events   []harEvent
	Error    string
	took     time.Duration
	ended    bool
	content  []byte
}

// maxEvents bounds what is held of one request.
const maxEvents = 1000

func (e *harEntry) hear(ev Event) {
	var detail []string
	for _, a := range ev.Attrs {
		detail = append(detail, a.String())
	}
	h := harEvent{
		Time: ms(ev.Time.Sub(e.start)), Layer: ev.Layer, Action: ev.Action, Reason: ev.Reason, Status: ev.Status,
		Detail: strings.Join(detail, " "),
	}
	if ev.Err != nil {
		h.Error = RedactError(ev.Err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.Events) < maxEvents {
		e.Events = append(e.Events, h)
	}
}

func (e *harEntry) answered(resp *http.Response) {
	e.timings.answered()
	e.mu.Lock()
	defer e.mu.Unlock()
	_, reason, _ := strings.Cut(resp.Status, " ")
	e.Response = harResponse{
		Status: resp.StatusCode, StatusText: reason, HTTPVersion: resp.Proto, Cookies: []struct{}{},
		Headers: pairs(resp.Header, e.har.Reveal), HeadersSize: -1, BodySize: -1,
		Content: harContent{MimeType: resp.Header.Get("Content-Type")},
	}
	e.Request.HTTPVersion = resp.Proto
	if loc, err := resp.Location(); err == nil {
		e.Response.RedirectURL = e.har.url(loc)
	}
}

func (e *harEntry) keep(p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if room := e.har.MaxBody - int64(len(e.content)); room > 0 {
		e.content = append(e.content, p[:min(int64(len(p)), room)]...)
	}
}

func (e *harEntry) end(n int64, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.took, e.ended = time.Since(e.start), true
	e.timings.end()
	e.Response.Content.Size = n
	if err != nil {
		e.Error = RedactError(err)
	}
}

func (e *harEntry) marshal() ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	took := e.took
	if !e.ended {
		took = time.Since(e.start)
	}
	resp := e.Response
	resp.Content.Text, resp.Content.Encoding = text(e.content)
	return json.Marshal(struct {
		Started  string      `json:"startedDateTime"`
		Time     float64     `json:"time"`
		Request  harRequest  `json:"request"`
		Response harResponse `json:"response"`
		Cache    struct{}    `json:"cache"`
		Timings  harPhases   `json:"timings"`
		Events   []harEvent  `json:"_events,omitempty"`
		Error    string      `json:"_error,omitempty"`
	}{e.Started, ms(took), e.Request, resp, struct{}{}, e.timings.phases(e.start, e.start.Add(took)), e.Events, e.Error})
}

// request describes req.
func (h *HAR) request(req *http.Request) harRequest {
	r := harRequest{
		Method: roundtrip.Method(req), URL: h.url(req.URL), HTTPVersion: "HTTP/1.1", Cookies: []struct{}{},
		Headers: pairs(req.Header, h.Reveal), QueryString: []harPair{}, HeadersSize: -1, BodySize: req.ContentLength,
	}
	if req.URL != nil {
		for name, vs := range req.URL.Query() {
			for _, v := range vs {
				r.QueryString = append(r.QueryString, harPair{name, h.queryValue(name, v)})
			}
		}
		sortPairs(r.QueryString)
	}
	return r
}

// url returns u with its query values hidden and without user information and
// fragment.
func (h *HAR) url(u *url.URL) string {
	if u == nil || u.RawQuery == "" {
		return Redact(u)
	}
	q := u.Query()
	for name, vs := range q {
		for i, v := range vs {
			vs[i] = h.queryValue(name, v)
		}
	}
	return Redact(u) + "?" + q.Encode()
}

func (h *HAR) queryValue(name, v string) string {
	if h.RevealQuery != nil && h.RevealQuery(name) {
		return v
	}
	return hidden
}

func pairs(h http.Header, reveal func(string) bool) []harPair {
	all := make([]harPair, 0, len(h))
	for name, vs := range h {
		for _, v := range values(name, vs, reveal) {
			all = append(all, harPair{name, v})
		}
	}
	sortPairs(all)
	return all
}

func sortPairs(p []harPair) {
	slices.SortStableFunc(p, func(a, b harPair) int { return strings.Compare(a.Name, b.Name) })
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
