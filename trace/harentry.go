package trace

import (
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// A harEntry is one request through a HAR, or one exchange that [Wire] has told of.
type harEntry struct {
	har *HAR
	x   *exchange // what the HAR itself has seen of the request, nil for an exchange

	mu       sync.Mutex // guards the fields below
	request  harRequest
	response harResponse
	events   []harEvent
	content  []byte
	// wire is the exchange, or the last one of the last hop of the request.
	wire *Exchange
	// shown is true if exchanges of the request are entries.
	shown bool
	// hop is the last hop, cached whether a cache has answered it.
	hop    int
	cached bool
}

// maxEvents bounds what is held of one request.
const maxEvents = 1000

// hear takes an event of the layers below.
func (e *harEntry) hear(ev Event) {
	x := ev.Exchange
	show := e.har.Exchanges && x.headed() && x.Ended
	if show {
		e.har.show(x)
	}
	h := harEvent{
		Time: ms(ev.Time.Sub(e.x.Start)), Hop: ev.Hop, Attempt: ev.Attempt, Background: ev.Background,
		Layer: ev.Layer, Action: ev.Action, Reason: ev.Reason, Status: ev.Status, Detail: joined(ev.Attrs),
	}
	if ev.Err != nil {
		h.Error = RedactError(ev.Err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.events) < maxEvents {
		e.events = append(e.events, h)
	}
	if ev.Background {
		return
	}
	e.shown = e.shown || show
	if ev.Hop > e.hop {
		e.hop, e.cached, e.wire = ev.Hop, false, nil
	}
	if x != nil {
		e.wire = x.bare()
	}
	// That is what caching tells of a stored response that it returns.
	e.cached = e.cached || ev.Layer == "caching" && (ev.Action == "hit" || ev.Action == "stale")
}

func joined(attrs []slog.Attr) string {
	all := make([]string, 0, len(attrs))
	for _, a := range attrs {
		all = append(all, a.String())
	}
	return strings.Join(all, " ")
}

// bare returns x without the messages.
func (x *Exchange) bare() *Exchange {
	b := *x
	b.heads = nil
	return &b
}

// show makes an entry of x.
func (h *HAR) show(x *Exchange) {
	e := &harEntry{har: h, wire: x.bare(), request: h.request(x.heads.request), response: h.response(x.heads.response)}
	if len(x.heads.sent) > 0 {
		e.request.Headers = pairs(x.heads.sent, h.Reveal)
	}
	h.hold(e)
	h.ended(e)
}

// head implements teller.
func (e *harEntry) head(_ *exchange, resp *http.Response) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.response = e.har.response(resp)
}

func (e *harEntry) keep(p []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if room := e.har.MaxBody - int64(len(e.content)); room > 0 {
		e.content = append(e.content, p[:min(int64(len(p)), room)]...)
	}
}

// end implements teller.
func (e *harEntry) end(*exchange) {
	e.mu.Lock()
	shown := e.shown
	e.mu.Unlock()
	if shown {
		return
	}
	if e.har.Exchanges {
		e.har.hold(e)
	}
	e.har.ended(e)
}

func (e *harEntry) marshal() ([]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	x := e.wire
	if e.x != nil {
		x = e.x.now()
	}
	wire := e.wire
	if e.cached {
		wire = nil
	}
	j := harJSON{
		Started: x.Start.Format(time.RFC3339Nano), Time: ms(x.Duration), Timings: timingsOf(x, wire), Type: "fetch",
		Request: e.request, Response: e.response, Events: e.events,
		Call: x.Call, Hop: x.Hop, Attempt: x.Attempt, Background: x.Background, Initiator: e.initiator(x),
	}
	j.Response.Content.Size = x.Received
	j.Response.Content.Text, j.Response.Content.Encoding = text(e.content)
	if x.Err != nil {
		j.Response.Error = RedactError(x.Err)
	}
	if x.Proto != "" {
		j.Request.HTTPVersion = x.Proto
	}
	if e.cached {
		j.FromCache = "disk" // of any kind
		j.Cache.BeforeRequest = &harCached{LastAccess: j.Started, ETag: e.response.etag, HitCount: 1}
		j.Response.BodySize = 0
		return json.Marshal(j)
	}
	if wire != nil {
		j.onWire(wire)
	}
	return json.Marshal(j)
}

// onWire adds what is known of the connection, and the sizes.
func (j *harJSON) onWire(x *Exchange) {
	if x.RemoteAddr != nil {
		if a, err := netip.ParseAddrPort(x.RemoteAddr.String()); err == nil {
			j.ServerIP = a.Addr().WithZone("").String()
		}
		if x.LocalAddr != nil {
			_, j.Connection, _ = net.SplitHostPort(x.LocalAddr.String())
		}
	}
	j.Request.HeadersSize, j.Response.HeadersSize = x.RequestHead, x.ResponseHead
	if x.Status != 0 && !x.Uncompressed {
		j.Response.BodySize = x.Received
		j.Response.TransferSize = x.Received + max(x.ResponseHead, 0)
	}
}

// initiator returns why there is another request, nil for the first.
func (e *harEntry) initiator(x *Exchange) *harInitiator {
	switch {
	case x.Background:
		return &harInitiator{Type: "revalidation"}
	case x.Attempt > 1:
		return &harInitiator{Type: "retry"}
	case x.Hop > 0 || e.request.previous != "":
		return &harInitiator{Type: "redirect", URL: e.request.previous}
	}
	return nil
}

// timingsOf returns the phases of a request x: those of the last exchange made for it, what
// came before as blocked, and what came after as receiving. A phase that took no time did not
// take place, unless it is required.
func timingsOf(x, wire *Exchange) harTimings {
	if wire == nil { // a cache has answered, or another layer
		return harTimings{Blocked: -1, DNS: -1, Connect: -1, SSL: -1, Wait: ms(x.Duration)}
	}
	p := wire.Phases
	p.Blocked += wire.Start.Sub(x.Start)
	left := x.Duration
	for _, part := range []*time.Duration{&p.Blocked, &p.DNS, &p.Connect, &p.Send, &p.Wait} {
		// The body of an exchange may outlast the request.
		*part = min(*part, left)
		left -= *part
	}
	return harTimings{
		Blocked: ms(p.Blocked), DNS: phase(p.DNS), Connect: phase(p.Connect), SSL: phase(min(p.TLS, p.Connect)),
		Send: ms(p.Send), Wait: ms(p.Wait), Receive: ms(left),
	}
}

func phase(d time.Duration) float64 {
	if d == 0 {
		return -1
	}
	return ms(d)
}

// request describes req.
func (h *HAR) request(req *http.Request) harRequest {
	r := harRequest{
		Method: roundtrip.Method(req), URL: h.url(req.URL), HTTPVersion: "HTTP/1.1", Cookies: []struct{}{},
		Headers: pairs(req.Header, h.Reveal), QueryString: []harPair{}, HeadersSize: -1, BodySize: req.ContentLength,
	}
	if req.URL != nil {
		r.QueryString = h.query(req.URL)
	}
	if req.Response != nil && req.Response.Request != nil {
		r.previous = h.url(req.Response.Request.URL)
	}
	return r
}

// response describes resp, which is nil if there is none.
func (h *HAR) response(resp *http.Response) harResponse {
	r := harResponse{Headers: []harPair{}, Cookies: []struct{}{}, HeadersSize: -1, BodySize: -1}
	if resp == nil {
		return r
	}
	_, r.StatusText, _ = strings.Cut(resp.Status, " ")
	r.Status, r.HTTPVersion, r.Headers = resp.StatusCode, resp.Proto, pairs(resp.Header, h.Reveal)
	r.Content.MimeType, r.etag = resp.Header.Get("Content-Type"), resp.Header.Get("Etag")
	if loc, err := resp.Location(); err == nil {
		r.RedirectURL = h.url(loc)
	}
	return r
}

// url returns u with its query values hidden and without user information and
// fragment.
func (h *HAR) url(u *url.URL) string {
	if u == nil || u.RawQuery == "" {
		return Redact(u)
	}
	q := make(url.Values)
	for _, p := range h.query(u) {
		q.Add(p.Name, p.Value)
	}
	return Redact(u) + "?" + q.Encode()
}

// query returns the parameters of u to tell, by name. One that has a name only may be a
// secret as a whole.
func (h *HAR) query(u *url.URL) []harPair {
	all := []harPair{}
	for name, vs := range u.Query() {
		for _, v := range vs {
			switch {
			case h.RevealQuery != nil && h.RevealQuery(name):
				all = append(all, harPair{name, v})
			case strings.Trim(v, "=") == "": // as base64 ends
				all = append(all, harPair{hidden, ""})
			default:
				all = append(all, harPair{name, hidden})
			}
		}
	}
	sortPairs(all)
	return all
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
