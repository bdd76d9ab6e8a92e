package retry

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// Retryable reports whether the outcome of an attempt may be better the next
// time: errors of the connection and of time; the statuses 408, 425, 429, 502, 503
// and 504; 403 with a Retry-After field, 417 to a request with an Expect field, which
// is left out then, and 421, on another connection. X-Should-Retry and
// Stripe-Should-Retry of an error response decide in place of its status.
//
// Errors that repeat themselves are not: those that say so by a method Permanent,
// those of certificates and TLS, a name that does not exist, a header beyond the
// limit, a request that is not valid, and the caller's cancellation. It is
// what a Transport uses if its field of that name is nil, and what such a function
// can be built on:
//
//	Retryable: func(a retry.Attempt) bool {
//		return retry.Retryable(a) || a.Response != nil && a.Response.StatusCode == 500
//	}
func Retryable(a Attempt) bool {
	if a.Err != nil {
		return !malformed(a.Request) && cancelled(a.Request) == nil && !final(a.Err) && (known(a.Request) || lost(a.Err))
	}
	return a.Response != nil && transient(a.Request, a.Response)
}

// transient reports whether resp tells of something that may pass. 500 does not: it
// is what most servers say about a bug.
func transient(req *http.Request, resp *http.Response) bool {
	if resp.StatusCode < 400 {
		return false
	}
	if again, ok := shouldRetry(resp.Header); ok {
		return again
	}
	switch resp.StatusCode {
	case http.StatusRequestTimeout, // RFC 9110 §15.5.9: the client may repeat it
		http.StatusTooManyRequests, // RFC 6585 §4
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	case http.StatusForbidden: // a secondary rate limit of GitHub's
		_, ok := asked(resp, time.Now())
		return ok
	}
	return notTaken(req, resp)
}

// shouldRetry returns what a server says outright about sending a request again.
// The fields are those of OpenAI, Anthropic and Stripe.
func shouldRetry(h http.Header) (again, ok bool) {
	for _, name := range [...]string{"X-Should-Retry", "Stripe-Should-Retry"} {
		if v := h[name]; len(v) > 0 {
			switch httpfield.Lower(httpfield.TrimBlanks(v[0])) {
			case "true":
				return true, true
			case "false":
				return false, true
			}
		}
	}
	return false, false
}

// settled reports whether the error, or the server, says that the outcome will be the
// same the next time. No policy overrules it.
func settled(a *Attempt) bool {
	if a.Err != nil || a.Response == nil {
		return roundtrip.Permanent(a.Err)
	}
	again, ok := shouldRetry(a.Response.Header)
	return ok && !again
}

// notTaken reports whether resp says that the request was refused before it was
// looked at: for its expectation (RFC 9110 §15.5.18), for its connection (§15.5.20),
// or for the moment at which it came (RFC 8470 §5.2). It may be sent again whatever
// its method: without the expectation, over another connection, later.
func notTaken(req *http.Request, resp *http.Response) bool {
	if resp == nil {
		return false
	}
	switch resp.StatusCode {
	case http.StatusTooEarly:
		return true
	case http.StatusExpectationFailed:
		return req != nil && len(req.Header["Expect"]) > 0
	case http.StatusMisdirectedRequest:
		return true
	}
	return false
}

// final reports whether err will come again however often the request is sent.
// What is not known is not final: net/http has many errors without a type, for
// connections that were lost one way or another. Even [context.Canceled] is not,
// as long as the caller's own context is alive: net/http returns it for a request
// that got a connection at the moment when the cancellation of the one before
// took effect on it (its persistConn goes back to the pool before the response is
// handed over).
func final(err error) bool {
	if roundtrip.Permanent(err) ||
		errors.Is(err, http.ErrBodyReadAfterClose) || errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, ErrOpen) {
		return true
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok {
		return dns.IsNotFound && !dns.IsTemporary
	}
	return finalTLS(err) || finalAddress(err) || finalText(err)
}

// finalTexts are parts of the texts of errors of net/http and crypto/tls that have no
// type.
var finalTexts = [...]string{
	"server response headers exceeded",
	"response header list larger than advertised limit",
	"request header list larger than peer's advertised limit",
	"http: ContentLength=", // … with Body length …
	"http: Request.ContentLength=",
	"invalid Trailer key",
	"can't write control character in Request.URL",
	"tls: server selected unsupported protocol version",
	"tls: no supported versions satisfy",
}

// finalText reports whether err says in so many words that a header is beyond a limit,
// that the request is not valid, or that there is no common version of TLS.
func finalText(err error) bool {
	text := err.Error()
	return slices.ContainsFunc(finalTexts[:], func(part string) bool { return strings.Contains(text, part) })
}

// alert reports whether err is a TLS alert that the server ended the handshake by.
// A record that was damaged on its way is not.
func alert(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "remote error" && op.Err != nil && op.Err.Error() != "tls: bad record MAC"
}

// finalTLS reports whether err is one of certificates or of the TLS handshake.
func finalTLS(err error) bool {
	return is[*tls.CertificateVerificationError](err) ||
		is[tls.RecordHeaderError](err) ||
		is[tls.AlertError](err) ||
		alert(err) ||
		is[*tls.ECHRejectionError](err) ||
		is[x509.UnknownAuthorityError](err) ||
		is[x509.HostnameError](err) ||
		is[x509.CertificateInvalidError](err) ||
		is[x509.ConstraintViolationError](err) ||
		is[x509.UnhandledCriticalExtension](err) ||
		is[x509.InsecureAlgorithmError](err) ||
		is[x509.SystemRootsError](err)
}

// finalAddress reports whether err is about an address that cannot be dialed.
func finalAddress(err error) bool {
	return is[*net.AddrError](err) ||
		is[*net.ParseError](err) ||
		is[net.UnknownNetworkError](err) ||
		is[net.InvalidAddrError](err) ||
		is[url.EscapeError](err) ||
		is[url.InvalidHostError](err)
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// malformed reports whether net/http refuses to send req at all. Its errors for
// that have no types, so that the request is looked at instead, by the same
// rules.
func malformed(req *http.Request) bool {
	if req == nil || req.URL == nil || req.Header == nil {
		return true
	}
	if req.Method != "" && !httpfield.IsToken(req.Method) {
		return true
	}
	return !httpfield.IsHeader(req.Header) || !httpfield.IsHeader(req.Trailer)
}

// known reports whether net/http can send to the URL of req without help. Another
// scheme may be one that Base knows.
func known(req *http.Request) bool {
	return (req.URL.Scheme == "http" || req.URL.Scheme == "https") && req.URL.Host != ""
}

// lost reports whether err certainly is one of a connection.
func lost(err error) bool {
	return is[net.Error](err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// streamError has the fields of StreamError in golang.org/x/net/http2. The copy of
// that type in net/http is not exported, but has an As method that fills any
// struct of this shape, made for this purpose (go.dev/issue/53896).
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "" }

// asStreamError finds the error of an HTTP/2 stream in err. That of
// golang.org/x/net/http2, which this module does not import for one type, has no
// As method and is known by its shape.
func asStreamError(err error) (streamError, bool) {
	if e, ok := errors.AsType[streamError](err); ok {
		return e, true
	}
	for ; err != nil; err = errors.Unwrap(err) {
		v := reflect.ValueOf(err)
		if v.Kind() != reflect.Struct || v.NumField() != 3 {
			continue
		}
		id, code, cause := v.FieldByName("StreamID"), v.FieldByName("Code"), v.FieldByName("Cause")
		if id.Kind() == reflect.Uint32 && code.Kind() == reflect.Uint32 && cause.Kind() == reflect.Interface {
			return streamError{StreamID: uint32(id.Uint()), Code: uint32(code.Uint())}, true
		}
	}
	return streamError{}, false
}

// refusedStream is the HTTP/2 error code of a stream that the server has not
// processed at all (RFC 9113 §8.7).
const refusedStream = 0x7

// refused reports whether err says that the server refused the HTTP/2 stream.
// GOAWAY, the other signal of RFC 9113 §8.7, is not seen here: net/http itself
// sends the request again if the server says that it did not process it, and
// what it returns for other requests does not tell that it was not.
func refused(err error) bool {
	e, ok := asStreamError(err)
	return ok && e.Code == refusedStream
}

// dialing reports whether err arose before there was a connection to send over:
// to the server, or to the proxy.
func dialing(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		switch op.Op {
		case "dial", "proxyconnect", "socks connect":
			return true
		}
	}
	return is[*net.DNSError](err)
}

// unprocessed reports whether a request that failed with err certainly was not
// processed by the server. w tells what was seen of it on its way.
func unprocessed(err error, w sighting) bool {
	switch {
	case err == nil:
		return false
	case refused(err):
		return true
	case w.wrote:
		return false
	case dialing(err):
		return true
	case w.cancelled:
		// A request whose context ended may still be about to be written by
		// another goroutine; without a connection it may not.
		return w.asked && !w.got
	}
	return w.asked
}

// A sighting is what [httptrace] told about a request.
type sighting struct {
	// asked is true if a connection was asked for: Base supports httptrace.
	asked bool
	// got is true if there was a connection.
	got bool
	// wrote is true if the request header was written, as far as is known.
	wrote bool
	// cancelled is true if the attempt was cut short by AttemptTimeout.
	cancelled bool
}
