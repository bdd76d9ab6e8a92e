package trace

import (
	"crypto/tls"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/tripper-go/tripper/internal/roundtrip"
)

// An Exchange is one request to a server and its response, as [Wire] has seen them: which
// connection they had, how long each phase took, how much came. It holds no secrets.
type Exchange struct {
	// Call, Hop, Attempt and Background are those of the events of the exchange.
	Call         uint64
	Hop, Attempt int
	Background   bool

	// Method and URL are those of the request, the URL as [Redact] has it.
	Method, URL string
	// Start is when the request came to Wire, Duration the time until the end of the
	// body, or as long as it has taken so far. Ended is true if nothing more will come.
	Start    time.Time
	Duration time.Duration
	Ended    bool
	Phases   Phases

	// RemoteAddr and LocalAddr are the ends of the connection. They are nil if there is
	// none, or if the RoundTripper below does not support [net/http/httptrace].
	RemoteAddr, LocalAddr net.Addr
	// Reused is true if the connection was there before, for which it was IdleTime idle.
	Reused   bool
	IdleTime time.Duration
	// TLSVersion and ALPN are what was negotiated, such as "TLS 1.3" and "h2". They are
	// empty if there is no response, or no TLS.
	TLSVersion, ALPN string

	// Proto and Status are those of the response, Status is zero if there is none.
	Proto  string
	Status int
	// RequestHead and ResponseHead are the sizes of the heads in bytes, if the protocol is
	// HTTP/1; else, and if they are not known, they are -1.
	RequestHead, ResponseHead int64
	// RequestBody is the length of the content of the request, -1 if it is not known.
	RequestBody int64
	// Received is the number of bytes of the body that were read: as they came, in the
	// coding of the server, unless Uncompressed, when [http.Transport] has decoded them.
	Received     int64
	Uncompressed bool
	// Complete is true if the body was read to its end.
	Complete bool
	// Err is why there is no response, or why its body broke.
	Err error

	heads *heads // nil if nobody wants them, or they were let go
}

// heads are those of an exchange, with all their secrets: what prints an [Exchange] prints a
// pointer.
type heads struct {
	request  *http.Request
	response *http.Response // nil if there is none
	sent     http.Header    // the fields of the request as they were written, none if not known
}

// headed reports whether x has heads: one that no [Wire] has made does not.
func (x *Exchange) headed() bool { return x != nil && x.heads != nil }

// String returns the exchange as one readable line.
func (x Exchange) String() string {
	s := fmt.Sprintf("%s %s: %d after %v", x.Method, x.URL, x.Status, x.Duration)
	if x.Err != nil {
		s += ": " + RedactError(x.Err)
	}
	return s
}

// MarshalJSON returns the fields of the exchange, Err as [RedactError] has it.
func (x Exchange) MarshalJSON() ([]byte, error) {
	type fields Exchange
	x.Err = printed(x.Err)
	return json.Marshal(fields(x))
}

// Phases are the parts of the duration of an [Exchange]. A phase that did not take place
// is zero. All but TLS, which is part of Connect, add up to the duration, also if the
// exchange failed: the time in a phase that was not finished belongs to it.
type Phases struct {
	// Blocked is the time in which no phase was under way: waiting for a connection.
	Blocked time.Duration
	// DNS is the time that looking up the name of the host took.
	DNS time.Duration
	// Connect is the time until the connection could be used, TLS the part of it that the
	// handshake took.
	Connect, TLS time.Duration
	// Send is the time until the request was written, Wait until the first byte of the
	// response came, Receive until the body ended.
	Send, Wait, Receive time.Duration
}

// FirstByte returns the time from the start to the first byte of the response.
func (p Phases) FirstByte() time.Duration { return p.Blocked + p.DNS + p.Connect + p.Send + p.Wait }

// ExchangeOf returns the exchange with the server that resp came from: of the last hop, the
// last one that was not made in the background. While the body is read, it says how far it has
// come. ok is false if the server was not asked, since a cache had the response; if there
// is no [Wire] below the layers; or if nobody has asked for exchanges (see [WithExchanges]).
func ExchangeOf(resp *http.Response) (x Exchange, ok bool) {
	if resp == nil || resp.Request == nil {
		return Exchange{}, false
	}
	s := scopeOf(resp.Request.Context())
	if s == nil {
		return Exchange{}, false
	}
	if found := s.call.exchanges.last(s.hop); found != nil {
		return *found.now(), true
	}
	return Exchange{}, false
}

// maxExchanges bounds the exchanges that are held of a call.
const maxExchanges = 100

// exchanges are the last ones of a call.
type exchanges struct {
	mu  sync.Mutex
	all []begun
}

// A begun is an *exchange. The interface keeps that type, and the types of its fields, out of
// programs that have no [Wire].
type begun interface {
	// ofHop reports whether it is an exchange of the hop that was not made in the
	// background, and whether it has a response.
	ofHop(hop int) (is, answered bool)
	now() *Exchange
}

func (xs *exchanges) add(x *exchange) {
	xs.mu.Lock()
	defer xs.mu.Unlock()
	if len(xs.all) == maxExchanges {
		copy(xs.all, xs.all[1:])
		xs.all = xs.all[:maxExchanges-1]
	}
	xs.all = append(xs.all, x)
}

// last returns the last exchange of a hop, rather one with a response: of two at the same
// time one is cancelled.
func (xs *exchanges) last(hop int) (found begun) {
	xs.mu.Lock()
	defer xs.mu.Unlock()
	answered := false
	for _, x := range xs.all {
		if is, ok := x.ofHop(hop); is && (ok || !answered) {
			found, answered = x, ok
		}
	}
	return found
}

// An exchange is an [Exchange] under way.
type exchange struct {
	watch
	Exchange // the lock of watch guards it

	detail  detail
	request *http.Request // is sent, nil when it is over
	tell    teller
	keep    func(p []byte) // is shown the bytes of the body, if not nil
}

// A teller hears of an exchange.
type teller interface {
	// head is called when there is a response, or with nil when there is an error.
	head(x *exchange, resp *http.Response)
	// end is called when the body has ended, and after an error.
	end(x *exchange)
}

// newExchange returns an exchange that begins now. The context of req must have a scope.
func newExchange(req *http.Request, tell teller) *exchange {
	s := scopeOf(req.Context())
	return &exchange{detail: s.detail, request: req, tell: tell, Exchange: Exchange{
		Call: s.call.id, Hop: s.hop, Attempt: s.attempt, Background: s.background,
		Method: roundtrip.Method(req), URL: Redact(req.URL), Start: time.Now(),
		RequestHead: -1, ResponseHead: -1, RequestBody: req.ContentLength,
	}}
}

// send sends the request through next.
func (x *exchange) send(next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(x.request)
	if err != nil || resp == nil {
		x.tell.head(x, nil)
		x.finish(0, err, false)
		return nil, err
	}
	x.answered()
	x.mu.Lock()
	x.take(resp)
	x.mu.Unlock()
	x.tell.head(x, resp)
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		x.finish(0, nil, true)
		return resp, nil
	}
	return watched(resp, &body{to: x, keep: x.keep}), nil
}

// take notes what the head of resp says.
func (x *exchange) take(resp *http.Response) {
	x.publish(resp)
	x.Proto, x.Status, x.Uncompressed = resp.Proto, resp.StatusCode, resp.Uncompressed
	if resp.TLS != nil {
		x.TLSVersion, x.ALPN = tls.VersionName(resp.TLS.Version), resp.TLS.NegotiatedProtocol
	}
	if x.detail < exchangesToo || resp.ProtoMajor != 1 || !x.trip.wired() {
		return
	}
	if x.sentSize > 0 && x.request.URL != nil {
		line := len(x.Method) + len(x.request.URL.RequestURI()) + len("  HTTP/1.1\r\n\r\n")
		x.RequestHead = int64(line) + x.sentSize
	}
	line := len(resp.Proto) + len(resp.Status) + len(" \r\n\r\n")
	x.ResponseHead = int64(line) + headSize(resp.Header) + fieldSize("Transfer-Encoding", resp.TransferEncoding)
}

// publish makes the heads those that events have: what is written later, also by who gets the
// response, is not in them.
func (x *exchange) publish(resp *http.Response) {
	if x.detail < headsToo {
		return
	}
	if resp != nil {
		own := *resp
		own.Header = resp.Header.Clone()
		resp = &own
	}
	x.heads = &heads{x.request, resp, maps.Clone(x.sent)}
}

// finish says what became of the body, or that there is no response.
func (x *exchange) finish(n int64, err error, whole bool) {
	x.mu.Lock()
	x.Received, x.Err, x.Complete = n, err, whole
	x.Duration, x.Ended = time.Since(x.Start), true
	x.ended = true
	if x.Status == 0 {
		x.publish(nil)
	}
	x.mu.Unlock()
	x.tell.end(x)
	x.mu.Lock()
	defer x.mu.Unlock()
	x.heads, x.request = nil, nil // what is held of a call, and by a HAR, needs them no more
}

// ofHop implements [begun].
func (x *exchange) ofHop(hop int) (is, answered bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.Hop == hop && !x.Background, x.Status != 0
}

// now implements [begun]: the exchange as it is now.
func (x *exchange) now() *Exchange {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.Exchange
	if !e.Ended {
		e.Duration = time.Since(e.Start)
	}
	e.Phases = x.trip.phases(e.Start, e.Start.Add(e.Duration))
	e.RemoteAddr, e.LocalAddr, e.Reused, e.IdleTime = x.conn.remote, x.conn.local, x.conn.reused, x.conn.idle
	return &e
}
