package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/tripper-go/tripper/decompress"
	"github.com/tripper-go/tripper/internal/servers"
	"github.com/tripper-go/tripper/redirects"
	"github.com/tripper-go/tripper/transport"
)

func TestClassify(t *testing.T) {
	phase := func(phase string, err error) error {
		return &url.Error{Op: "Get", URL: "http://joe:s3cr3t@example.com/?token=s3cr3t", Err: &transport.Error{Phase: phase, Err: err}}
	}
	dial := &net.OpError{Op: "dial", Err: errors.New("refused")}
	for _, r := range []struct {
		err  error
		code int
		why  string
	}{
		{nil, exitOK, "no error"},
		{errHelp, exitOK, "help is what was asked for"},
		{failf(exitUsage, "x"), exitUsage, "a failure of the command has its code"},
		{fmt.Errorf("x: %w", failf(exitWrite, "x")), exitWrite, "also if it is wrapped"},
		{context.Canceled, exitInterrupted, "a signal"},
		{phase(transport.PhaseHeader, context.DeadlineExceeded), exitTimeout, "--max-time, in whichever phase"},
		{phase(transport.PhaseConnect, os.ErrDeadlineExceeded), exitTimeout, "--connect-timeout"},
		{&redirects.Error{Err: redirects.ErrLimit}, exitRedirects, "--max-redirs"},
		{&redirects.Error{Err: redirects.ErrMissingLocation}, exitRedirects, "a redirect that leads nowhere"},
		{&redirects.Error{Err: redirects.ErrScheme}, exitScheme, "a redirect to ftp"},
		{transport.ErrProxyScheme, exitProxyName, "as in curl"},
		{&decompress.Error{Coding: "gzip", Err: io.ErrUnexpectedEOF}, exitEncoding, "and no body that was cut"},
		{phase(transport.PhaseLookup, &net.DNSError{IsNotFound: true}), exitHost, "no such name"},
		{phase(transport.PhaseConnect, dial), exitConnect, "no connection"},
		{phase(transport.PhaseProxy, &net.DNSError{IsNotFound: true, Name: "proxy"}), exitProxyName, "the name of the proxy"},
		{phase(transport.PhaseProxy, dial), exitConnect, "no connection to the proxy, as in curl"},
		{phase(transport.PhaseProxy, &transport.RefusedError{StatusCode: 403}), exitReceive, "a tunnel refused, as in curl"},
		{phase(transport.PhaseProxy, errors.New("socks: general failure")), exitProxy, "anything else the proxy says"},
		{phase(transport.PhaseTLS, &tls.CertificateVerificationError{Err: x509.UnknownAuthorityError{}}), exitPeer, "a certificate"},
		{phase(transport.PhaseTLS, transport.ErrPin), exitPeer, "a pin"},
		{phase(transport.PhaseTLS, tls.RecordHeaderError{}), exitTLS, "no TLS at all"},
		{phase(transport.PhaseWrite, errors.New("reset")), exitSend, "sending"},
		{phase(transport.PhaseHeader, io.EOF), exitEmpty, "an empty reply"},
		{phase(transport.PhaseHeader, errors.New("reset")), exitReceive, "receiving"},
		{phase(transport.PhaseBody, io.ErrUnexpectedEOF), exitPartial, "a body cut short"},
		{phase(transport.PhaseBody, errors.New("reset")), exitReceive, "a body that broke"},
		{io.ErrUnexpectedEOF, exitPartial, "net/http's own error"},
		{errors.New("malformed"), exitReceive, "anything else of a response"},
	} {
		code, text := classify(r.err)
		if code != r.code || (text == "") != (code == exitOK) || strings.Contains(text, "s3cr3t") {
			t.Errorf("%v: %d %q, want %d: %s", r.err, code, text, r.code, r.why)
		}
		if !strings.Contains(exitCodes, fmt.Sprintf(" %d  ", code)) {
			t.Errorf("the help does not list %d", code)
		}
	}
}

// TestExitTLS has the exit codes that take a server with a certificate.
func TestExitTLS(t *testing.T) {
	ca := servers.NewCA(t)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			fmt.Fprint(w, r.TLS.PeerCertificates[0].Subject.CommonName)
		}
	}))
	s.TLS = &tls.Config{Certificates: []tls.Certificate{ca.TLS("127.0.0.1")}, ClientAuth: tls.VerifyClientCertIfGiven, ClientCAs: ca.Pool}
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	plain := newOrigin(t, func(http.ResponseWriter, *http.Request) {})
	cert, key := ca.Cert("client.example")
	for _, r := range []struct {
		args string
		code int
		out  string
	}{
		{"URL", exitPeer, ""},
		{"-k URL", exitOK, ""},
		{"--cacert CA URL", exitOK, ""},
		{"--cacert CA -E CERT --key KEY URL", exitOK, "client.example"},
		{"--cacert NONE URL", exitRoots, ""},
		{"-E NONE URL", exitCertificate, ""},
		{"https://" + strings.TrimPrefix(plain.URL, "http://"), exitTLS, ""},
	} {
		args := strings.NewReplacer("URL", s.URL, "CA", ca.File, "CERT", cert, "KEY", key, "NONE", t.TempDir()+"/none").Replace(r.args)
		if got := do(t, append([]string{"get"}, strings.Fields(args)...)...); got.code != r.code || got.out != r.out {
			t.Errorf("%s: %+v, want %d %q", r.args, got, r.code, r.out)
		}
	}
}

// TestExitFiles has the exit codes of files.
func TestExitFiles(t *testing.T) {
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	none := t.TempDir() + "/none/file"
	for _, r := range []struct {
		args string
		code int
	}{
		{"-o " + none, exitWrite},
		{"-D " + none, exitWrite},
		{"--har " + none, exitWrite},
		{"--page " + none, exitWrite},
		{"-O", exitWrite}, // the URL ends in no name
		{"-d @" + none, exitRead},
		{"-F a=@" + none, exitRead},
		{"-T " + none, exitRead},
		{"-H @" + none, exitRead},
		{"--netrc-file " + none, exitRead},
		{"--cache redis://127.0.0.1:1/", exitConnect},
		{"-o a -O", exitUsage},
		{"-C - -o -", exitUsage},
		{"-C - -o a --compressed", exitUsage},
		{"-C x", exitUsage},
		{"-m x", exitUsage},
		{"-b file-of-cookies", exitUsage},
		{"-H nothing", exitUsage},
		{"-u joe", exitUsage}, // nobody to ask
		{"extra", exitUsage},
	} {
		got := do(t, append(append([]string{"get"}, strings.Fields(r.args)...), o.URL+"/")...)
		if got.code != r.code || !strings.HasPrefix(got.err, fmt.Sprintf("tripper: (%d) ", r.code)) {
			t.Errorf("%s: %+v, want %d", r.args, got, r.code)
		}
	}
}

// TestExitFull writes to a device that is always full.
func TestExitFull(t *testing.T) {
	if !exists("/dev/full") {
		t.Skip("there is no /dev/full")
	}
	o := newOrigin(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	do(t, "get", "-o", "/dev/full", o.URL).want(t, exitWrite, "no space left")
	do(t, "get", "--har", "/dev/full", "-o", os.DevNull, o.URL).want(t, exitWrite, "no space left")
}
