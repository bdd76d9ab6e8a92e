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

// Retryable reports whether the next attempt may have a better outcome. That is true for
// errors of the connection and timeouts; for the statuses 408, 425, 429, 502, 503 and 504;
// for 403 with a Retry-After field; for 417 to a request with an Expect field, which is
// then left out; and for 421, over another connection. If an error response has an
// X-Should-Retry or Stripe-Should-Retry field, that decides.
//
// It is false for errors that would come again: those that say so by a method Permanent,
// those of certificates and TLS, a name that does not exist, a header beyond the limit, a
// request that is not valid, and the caller's cancellation.
//
// A Transport uses Retryable if its field of that name is nil. Other policies can call it:
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

// transient reports whether resp is due to a condition that may pass. 500 is not among
// them: most servers send it for a bug.
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

// shouldRetry returns the value of the fields by which OpenAI, Anthropic and Stripe say
// whether to send the request again.
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

// settled reports whether the error, or the server, says that the next outcome will be the
// same. A policy cannot overrule it.
func settled(a *Attempt) bool {
	if a.Err != nil || a.Response == nil {
		return roundtrip.Permanent(a.Err)
	}
	again, ok := shouldRetry(a.Response.Header)
	return ok && !again
}

// notTaken reports whether resp says that the request was refused before it was processed:
// for its expectation (RFC 9110 §15.5.18), for its connection (§15.5.20), or for arriving
// in early data (RFC 8470 §5.2). It may be sent again whatever its method: without the
// expectation, over another connection, later.
func notTaken(req *http.Request, resp *http.Response) bool {
	if resp == nil {
		return false
	}
	switch resp.StatusCode {
	case http.StatusTooEarly, http.StatusMisdirectedRequest:
		return true
	case http.StatusExpectationFailed:
		return req != nil && len(req.Header["Expect"]) > 0
	}
	return false
}

// final reports whether err will come again however often the request is sent. Unknown
// errors are not final: net/http has many errors without a type for lost connections. Nor
// is [context.Canceled] while the caller's context is alive: net/http returns it for a
// request that got its connection just when the cancellation of the request before took
// effect on that connection.
func final(err error) bool {
	if roundtrip.Permanent(err) ||
		errors.Is(err, http.ErrBodyReadAfterClose) || errors.Is(err, http.ErrSchemeMismatch) || errors.Is(err, ErrOpen) {
		return true
	}
	if dns, ok := roundtrip.ErrorOf[*net.DNSError](err); ok {
		return dns.IsNotFound && !dns.IsTemporary
	}
	return roundtrip.AnyError(err, finalType) || alert(err) || finalText(err)
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

// alert reports whether err is a TLS alert of the server. The alert about a damaged record
// does not count.
func alert(err error) bool {
	op, ok := roundtrip.ErrorOf[*net.OpError](err)
	return ok && op.Op == "remote error" && op.Err != nil && op.Err.Error() != "tls: bad record MAC"
}

// finalType reports whether err itself is of a type for errors of certificates, of the TLS
// handshake, or of an address that cannot be dialed.
func finalType(err error) bool {
	switch err.(type) { //nolint:errorlint // roundtrip.AnyError unwraps.
	case *tls.CertificateVerificationError, tls.RecordHeaderError, tls.AlertError, *tls.ECHRejectionError,
		x509.UnknownAuthorityError, x509.HostnameError, x509.CertificateInvalidError, x509.ConstraintViolationError,
		x509.UnhandledCriticalExtension, x509.InsecureAlgorithmError, x509.SystemRootsError,
		*net.AddrError, *net.ParseError, net.UnknownNetworkError, net.InvalidAddrError, url.EscapeError, url.InvalidHostError:
		return true
	}
	return false
}

// malformed reports whether net/http refuses to send req. Its errors for that have no
// types, so that malformed applies the same rules to the request.
func malformed(req *http.Request) bool {
	if req == nil || req.URL == nil || req.Header == nil {
		return true
	}
	if req.Method != "" && !httpfield.IsToken(req.Method) {
		return true
	}
	return !httpfield.IsHeader(req.Header) || !httpfield.IsHeader(req.Trailer)
}

// known reports whether net/http itself supports the URL of req. Another scheme may be one
// that Base supports.
func known(req *http.Request) bool {
	return (req.URL.Scheme == "http" || req.URL.Scheme == "https") && req.URL.Host != ""
}

// lost reports whether err certainly is an error of a connection.
func lost(err error) bool {
	_, ok := roundtrip.ErrorOf[net.Error](err)
	return ok || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// streamError has the fields of StreamError in golang.org/x/net/http2. The copy of that
// type in net/http is not exported, but has an As method that fills any struct with these
// fields (go.dev/issue/53896).
type streamError struct {
	StreamID uint32
	Code     uint32
	Cause    error
}

func (streamError) Error() string { return "" }

// asStreamError finds the error of an HTTP/2 stream in err. The type of
// golang.org/x/net/http2 has no As method; it is recognized by its fields, since this
// module does not import that package.
func asStreamError(err error) (found streamError, ok bool) {
	ok = roundtrip.AnyError(err, func(err error) bool {
		if e, ok := err.(interface{ As(target any) bool }); ok && e.As(&found) {
			return true
		}
		v := reflect.ValueOf(err)
		if v.Kind() != reflect.Struct || v.NumField() != 3 {
			return false
		}
		t, id, code := v.Type(), v.Field(0), v.Field(1)
		if t.Field(0).Name != "StreamID" || id.Kind() != reflect.Uint32 || t.Field(1).Name != "Code" || code.Kind() != reflect.Uint32 ||
			t.Field(2).Name != "Cause" {
			return false
		}
		found = streamError{StreamID: uint32(id.Uint()), Code: uint32(code.Uint())}
		return true
	})
	return found, ok
}

// refusedStream is the HTTP/2 error code of a stream that the server has not processed
// (RFC 9113 §8.7).
const refusedStream = 0x7

// refused reports whether err says that the server refused the HTTP/2 stream. GOAWAY, the
// other signal of RFC 9113 §8.7, does not reach this package: net/http itself sends a
// request again that the server did not process, and its errors for other requests do not
// tell.
func refused(err error) bool {
	e, ok := asStreamError(err)
	return ok && e.Code == refusedStream
}

// dialing reports whether err occurred while connecting to the server or to the proxy.
func dialing(err error) bool {
	if op, ok := roundtrip.ErrorOf[*net.OpError](err); ok {
		switch op.Op {
		case "dial", "proxyconnect", "socks connect":
			return true
		}
	}
	_, ok := roundtrip.ErrorOf[*net.DNSError](err)
	return ok
}

// unprocessed reports whether the server certainly did not process a request that failed
// with err. w is what httptrace has reported.
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
		// If there is a connection, another goroutine may still write the request
		// after its context has ended.
		return w.asked && !w.got
	}
	return w.asked
}

// A sighting is what [net/http/httptrace] has reported about a request.
type sighting struct {
	// asked is true if a connection was requested: Base supports httptrace.
	asked bool
	// got is true if there was a connection.
	got bool
	// wrote is true if the request header was written.
	wrote bool
	// cancelled is true if the attempt was cut short by AttemptTimeout.
	cancelled bool
}
