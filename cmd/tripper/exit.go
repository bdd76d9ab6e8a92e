package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"

	"github.com/spf13/pflag"

	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/trace"
	"github.com/tripper-go/tripper/transport"
)

// Exit codes, those of curl where it has one. "tripper get -h" and README.md list them.
const (
	exitOK          = 0
	exitScheme      = 1
	exitUsage       = 2
	exitURL         = 3
	exitProxyName   = 5
	exitHost        = 6
	exitConnect     = 7
	exitPartial     = 18
	exitStatus      = 22
	exitWrite       = 23
	exitRead        = 26
	exitTimeout     = 28
	exitRange       = 33
	exitTLS         = 35
	exitRedirects   = 47
	exitEmpty       = 52
	exitSend        = 55
	exitReceive     = 56
	exitCertificate = 58
	exitPeer        = 60
	exitEncoding    = 61
	exitRoots       = 77
	exitProxy       = 97
	exitNotStored   = 100
	exitInterrupted = 130
)

const exitCodes = `Exit codes, those of curl where it has one:

   0  done                             35  TLS handshake failed
   1  neither http nor https           47  too many redirects
   2  wrong options                    52  the server said nothing
   3  no URL                           55  sending failed
   5  proxy not found                  56  receiving failed
   6  host not found                   58  client certificate cannot be used
   7  no connection                    60  server's certificate is not trusted
  18  body cut short                   61  content cannot be decoded
  22  status 400 or above, with -f     77  --cacert cannot be read
  23  writing a file failed            97  proxy failed
  26  reading a file or store failed  100  cache show: nothing is stored for URL
  28  time is up                      130  interrupted
  33  range or resumption refused
`

// A failure is an error with the exit code that it has.
type failure struct {
	code int
	err  error
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

// failf returns a failure with a text, which must hold no secrets.
func failf(code int, format string, args ...any) error {
	return &failure{code, fmt.Errorf(format, args...)}
}

// errHelp ends a command that has printed its help.
var errHelp = pflag.ErrHelp

// classify returns the exit code for err and what is printed about it. The text is empty if nothing is to be said.
func classify(err error) (code int, text string) {
	if err == nil || errors.Is(err, errHelp) {
		return exitOK, ""
	}
	code = codeOf(err)
	if code == exitInterrupted {
		return code, "interrupted"
	}
	if outer, ok := errors.AsType[*url.Error](err); ok { // which repeats the method and the URL
		err = outer.Err
	}
	text = trace.RedactError(err)
	if code == exitEmpty {
		text = "the server closed the connection without an answer"
	}
	return code, text
}

// codeOf returns the exit code for an error. The cause that is found first decides.
func codeOf(err error) int {
	var (
		own     *failure
		timeout interface{ Timeout() bool }
		decode  *decompress.Error
	)
	switch {
	case errors.As(err, &own):
		return own.code
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return exitTimeout
	case errors.Is(err, redirects.ErrLimit), errors.Is(err, redirects.ErrMissingLocation):
		return exitRedirects
	case errors.Is(err, redirects.ErrScheme):
		return exitScheme
	case errors.Is(err, transport.ErrRelativeURL):
		return exitURL
	case errors.Is(err, transport.ErrProxyScheme):
		return exitProxyName
	case errors.As(err, &decode), errors.Is(err, decompress.ErrRatio), errors.Is(err, decompress.ErrTooLarge):
		return exitEncoding
	}
	return codeOfPhase(err)
}

// codeOfPhase returns the exit code for an error of package transport.
func codeOfPhase(err error) int {
	var e *transport.Error
	if !errors.As(err, &e) { // net/http's own, of the wait for a header or of a body
		switch {
		case untrusted(err):
			return exitPeer
		case errors.Is(err, io.ErrUnexpectedEOF):
			return exitPartial
		case errors.Is(err, io.EOF):
			return exitEmpty
		}
		return exitReceive
	}
	switch e.Phase {
	case transport.PhaseLookup:
		return exitHost
	case transport.PhaseConnect:
		if errors.Is(err, transport.ErrServerNotFound) {
			return exitHost
		}
		return exitConnect
	case transport.PhaseProxy:
		return codeOfProxy(err)
	case transport.PhaseTLS:
		if untrusted(err) {
			return exitPeer
		}
		return exitTLS
	case transport.PhaseWrite:
		return exitSend
	case transport.PhaseHeader:
		if errors.Is(err, io.EOF) {
			return exitEmpty
		}
	case transport.PhaseBody:
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return exitPartial
		}
	}
	return exitReceive
}

func codeOfProxy(err error) int {
	var (
		name    *net.DNSError
		dial    *net.OpError
		refused *transport.RefusedError
	)
	switch {
	case errors.Is(err, transport.ErrServerNotFound): // which the proxy says
		return exitHost
	case errors.As(err, &name):
		return exitProxyName
	case errors.As(err, &refused):
		return exitReceive
	case errors.As(err, &dial) && dial.Op == "dial":
		return exitConnect
	}
	return exitProxy
}

// untrusted reports whether err says that the certificate of the server is not one to be trusted.
func untrusted(err error) bool {
	var (
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid) || errors.Is(err, transport.ErrPin)
}

// fileFailure returns the failure of a file operation.
func fileFailure(code int, err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok { // whose name of a system call tells the user nothing
		err = fmt.Errorf("%s: %w", p.Path, p.Err)
	}
	return &failure{code, err}
}
