package transport

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"

	"github.com/tripper-go/tripper/internal/httpfield"
	"github.com/tripper-go/tripper/internal/roundtrip"
)

// quoting are the texts of errors of net/http and net/textproto that quote what a server
// sent, which may be a cookie.
var quoting = []string{
	"malformed MIME header", "malformed HTTP", "Content-Length", "transfer encoding", "railer key",
}

// A malformedError is the text of an error of net/http, without what that quotes. It does
// not wrap the error, whose text has the quote.
type malformedError string

// Error returns the text.
func (e malformedError) Error() string { return string(e) }

// withoutQuotes returns err or, if it quotes what the server sent, an error with the text
// before the quote, and with the name of the field if that is known.
func withoutQuotes(err error) error {
	text := err.Error()
	at := strings.IndexByte(text, '"')
	if at < 0 {
		return err
	}
	for _, s := range quoting {
		i := strings.Index(text, s)
		if i < 0 || i > at {
			continue
		}
		said, quote := strings.TrimSuffix(strings.TrimRight(text[:at], ": "), "; got"), text[at+1:]
		if name, _, ok := strings.Cut(quote, ":"); ok && httpfield.IsToken(name) && len(name) <= 64 && strings.Contains(s, "MIME") {
			said += " of field " + http.CanonicalHeaderKey(name)
		}
		return malformedError(said)
	}
	return err
}

// tooLong reports whether text is that of an error about a response header beyond the
// limit. net/http has no types for such errors.
func tooLong(text string) bool {
	return strings.Contains(text, "server response headers exceeded") ||
		strings.Contains(text, "response header list larger than advertised limit")
}

// settledTLS marks an error of a TLS handshake as permanent if another handshake would
// fail in the same way: the certificate of the server is invalid, the server does not
// speak TLS, or it sends an alert. An alert about a damaged record is none of these.
func settledTLS(err error) error {
	op, remote := errors.AsType[*net.OpError](err)
	if ofHandshake(err) && !(remote && op.Err != nil && op.Err.Error() == "tls: bad record MAC") {
		return roundtrip.Final(err)
	}
	return err
}

// ofHandshake reports whether err is one of the types that errors of TLS handshakes have.
func ofHandshake(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	op, ok := errors.AsType[*net.OpError](err)
	return verification || record || alert || ok && op.Op == "remote error" // an alert, as TLS 1.2 tells it
}
