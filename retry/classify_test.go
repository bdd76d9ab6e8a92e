package retry

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/tripper-go/tripper/internal/roundtrip"
	"github.com/tripper-go/tripper/internal/rttest"
)

func TestRetryableErrors(t *testing.T) {
	t.Parallel()
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	for _, row := range []struct {
		name string
		why  string
		err  error
		want bool
	}{
		{"EOF", "the server closed without an answer", io.EOF, true},
		{"unexpected EOF", "it closed in the middle of one", io.ErrUnexpectedEOF, true},
		{"reset", "the connection was lost", &net.OpError{Op: "read", Err: os.NewSyscallError("read", syscall.ECONNRESET)}, true},
		{"refused", "a server that restarts", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), true},
		{"unreachable", "httplib2 tries again too", dial(os.NewSyscallError("connect", syscall.ENETUNREACH)), true},
		{"timeout", "the next attempt may be faster", os.ErrDeadlineExceeded, true},
		{"deadline of an attempt", "not the caller's, whose context is asked elsewhere", context.DeadlineExceeded, true},
		{"AttemptTimeout", "what it is for", &timeoutError{1}, true},
		{"untyped", "net/http: server closed idle connection, http2: client connection lost", errors.New("something"), true},
		{"name lookup failed", "the resolver may be back", dial(&net.DNSError{Err: "server misbehaving", IsTemporary: true}), true},
		{"name lookup timed out", "the resolver may be back", dial(&net.DNSError{Err: "i/o timeout", IsTimeout: true}), true},
		{"no such name", "it will not appear", dial(&net.DNSError{Err: "no such host", IsNotFound: true}), false},
		{
			"perhaps no such name", "not found, but temporarily: the resolver says that it does not know",
			dial(&net.DNSError{Err: "no such host", IsNotFound: true, IsTemporary: true}), true,
		},
		{"cancelled by another", "the caller's context is alive: net/http lets the cancellation of one request hit the next", context.Canceled, true},
		{"certificate", "it stays what it is", &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}, false},
		{"unknown authority", "as returned by a VerifyConnection of the user", x509.UnknownAuthorityError{}, false},
		{"wrong name", "it stays what it is", x509.HostnameError{Certificate: &x509.Certificate{}}, false},
		{"expired", "it stays so", x509.CertificateInvalidError{Reason: x509.Expired}, false},
		{"constraint", "it stays what it is", x509.ConstraintViolationError{}, false},
		{"critical extension", "it stays what it is", x509.UnhandledCriticalExtension{}, false},
		{"insecure algorithm", "it stays what it is", x509.InsecureAlgorithmError(x509.MD5WithRSA), false},
		{"no roots", "this machine has none", x509.SystemRootsError{}, false},
		{"alert", "the server does not want this handshake", &net.OpError{Op: "remote error", Err: tls.AlertError(40)}, false},
		{"no TLS", "the port speaks something else", tls.RecordHeaderError{Msg: "x"}, false},
		{"ECH", "rejected", &tls.ECHRejectionError{}, false},
		{"http on https", "the port speaks something else", http.ErrSchemeMismatch, false},
		{"bad address", "it stays bad", dial(&net.AddrError{Err: "missing port in address"}), false},
		{"unknown network", "it stays unknown", dial(net.UnknownNetworkError("x")), false},
		{"invalid address", "it stays so", dial(net.InvalidAddrError("x")), false},
		{"unparsable address", "it stays so", &net.ParseError{Type: "IP address"}, false},
		{"bad escape", "it stays so", url.EscapeError("%"), false},
		{"bad host", "it stays so", url.InvalidHostError(" "), false},
		{"the caller's body", "it is read no further", roundtrip.Caller(io.ErrUnexpectedEOF), false},
		{"body gone", "there is nothing to send", roundtrip.ErrTooLong, false},
		{"body closed", "there is nothing to send", http.ErrBodyReadAfterClose, false},
		{"permanent", "whoever made it knows", roundtrip.Final(errReset), false},
		{"alert of the server's", "the handshake ends in the same way", &net.OpError{Op: "remote error", Err: errors.New("tls: handshake failure")}, false},
		{"damaged record", "it was damaged on its way", &net.OpError{Op: "remote error", Err: errors.New("tls: bad record MAC")}, true},
		{"header beyond the limit", "it will be as long", errors.New("net/http: server response headers exceeded 10 bytes; aborted"), false},
		{"the same in HTTP/2", "likewise", errors.New("http2: response header list larger than advertised limit"), false},
		{"the request header in HTTP/2", "likewise", errors.New("http2: request header list larger than peer's advertised limit"), false},
		{"body shorter than its length", "so will the next one be", errors.New("http: ContentLength=10 with Body length 2"), false},
		{"length without a body", "likewise", errors.New("http: Request.ContentLength=3 with nil Body"), false},
		{"trailer", "net/http refuses the field", errors.New(`invalid Trailer key "Content-Length"`), false},
		{"control character", "net/http refuses the URL", errors.New("net/http: can't write control character in Request.URL"), false},
		{"version of TLS", "the server has no other", errors.New("tls: server selected unsupported protocol version 301"), false},
		{"no version of TLS", "the settings allow none", errors.New("tls: no supported versions satisfy MinVersion and MaxVersion"), false},
		{"circuit open below", "that is what it is for", ErrOpen, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			req := &http.Request{Method: "GET", URL: &url.URL{Scheme: "http", Host: "h"}, Header: http.Header{}}
			// It is found however deep it is wrapped.
			for _, err := range []error{row.err, &url.Error{Op: "Get", URL: "http://h", Err: fmt.Errorf("net/http: broken: %w", row.err)}} {
				if got := Retryable(Attempt{Request: req, Err: err}); got != row.want {
					t.Errorf("Retryable(%T %v) = %v, want %v: %s", err, err, got, row.want, row.why)
				}
			}
		})
	}
}

func TestRetryableStatuses(t *testing.T) {
	t.Parallel()
	want := map[int]bool{408: true, 421: true, 425: true, 429: true, 502: true, 503: true, 504: true}
	for status := 100; status < 600; status++ {
		if got := Retryable(Attempt{Response: &http.Response{StatusCode: status}}); got != want[status] {
			t.Errorf("Retryable(%d) = %v", status, got)
		}
	}
	plain, expecting := rttest.NewRequest(t, "POST", "http://h/", nil), rttest.NewRequest(t, "POST", "http://h/", nil)
	expecting.Header.Set("Expect", "100-continue")
	for _, row := range []struct {
		status int
		field  string
		req    *http.Request
		want   bool
		why    string
	}{
		{403, "Retry-After: 60", plain, true, "GitHub's secondary rate limit"},
		{403, "Retry-After: soon", plain, false, "that is no Retry-After"},
		{403, "X-Ratelimit-Remaining: 0", plain, false, "the primary one does not say for how long in a standard field"},
		{425, "", plain, true, "RFC 8470 §5.2: a user agent should send it again, whatever its method"},
		{421, "", plain, true, "RFC 9110 §15.5.20: over a different connection"},
		{417, "", expecting, true, "RFC 9110 §10.1.1: without the expectation"},
		{417, "", plain, false, "there was none"},
		{503, "X-Should-Retry: false", plain, false, "the server knows better"},
		{503, "Stripe-Should-Retry: false", plain, false, "likewise"},
		{429, "X-Should-Retry: False", plain, false, "in any case"},
		{503, "X-Should-Retry: maybe", plain, true, "what is no boolean is absent"},
		{409, "Stripe-Should-Retry: true", plain, true, "a lock that will be free"},
		{200, "X-Should-Retry: true", plain, false, "a success is one"},
	} {
		resp := &http.Response{StatusCode: row.status, Header: http.Header{}}
		if name, value, ok := strings.Cut(row.field, ": "); ok {
			resp.Header.Set(name, value)
		}
		if got := Retryable(Attempt{Request: row.req, Response: resp}); got != row.want {
			t.Errorf("Retryable(%d %s) = %v: %s", row.status, row.field, got, row.why)
		}
	}
	if Retryable(Attempt{}) {
		t.Error("an attempt without an outcome is retryable")
	}
}

// TestMalformed compares with net/http: what it refuses without sending is final.
func TestMalformed(t *testing.T) {
	t.Parallel()
	u := &url.URL{Scheme: "http", Host: "127.0.0.1:1"}
	for _, row := range []struct {
		name string
		why  string
		req  *http.Request
		want bool
	}{
		{"good", "it was sent", &http.Request{Method: "GET", URL: u, Header: http.Header{"A": {"b\tc \xff"}}}, true},
		{"empty method", "it is GET", &http.Request{URL: u, Header: http.Header{}}, true},
		{"no URL", "net/http: nil Request.URL", &http.Request{Header: http.Header{}}, false},
		{"no header", "net/http: nil Request.Header", &http.Request{URL: u}, false},
		{"no host", "net/http: no Host in request URL", &http.Request{URL: &url.URL{Scheme: "http"}, Header: http.Header{}}, false},
		{"scheme", "net/http: unsupported protocol scheme", &http.Request{URL: &url.URL{Scheme: "gopher", Host: "h"}, Header: http.Header{}}, false},
		{"no scheme", "net/http: unsupported protocol scheme", &http.Request{URL: &url.URL{Host: "h"}, Header: http.Header{}}, false},
		{"method", "net/http: invalid method", &http.Request{Method: "G T", URL: u, Header: http.Header{}}, false},
		{"field name", "net/http: invalid header field name", &http.Request{URL: u, Header: http.Header{"a b": {"c"}}}, false},
		{"field value", "net/http: invalid header field value", &http.Request{URL: u, Header: http.Header{"A": {"b\nc"}}}, false},
		{"DEL in a field value", "net/http: invalid header field value", &http.Request{URL: u, Header: http.Header{"A": {"\x7f"}}}, false},
		{"trailer", "net/http: invalid trailer", &http.Request{URL: u, Header: http.Header{}, Trailer: http.Header{"A": {"\x00"}}}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			tr := &http.Transport{}
			_, err := tr.RoundTrip(row.req)
			if err == nil {
				t.Fatal("something listens on port 1")
			}
			if sent := dialing(err); sent != row.want {
				t.Errorf("net/http: sent %v, %v", sent, err)
			}
			if got := Retryable(Attempt{Request: row.req, Err: err}); got != row.want {
				t.Errorf("Retryable = %v, want %v: %s", got, row.want, row.why)
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	good := &http.Request{URL: u, Header: http.Header{}}
	for _, err := range []error{context.Canceled, io.EOF} {
		if Retryable(Attempt{Request: good.WithContext(gone), Err: err}) {
			t.Errorf("the caller gave it up, and %v is retryable", err)
		}
	}
	if Retryable(Attempt{Err: io.EOF}) {
		t.Error("an error without a request is retryable")
	}
	other := &http.Request{URL: &url.URL{Scheme: "unix", Path: "/run/x"}, Header: http.Header{}}
	if !Retryable(Attempt{Request: other, Err: io.EOF}) {
		t.Error("a Base that knows another scheme lost its connection, which is retryable")
	}
}

func TestUnprocessed(t *testing.T) {
	t.Parallel()
	dial := &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	for _, row := range []struct {
		name string
		why  string
		err  error
		w    sighting
		want bool
	}{
		{"success", "it was processed", nil, sighting{}, false},
		{"a Base without httptrace", "it may have sent anything", io.EOF, sighting{}, false},
		{"dial, no httptrace", "there was no connection", dial, sighting{}, true},
		{"proxy, no httptrace", "there was no connection", &net.OpError{Op: "proxyconnect", Err: io.EOF}, sighting{}, true},
		{"SOCKS, no httptrace", "there was no connection", &net.OpError{Op: "socks connect", Err: io.EOF}, sighting{}, true},
		{"name, no httptrace", "there was no address", &net.DNSError{}, sighting{}, true},
		{"read", "it may have arrived", &net.OpError{Op: "read", Err: io.EOF}, sighting{asked: true, got: true, wrote: true}, false},
		{"nothing written", "the header was not finished", io.EOF, sighting{asked: true, got: true}, true},
		{"no connection", "CONNECT was refused: an error without a type", errors.New("Forbidden"), sighting{asked: true}, true},
		{
			"dial after something was written", "a layer below sent it twice: the first may have been applied",
			dial,
			sighting{asked: true, got: true, wrote: true},
			false,
		},
		{
			"attempt timed out with a connection", "net/http may be about to write it",
			&timeoutError{},
			sighting{asked: true, got: true, cancelled: true},
			false,
		},
		{"attempt timed out without a connection", "there was none to write to", &timeoutError{}, sighting{asked: true, cancelled: true}, true},
		{
			"refused stream", "RFC 9113 §8.7: no processing has occurred",
			streamError{Code: refusedStream},
			sighting{asked: true, got: true, wrote: true},
			true,
		},
		{"other stream error", "anything may have happened", streamError{Code: 2}, sighting{asked: true, got: true, wrote: true}, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := unprocessed(row.err, row.w); got != row.want {
				t.Errorf("unprocessed(%v, %+v) = %v, want %v: %s", row.err, row.w, got, row.want, row.why)
			}
		})
	}
}

func TestIdempotent(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, row := range []struct {
		why    string
		method string
		header http.Header
		ctx    context.Context
		want   bool
	}{
		{"empty is GET", "", nil, ctx, true},
		{"RFC 9110 §9.2.2", "GET", nil, ctx, true},
		{"RFC 9110 §9.2.2", "HEAD", nil, ctx, true},
		{"RFC 9110 §9.2.2", "OPTIONS", nil, ctx, true},
		{"RFC 9110 §9.2.2", "TRACE", nil, ctx, true},
		{"RFC 9110 §9.2.2", "PUT", nil, ctx, true},
		{"RFC 9110 §9.2.2", "DELETE", nil, ctx, true},
		{"safe by definition", "QUERY", nil, ctx, true},
		{"RFC 9110 §9.2.2", "POST", nil, ctx, false},
		{"RFC 5789 §2", "PATCH", nil, ctx, false},
		{"RFC 9110 §9.3.6: a tunnel is not repeated", "CONNECT", nil, ctx, false},
		{"methods are case-sensitive: this one is unknown", "get", nil, ctx, false},
		{"nothing is known of it", "LOCK", nil, ctx, false},
		{"the server tells copies apart by the key", "POST", http.Header{"Idempotency-Key": {`"k"`}}, ctx, true},
		{"net/http knows both names", "POST", http.Header{"X-Idempotency-Key": {"k"}}, ctx, true},
		{"net/http: present without a value, not sent, and idempotent", "POST", http.Header{"X-Idempotency-Key": nil}, ctx, true},
		{"the caller knows", "POST", nil, WithIdempotent(ctx), true},
	} {
		req := (&http.Request{Method: row.method, Header: row.header}).WithContext(row.ctx)
		if got := idempotent(req); got != row.want {
			t.Errorf("idempotent(%s %v) = %v, want %v: %s", row.method, row.header, got, row.want, row.why)
		}
	}
}
